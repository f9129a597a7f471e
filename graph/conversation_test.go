package graph_test

import (
	"fmt"
	"strings"
	"testing"
)

// Conversations are listed by their last update; what the old service noted of their blobs is kept.
func TestConversations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	project := w.Projects(t, w.member, 1)[0]
	member, manager := w.As(t, w.member), w.As(t, w.manager)
	const create = `mutation($t: String!, $p: ID, $o: ID, $c: String, $b: String) {
		createConversation(input: {title: $t, projectId: $p, ownerId: $o, containerName: $c, blobName: $b}) {
			conversation { id title containerName blobName owner { name } project { name } company { name } version }
			userErrors { code field message } } }`
	data := member.Query(t, create, "t", "The bridge", "p", project.ID, "c", "chats", "b", "2024/bridge.json")
	bridge := data.Text("createConversation.conversation.id")
	if got := fmt.Sprint(data.At("createConversation.conversation").Raw()); got != "map[blobName:2024/bridge.json company:map[name:Own] containerName:chats id:"+bridge+
		" owner:map[name:Mo Member] project:map[name:Project 0 of Mo Member] title:The bridge version:1]" {
		t.Errorf("created: %s", got)
	}
	plain := member.Query(t, create, "t", "Prices").Text("createConversation.conversation.id")
	manager.Query(t, create, "t", "For Mo", "o", w.member.ID)

	const list = `{ conversations(orderBy: {field: %s, direction: %s}) { totalCount nodes { title } } }`
	for order, want := range map[string]string{
		"UPDATED_AT DESC": "For Mo, Prices, The bridge", "CREATED_AT ASC": "The bridge, Prices, For Mo", "TITLE ASC": "For Mo, Prices, The bridge",
	} {
		field, direction, _ := strings.Cut(order, " ")
		if got := strings.Join(member.Query(t, fmt.Sprintf(list, field, direction)).Texts("conversations.nodes", "title"), ", "); got != want {
			t.Errorf("by %s: %s", order, got)
		}
	}
	data = member.Query(t, `mutation($id: ID!) { updateConversation(input: {id: $id, title: "The new bridge", expectedVersion: 1}) {
		conversation { title version blobName } userErrors { code } } }`, "id", bridge)
	if got := fmt.Sprint(data.At("updateConversation.conversation").Raw()); got != "map[blobName:2024/bridge.json title:The new bridge version:2]" {
		t.Errorf("renamed: %s", got)
	}
	w.SQL.Reset()
	data = member.Query(t, `{ conversations { nodes { title owner { name } project { name conversations { totalCount } } } } }`)
	w.WantSQL(t, 5)
	if got := strings.Join(data.Texts("conversations.nodes", "title"), ", "); got != "The new bridge, For Mo, Prices" {
		t.Errorf("the last updated is not first: %s", got)
	}
	data = member.Query(t, `query($p: ID!, $o: ID!) { a: conversations(filter: {projectId: $p}) { totalCount } b: conversations(filter: {ownerId: $o}) { totalCount }
		c: conversations(filter: {search: "RIC"}) { nodes { title } } me { conversations(first: 1) { totalCount nodes { title } } company { conversations { totalCount } } } }`,
		"p", project.ID, "o", w.manager.ID)
	if got := fmt.Sprint(data.Raw()); got != "map[a:map[totalCount:1] b:map[totalCount:0] c:map[nodes:[map[title:Prices]]] me:map[company:map[conversations:map[totalCount:3]] conversations:map[nodes:[map[title:The new bridge]] totalCount:3]]]" {
		t.Errorf("filtered: %s", got)
	}
	data = manager.Query(t, `mutation($p: ID!) { deleteProject(input: {id: $p}) { deletedProjectId keptConversationCount } }`, "p", project.ID)
	if data.Text("deleteProject.keptConversationCount") != "1" {
		t.Errorf("kept: %v", data.Raw())
	}
	data = member.Query(t, `query($id: ID!) { conversation(id: $id) { project { name } version } node(id: $id) { __typename } }`, "id", bridge)
	if got := fmt.Sprint(data.Raw()); got != "map[conversation:map[project:<nil> version:3] node:map[__typename:Conversation]]" {
		t.Errorf("without its project: %s", got)
	}
	data = member.Query(t, `mutation($id: ID!) { deleteConversation(input: {id: $id}) { deletedConversationId } }`, "id", plain)
	if data.Text("deleteConversation.deletedConversationId") != plain {
		t.Errorf("deleted: %v", data.Raw())
	}
	log := manager.Query(t, `{ auditLog(filter: {actions: [CONVERSATION_CREATED, CONVERSATION_UPDATED, CONVERSATION_DELETED]}) { nodes { action } } }`)
	if got := strings.Join(log.Texts("auditLog.nodes", "action"), " "); got != "CONVERSATION_DELETED CONVERSATION_UPDATED CONVERSATION_CREATED CONVERSATION_CREATED CONVERSATION_CREATED" {
		t.Errorf("audited: %s", got)
	}
}

func TestConversationErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member := w.As(t, w.member)
	foreign := w.Projects(t, w.stranger, 1)[0]
	managers := w.As(t, w.manager).Query(t, `mutation { createConversation(input: {title: "t"}) { conversation { id } } }`).Text("createConversation.conversation.id")
	for query, want := range map[string]string{
		`createConversation(input: {title: ""})`:                                                "BAD_USER_INPUT [title]",
		`createConversation(input: {title: "t", blobName: "b"})`:                                "BAD_USER_INPUT [blobName]",
		`createConversation(input: {title: "t", blobName: "", containerName: ""})`:              "BAD_USER_INPUT [containerName], BAD_USER_INPUT [blobName]",
		`createConversation(input: {title: "t", projectId: "` + foreign.ID.String() + `"})`:     "BAD_REFERENCE [projectId]",
		`createConversation(input: {title: "t", ownerId: "` + w.stranger.ID.String() + `"})`:    "BAD_REFERENCE [ownerId]",
		`updateConversation(input: {id: "conversation_00000000000000000000000000", title: ""})`: "BAD_USER_INPUT [title]",
		`updateConversation(input: {id: "conversation_00000000000000000000000000"})`:            "NOT_FOUND [id]",
		`deleteConversation(input: {id: "conversation_00000000000000000000000000"})`:            "NOT_FOUND [id]",
	} {
		if got := userErrors(member.Query(t, `mutation { r: `+query+` { userErrors { code field message } } }`), "r"); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	for _, mutation := range []string{
		`updateConversation(input: {id: "` + managers + `", title: "x"})`, `deleteConversation(input: {id: "` + managers + `"})`,
		`createConversation(input: {title: "t", ownerId: "` + w.manager.ID.String() + `"})`,
	} {
		if codes := member.Do(t, `mutation { r: `+mutation+` { userErrors { code } } }`).Codes(); strings.Join(codes, " ") != "FORBIDDEN" {
			t.Errorf("%s of a MEMBER: %v", mutation, codes)
		}
	}
}

// What a user leaves behind goes to the new owner, conversations too; and a company with any of it is not empty.
func TestConversationsStayInTheCompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.As(t, w.member).Query(t, `mutation { createConversation(input: {title: "t"}) { conversation { id } } }`)
	admin := w.As(t, w.admin)
	const transfer = `mutation($u: ID!, $c: ID!, $o: ID) { transferUser(input: {userId: $u, companyId: $c, newOwnerId: $o}) {
		reassigned { projects documents conversations } userErrors { code field message } } }`
	data := admin.Query(t, transfer, "u", w.member.ID, "c", w.other.ID, "o", nil)
	if got := userErrors(data, "transferUser"); got != "CONFLICT [newOwnerId]" {
		t.Errorf("without a new owner: %s", got)
	}
	data = admin.Query(t, transfer, "u", w.member.ID, "c", w.other.ID, "o", w.manager.ID)
	if got := data.Text("transferUser.reassigned"); got != "map[conversations:1 documents:0 projects:0]" {
		t.Errorf("reassigned: %s", got)
	}
	if got := w.As(t, w.manager).Query(t, `{ conversations { nodes { owner { name } } } }`).Text("conversations.nodes.0.owner.name"); got != "Mia Manager" {
		t.Errorf("owned by %s", got)
	}
	empty := admin.Query(t, `mutation { createCompany(input: {name: "e"}) { company { id } } }`).Text("createCompany.company.id")
	admin.Query(t, `mutation($c: ID!) { createTheme(input: {companyId: $c, name: "t"}) { theme { id } } }`, "c", empty)
	data = admin.Query(t, `mutation($c: ID!) { deleteCompany(input: {id: $c}) { userErrors { code field message } } }`, "c", empty)
	if got := userErrors(data, "deleteCompany"); got != "CONFLICT [id]" {
		t.Errorf("a company with a theme: %s", got)
	}
}
