// Package searchtest measures how well searches find passages that are known: a document's way is the real one, from its file to its
// vectors, and so is that of the search.
package searchtest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"dossier/internal/embedding"
	"dossier/internal/extract"
	"dossier/internal/ingest"
	"dossier/model"
	"dossier/repo"
)

// Question is one of bench/quality/questions.json: a chunk of the document that has the passage is the right answer.
type Question struct {
	Question string `json:"question"`
	Document string `json:"document"`
	Passage  string `json:"passage"`
	Kind     string `json:"kind"`
}

// Groups of questions, beside their kinds.
const (
	All = "all"
	// Tuned has the half of the questions by which the ranking may be chosen, HeldBack the other one, by which it is judged.
	Tuned    = "tuned"
	HeldBack = "held back"
)

// groups are those that the question is in. Its half depends on nothing but its words.
func (q Question) groups() []string {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(q.Question))
	half := Tuned
	if hash.Sum32()>>16%2 == 1 { // the last bit of this hash is that of the last letters
		half = HeldBack
	}
	return []string{All, q.Kind, half}
}

// Questions reads the questions; source is the folder of Dossier's source.
func Questions(source string) ([]Question, error) {
	text, err := os.ReadFile(filepath.Join(source, "bench", "quality", "questions.json"))
	if err != nil {
		return nil, err
	}
	var questions []Question
	return questions, json.Unmarshal(text, &questions)
}

// haystack are the files that the questions are asked about.
var haystack = []string{
	"internal/seed/pack/*", "bench/quality/documents/*", "README.md", "docs/integrating.md", "bench/README.md",
}

// Files are the haystack's.
func Files(source string) ([]string, error) {
	var all []string
	for _, pattern := range haystack {
		paths, err := filepath.Glob(filepath.Join(source, filepath.FromSlash(pattern)))
		if err == nil && len(paths) == 0 {
			err = os.ErrNotExist
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", pattern, err)
		}
		all = append(all, paths...)
	}
	return all, nil
}

// Haystack is what is searched.
type Haystack struct {
	Store    *repo.Store
	Embedder embedding.Embedder
	Viewer   model.Viewer                // who searches
	Files    map[model.DocumentID]string // as questions name them
}

// Fill puts the files into the store as documents of the owner, and processes them. The extractor's command reads a file.
func Fill(ctx context.Context, store *repo.Store, owner *model.User, source string, extractor []string) (*Haystack, error) {
	h := &Haystack{Store: store, Embedder: embedding.Offline(), Files: map[model.DocumentID]string{},
		Viewer: model.Viewer{UserID: owner.ID, CompanyID: owner.CompanyID, Role: owner.Role}}
	paths := map[model.DocumentID]string{}
	pipeline := ingest.New(ingest.Config{
		Store: store, Embedders: []embedding.Embedder{h.Embedder}, Logger: slog.Default(),
		Extractor: &extract.Extractor{Command: extractor},
		Open: func(_ context.Context, document *model.Document) (io.ReadCloser, error) {
			return os.Open(paths[document.ID])
		},
	})
	files, err := Files(source)
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		document, err := upload(ctx, store, owner, path)
		if err != nil {
			return nil, err
		}
		name, _ := filepath.Rel(source, path)
		if name = filepath.ToSlash(name); !strings.HasSuffix(name, "README.md") {
			name = filepath.Base(path)
		}
		paths[document.ID], h.Files[document.ID] = path, name
		if err := pipeline.Process(ctx, model.ProcessDocument{DocumentID: document.ID, After: document.Attempt}); err != nil {
			return nil, fmt.Errorf("process %s: %w", path, err)
		}
	}
	return h, h.check(ctx)
}

func upload(ctx context.Context, store *repo.Store, owner *model.User, path string) (*model.Document, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	uploaded, err := repo.Do(ctx, store, model.Viewer{Role: model.RoleAdmin}, func(ctx context.Context, tx *repo.Tx) (*repo.Uploaded, error) {
		var in model.UploadDocumentInput
		in.OwnerID = &owner.ID
		in.File.ReceivedFile = &model.ReceivedFile{Name: filepath.Base(path), File: model.File{
			ContainerName: "quality", BlobName: path, SizeBytes: max(info.Size(), 1), ContentType: "application/octet-stream",
		}}
		return tx.UploadDocument(ctx, in, 1<<40)
	})
	if err != nil {
		return nil, err
	}
	return uploaded.Document, nil
}

// check fails if a document did not get through.
func (h *Haystack) check(ctx context.Context) error {
	ids := make([]model.DocumentID, 0, len(h.Files))
	for id := range h.Files {
		ids = append(ids, id)
	}
	documents, err := h.Store.System().DocumentsByIDs(ctx, ids)
	for _, d := range documents {
		if err == nil && d.Status != model.DocumentReady {
			err = fmt.Errorf("%s is %s: %s", h.Files[d.ID], d.Status, *cmp.Or(d.ErrorMessage, new(string)))
		}
	}
	return err
}

// hitsMax is how far down the right passage is looked for: beyond, its reciprocal rank is next to nothing.
const hitsMax = 100

// Figures say for how many of the questions a right passage comes first, or among the first five, and the mean of 1/its rank.
type Figures struct {
	Questions       int
	Hit1, Hit5, MRR float64
}

func (f Figures) String() string {
	return fmt.Sprintf("%d questions: hit@1 %.3f, hit@5 %.3f, MRR %.3f", f.Questions, f.Hit1, f.Hit5, f.MRR)
}

// Measure asks all questions, and gives the figures of each group of them.
func (h *Haystack) Measure(ctx context.Context, mode model.SearchMode, questions []Question) (map[string]Figures, error) {
	sums := map[string]Figures{}
	for _, q := range questions {
		rank, err := h.rank(ctx, mode, q)
		if err != nil {
			return nil, fmt.Errorf("search %q: %w", q.Question, err)
		}
		for _, group := range q.groups() {
			sum := sums[group]
			sum.Questions++
			if rank == 1 {
				sum.Hit1++
			}
			if rank > 0 && rank <= 5 {
				sum.Hit5++
			}
			if rank > 0 {
				sum.MRR += 1 / float64(rank)
			}
			sums[group] = sum
		}
	}
	for group, sum := range sums {
		n := float64(sum.Questions)
		sums[group] = Figures{sum.Questions, sum.Hit1 / n, sum.Hit5 / n, sum.MRR / n}
	}
	return sums, nil
}

// rank is the place of the first right passage, from 1; 0 for none.
func (h *Haystack) rank(ctx context.Context, mode model.SearchMode, q Question) (int, error) {
	vector, err := h.Embedder.Query(ctx, q.Question)
	if err != nil {
		return 0, err
	}
	found, err := h.Store.Reader(h.Viewer).Search(ctx, model.Search{Query: q.Question, Mode: mode, First: new(int32(hitsMax))},
		&repo.QueryVector{Model: h.Embedder.Model(), Vector: vector})
	if err != nil {
		return 0, err
	}
	for i, hit := range found.Nodes {
		if h.Files[hit.Chunk.DocumentID] == q.Document && strings.Contains(hit.Chunk.Text, q.Passage) {
			return i + 1, nil
		}
	}
	return 0, nil
}
