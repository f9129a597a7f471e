package graph_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"dossier/model"
)

// Every parent is a Node: a client goes on with an inner list from where its first page ended.
func TestInnerListsGoOnFromTheirParent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, project := range w.Projects(t, w.member, 3) {
		w.Documents(t, w.member, project, 5)
	}
	client := w.As(t, w.member)
	first := client.Query(t, `{ users(first: 10) { nodes { id name projects(first: 2) { pageInfo { hasNextPage endCursor }
		nodes { id documents(first: 2) { nodes { id } pageInfo { hasNextPage endCursor } } } } } } }`)
	const next = `query($id: ID!, $after: String) { node(id: $id) {
		... on User { projects(first: 2, after: $after) { nodes { id } pageInfo { hasNextPage } } }
		... on Project { documents(first: 3, after: $after) { nodes { id } pageInfo { hasNextPage } } } } }`
	for _, user := range first.List("users.nodes") {
		if user.Text("name") != w.member.Name {
			continue
		}
		seen := map[string]bool{}
		for _, project := range user.List("projects.nodes") {
			seen[project.Text("id")] = true
			rest := client.Query(t, next, "id", project.Text("id"), "after", project.Text("documents.pageInfo.endCursor"))
			if n := len(rest.List("node.documents.nodes")); n != 3 || rest.Text("node.documents.pageInfo.hasNextPage") != "false" {
				t.Errorf("%d further documents: %v", n, rest.Raw())
			}
		}
		rest := client.Query(t, next, "id", user.Text("id"), "after", user.Text("projects.pageInfo.endCursor"))
		for _, project := range rest.List("node.projects.nodes") {
			seen[project.Text("id")] = true
		}
		if len(seen) != 3 {
			t.Errorf("%d projects of 3", len(seen))
		}
	}
}

// nodes answers in the order of the ids: any entity, the same twice, and null for what is not there.
func TestNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	project := w.Projects(t, w.member, 1)[0]
	document := w.Documents(t, w.member, project, 1)[0]
	ids := []string{document.ID.String(), model.NewID[model.ProjectID]().String(), project.ID.String(), w.member.ID.String(),
		w.company.ID.String(), project.ID.String()}
	client := w.As(t, w.manager)
	w.SQL.Reset()
	data := client.Query(t, `query($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Project { owner { name } } } }`, "ids", ids)
	w.WantSQL(t, 5) // one for each of the four entities, and the owners
	var got []string
	for _, node := range data.List("nodes") {
		got = append(got, fmt.Sprint(node.Raw()))
	}
	for i, id := range ids {
		if i == 1 && got[i] != "<nil>" || i != 1 && !strings.Contains(got[i], id) {
			t.Errorf("node %d is %s", i, got[i])
		}
	}
}

// BenchmarkNested reads 50 projects with their owners and 20 documents each, over HTTP, with a session.
func BenchmarkNested(b *testing.B) {
	w := newWorld(b)
	for _, project := range w.Projects(b, w.member, 50) {
		w.Documents(b, w.member, project, 20)
	}
	client := w.As(b, w.manager)
	b.ReportAllocs()
	defer reportCPU(b)()
	for b.Loop() {
		client.Query(b, `{ projects(first: 50) { nodes { id name owner { name } documents(first: 20) { nodes { id name status updatedAt } } } } }`)
	}
}

// BenchmarkPoint reads a user and its company, over HTTP, with a session.
func BenchmarkPoint(b *testing.B) {
	w := newWorld(b)
	client := w.As(b, w.admin)
	b.ReportAllocs()
	defer reportCPU(b)()
	for b.Loop() {
		client.Query(b, `query($id: ID!) { user(id: $id) { id name email company { id name } } }`, "id", w.member.ID)
	}
}

// reportCPU adds the processor time that this process, client included, takes for each operation: on a busy machine it is
// steadier than the clock.
func reportCPU(b *testing.B) func() {
	used := func() time.Duration {
		var usage syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
			b.Fatal(err)
		}
		return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	before := used()
	return func() { b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns/op") }
}
