package web

import (
	"encoding/json"
	"io/fs"
	"path"
	"strings"
	"sync"

	"dossier/model"
)

// DemoUser is a user as whom the playground signs in by one click. Everyone who can open the page learns the password.
type DemoUser struct {
	Role     model.Role `json:"role"`
	Email    string     `json:"email"`
	Password string     `json:"password"`
}

// exampleGroup is the examples for one thing that people want to do: a folder below playground/examples.
type exampleGroup struct {
	Title    string    `json:"title"`
	Examples []example `json:"examples"`
}

// example is a file of such a folder: a query, after a comment that says what it shows.
type example struct {
	Title string `json:"title"`
	Query string `json:"query"`
}

// playgroundAssets has each file but the page by its path in the URL. It is made for the first request: most servers of
// tests and of production never serve it.
var playgroundAssets = sync.OnceValue(func() map[string]*playgroundFile {
	files := map[string]*playgroundFile{}
	visitPlayground(func(name string, content []byte) {
		if extension := path.Ext(name); extension != ".html" && extension != ".graphql" {
			files["/"+name] = newPlaygroundFile(name, content)
		}
	})
	return files
})

// visitPlayground visits the embedded files in the order of their names.
func visitPlayground(visit func(name string, content []byte)) {
	err := fs.WalkDir(playgroundFiles, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := playgroundFiles.ReadFile(name)
		visit(name, content)
		return err
	})
	if err != nil {
		panic(err) // the files are in the program
	}
}

// exampleGroups lists the examples in the order of the names of their folders and files.
func exampleGroups() []exampleGroup {
	var groups []exampleGroup
	visitPlayground(func(name string, content []byte) {
		if path.Ext(name) != ".graphql" {
			return
		}
		title := titleOf(path.Base(path.Dir(name)))
		if len(groups) == 0 || groups[len(groups)-1].Title != title {
			groups = append(groups, exampleGroup{Title: title})
		}
		last := &groups[len(groups)-1]
		last.Examples = append(last.Examples, example{titleOf(path.Base(name)), string(content)})
	})
	return groups
}

// titleOf makes "Search users" of 01-search-users.graphql: the number is for the order.
func titleOf(name string) string {
	words := strings.TrimLeft(strings.TrimSuffix(name, ".graphql"), "0123456789-")
	return strings.ToUpper(words[:1]) + strings.ReplaceAll(words[1:], "-", " ")
}

// playgroundPage fills in the examples, the demo users, and the addresses of the files with their hashes. html/template would do it, but
// for its sake the linker keeps every method of every type in the program.
func playgroundPage(users []DemoUser) []byte {
	settings, err := json.Marshal(struct { // which writes < as an escape: nothing ends the script
		DemoUsers []DemoUser     `json:"demoUsers"`
		Groups    []exampleGroup `json:"groups"`
	}{append([]DemoUser{}, users...), exampleGroups()})
	if err != nil {
		panic(err) // they are texts
	}
	filled := []string{"SETTINGS", string(settings)}
	for address, file := range playgroundAssets() {
		filled = append(filled, `"`+address+`"`, `"`+address+"?v="+file.hash+`"`)
	}
	page, err := playgroundFiles.ReadFile("playground/index.html")
	if err != nil {
		panic(err) // the files are in the program
	}
	return []byte(strings.NewReplacer(filled...).Replace(string(page)))
}
