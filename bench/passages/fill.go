package passages

import (
	"context"
	"crypto/md5"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"dossier/internal/embedding"
	"dossier/model"
	"dossier/repo"
)

// ClusteredModel names the vectors of clusters, which the same chunks have beside those of their texts.
const ClusteredModel = "clustered-384"

// Sizes of what is made.
const (
	chunksOfDocument  = 100
	documentsPerCall  = 100
	documentsOfFilter = 10 // one of so many documents is in the project
	vectorsPerCall    = 2000
)

// Shares are the companies', in percent of all chunks.
var Shares = []int{50, 20, 10, 10, 5, 4, 1}

// Company is a company whose passages are known.
type Company struct {
	Name    string
	Share   int
	Model   *model.Company
	Owner   *model.User
	Project *model.Project
	Chunks  []Chunk
}

// Viewer is who searches.
func (c *Company) Viewer() model.Viewer {
	return model.Viewer{UserID: c.Owner.ID, CompanyID: c.Owner.CompanyID, Role: c.Owner.Role}
}

// Chunk is a passage, and what two models make of it.
type Chunk struct {
	ID              model.ChunkID
	InProject       bool
	Text, Clustered model.Vector
}

// InProject are the chunks that a search in the company's project is about.
func (c *Company) InProject() []Chunk {
	return slices.DeleteFunc(slices.Clone(c.Chunks), func(chunk Chunk) bool { return !chunk.InProject })
}

// NearCluster is a query that some of the company's clustered vectors are near to.
func (c *Company) NearCluster(n int) model.Vector {
	near := c.Chunks[n*7919%len(c.Chunks)].Clustered
	other := Clustered(-1-n, 1)
	query := make(model.Vector, len(near))
	for i := range query {
		query[i] = near[i] + spread/2*other[i]
	}
	unit, _ := query.Unit()
	return unit
}

// Email is that of the company's user.
func Email(name string) string { return name + "@bench.example" }

// NewCompany makes a company with a user and a project.
func NewCompany(ctx context.Context, store *repo.Store, name string, share int, passwordHash string) (*Company, error) {
	c := &Company{Name: name, Share: share}
	err := store.SystemTx(ctx, func(ctx context.Context, tx *repo.Tx) (err error) {
		if c.Model, err = tx.CreateCompany(ctx, model.CreateCompanyInput{Name: name}); err != nil {
			return err
		}
		c.Owner, err = tx.CreateUser(ctx, model.CreateUserInput{Name: name, Email: Email(name), Role: model.RoleMember, CompanyID: &c.Model.ID},
			&passwordHash)
		if err != nil {
			return err
		}
		c.Project, err = tx.CreateProject(ctx, model.CreateProjectInput{OwnerID: &c.Owner.ID, Name: "Project", ClientName: "Client"})
		return err
	})
	return c, err
}

// Documents adds documents, some of them in the company's project.
func (c *Company) Documents(ctx context.Context, store *repo.Store, n int) ([]*model.Document, error) {
	var made []*model.Document
	for len(made) < n {
		inputs := make([]model.DocumentInput, min(documentsPerCall, n-len(made)))
		for i := range inputs {
			at := len(made) + i
			inputs[i] = model.DocumentInput{OwnerID: &c.Owner.ID, Name: fmt.Sprintf("tender-%d.pdf", at), ContentType: "application/pdf", SizeBytes: 1000}
			if at%documentsOfFilter == 0 {
				inputs[i].ProjectID = &c.Project.ID
			}
		}
		err := store.SystemTx(ctx, func(ctx context.Context, tx *repo.Tx) error {
			some, err := tx.CreateDocuments(ctx, inputs)
			made = append(made, some...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return made, nil
}

// Fill gives a company some chunks, those from an index on: by the way that the real ones go, without the files.
func (c *Company) Fill(ctx context.Context, store *repo.Store, texts *Texts, from, n, of int) error {
	documents, err := c.Documents(ctx, store, (n+chunksOfDocument-1)/chunksOfDocument)
	if err != nil {
		return err
	}
	inProject := map[model.DocumentID]bool{}
	for i, document := range documents {
		inProject[document.ID] = document.ProjectID != nil
		first := from + i*chunksOfDocument
		inputs := make([]model.ChunkInput, min(chunksOfDocument, n-i*chunksOfDocument))
		for j := range inputs {
			text := texts.Text(first + j)
			tokens := int32(len(strings.Fields(text)))
			inputs[j] = model.ChunkInput{Position: int32(j), Text: text, Start: int32(j), End: int32(j) + 1, Tokens: &tokens}
		}
		err := store.SystemTx(ctx, func(ctx context.Context, tx *repo.Tx) error {
			return tx.ReplaceChunks(ctx, repo.Run{DocumentID: document.ID, CompanyID: document.CompanyID}, inputs)
		})
		if err != nil {
			return err
		}
	}
	return c.embed(ctx, store, inProject, from, of)
}

// embed gives the chunks their vectors, and remembers them.
func (c *Company) embed(ctx context.Context, store *repo.Store, inProject map[model.DocumentID]bool, from, of int) error {
	offline := embedding.Offline()
	for after := (model.ChunkID{}); ; {
		chunks, err := store.Reader(c.Viewer()).ChunksWithoutVector(ctx, nil, offline.Model(), offline.Dimensions(), after, vectorsPerCall)
		if err != nil || len(chunks) == 0 {
			return err
		}
		after = chunks[len(chunks)-1].ID
		texts := make([]string, len(chunks))
		for i, chunk := range chunks {
			texts[i] = chunk.Text
		}
		made, err := offline.Documents(ctx, texts)
		if err != nil {
			return err
		}
		byText, clustered := make([]repo.ChunkVector, len(chunks)), make([]repo.ChunkVector, len(chunks))
		for i, chunk := range chunks {
			known := Chunk{ID: chunk.ID, InProject: inProject[chunk.DocumentID], Text: made[i], Clustered: Clustered(from+len(c.Chunks), of)}
			c.Chunks = append(c.Chunks, known)
			byText[i], clustered[i] = repo.ChunkVector{ChunkID: chunk.ID, Vector: known.Text}, repo.ChunkVector{ChunkID: chunk.ID, Vector: known.Clustered}
		}
		err = store.SystemTx(ctx, func(ctx context.Context, tx *repo.Tx) error {
			if err := tx.PutVectors(ctx, offline.Model(), byText); err != nil {
				return err
			}
			return tx.PutVectors(ctx, ClusteredModel, clustered)
		})
		if err != nil {
			return err
		}
	}
}

// Copy gives the company the chunks of others once more, in documents of its own, with the vectors of their texts. The turn is another
// one each time.
func (c *Company) Copy(ctx context.Context, store *repo.Store, conn *pgx.Conn, of []*Company, turn int) error {
	ids := make([]string, len(of))
	documents := 0
	for i, company := range of {
		ids[i] = company.Model.ID.Global().UUID.String()
		documents += (len(company.Chunks) + chunksOfDocument - 1) / chunksOfDocument
	}
	made, err := c.Documents(ctx, store, documents)
	if err != nil {
		return err
	}
	own := make([]string, len(made))
	for i, document := range made {
		own[i] = document.ID.Global().UUID.String()
	}
	_, err = conn.Exec(ctx, copyChunks, pgx.QueryExecModeSimpleProtocol, own, ids, c.Model.ID.Global().UUID.String(), turn, embedding.OfflineModel)
	for _, company := range of {
		for _, chunk := range company.Chunks {
			id := md5.Sum([]byte(chunk.ID.Global().UUID.String() + strconv.Itoa(turn)))
			c.Chunks = append(c.Chunks, Chunk{ID: model.ChunkID(id), Text: chunk.Text})
		}
	}
	return err
}

// copyChunks is one statement a table: each refers to the one before.
const copyChunks = `
	CREATE TEMP TABLE pairs ON COMMIT DROP AS SELECT had.id AS had, own.id AS own
		FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM documents WHERE company_id = ANY ($2::uuid[])) AS had
		JOIN unnest($1::uuid[]) WITH ORDINALITY AS own (id, n) USING (n);
	INSERT INTO document_chunks (id, company_id, document_id, position, heading, text, start_offset, end_offset, tokens, language, tsv)
		SELECT md5(c.id::text || $4)::uuid, $3::uuid, own, position, heading, text, start_offset, end_offset, tokens, language, tsv
		FROM pairs JOIN document_chunks AS c ON c.document_id = had;
	INSERT INTO chunk_embeddings (company_id, chunk_id, model, dimensions, vector)
		SELECT $3::uuid, md5(e.chunk_id::text || $4)::uuid, model, dimensions, vector
		FROM pairs JOIN document_chunks AS c ON c.document_id = had JOIN chunk_embeddings AS e ON e.chunk_id = c.id WHERE model = $5;
	INSERT INTO chunk_codes (company_id, chunk_id, document_id, model, code)
		SELECT $3::uuid, md5(k.chunk_id::text || $4)::uuid, own, model, code
		FROM pairs JOIN chunk_codes AS k ON k.document_id = had WHERE model = $5`
