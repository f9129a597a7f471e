package graph_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"dossier/internal/auth"
)

// A later mutation of the same request, and the nested fields of a payload, see what was changed before them.
func TestLaterFieldsSeeTheChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	project := w.Projects(t, w.member, 1)[0]
	data := w.As(t, w.manager).Query(t, `mutation($p: ID!, $to: ID!) {
		first: updateProject(input: {id: $p, name: "One"}) { project { name version owner { name projects { nodes { name } } } } }
		documents: createDocuments(input: {documents: [
			{projectId: $p, name: "a", contentType: "t", sizeBytes: 1}, {projectId: $p, name: "b", contentType: "t", sizeBytes: 1}]}) {
			documents { name project { name documentCount documents(first: 1) { totalCount nodes { name } } } } }
		second: updateProject(input: {id: $p, name: "Two", ownerId: $to, expectedVersion: 2}) {
			project { name documentCount owner { name projects { nodes { name } } } } userErrors { code } }
		deleted: deleteProject(input: {id: $p, documents: DELETE}) { deletedProjectId deletedDocumentCount userErrors { code message } }
	}`, "p", project.ID, "to", w.manager.ID)
	for path, want := range map[string]string{
		"first.project.owner.projects.nodes.0.name":          "One",
		"documents.documents.1.project.documentCount":        "2",
		"documents.documents.0.project.documents.totalCount": "2",
		"documents.documents.0.project.name":                 "One",
		"second.project.name":                                "Two",
		"second.project.owner.name":                          "Mia Manager",
		"second.project.owner.projects.nodes.0.name":         "Two",
		"deleted.deletedDocumentCount":                       "2",
	} {
		if got := data.Text(path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}

// All that is wrong with an input is said at once, with the path of each field.
func TestInputErrorsAreSaidAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.As(t, w.manager)
	long := strings.Repeat("x", 201)
	for _, c := range []struct{ name, query, want string }{
		{"createUser", `mutation { r: createUser(input: {name: " ", email: "nope", password: "short", image: "ftp://x"}) { userErrors { code field message } } }`,
			"BAD_USER_INPUT [name], BAD_USER_INPUT [email], BAD_USER_INPUT [password], BAD_USER_INPUT [image]"},
		{"updateUser", `mutation { r: updateUser(input: {id: "` + w.manager.ID.String() + `", name: "", email: "a b@x"}) { userErrors { code field message } } }`,
			"BAD_USER_INPUT [name], BAD_USER_INPUT [email]"},
		{"createProject", `mutation { r: createProject(input: {name: "` + long + `", clientName: ""}) { userErrors { code field message } } }`,
			"BAD_USER_INPUT [name], BAD_USER_INPUT [clientName]"},
		{"updateProject", `mutation { r: updateProject(input: {id: "project_00000000000000000000000000", name: ""}) { userErrors { code field message } } }`,
			"BAD_USER_INPUT [name]"},
		{"createDocument", `mutation { r: createDocument(input: {name: "", contentType: "", sizeBytes: 1}) { userErrors { code field message } } }`,
			"BAD_USER_INPUT [name], BAD_USER_INPUT [contentType]"},
		{"createDocuments", `mutation { r: createDocuments(input: {documents: [{name: "a", contentType: "t", sizeBytes: 1}, {name: "", contentType: "t", sizeBytes: 1}]}) { userErrors { code field message } } }`,
			"BAD_USER_INPUT [documents 1 name]"},
		{"createDocuments of none", `mutation { r: createDocuments(input: {documents: []}) { userErrors { code field message } } }`,
			"BAD_USER_INPUT [documents]"},
		{"updateDocument", `mutation { r: updateDocument(input: {id: "document_00000000000000000000000000", name: ""}) { userErrors { code field message } } }`,
			"BAD_USER_INPUT [name]"},
		{"updateDocumentStatus", `mutation { r: updateDocumentStatus(input: {id: "document_00000000000000000000000000", status: READY, errorCode: "x"}) { userErrors { code field message } } }`,
			"BAD_USER_INPUT [errorCode]"},
		{"updateCompany", `mutation { r: updateCompany(input: {id: "` + w.company.ID.String() + `", name: "", domain: "http://x"}) { userErrors { code field message } } }`,
			"BAD_USER_INPUT [name], BAD_USER_INPUT [domain]"},
		{"deleteUser", `mutation { r: deleteUser(input: {id: "` + w.member.ID.String() + `", newOwnerId: "` + w.member.ID.String() + `"}) { userErrors { code field message } } }`,
			"BAD_USER_INPUT [newOwnerId]"},
	} {
		var got []string
		for _, e := range client.Query(t, c.query).List("r.userErrors") {
			got = append(got, e.Text("code")+" "+e.Text("field"))
			if message := e.Text("message"); !strings.HasSuffix(message, ".") {
				t.Errorf("%s: not a sentence: %s", c.name, message)
			}
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %s, want %s", c.name, strings.Join(got, ", "), c.want)
		}
	}
}

// Each mutation leaves its entry in the audit log, with its actor.
func TestEveryMutationIsAudited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.As(t, w.admin)
	data := admin.Query(t, `mutation($c: ID!, $m: ID!) {
		createCompany(input: {name: "New", domain: "new.example"}) { company { id } }
		updateCompany(input: {id: $c, name: "Renamed"}) { company { id } }
		createUser(input: {companyId: $c, name: "n", email: "n@x.example", password: "long enough"}) { user { id } }
		updateUser(input: {id: $m, image: "https://x.example/i.png"}) { user { id image } }
		createProject(input: {ownerId: $m, name: "p", clientName: "c"}) { project { id } }
		createDocument(input: {ownerId: $m, name: "d", contentType: "t", sizeBytes: 9007199254740991}) { document { id sizeBytes } }
	}`, "c", w.company.ID, "m", w.member.ID)
	project, document := data.Text("createProject.project.id"), data.Text("createDocument.document.id")
	admin.Query(t, `mutation($new: ID!, $u: ID!, $p: ID!, $d: ID!, $o: ID!, $m: ID!, $h: ID!) {
		updateProject(input: {id: $p, clientName: "other"}) { project { id } }
		updateDocument(input: {id: $d, projectId: $p}) { document { id } }
		updateDocumentStatus(input: {id: $d, status: PENDING}) { document { id } }
		deleteDocument(input: {id: $d}) { deletedDocumentId }
		deleteProject(input: {id: $p}) { deletedProjectId }
		deleteUser(input: {id: $u}) { deletedUserId }
		transferUser(input: {userId: $m, companyId: $o, newOwnerId: $h}) { user { id company { name } } }
		deleteCompany(input: {id: $new}) { deletedCompanyId }
		signOut { signedOut }
	}`, "new", data.Text("createCompany.company.id"), "u", data.Text("createUser.user.id"), "p", project, "d", document,
		"o", w.other.ID, "m", w.member.ID, "h", w.manager.ID)
	log := w.As(t, w.admin).Query(t, `query($a: ID!) { auditLog(first: 100, filter: {actorId: $a}) {
		nodes { action actor { name } subjectId subject { id } details company { name } } } }`, "a", w.admin.ID)
	var actions []string
	for _, entry := range log.List("auditLog.nodes") {
		actions = append(actions, entry.Text("action"))
		if entry.Text("actor.name") != "Ada Admin" {
			t.Errorf("actor of %v", entry.Raw())
		}
		if strings.Contains(fmt.Sprint(entry.Raw()), "argon2") {
			t.Errorf("a secret in %v", entry.Raw())
		}
	}
	want := "USER_SIGNED_IN USER_SIGNED_OUT COMPANY_DELETED USER_TRANSFERRED USER_TRANSFERRED USER_DELETED PROJECT_DELETED DOCUMENT_DELETED" +
		" DOCUMENT_STATUS_CHANGED DOCUMENT_UPDATED PROJECT_UPDATED DOCUMENT_CREATED PROJECT_CREATED USER_UPDATED USER_CREATED" +
		" COMPANY_UPDATED COMPANY_CREATED USER_SIGNED_IN"
	if got := strings.Join(actions, " "); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if got := log.Text("auditLog.nodes.10.details.clientName.to"); got != "other" {
		t.Errorf("details of an update: %v", log.At("auditLog.nodes.10.details").Raw())
	}
	// What is gone is null, with its id.
	if gone := log.At("auditLog.nodes.7"); gone.Text("subject") != "<nil>" || gone.Text("subjectId") != document {
		t.Errorf("a deleted subject: %v", gone.Raw())
	}
}

func TestSignInAndOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hash, err := auth.HashPassword(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Pool.Exec("UPDATE users SET password_hash = '" + hash + "' WHERE id = '" + w.member.ID.Global().UUID.String() + "'"); err != nil {
		t.Fatal(err)
	}
	const signIn = `mutation($e: String!, $p: String!) { signIn(input: {email: $e, password: $p}) {
		token expiresAt user { name company { name } } userErrors { code field message } } }`
	anonymous := w.Anonymous()
	refused := anonymous.Do(t, signIn, "e", w.member.Email, "p", "wrong horse").Body
	for _, wrong := range [][2]string{{"nobody@x.example", "correct horse"}, {w.manager.Email, "correct horse"}, {w.member.Email, ""},
		{w.member.Email, strings.Repeat("x", 5000)}} {
		if got := anonymous.Do(t, signIn, "e", wrong[0], "p", wrong[1]).Body; got != refused {
			t.Errorf("%v tells more than a wrong password:\n%s\n%s", wrong[0], got, refused)
		}
	}
	if !strings.Contains(refused, `"code":"UNAUTHENTICATED"`) || !strings.Contains(refused, `"token":null`) {
		t.Errorf("a wrong password: %s", refused)
	}
	// The payload, and later fields of the same request, are the new viewer's.
	data := anonymous.Query(t, `mutation($e: String!, $p: String!) {
		signIn(input: {email: $e, password: $p}) { token user { name company { name } } }
		createProject(input: {name: "p", clientName: "c"}) { project { owner { name } } } }`,
		"e", strings.ToUpper(w.member.Email), "p", "correct horse")
	if data.Text("signIn.user.company.name") != "Own" || data.Text("createProject.project.owner.name") != "Mo Member" {
		t.Errorf("%v", data.Raw())
	}
	token := data.Text("signIn.token")
	client := w.With(token)
	client.Query(t, `{ me { name } }`)
	stored, err := w.Pool.Query("SELECT 1 FROM sessions WHERE encode(token_hash, 'escape') LIKE '%" + token + "%'")
	if err != nil || stored.Next() {
		t.Errorf("the token itself is stored: %v", err)
	}
	stored.Close()
	if got := client.Query(t, `mutation { signOut { signedOut } }`).Text("signOut.signedOut"); got != "true" {
		t.Errorf("signedOut is %s", got)
	}
	// A session that has ended is no credential; signing in works with it all the same.
	ended := client.Do(t, `{ me { name } }`)
	if len(ended.Errors) != 1 || ended.Errors[0].Code() != "UNAUTHENTICATED" || !strings.Contains(ended.Errors[0].Message, "ended") {
		t.Errorf("after signing out: %s", ended.Body)
	}
	client.Query(t, signIn, "e", w.member.Email, "p", "correct horse")
	if _, err := w.Pool.Exec("UPDATE sessions SET expires = now()"); err != nil {
		t.Fatal(err)
	}
	if codes := w.With(token).Do(t, `{ me { name } }`).Codes(); len(codes) != 1 || codes[0] != "UNAUTHENTICATED" {
		t.Errorf("an expired session: %v", codes)
	}
}

// A transfer ends the user's sessions; reads of the user in the new company work at once.
func TestTransferUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Documents(t, w.member, w.Projects(t, w.member, 2)[0], 3)
	member := w.As(t, w.member)
	member.Query(t, `{ me { name } }`)
	data := w.As(t, w.admin).Query(t, `mutation($u: ID!, $c: ID!, $o: ID!) { transferUser(input: {userId: $u, companyId: $c, newOwnerId: $o}) {
		user { company { name users { nodes { name } } } projects { totalCount } } reassigned { projects documents } userErrors { message } } }`,
		"u", w.member.ID, "c", w.other.ID, "o", w.manager.ID)
	if data.Text("transferUser.user.company.name") != "Other" || data.Text("transferUser.user.projects.totalCount") != "0" ||
		data.Text("transferUser.reassigned.projects") != "2" || data.Text("transferUser.reassigned.documents") != "3" {
		t.Errorf("%v", data.Raw())
	}
	if codes := member.Do(t, `{ me { name } }`).Codes(); len(codes) != 1 || codes[0] != "UNAUTHENTICATED" {
		t.Errorf("the old session: %v", codes)
	}
	for _, manager := range []string{"manager", "stranger"} {
		user := w.manager
		if manager == "stranger" {
			user = w.stranger
		}
		log := w.As(t, user).Query(t, `{ auditLog(filter: {actions: [USER_TRANSFERRED]}) { nodes { details actor { name } } } }`)
		if len(log.List("auditLog.nodes")) != 1 {
			t.Errorf("the %s's log: %v", manager, log.Raw())
		}
		// The new company does not learn where the user came from, nor what stayed there.
		if details := fmt.Sprint(log.At("auditLog.nodes.0.details").Raw()); manager == "stranger" && details != "map[]" {
			t.Errorf("the new company's entry tells %s", details)
		}
	}
}

func TestSearchIsLiteral(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"100% sure", "under_score", `back\slash`, "Élodie Müller"} {
		if _, err := w.Pool.Exec("UPDATE users SET name = $1 WHERE id = $2", name, w.member.ID.Global().UUID.String()); err != nil {
			t.Fatal(err)
		}
		for term, want := range map[string]bool{
			"%": strings.Contains(name, "%"), "_": strings.Contains(name, "_"), `\`: strings.Contains(name, `\`),
			"élodie": name == "Élodie Müller", "MÜLLER": name == "Élodie Müller", "0% S": name == "100% sure",
		} {
			data := w.As(t, w.manager).Query(t, `query($s: String) { users(filter: {search: $s}) { nodes { name } } }`, "s", term)
			if got := len(data.List("users.nodes")) == 1; got != want {
				t.Errorf("search %q in %q: %v", term, name, data.Raw())
			}
		}
	}
	data := w.As(t, w.manager).Query(t, `{ users(filter: {search: "MO.MEMBER@"}) { nodes { email } } }`)
	if data.Text("users.nodes.0.email") != w.member.Email {
		t.Errorf("by address: %v", data.Raw())
	}
}

// A credential that ends while a mutation waits is an error, not a problem with its input.
func TestEndedCredentialIsAnError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	answer := w.As(t, w.member).Do(t, `mutation { a: signOut { signedOut } b: createProject(input: {name: "n", clientName: "c"}) { userErrors { code } } }`)
	if len(answer.Errors) != 1 || answer.Errors[0].Code() != "UNAUTHENTICATED" {
		t.Errorf("after signing out: %s", answer.Body)
	}
	client := w.As(t, w.member)
	project := w.Projects(t, w.member, 1)[0]
	blocker, err := w.Pool.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer blocker.Rollback()
	if _, err := blocker.Exec("SELECT FROM projects FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	done := make(chan string)
	go func() {
		done <- client.Do(t, `mutation($id: ID!) { updateProject(input: {id: $id, name: "n"}) { project { id } }
			createProject(input: {name: "n", clientName: "c"}) { project { id } userErrors { code } } }`, "id", project.ID).Body
	}()
	// The first mutation of the request waits for the project while the viewer's role changes.
	for waiting := 0; waiting == 0; time.Sleep(10 * time.Millisecond) {
		if err := w.Pool.QueryRow(`SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Pool.Exec("UPDATE users SET role = 'MANAGER' WHERE id = $1", w.member.ID); err != nil {
		t.Fatal(err)
	}
	if err := blocker.Commit(); err != nil {
		t.Fatal(err)
	}
	if body := <-done; !strings.Contains(body, `"path":["createProject"]`) || !strings.Contains(body, "UNAUTHENTICATED") {
		t.Errorf("a role that changed meanwhile: %s", body)
	}
}
