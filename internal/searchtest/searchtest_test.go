package searchtest

import (
	"os"
	"testing"

	"dossier/internal/extract"
	"dossier/internal/pgtest"
	"dossier/model"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "extract" {
		os.Exit(extract.Child(os.Stdin, os.NewFile(3, "file"), os.Stdout))
	}
	os.Exit(pgtest.Main(m))
}

// What a hybrid search reaches at least; the figures are some hundredths better. Pages of the haystack change now and then.
var (
	hybridMin = Figures{Hit1: 0.46, Hit5: 0.68, MRR: 0.56}
	exactMin  = Figures{Hit1: 0.75, Hit5: 0.92, MRR: 0.84} // of questions for a name or a number
)

// statements are what a search takes, however much it finds: one or two find, one reads what was found.
var statements = map[model.SearchMode]int{model.SearchHybrid: 3, model.SearchVector: 2, model.SearchText: 2}

// A hybrid search is better than either of its halves, or nobody would need it.
func TestHybridIsBest(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	owner := db.User(t, db.Company(t, "Bidder"), model.RoleMember, "Mo Member")
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h, err := Fill(t.Context(), db.Store, owner, "../..", []string{program, "extract"})
	if err != nil {
		t.Fatal(err)
	}
	questions, err := Questions("../..")
	if err != nil {
		t.Fatal(err)
	}
	all := map[model.SearchMode]Figures{}
	var exact Figures
	for _, mode := range []model.SearchMode{model.SearchHybrid, model.SearchVector, model.SearchText} {
		db.SQL.Reset()
		groups, err := h.Measure(t.Context(), mode, questions)
		if err != nil {
			t.Fatal(err)
		}
		for name, figures := range groups {
			t.Logf("%-7s %-10s %v", mode, name, figures)
		}
		if sent, most := len(db.SQL.Statements(false)), statements[mode]*len(questions); sent > most {
			t.Errorf("%s sends %d statements, more than %d", mode, sent, most)
		}
		all[mode] = groups[All]
		if mode == model.SearchHybrid {
			exact = groups["exact"]
		}
	}
	best := all[model.SearchHybrid]
	for _, mode := range []model.SearchMode{model.SearchVector, model.SearchText} {
		if half := all[mode]; best.Hit1 <= half.Hit1 || best.Hit5 <= half.Hit5 || best.MRR <= half.MRR {
			t.Errorf("HYBRID (%v) is not better than %s (%v)", best, mode, half)
		}
	}
	if !best.reaches(hybridMin) || !exact.reaches(exactMin) {
		t.Errorf("HYBRID: %v, want at least %v; exact: %v, want at least %v", best, hybridMin, exact, exactMin)
	}
}

func (f Figures) reaches(least Figures) bool {
	return f.Hit1 >= least.Hit1 && f.Hit5 >= least.Hit5 && f.MRR >= least.MRR
}
