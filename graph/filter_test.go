package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"dossier/model"
)

// The audit log of one subject, of a stretch of time, from either end; also under a MANAGER, who sees the own company's.
func TestAuditLogFiltersAndOrders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	project, abroad := w.Projects(t, w.member, 1)[0], w.Projects(t, w.stranger, 1)[0]
	document := w.Documents(t, w.member, project, 1)[0]
	client := w.As(t, w.manager)
	client.Query(t, `mutation($p: ID!, $d: ID!) { updateProject(input: {id: $p, name: "n"}) { project { id } } deleteDocument(input: {id: $d}) { deletedDocumentId } }`,
		"p", project.ID, "d", document.ID)
	// The log is append only: one entry is moved into the past behind its back.
	for _, statement := range []string{
		"ALTER TABLE audit_log DISABLE TRIGGER ALL",
		"UPDATE audit_log SET created_at = '2020-01-01T12:00:00Z' WHERE action = 'PROJECT_CREATED'",
	} {
		if _, err := w.Pool.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	subject := func(id fmt.Stringer) string { return `subjectId: "` + id.String() + `"` }
	for _, c := range []struct{ arguments, want string }{
		{`filter: {` + subject(project.ID) + `}`, "PROJECT_UPDATED PROJECT_CREATED"},
		{`filter: {` + subject(project.ID) + `}, orderBy: {field: CREATED_AT, direction: ASC}`, "PROJECT_CREATED PROJECT_UPDATED"},
		{`filter: {` + subject(document.ID) + `}`, "DOCUMENT_DELETED DOCUMENT_CREATED"},
		{`filter: {` + subject(document.ID) + `, actions: [DOCUMENT_DELETED, PROJECT_CREATED]}`, "DOCUMENT_DELETED"},
		{`filter: {` + subject(abroad.ID) + `}`, ""},
		{`filter: {subjectId: "` + model.DocumentID(project.ID).String() + `"}`, ""}, // another kind's id of the same number
		{`filter: {actions: []}`, ""},
		{`filter: {subjectId: null, actions: PROJECT_CREATED, createdAt: null}`, "PROJECT_CREATED"},
		{`filter: {createdAt: {until: "2020-01-01T12:00:00.000001Z"}}`, "PROJECT_CREATED"},
		{`filter: {createdAt: {until: "2020-01-01T12:00:00Z"}}`, ""},
		{`filter: {createdAt: {from: "2020-01-01T12:00:00.000001Z"}, ` + subject(project.ID) + `}`, "PROJECT_UPDATED"},
		{`filter: {actorId: "` + w.manager.ID.String() + `", ` + subject(project.ID) + `}`, "PROJECT_UPDATED"},
	} {
		data := client.Query(t, `{ auditLog(first: 100, `+c.arguments+`) { nodes { action } totalCount } }`)
		got := strings.Join(data.Texts("auditLog.nodes", "action"), " ")
		if got != c.want || data.Text("auditLog.totalCount") != fmt.Sprint(len(strings.Fields(c.want))) {
			t.Errorf("auditLog(%s): %s of %s, want %s", c.arguments, got, data.Text("auditLog.totalCount"), c.want)
		}
	}
	// Both directions, page by page, are the same log.
	var walks [2][]string
	for i, arguments := range []string{`first: 2, orderBy: {field: CREATED_AT, direction: ASC}`, `last: 2, orderBy: {field: CREATED_AT, direction: ASC}`} {
		from, more, cursor := "after", "hasNextPage", "endCursor"
		if i == 1 {
			from, more, cursor = "before", "hasPreviousPage", "startCursor"
		}
		for next := arguments; ; {
			page := client.Query(t, `{ auditLog(`+next+`) { nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`).At("auditLog")
			rows := page.Texts("nodes", "id")
			if i == 1 {
				slices.Reverse(rows)
			}
			walks[i] = append(walks[i], rows...)
			if page.Text("pageInfo."+more) == "false" {
				break
			}
			next = fmt.Sprintf(`%s, %s: "%s"`, arguments, from, page.Text("pageInfo."+cursor))
		}
	}
	slices.Reverse(walks[1])
	if len(walks[0]) < 5 || !slices.Equal(walks[0], walks[1]) {
		t.Errorf("forwards  %v\nbackwards %v", walks[0], walks[1])
	}
}

// What is wrong with a filter is said with the name of the condition.
func TestFilterErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.As(t, w.manager)
	long, types := strings.Repeat("x", 201), strings.Repeat(`"a/b" `, 21)
	type wrong struct{ filter, argument string }
	common := []wrong{
		{`createdAt: {from: "2026-01-02T00:00:00Z", until: "2026-01-02T00:00:00Z"}`, "filter.createdAt.until"},
		{`createdAt: {from: "2026-01-02T00:00:00Z", until: "2026-01-02T00:59:59+01:00"}`, "filter.createdAt.until"},
		{`createdAt: {from: "yesterday"}`, "filter.createdAt.from"}, {`createdAt: {from: ""}`, "filter.createdAt.from"},
		{`createdAt: {until: "2026-01-02"}`, "filter.createdAt.until"}, {`createdAt: {until: 1767225600}`, "filter.createdAt.until"},
		{`createdAt: {until: "2026-01-02 00:00:00"}`, "filter.createdAt.until"}, {`createdAt: {until: "2026-02-30T00:00:00Z"}`, "filter.createdAt.until"},
		{`createdAt: {from: "0000-12-31T23:59:59Z"}`, "filter.createdAt.from"}, {`createdAt: {from: "0001-01-01T00:00:00+00:01"}`, "filter.createdAt.from"},
		{`createdAt: {from: "9999-12-31T23:59:59-00:01"}`, "filter.createdAt.from"}, {`createdAt: {from: "10000-01-01T00:00:00Z"}`, "filter.createdAt.from"},
		{`createdAt: {from: "2026-01-02T00:00:00Z\u0000"}`, "filter.createdAt.from"}, {`createdAt: {from: "2026-01-02T00:00:00"}`, "filter.createdAt.from"},
	}
	search := []wrong{
		{`search: "a\u0000"`, "filter.search"}, {`search: "` + long + `"`, "filter.search"}, {`search: "\ud800"`, "filter.search"},
	}
	updated := []wrong{{`updatedAt: {from: "2026-01-02T00:00:00Z", until: "2026-01-01T00:00:00Z"}`, "filter.updatedAt.until"}}
	for list, cases := range map[string][]wrong{
		"companies": slices.Concat(common, search),
		"users":     slices.Concat(common, search, []wrong{{`companyId: "x"`, "filter.companyId"}}),
		"projects": slices.Concat(common, search, updated, []wrong{
			{`ownerId: "` + w.company.ID.String() + `"`, "filter.ownerId"}, {`companyId: "x"`, "filter.companyId"},
		}),
		"documents": slices.Concat(common, search, updated, []wrong{
			{`companyId: "x"`, "filter.companyId"}, {`contentType: [` + types + `]`, "filter.contentType"},
			{`contentType: ["a", "\u0000"]`, "filter.contentType[1]"}, {`contentType: "` + strings.Repeat("x", 256) + `"`, "filter.contentType"},
		}),
		"auditLog": slices.Concat(common, []wrong{{`subjectId: "x"`, "filter.subjectId"}, {`subjectId: "nope_00000000000000000000000000"`, "filter.subjectId"}}),
	} {
		for _, c := range cases {
			answer := client.Do(t, `{ `+list+`(filter: {`+c.filter+`}) { nodes { id } } }`)
			if len(answer.Errors) != 1 || answer.Errors[0].Code() != "BAD_USER_INPUT" || answer.Errors[0].Extensions["argument"] != c.argument {
				t.Errorf("%s(%s): want %s: %s", list, c.filter, c.argument, answer.Body)
			}
		}
	}
	for _, query := range []string{
		`query($v: DateTime) { documents(filter: {createdAt: {from: $v}}) { totalCount } }`,
		`query($v: DateTime) { me { company { users(filter: {createdAt: {from: $v}}) { totalCount } } } }`,
	} {
		answer := client.Do(t, query, "v", "nonsense")
		if len(answer.Errors) != 1 || answer.Errors[0].Code() != "BAD_USER_INPUT" || answer.Errors[0].Extensions["argument"] != "filter.createdAt.from" {
			t.Errorf("%s: %s", query, answer.Body)
		}
	}
}

// Texts that are as long as they may be, and lists as long as they may be, are taken.
func TestFilterLimitsAreReached(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.As(t, w.manager).Query(t, `{ documents(filter: {search: "`+strings.Repeat("ä", 200)+`", contentType: [`+
		strings.Repeat(`"`+strings.Repeat("x", 255)+`" `, 20)+`]}) { totalCount } }`)
}

// A filter is a part of the list's statement, at every level, and of its count.
func TestFiltersCostNoStatement(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	project := w.Projects(t, w.member, 3)[0]
	w.Documents(t, w.member, project, 3)
	client := w.As(t, w.manager)
	times := `createdAt: {from: "2020-01-01T00:00:00Z", until: "2100-01-01T00:00:00Z"}`
	company := `companyId: "` + w.company.ID.String() + `", `
	documents := `documents(filter: {` + company + times + `, search: "o", status: [UPLOADING, READY], contentType: "application/pdf"}, orderBy: {field: NAME, direction: ASC})`
	projects := `projects(filter: {` + company + times + `, search: "o", archived: false}, orderBy: {field: CLIENT_NAME, direction: ASC})`
	for query, want := range map[string]int{
		`{ ` + documents + ` { nodes { id } totalCount } }`:                                                                                               2,
		`{ ` + projects + ` { nodes { id ` + documents + ` { nodes { id } totalCount } } totalCount } }`:                                                  4,
		`{ users(filter: {` + company + times + `, search: "o"}) { nodes { id ` + projects + ` { nodes { id } } ` + documents + ` { nodes { id } } } } }`: 3,
		`{ companies(filter: {search: "o", ` + times + `}) { nodes { id } totalCount } }`:                                                                 2,
		`{ auditLog(filter: {` + times + `, subjectId: "` + project.ID.String() + `"}) { nodes { id } totalCount } }`:                                     2,
	} {
		w.SQL.Reset()
		client.Query(t, query)
		t.Log(query)
		w.WantSQL(t, want)
	}
}
