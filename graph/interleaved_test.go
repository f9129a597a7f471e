package graph_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dossier/model"
)

// How many requests are interleaved, and how many at a time. The race detector makes each of them ten times as slow.
const (
	interleavedRequests = 100_000
	interleavedRaced    = 10_000
	interleavedAtATime  = 64
)

// person is a user of one of the two companies, and what the user is to be answered.
type person struct {
	token   string
	own     string // a project's id
	foreign string // the other one's
	answers []string
}

// interleaved are the same texts for both: whatever is kept of a query is shared.
var interleaved = []struct{ query, id string }{
	{`{ me { id name company { id name userCount } } }`, ""},
	{`{ projects(first: 5) { totalCount nodes { id name owner { name } documents(first: 3) { totalCount nodes { id name } } } } }`, ""},
	{`{ users { nodes { email projects(first: 2) { nodes { name company { name } themes { nodes { name } } } } } } }`, ""},
	{`{ documents(filter: {search: "document"}) { totalCount edges { cursor node { id project { name } } } } }`, ""},
	{`query($id: ID!) { node(id: $id) { id ... on Project { company { name } documents { nodes { id owner { email } } } } } }`, "own"},
	{`query($id: ID!) { project(id: $id) { id name } nodes(ids: [$id]) { id } }`, "foreign"},
}

func (p *person) body(t testing.TB, n int) []byte {
	ask := interleaved[n]
	id := map[string]string{"own": p.own, "foreign": p.foreign}[ask.id]
	body, err := json.Marshal(map[string]any{"query": ask.query, "variables": map[string]string{"id": id}})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// Two users of two companies, a session and an API key, ask at the same time through the same loaders, caches, prepared statements and
// pool, and many of them give up on the way: each answer is its asker's.
func TestInterleavedRequests(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(context.Background())
	var background sync.WaitGroup
	background.Go(func() { w.Store.Watch(ctx, w.Pool, slog.New(slog.DiscardHandler)) })
	background.Go(func() { // what is recorded of so many requests would fill the memory
		for ctx.Err() == nil {
			time.Sleep(100 * time.Millisecond)
			w.SQL.Reset()
		}
	})
	t.Cleanup(func() { cancel(); background.Wait() })

	people := w.twoPeople(t)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: interleavedAtATime}}
	ask := func(ctx context.Context, p *person, n int) (string, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL+"/graphql", bytes.NewReader(p.body(t, n)))
		if err != nil {
			return "", err
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+p.token)
		response, err := client.Do(request)
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		return string(body), err
	}
	for _, p := range people {
		for n := range interleaved {
			answer, err := ask(t.Context(), p, n)
			if err != nil || strings.Contains(answer, "INTERNAL") {
				t.Fatalf("%s: %v", answer, err)
			}
			p.answers = append(p.answers, answer)
		}
	}
	people[0].differsFrom(t, people[1])

	var next, whole, wrong atomic.Int64
	total := int64(interleavedRequests)
	if raced {
		total = interleavedRaced
	}
	var askers sync.WaitGroup
	for range interleavedAtATime {
		askers.Go(func() {
			for i := next.Add(1); i <= total && wrong.Load() < 10; i = next.Add(1) {
				p, n := people[i%int64(len(people))], rand.IntN(len(interleaved))
				ctx, cancel := context.WithCancel(t.Context())
				if rand.IntN(10) == 0 {
					time.AfterFunc(rand.N(20*time.Millisecond), cancel)
				}
				answer, err := ask(ctx, p, n)
				gaveUp := ctx.Err() != nil
				cancel()
				switch {
				case err == nil && answer == p.answers[n]:
					whole.Add(1)
				case err != nil && gaveUp:
				default:
					wrong.Add(1)
					t.Errorf("asked %s\nanswered %s, %v\nwant %s", interleaved[n].query, answer, err, p.answers[n])
				}
			}
		})
	}
	askers.Wait()
	t.Logf("%d of %d requests were answered, the others given up", whole.Load(), total)
	if whole.Load() < total*8/10 || whole.Load() == total {
		t.Errorf("%d of %d requests were answered: some are to be given up, and most not", whole.Load(), total)
	}
}

// twoPeople are the MANAGERs of two companies that look alike: each once with a session, and once with an API key.
func (w world) twoPeople(t testing.TB) []*person {
	var people []*person
	projects := map[*model.User]string{}
	users := []*model.User{w.manager, w.stranger}
	for _, user := range users {
		for i, project := range w.Projects(t, user, 6) {
			w.Documents(t, user, project, 4)
			id := theme(t, w.As(t, user), fmt.Sprintf("Theme %d of %s", i, user.Name))
			w.As(t, user).Query(t, attach, "t", []string{id}, "p", []string{project.ID.String()})
			projects[user] = project.ID.String()
		}
	}
	for i, user := range users {
		for _, token := range []string{w.Token(t, user), w.Key(t, user, model.AllScopes...)} {
			people = append(people, &person{token: token, own: projects[user], foreign: projects[users[1-i]]})
		}
	}
	return []*person{people[0], people[2], people[1], people[3]}
}

// differsFrom checks that a mixed-up answer would be noticed.
func (p *person) differsFrom(t *testing.T, other *person) {
	for n, answer := range p.answers {
		if answer == other.answers[n] && interleaved[n].id != "foreign" {
			t.Errorf("both are answered %s", answer)
		}
		if strings.Contains(answer, other.own) {
			t.Errorf("the other one's project is in %s", answer)
		}
	}
}
