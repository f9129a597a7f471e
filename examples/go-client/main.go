// Command go-client is a typed client of Dossier's API: the types and functions in generated.go are made of the schema and of
// operations.graphql, so that the compiler knows every field. DOSSIER_URL and DOSSIER_KEY say where Dossier is, and who asks.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"

	"github.com/Khan/genqlient/graphql"
)

//go:generate go tool genqlient

const usage = `usage:
  go-client whoami                      what the key may do
  go-client list                        all projects with their documents
  go-client create PROJECT_ID NAME      add a document to a project
  go-client rename DOCUMENT_ID NAME     rename a document, unless someone else changes it meanwhile`

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	url, key := os.Getenv("DOSSIER_URL"), os.Getenv("DOSSIER_KEY")
	if url == "" || key == "" {
		log.Fatal("Set DOSSIER_URL and DOSSIER_KEY.")
	}
	if err := run(ctx, newClient(url, key), os.Stdout, os.Args[1:]); err != nil {
		log.Fatal(describe(err))
	}
}

func run(ctx context.Context, c graphql.Client, out io.Writer, arguments []string) error {
	switch {
	case len(arguments) == 1 && arguments[0] == "whoami":
		return whoami(ctx, c, out)
	case len(arguments) == 1 && arguments[0] == "list":
		return list(ctx, c, out)
	case len(arguments) == 3 && arguments[0] == "create":
		return create(ctx, c, out, arguments[1], arguments[2])
	case len(arguments) == 3 && arguments[0] == "rename":
		return rename(ctx, c, out, arguments[1], arguments[2])
	}
	return errors.New(usage)
}

func whoami(ctx context.Context, c graphql.Client, out io.Writer) error {
	answer, err := CurrentKey(ctx, c)
	if err != nil {
		return err
	}
	key := answer.CurrentApiKey
	if key == nil {
		return errors.New("DOSSIER_KEY is no API key")
	}
	until := "forever"
	if key.ExpiresAt != nil {
		until = "until " + key.ExpiresAt.Format("2006-01-02")
	}
	fmt.Fprintf(out, "%s, good %s: %s\n", key.Name, until, strings.Join(key.Scopes, " "))
	return nil
}

// list prints all projects, page by page, and for each all its documents.
func list(ctx context.Context, c graphql.Client, out io.Writer) error {
	for after := (*string)(nil); ; {
		answer, err := Projects(ctx, c, after)
		if err != nil {
			return err
		}
		for _, project := range answer.Projects.Nodes {
			fmt.Fprintf(out, "%s  %s, for %s\n", project.Id, project.Name, project.ClientName)
			if err := listDocuments(ctx, c, out, project.Id, project.Documents); err != nil {
				return err
			}
		}
		if !answer.Projects.PageInfo.HasNextPage {
			return nil
		}
		after = answer.Projects.PageInfo.EndCursor
	}
}

// listDocuments prints a project's documents, of which the first page is there already.
func listDocuments(ctx context.Context, c graphql.Client, out io.Writer, project string, page DocumentPage) error {
	for {
		for _, document := range page.Nodes {
			printDocument(out, &document)
		}
		if !page.PageInfo.HasNextPage {
			return nil
		}
		answer, err := ProjectDocuments(ctx, c, project, *page.PageInfo.EndCursor)
		if err != nil {
			return err
		}
		page = answer.Project.Documents
	}
}

func printDocument(out io.Writer, document *DocumentFields) {
	fmt.Fprintf(out, "  %s  %s, %s, %d bytes\n", document.Id, document.Name, document.Status, document.SizeBytes)
}

// create adds a document. Sent twice it would make two: whoever does not know whether it was done looks first.
func create(ctx context.Context, c graphql.Client, out io.Writer, project, name string) error {
	answer, err := CreateDocument(ctx, c, CreateDocumentInput{
		ProjectId: &project, Name: name, ContentType: "text/plain", SizeBytes: 0,
	})
	if err != nil {
		return err
	}
	if wrong := answer.CreateDocument.UserErrors; len(wrong) > 0 {
		return problems(wrong)
	}
	printDocument(out, answer.CreateDocument.Document)
	return nil
}

// renamesMax bounds how often a document is read anew that others change at the same time.
const renamesMax = 3

// rename changes what it has seen, and nothing else: expectedVersion makes it safe to send again.
func rename(ctx context.Context, c graphql.Client, out io.Writer, id, name string) error {
	for try := 1; ; try++ {
		found, err := Document(ctx, c, id)
		if err != nil {
			return err
		}
		if found.Document.Name == name { // by an earlier try, or by someone else
			printDocument(out, found.Document)
			return nil
		}
		answer, err := UpdateDocument(ctx, c, UpdateDocumentInput{
			Id: id, Name: &name, ExpectedVersion: &found.Document.Version,
		})
		if err != nil {
			return err
		}
		wrong := problems(answer.UpdateDocument.UserErrors)
		if len(wrong) == 0 {
			printDocument(out, answer.UpdateDocument.Document)
			return nil
		}
		if !wrong.has(ErrorCodeConflict) || try == renamesMax {
			return wrong
		}
		log.Printf("%v; reading it again", wrong)
	}
}
