package workload

import (
	"embed"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"dossier/model"
)

//go:embed operations/*.graphql
var files embed.FS

// Variables are those of a request, in no peer's words: ids are model.GlobalID, and a place in a list is an Offset.
type Variables map[string]any

// Offset is how many rows of a list are left out before the page.
type Offset int

// Dialect is how a peer wants to be asked for the same.
type Dialect struct {
	texts map[string]string // by operation
	id    func(model.GlobalID) string
	// cursors has, by operation, the cursor of each row of its list. It is nil where pages begin at an offset.
	cursors map[string][]string
}

// Dossier asks by TypeIDs and cursors.
func Dossier() Dialect {
	return Dialect{texts: operations("dossier"), id: model.GlobalID.String, cursors: map[string][]string{}}
}

// Nest asks the replaced stack. The limit is asked the same, and looks at the operation's name and the variables only.
func Nest() Dialect { return Dialect{texts: operations("nest"), id: bare} }

// PostGraphile asks by the names that it derives from the tables.
func PostGraphile() Dialect { return Dialect{texts: operations("postgraphile"), id: bare} }

func bare(id model.GlobalID) string { return id.UUID.String() }

// SetCursors says where pages of an operation can begin: behind each of these rows, from the first of the list on.
func (d Dialect) SetCursors(operation string, cursors []string) { d.cursors[operation] = cursors }

// Body is the JSON of a request.
func (d Dialect) Body(operation string, variables Variables) ([]byte, error) {
	text, ok := d.texts[operation]
	if !ok {
		return nil, fmt.Errorf("there is no operation %s for this peer", operation)
	}
	said := make(map[string]any, len(variables))
	for name, value := range variables {
		switch value := value.(type) {
		case model.GlobalID:
			said[name] = d.id(value)
		case Offset:
			if d.cursors == nil {
				said[name] = int(value)
				continue
			}
			after, err := d.after(operation, int(value))
			if err != nil {
				return nil, err
			}
			said["after"] = after
		default:
			said[name] = value
		}
	}
	return json.Marshal(struct {
		Query     string         `json:"query"`
		Operation string         `json:"operationName"`
		Variables map[string]any `json:"variables"`
	}{text, operation, said})
}

// after is the cursor behind which a page begins, nil for the first page.
func (d Dialect) after(operation string, offset int) (*string, error) {
	if offset == 0 {
		return nil, nil
	}
	if known := d.cursors[operation]; offset <= len(known) {
		return &known[offset-1], nil
	}
	return nil, fmt.Errorf("no cursor of %s leads to row %d", operation, offset)
}

var operationStart = regexp.MustCompile(`^(?:query|mutation) (\w+)`)

// operations reads a file of operations, which empty lines part. A request carries only its own, as an application's does.
func operations(name string) map[string]string {
	text, err := files.ReadFile("operations/" + name + ".graphql")
	if err != nil {
		panic(err) // it is embedded
	}
	texts := map[string]string{}
	for part := range strings.SplitSeq(string(text), "\n\n") {
		if match := operationStart.FindStringSubmatch(part); match != nil {
			texts[match[1]] = strings.TrimSpace(part)
		}
	}
	return texts
}
