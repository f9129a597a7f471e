package graph_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

func loadSchema(t testing.TB) *ast.Schema {
	t.Helper()
	text, err := os.ReadFile("../schema.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphqls", Input: string(text)})
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// An integrator has the schema and nobody to ask: everything in it is described, and every root field has its rule.
func TestSchemaIsDescribed(t *testing.T) {
	t.Parallel()
	schema := loadSchema(t)
	for _, definition := range schema.Types {
		if definition.BuiltIn {
			continue
		}
		describe := func(name, description string) {
			if description == "" || !strings.HasSuffix(strings.TrimRight(description, "`\"'"), ".") {
				t.Errorf("%s has no description that ends in a period", name)
			}
		}
		describe(definition.Name, definition.Description)
		for _, value := range definition.EnumValues {
			describe(definition.Name+"."+value.Name, value.Description)
		}
		for _, field := range definition.Fields {
			if strings.HasPrefix(field.Name, "__") {
				continue
			}
			name := definition.Name + "." + field.Name
			describe(name, field.Description)
			for _, argument := range field.Arguments {
				describe(name+"("+argument.Name+")", argument.Description)
			}
			if (definition.Name == "Query" || definition.Name == "Mutation") && field.Directives.ForName("access") == nil {
				t.Errorf("%s has no @access", name)
			}
		}
	}
}

// tokensShownOnce are the fields that show a token, when it is made.
var tokensShownOnce = []string{"SignInPayload.token", "AcceptInvitationPayload.token", "ResetPasswordPayload.token", "InviteUserPayload.token", "RenewInvitationPayload.token",
	"CreateApiKeyPayload.token", "RotateApiKeyPayload.token", "DocumentChunk.tokens" /* words */}

// The shapes that clients build on: connections, payloads, inputs; and no secret anywhere.
func TestSchemaKeepsItsShapes(t *testing.T) {
	t.Parallel()
	schema := loadSchema(t)
	pageArguments := []string{"first", "after", "last", "before"}
	for _, definition := range schema.Types {
		for _, field := range definition.Fields {
			name := definition.Name + "." + field.Name
			if lower := strings.ToLower(field.Name); definition.Kind == ast.Object && !strings.HasPrefix(definition.Name, "__") &&
				definition != schema.Mutation && (strings.Contains(lower, "password") || strings.Contains(lower, "hash")) {
				t.Errorf("%s looks like a secret", name)
			}
			// A payload shows a token of our own once. What a provider gave us is shown nowhere.
			if lower := strings.ToLower(field.Name); definition.Kind == ast.Object && (strings.Contains(lower, "sessionstate") ||
				strings.Contains(lower, "token") && definition != schema.Mutation && !slices.Contains(tokensShownOnce, name)) {
				t.Errorf("%s looks like a token", name)
			}
			if strings.HasSuffix(field.Type.Name(), "Connection") && name != "Query.searchDocuments" { // what is ranked is read from the best
				for i, want := range pageArguments {
					if len(field.Arguments) <= i || field.Arguments[i].Name != want {
						t.Errorf("%s has not the arguments of a connection", name)
					}
				}
			}
			if field.Type.Elem != nil && definition.Kind == ast.Object && definition.Name != "Query" &&
				!strings.HasPrefix(definition.Name, "__") && name != "UserError.field" && (!field.Type.NonNull || !field.Type.Elem.NonNull) {
				t.Errorf("%s: a list and its items are non-null", name)
			}
		}
		if strings.HasSuffix(definition.Name, "Connection") && definition.Name != "SearchHitConnection" { // a ranking ends, it is not counted
			for _, want := range []string{"edges", "nodes", "pageInfo", "totalCount"} {
				if definition.Fields.ForName(want) == nil {
					t.Errorf("%s has no %s", definition.Name, want)
				}
			}
		}
		if row, ok := strings.CutSuffix(definition.Name, "Connection"); ok { // clients make code by these names
			nodes, edges := definition.Fields.ForName("nodes").Type.Name(), definition.Fields.ForName("edges").Type.Name()
			if nodes != row || edges != row+"Edge" {
				t.Errorf("%s has edges of %s and nodes of %s", definition.Name, edges, nodes)
			}
		}
	}
	for _, mutation := range schema.Mutation.Fields {
		payload := schema.Types[mutation.Type.Name()]
		want := strings.ToUpper(mutation.Name[:1]) + mutation.Name[1:]
		if mutation.Type.String() != want+"Payload!" || payload.Fields.ForName("userErrors") == nil {
			t.Errorf("%s answers %s", mutation.Name, mutation.Type)
		}
		if !slices.Contains([]string{"signOut", "requestEmailVerification"}, mutation.Name) && (len(mutation.Arguments) != 1 || mutation.Arguments[0].Type.String() != want+"Input!") {
			t.Errorf("%s takes %v", mutation.Name, mutation.Arguments)
		}
		// Auth.js knows of no versions.
		if strings.HasPrefix(mutation.Name, "update") && !strings.HasPrefix(mutation.Name, "updateAdapter") && schema.Types[want+"Input"].Fields.ForName("expectedVersion") == nil {
			t.Errorf("%s takes no expectedVersion", mutation.Name)
		}
	}
	for _, entity := range []string{"Company", "User", "Session", "Account", "ApiKey", "Project", "Document", "Theme", "Conversation", "AuditEntry"} {
		if !slices.Contains(schema.Types[entity].Interfaces, "Node") {
			t.Errorf("%s is no Node", entity)
		}
	}
}
