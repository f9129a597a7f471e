package workload

import (
	"strings"
	"testing"

	"dossier/bench/data"
	"dossier/model"
)

func canonicalOf(t *testing.T, text string) any {
	t.Helper()
	answer, err := Canonical([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return answer
}

// What two peers say of the same rows: a connection of TypeIDs, and a list of UUIDs.
const (
	inConnections = `{"data":{"users":{"nodes":[
		{"id":"user_00000000000000000000000001","name":"Anna","at":1,"seenAt":"2026-01-02T03:04:05.5Z","company":{"id":"company_00000000000000000000000002"}},
		{"id":"user_00000000000000000000000003","name":"Boris","at":2,"seenAt":"2026-01-02T03:04:05Z","company":null}]}}}`
	inLists = `{"data":{"usersList":[
		{"name":"Anna","id":"00000000-0000-0000-0000-000000000001","at":1,"seenAt":"2026-01-02T04:04:05.500+01:00","company":{"id":"00000000-0000-0000-0000-000000000002"}},
		{"id":"00000000-0000-0000-0000-000000000003","name":"Boris","at":2,"seenAt":"2026-01-02T03:04:05.000Z","company":null}]}}`
)

func TestAnswersThatSayTheSameAreEqual(t *testing.T) {
	t.Parallel()
	if text := Difference(canonicalOf(t, inConnections), canonicalOf(t, inLists)); text != "" {
		t.Error(text)
	}
	for one, other := range map[string]string{
		`{"data":{"p":[{"documentCount":{"totalCount":7}}]}}`:                                            `{"data":{"p":[{"documentCount":7}]}}`,
		`{"data":{"m":{"document":{"status":"READY"},"userErrors":[]}}}`:                                 `{"data":{"m":{"result":{"status":"READY"}}}}`,
		`{"data":{"m":{"user":{"id":"user_00000000000000000000000001","name":"Anna"},"userErrors":[]}}}`: `{"data":{"m":{"id":"00000000-0000-0000-0000-000000000001","name":"Anna"}}}`,
	} {
		if text := Difference(canonicalOf(t, one), canonicalOf(t, other)); text != "" {
			t.Errorf("%s and %s: %s", one, other, text)
		}
	}
}

func TestAnswersThatSayAnotherThingDiffer(t *testing.T) {
	t.Parallel()
	want := canonicalOf(t, inLists)
	for what, change := range map[string]*strings.Replacer{
		"a swapped pair": strings.NewReplacer("Anna", "Boris", "Boris", "Anna"),
		"a wrong id":     strings.NewReplacer("000000000003", "000000000004"),
		"a wrong time":   strings.NewReplacer("05.500+01:00", "05.501+01:00"),
		"a wrong count":  strings.NewReplacer(`"at":2`, `"at":3`),
		"a null":         strings.NewReplacer(`{"id":"00000000-0000-0000-0000-000000000002"}`, "null"),
		"a field more":   strings.NewReplacer(`"at":2`, `"at":2,"more":1`),
		"a field less":   strings.NewReplacer(`"at":2,`, ""),
		"a row twice":    strings.NewReplacer(`"company":null}`, `"company":null},{"id":"00000000-0000-0000-0000-000000000003","name":"Boris","at":2,"seenAt":"2026-01-02T03:04:05.000Z","company":null}`),
	} {
		text := change.Replace(inLists)
		if text == inLists {
			t.Fatalf("%s changes nothing", what)
		}
		if Difference(want, canonicalOf(t, text)) == "" {
			t.Errorf("%s is not noticed", what)
		}
	}
	rows := want.([]any)
	if Difference(want, rows[:1]) == "" || Difference(rows[:1], want) == "" {
		t.Error("a missing row is not noticed")
	}
	if Difference(want, []any{rows[1], rows[0]}) == "" {
		t.Error("another order is not noticed")
	}
}

func TestNoAnswer(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "<html>", `{}`, `{"data":null}`, `{"data":{"user":null}}`, `{"data":{"user":{"name":"x"}},"errors":[{"message":"half"}]}`,
		`{"data":{"m":{"document":null,"userErrors":[{"code":"CONFLICT"}]}}}`, `{"data":{"user":{"id":"no id"}}}`, `{"data":{"user":{"seenAt":"today"}}}`,
	} {
		if answer, err := Canonical([]byte(text)); err == nil {
			t.Errorf("%s is %v", text, answer)
		}
	}
}

func TestHas(t *testing.T) {
	t.Parallel()
	answer := canonicalOf(t, `{"data":{"m":{"id":"00000000-0000-0000-0000-000000000001","company":{"name":"x","id":"00000000-0000-0000-0000-000000000002"}}}}`)
	want := map[string]any{"company": map[string]any{"id": "00000000-0000-0000-0000-000000000002"}}
	if text := Has(answer, want); text != "" {
		t.Error(text)
	}
	want["company"].(map[string]any)["id"] = "00000000-0000-0000-0000-000000000001"
	if Has(answer, want) == "" || Has(answer, map[string]any{"status": "READY"}) == "" || Has([]any{}, want) == "" {
		t.Error("what is not there is not missed")
	}
}

// worldOf has users spread over the companies, as good as any.
func worldOf(scale float64) World {
	size := data.SizeOf(scale)
	world := World{Size: size, CompanyOf: make([]int, size.Users), Documents: make([]int, size.Users)}
	for n := range world.CompanyOf {
		world.Documents[n] = n % 9
		world.CompanyOf[n] = n * n % size.Companies
	}
	return world
}

const workersOfTest = 7

// M1 changes the status as Dossier allows it, beginning with what Load gives, however the connections overtake one another.
func TestStatusesFollowOneAnother(t *testing.T) {
	t.Parallel()
	world := worldOf(0.02)
	numbers := map[string]int{}
	for n := range world.Size.Documents {
		numbers[documentID(n).String()] = n
	}
	status, walker := map[string]model.DocumentStatus{}, map[string]int{}
	walks := walksOf(t, "M1", world)
	for step := range 20_000 {
		// The last worker is slow, and the first is fast.
		worker := min(step%11, step%workersOfTest)
		change := walks[worker]()
		id := change.Variables["id"].(model.GlobalID).String()
		next := model.DocumentStatus(change.Variables["status"].(string))
		if other, ok := walker[id]; ok && other != worker {
			t.Fatalf("%s is changed by %d and by %d", id, other, worker)
		}
		walker[id] = worker
		if _, ok := status[id]; !ok {
			status[id] = model.DocumentStatus(data.StatusOf(numbers[id]))
		}
		if !status[id].CanBecome(next) {
			t.Fatalf("step %d: %s becomes %s", step, status[id], next)
		}
		status[id] = next
	}
	if len(status) < ringMax/2 {
		t.Errorf("%d documents were walked", len(status))
	}
}

// M3 moves each user from where it is to another company, to a new owner who stays in the old one.
func TestTransfersAreLegal(t *testing.T) {
	t.Parallel()
	world := worldOf(0.02)
	at, moved := map[string]string{}, map[string]bool{}
	for n, company := range world.CompanyOf {
		at[userID(n).String()] = companyID(company).String()
		if data.IsStaff(n) {
			at[userID(n).String()] = ""
		}
	}
	walks := walksOf(t, "M3", world)
	for step := range 5_000 {
		change := walks[step%workersOfTest]()
		user, company := change.Variables["id"].(model.GlobalID).String(), change.Variables["companyId"].(model.GlobalID).String()
		owner := change.Variables["newOwnerId"].(model.GlobalID).String()
		if at[user] == "" || at[user] == company || at[owner] != at[user] || owner == user || moved[owner] {
			t.Fatalf("step %d: %s of %s to %s, new owner %s of %s", step, user, at[user], company, owner, at[owner])
		}
		at[user], moved[user] = company, true
	}
}

func walksOf(t *testing.T, name string, world World) []func() Change {
	t.Helper()
	var walks []func() Change
	for i := range workersOfTest {
		walk, err := Workload{Name: name}.Walk(world, i, workersOfTest)
		if err != nil {
			t.Fatal(err)
		}
		walks = append(walks, walk)
	}
	return walks
}

// Every peer can be asked for every workload, and Dossier by the ids and cursors that it knows.
func TestBodies(t *testing.T) {
	t.Parallel()
	world := worldOf(0.02)
	dossier := Dossier()
	for operation, rows := range map[string]int{"W2": CursorRows(world.Size.Users), "W3": CursorRows(world.Size.Projects)} {
		dossier.SetCursors(operation, make([]string, rows))
	}
	for name, dialect := range map[string]Dialect{"dossier": dossier, "nest": Nest(), "postgraphile": PostGraphile()} {
		for _, w := range All {
			requests := w.Reads(world.Size)
			if w.Writes {
				walk, err := w.Walk(world, 0, 1)
				if err != nil {
					t.Fatal(err)
				}
				requests = append(requests, walk().Variables)
			}
			for _, variables := range requests {
				body, err := dialect.Body(w.Operation, variables)
				if err != nil {
					t.Fatalf("%s %s: %v", name, w.Name, err)
				}
				if hasUUID := strings.Contains(string(body), data.ID(data.User, 13).String()); hasUUID && name == "dossier" {
					t.Fatalf("dossier is asked for a UUID: %s", body)
				}
			}
			if len(requests) == 0 {
				t.Errorf("nothing is asked of %s for %s", name, w.Name)
			}
		}
	}
	if _, err := dossier.Body("W2", Variables{"off": Offset(100_000)}); err == nil {
		t.Error("a page behind the last cursor was asked for")
	}
}
