package graph_test

import (
	"testing"

	"dossier/internal/apitest"
	"dossier/model"
)

// BenchmarkMutation sends the mutations that bench/ measures, over HTTP, with a session: M1 moves a document on, M2 creates
// a project for someone, M3 transfers a user to and fro.
func BenchmarkMutation(b *testing.B) {
	w := newWorld(b)
	document := w.Documents(b, w.member, nil, 1)[0]
	traveler := w.User(b, w.company, model.RoleMember, "Tom Traveler")
	manager, admin := w.As(b, w.manager), w.As(b, w.admin)
	statuses := []model.DocumentStatus{model.DocumentFailed, model.DocumentPending}
	companies := []*model.Company{w.other, w.company}
	heirs := []*model.User{w.member, w.stranger}
	for _, m := range []struct {
		name string
		send func(i int) apitest.Value
	}{
		{"M1", func(i int) apitest.Value {
			return manager.Query(b, `mutation($id: ID!, $status: DocumentStatus!) {
				updateDocumentStatus(input: { id: $id, status: $status }) { document { id status updatedAt } userErrors { message } } }`,
				"id", document.ID, "status", statuses[i%2]).At("updateDocumentStatus")
		}},
		{"M2", func(int) apitest.Value {
			return admin.Query(b, `mutation($owner: ID!) { createProject(input: { ownerId: $owner, name: "P", clientName: "C" }) {
				project { id name clientName owner { name company { name } } } userErrors { message } } }`, "owner", w.member.ID).At("createProject")
		}},
		{"M3", func(i int) apitest.Value {
			return admin.Query(b, `mutation($id: ID!, $company: ID!, $heir: ID!) {
				transferUser(input: { userId: $id, companyId: $company, newOwnerId: $heir }) {
					user { id name company { id name } } userErrors { message } } }`,
				"id", traveler.ID, "company", companies[i%2].ID, "heir", heirs[i%2].ID).At("transferUser")
		}},
	} {
		turn := 0 // of all runs of the mutation: what one has changed, the next one changes back
		b.Run(m.name, func(b *testing.B) {
			b.ReportAllocs()
			sent := 0
			w.SQL.Reset()
			for b.Loop() {
				if wrong := m.send(turn).List("userErrors"); len(wrong) > 0 {
					b.Fatalf("%v", wrong[0].Raw())
				}
				turn++
				sent += len(w.SQL.Statements(true))
				w.SQL.Reset()
			}
			b.ReportMetric(float64(sent)/float64(b.N), "statements/op")
		})
	}
}
