package repo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"dossier/internal/fault"
	"dossier/model"
)

func chunkUUID(c *model.DocumentChunk) uuid.UUID { return uuid.UUID(c.ID) }

// chunksByPosition is the one order of chunks.
var chunksByPosition = byNumber("position", func(c *model.DocumentChunk) int64 { return int64(c.Position) }, chunkUUID)

func (r Reader) chunks() *bun.SelectQuery { return from[model.DocumentChunk](r) }

// ChunksByDocument lists each document's chunks in the order of its text.
func (r Reader) ChunksByDocument(
	ctx context.Context, documents []model.DocumentID, args model.PageArgs,
) (map[model.DocumentID]*model.DocumentChunkConnection, error) {
	p, err := newPage(args, model.NoFilter{}, chunksByPosition, model.Ascending)
	if err != nil {
		return nil, err
	}
	return lists(ctx, r, p, documents, byColumn("document_id"), r.chunks)
}

// ChunksByIDs reads chunks in any order; those not there or not visible are left out.
func (r Reader) ChunksByIDs(ctx context.Context, ids []model.ChunkID) ([]*model.DocumentChunk, error) {
	return byIDs[model.DocumentChunk](ctx, r, r.chunks(), ids)
}

// chunksPerStatement is how many chunks one statement writes.
const chunksPerStatement = 1000

// chunkRow is a chunk as jsonb_to_recordset reads it.
type chunkRow struct {
	ID       uuid.UUID `json:"id"`
	Position int32     `json:"position"`
	Page     *int32    `json:"page"`
	Heading  string    `json:"heading"`
	Text     string    `json:"text,omitempty"`
	Start    int32     `json:"start_offset" bun:"start_offset"`
	End      int32     `json:"end_offset" bun:"end_offset"`
	Tokens   int32     `json:"tokens"`
	Digest   string    `json:"-"`
}

func rowOf(in model.ChunkInput) chunkRow {
	row := chunkRow{Position: in.Position, Page: in.Page, Text: in.Text, Start: in.Start, End: in.End}
	if in.Heading != nil {
		row.Heading = *in.Heading
	}
	if in.Tokens != nil {
		row.Tokens = *in.Tokens
	}
	digest := sha256.Sum256([]byte(row.Heading + "\x00" + row.Text))
	row.Digest = hex.EncodeToString(digest[:])
	return row
}

// digestOf is the Digest of a row that is kept.
const digestOf = `encode(sha256(convert_to(heading, 'UTF8') || '\x00'::bytea || convert_to(text, 'UTF8')), 'hex')`

// ReplaceChunks gives the document these chunks and no others. Those whose heading and text it has already keep their ids, and
// with them their vectors: what refers to one stays good.
func (tx *Tx) ReplaceChunks(ctx context.Context, run Run, chunks []model.ChunkInput) error {
	kept, err := tx.keptChunks(ctx, run.DocumentID, nil)
	if err != nil {
		return wrap(err, "replace chunks of", run.DocumentID)
	}
	byDigest := map[string][]chunkRow{}
	for _, row := range kept {
		byDigest[row.Digest] = append(byDigest[row.Digest], row)
	}
	var added, moved []chunkRow
	for _, in := range chunks {
		row := rowOf(in)
		same := byDigest[row.Digest]
		if len(same) == 0 {
			added = append(added, row)
			continue
		}
		byDigest[row.Digest] = same[1:]
		row.ID = same[0].ID
		if !row.isAt(same[0]) {
			moved = append(moved, row)
		}
	}
	var gone []model.ChunkID
	for _, rows := range byDigest {
		for _, row := range rows {
			gone = append(gone, model.ChunkID(row.ID))
		}
	}
	return wrap(tx.writeChunks(ctx, run.DocumentID, run.CompanyID, gone, moved, added), "replace chunks of", run.DocumentID)
}

func (c chunkRow) isAt(other chunkRow) bool {
	samePage := c.Page == nil && other.Page == nil || c.Page != nil && other.Page != nil && *c.Page == *other.Page
	return samePage && c.Position == other.Position && c.Start == other.Start && c.End == other.End && c.Tokens == other.Tokens
}

// keptChunks reads what chunks the document has, without their texts: all, or those at some positions.
func (tx *Tx) keptChunks(ctx context.Context, document model.DocumentID, positions []int32) ([]chunkRow, error) {
	var kept []chunkRow
	q := tx.db.NewSelect().TableExpr("document_chunks").
		ColumnExpr("id, position, page, start_offset, end_offset, tokens, "+digestOf+" AS digest").
		Where("document_id = ?", document).OrderExpr("position")
	if positions != nil {
		q = q.Where("position IN (?)", bun.List(positions))
	}
	err := q.Scan(ctx, &kept)
	return kept, err
}

// writeChunks deletes, moves and adds chunks of a document.
func (tx *Tx) writeChunks(
	ctx context.Context, document model.DocumentID, company model.CompanyID, gone []model.ChunkID, moved, added []chunkRow,
) error {
	if len(gone) > 0 {
		if _, err := tx.db.NewRaw("DELETE FROM document_chunks WHERE id = ANY (?::uuid[])", uuidArray(gone)).Exec(ctx); err != nil {
			return err
		}
	}
	for rows := range slices.Chunk(moved, chunksPerStatement) {
		for i := range rows {
			rows[i].Text = "" // it is there
		}
		values, err := json.Marshal(rows)
		if err != nil {
			return err
		}
		_, err = tx.db.NewRaw(`UPDATE document_chunks AS chunk SET position = row.position, page = row.page, start_offset = row.start_offset,
			end_offset = row.end_offset, tokens = row.tokens, updated_at = clock_timestamp()
			FROM jsonb_to_recordset(?) AS row (id uuid, position integer, page integer, start_offset integer, end_offset integer, tokens integer)
			WHERE chunk.id = row.id`, string(values)).Exec(ctx)
		if err != nil {
			return err
		}
	}
	for rows := range slices.Chunk(added, chunksPerStatement) {
		for i := range rows {
			rows[i].ID = uuid.UUID(model.NewID[model.ChunkID]())
		}
		values, err := json.Marshal(rows)
		if err != nil {
			return err
		}
		_, err = tx.db.NewRaw(`INSERT INTO document_chunks (id, company_id, document_id, position, page, heading, text, start_offset, end_offset,
				tokens, language, tsv)
			SELECT id, ?0, ?1, position, page, heading, text, start_offset, end_offset, tokens, ?2, `+tsvOf+`
			FROM jsonb_to_recordset(?3) AS row (id uuid, position integer, page integer, heading text, text text, start_offset integer,
				end_offset integer, tokens integer)`, company, document, tx.language, string(values)).Exec(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}

// tsvOf is what full text search knows of a chunk in the language that is the argument ?2: headings weigh more.
const tsvOf = "setweight(to_tsvector(?2::regconfig, heading), 'A') || setweight(to_tsvector(?2::regconfig, text), 'D')"

// PutDocumentChunks takes what somebody else has read of a document that is being processed: each chunk in the place of the one
// that is at its position, whose id it keeps if heading and text are the same. Vectors are of the model.
func (tx *Tx) PutDocumentChunks(ctx context.Context, in model.PutDocumentChunksInput) (*model.Document, []*model.DocumentChunk, error) {
	document, err := tx.lockDocument(ctx, toChange, in.DocumentID, nil)
	if err != nil {
		return nil, nil, wrap(fault.Blame(err, "documentId"), "put chunks of", in.DocumentID)
	}
	if document.LeaseExpiresAt != nil || !document.Status.CanBecome(model.DocumentCanceled) {
		return nil, nil, fault.New(fault.Conflict, "Chunks are put while you process the document: set its status to EXTRACTING first.").At("documentId")
	}
	positions := make([]int32, len(in.Chunks))
	for i, chunk := range in.Chunks {
		positions[i] = chunk.Position
	}
	kept, err := tx.keptChunks(ctx, document.ID, positions)
	if err != nil {
		return nil, nil, wrap(err, "put chunks of", in.DocumentID)
	}
	at := map[int32]chunkRow{}
	for _, row := range kept {
		at[row.Position] = row
	}
	var gone []model.ChunkID
	var moved, added []chunkRow
	for _, chunk := range in.Chunks {
		row := rowOf(chunk)
		switch was, ok := at[row.Position]; {
		case ok && was.Digest == row.Digest:
			if row.ID = was.ID; !row.isAt(was) {
				moved = append(moved, row)
			}
		case ok:
			gone = append(gone, model.ChunkID(was.ID))
			fallthrough
		default:
			added = append(added, row)
		}
	}
	if in.Total != nil {
		if _, err := tx.db.NewRaw("DELETE FROM document_chunks WHERE document_id = ? AND position >= ?", document.ID, *in.Total).Exec(ctx); err != nil {
			return nil, nil, wrap(err, "put chunks of", in.DocumentID)
		}
	}
	if err := tx.writeChunks(ctx, document.ID, document.CompanyID, gone, moved, added); err != nil {
		return nil, nil, wrap(err, "put chunks of", in.DocumentID)
	}
	chunks, err := tx.chunksAt(ctx, document.ID, positions)
	if err == nil {
		err = tx.putBrought(ctx, in, chunks)
	}
	if err == nil {
		details := map[string]any{"chunks": len(chunks)}
		err = tx.record(ctx, model.DocumentChunksPut, entry{document.AuditSubject(), details})
	}
	return document, chunks, wrap(err, "put chunks of", in.DocumentID)
}

// chunksAt reads the document's chunks at these positions, in their order.
func (tx *Tx) chunksAt(ctx context.Context, document model.DocumentID, positions []int32) ([]*model.DocumentChunk, error) {
	found, err := all[model.DocumentChunk](ctx, tx.chunks().ExcludeColumn("tsv").
		Where("?TableAlias.document_id = ? AND ?TableAlias.position IN (?)", document, bun.List(positions)))
	if err != nil {
		return nil, err
	}
	at := make(map[int32]*model.DocumentChunk, len(found))
	for _, chunk := range found {
		at[chunk.Position] = chunk
	}
	chunks := make([]*model.DocumentChunk, len(positions))
	for i, position := range positions {
		if chunks[i] = at[position]; chunks[i] == nil {
			return nil, fmt.Errorf("there is no chunk at %d", position)
		}
	}
	return chunks, nil
}

// putBrought keeps the vectors that came with chunks.
func (tx *Tx) putBrought(ctx context.Context, in model.PutDocumentChunksInput, chunks []*model.DocumentChunk) error {
	var vectors []ChunkVector
	for i, chunk := range in.Chunks {
		if chunk.Vector != nil {
			unit, _ := chunk.Vector.Unit() // Validate has seen that it has a direction
			vectors = append(vectors, ChunkVector{chunks[i].ID, unit})
		}
	}
	if len(vectors) == 0 {
		return nil
	}
	return tx.PutVectors(ctx, *in.Model, vectors)
}
