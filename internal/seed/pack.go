package seed

import (
	"embed"
	"fmt"
)

// PackFile is a file of the demo tender pack.
type PackFile struct {
	Name        string
	ContentType string
	Content     []byte
}

//go:embed pack
var pack embed.FS

// Pack gives the files of one tender: catering and facilities services for a hospital that does not exist. Each fact in it is in one
// place, so that a search for it has one right answer.
func Pack() []PackFile {
	files := []PackFile{
		{Name: "invitation-to-tender.md", ContentType: "text/markdown"},
		{Name: "specification.html", ContentType: "text/html"},
		{Name: "pricing-schedule.csv", ContentType: "text/csv"},
		{Name: "contract-terms.txt", ContentType: "text/plain"},
		{Name: "evaluation-criteria.md", ContentType: "text/markdown"},
		{Name: "clarifications.html", ContentType: "text/html"},
		{Name: "security-and-data-protection.md", ContentType: "text/markdown"},
		{Name: "social-value-and-sustainability.txt", ContentType: "text/plain"},
	}
	for i := range files {
		content, err := pack.ReadFile("pack/" + files[i].Name)
		if err != nil {
			panic(fmt.Sprintf("the pack lacks a file that the program was built with: %v", err))
		}
		files[i].Content = content
	}
	return files
}
