package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dossier/model"
)

// notOfACompany are the mutations by which an ADMIN does nothing to a company whose MANAGER could read of it.
// An ADMIN's keys are of no company.
var notOfACompany = []string{
	"signIn", "signOut", "acceptInvitation", "deleteCompany", "changePassword", "requestPasswordReset", "resetPassword",
	"requestEmailVerification", "verifyEmail", "createApiKey", "rotateApiKey", "createAdapterUser",
	"createAdapterVerificationToken", "useAdapterVerificationToken", // of an address, and of no user yet
	"updateAdapterSession", // as often as the session is used
	"createUpload",         // an ADMIN's is of no company until it is completed
}

// What an ADMIN does to the rows of a company stands in the log that its MANAGER reads, whichever mutation it is.
func TestAdminActsAreInTheCompanysLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin, manager, member := w.As(t, w.admin), w.As(t, w.manager), w.As(t, w.member)
	adapter := w.adapter(t, w.admin)
	colleague := w.User(t, w.company, model.RoleMember, "Cleo Colleague")
	invited := w.User(t, w.company, model.RoleMember, "Ina Invited")
	w.Account(t, colleague, "google")
	projects := w.Projects(t, w.member, 2)
	documents := w.Documents(t, w.member, projects[0], 2)
	session := w.sessionID(t, w.Token(t, colleague))
	w.Token(t, colleague)
	own := map[string]string{
		"COMPANY": w.company.ID.String(), "OTHER": w.other.ID.String(), "MANAGER": w.manager.ID.String(), "MEMBER": w.member.ID.String(),
		"COLLEAGUE": colleague.ID.String(), "INVITED": invited.ID.String(), "SESSION": session,
		"UPLOAD": w.sent(t, w.admin, "bytes"),
		"TOKEN":  newToken(), "SOON": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
		"ACCOUNT": w.Account(t, colleague, "github").ID.String(),
		"KEY":     member.Query(t, `mutation { createApiKey(input: {name: "k", scopes: ["projects:read"]}) { apiKey { id } } }`).Text("createApiKey.apiKey.id"),
		"PROJECT": projects[0].ID.String(), "DOCUMENT": documents[0].ID.String(), "THEME": theme(t, manager, "Own"),
		"CONVERSATION": member.Query(t, `mutation { createConversation(input: {title: "t"}) { conversation { id } } }`).Text("createConversation.conversation.id"),
	}
	for i, name := range []string{"FAILED", "CANCELED"} {
		document := w.uploaded(t, member, name, fmt.Sprint("bytes ", i)).Text("document.id")
		own[name] = document
		global, err := model.ParseGlobalID(document)
		if err == nil {
			_, err = w.Pool.Exec("UPDATE documents SET status = $1 WHERE id = $2", name, global.UUID)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	done := slices.Clone(notOfACompany)
	seen := map[string]bool{}
	for _, act := range []struct{ mutation, action string }{
		{`updateCompany(input: {id: "COMPANY", name: "x"})`, "COMPANY_UPDATED"},
		{`revokeApiKey(input: {id: "KEY"})`, "API_KEY_REVOKED"},
		{`createUser(input: {companyId: "COMPANY", name: "n", email: "n@x.example"})`, "USER_CREATED"},
		{`inviteUser(input: {companyId: "COMPANY", name: "m", email: "m@x.example"})`, "USER_INVITED"},
		{`renewInvitation(input: {userId: "INVITED"})`, "INVITATION_RENEWED"},
		{`updateUser(input: {id: "MEMBER", name: "x"})`, "USER_UPDATED"},
		{`changeUserRole(input: {userId: "MEMBER", role: MANAGER})`, "USER_ROLE_CHANGED"},
		{`unlinkAccount(input: {id: "ACCOUNT"})`, "ACCOUNT_UNLINKED"},
		{`endSession(input: {id: "SESSION"})`, "SESSION_ENDED"},
		{`endSessions(input: {userId: "COLLEAGUE"})`, "SESSIONS_ENDED"},
		{`deactivateUser(input: {userId: "COLLEAGUE"})`, "USER_DEACTIVATED"},
		{`reactivateUser(input: {userId: "COLLEAGUE"})`, "USER_REACTIVATED"},
		{`createProject(input: {ownerId: "MEMBER", name: "n", clientName: "c"})`, "PROJECT_CREATED"},
		{`updateProject(input: {id: "PROJECT", name: "x"})`, "PROJECT_UPDATED"},
		{`createDocument(input: {ownerId: "MEMBER", name: "n", contentType: "c", sizeBytes: 1})`, "DOCUMENT_CREATED"},
		{`createDocuments(input: {documents: [{ownerId: "MEMBER", name: "n", contentType: "c", sizeBytes: 1}]})`, "DOCUMENT_CREATED"},
		{`uploadDocument(input: {file: $file, ownerId: "MEMBER"})`, "DOCUMENT_CREATED"},
		{`completeUpload(input: {uploadId: "UPLOAD", ownerId: "MEMBER", name: "n"})`, "DOCUMENT_CREATED"},
		{`updateDocument(input: {id: "DOCUMENT", name: "x"})`, "DOCUMENT_UPDATED"},
		{`updateDocumentStatus(input: {id: "DOCUMENT", status: PENDING})`, "DOCUMENT_STATUS_CHANGED"},
		{`putDocumentChunks(input: {documentId: "DOCUMENT", chunks: []})`, "DOCUMENT_CHUNKS_PUT"},
		{`cancelDocument(input: {id: "DOCUMENT"})`, "DOCUMENT_STATUS_CHANGED"},
		{`retryDocument(input: {id: "FAILED"})`, "DOCUMENT_STATUS_CHANGED"},
		{`processDocuments(input: {documentIds: ["CANCELED"]})`, "DOCUMENT_STATUS_CHANGED"},
		{`createTheme(input: {companyId: "COMPANY", name: "n"})`, "THEME_CREATED"},
		{`updateTheme(input: {id: "THEME", name: "x"})`, "THEME_UPDATED"},
		{`attachThemes(input: {themeIds: ["THEME"], projectIds: ["PROJECT"]})`, "THEME_ATTACHED"},
		{`detachThemes(input: {themeIds: ["THEME"], projectIds: ["PROJECT"]})`, "THEME_DETACHED"},
		{`deleteTheme(input: {id: "THEME"})`, "THEME_DELETED"},
		{`createConversation(input: {ownerId: "MEMBER", title: "t"})`, "CONVERSATION_CREATED"},
		{`updateConversation(input: {id: "CONVERSATION", title: "x"})`, "CONVERSATION_UPDATED"},
		{`deleteConversation(input: {id: "CONVERSATION"})`, "CONVERSATION_DELETED"},
		{`deleteDocument(input: {id: "DOCUMENT"})`, "DOCUMENT_DELETED"},
		{`deleteProject(input: {id: "PROJECT"})`, "PROJECT_DELETED"},
		{`updateAdapterUser(input: {id: "MEMBER", name: "y"})`, "USER_UPDATED"},
		{`linkAdapterAccount(input: {userId: "MEMBER", type: "webauthn", provider: "passkey", providerAccountId: "p"})`, "ACCOUNT_LINKED"},
		{`createAdapterAuthenticator(input: {userId: "MEMBER", providerAccountId: "p", credentialId: "p", credentialPublicKey: "key", counter: 0,
			credentialDeviceType: "singleDevice", credentialBackedUp: false})`, "AUTHENTICATOR_CREATED"},
		{`updateAdapterAuthenticator(input: {credentialId: "p", counter: 1})`, "AUTHENTICATOR_UPDATED"},
		{`unlinkAdapterAccount(input: {provider: "passkey", providerAccountId: "p"})`, "ACCOUNT_UNLINKED"},
		{`createAdapterSession(input: {userId: "MEMBER", sessionToken: "TOKEN", expiresAt: "SOON"})`, "USER_SIGNED_IN"},
		{`deleteAdapterSession(input: {sessionToken: "TOKEN"})`, "USER_SIGNED_OUT"},
		{`deleteAdapterUser(input: {id: "INVITED"})`, "USER_DELETED"},
		{`transferUser(input: {userId: "COLLEAGUE", companyId: "OTHER"})`, "USER_TRANSFERRED"},
		{`deleteUser(input: {id: "MEMBER", newOwnerId: "MANAGER"})`, "USER_DELETED"},
	} {
		name, _, _ := strings.Cut(act.mutation, "(")
		done = append(done, name)
		call := act.mutation
		for placeholder, id := range own {
			call = strings.ReplaceAll(call, `"`+placeholder+`"`, `"`+id+`"`)
		}
		client := admin
		if strings.Contains(name, "Adapter") {
			client = adapter
		}
		if errors := data(t, w.ask(t, client, wholeCall("mutation", "r: "+call+" { userErrors { code field message } }"))).List("r.userErrors"); len(errors) > 0 {
			t.Errorf("%s: %v", name, errors[0].Raw())
		}
		var fresh []string
		for _, entry := range manager.Query(t, `{ auditLog(first: 100, filter: {actorId: "`+w.admin.ID.String()+`"}) { nodes { id action } } }`).List("auditLog.nodes") {
			if id := entry.Text("id"); !seen[id] {
				seen[id] = true
				fresh = append(fresh, entry.Text("action"))
			}
		}
		if !slices.Contains(fresh, act.action) {
			t.Errorf("after %s the MANAGER finds %q, and no %s", name, fresh, act.action)
		}
	}
	testCreatedCompany(t, w)
	for _, mutation := range loadSchema(t).Mutation.Fields {
		if mutation.Name != "createCompany" && !slices.Contains(done, mutation.Name) {
			t.Errorf("%s was not tried as an ADMIN", mutation.Name)
		}
	}
}

// testCreatedCompany creates a company, which gets its MANAGER later.
func testCreatedCompany(t *testing.T, w world) {
	t.Helper()
	id := w.As(t, w.admin).Query(t, `mutation { createCompany(input: {name: "New"}) { company { id } } }`).Text("createCompany.company.id")
	global, err := model.ParseGlobalID(id)
	if err != nil {
		t.Fatal(err)
	}
	manager := w.User(t, &model.Company{ID: model.CompanyID(global.UUID)}, model.RoleManager, "Nia New")
	log := w.As(t, manager).Query(t, `{ auditLog(filter: {actions: [COMPANY_CREATED]}) { nodes { actor { id } subject { id } } } }`)
	if got := log.Texts("auditLog.nodes", "subject"); len(got) != 1 || got[0] != fmt.Sprint(map[string]any{"id": id}) {
		t.Errorf("%v", log.Raw())
	}
}
