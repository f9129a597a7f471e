package repo

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"dossier/model"
)

// ChunkVector is what a model makes of a chunk: a vector of the length 1.
type ChunkVector struct {
	ChunkID model.ChunkID
	Vector  model.Vector
}

// vectorRow is a vector as jsonb_to_recordset reads it.
type vectorRow struct {
	ChunkID uuid.UUID `json:"chunk_id"`
	Vector  string    `json:"vector"` // base64
	Code    string    `json:"code"`
	List    string    `json:"list,omitempty"` // as pgvector reads it
}

// vectorsPerStatement is how many vectors one statement writes.
const vectorsPerStatement = 500

// PutVectors keeps vectors of chunks, in the place of what the model made of them before. Chunks that are gone meanwhile are left out.
func (tx *Tx) PutVectors(ctx context.Context, name string, vectors []ChunkVector) error {
	for len(vectors) > 0 {
		some := vectors[:min(len(vectors), vectorsPerStatement)]
		vectors = vectors[len(some):]
		rows := make([]vectorRow, len(some))
		for i, v := range some {
			rows[i] = vectorRow{ChunkID: uuid.UUID(v.ChunkID), Vector: base64.StdEncoding.EncodeToString(quantized(v.Vector)), Code: codeOf(v.Vector).varbit(len(v.Vector))}
			if tx.hasPGVector() {
				rows[i].List = numbers(v.Vector)
			}
		}
		values, err := json.Marshal(rows)
		if err != nil {
			return err
		}
		q := tx.db.NewRaw(`WITH brought AS MATERIALIZED (
				SELECT chunk.company_id, chunk.id, chunk.document_id, decode(row.vector, 'base64') AS vector, row.code, row.list
				FROM jsonb_to_recordset(?0) AS row (chunk_id uuid, vector text, code text, list text)
				JOIN document_chunks AS chunk ON chunk.id = row.chunk_id
				ORDER BY chunk.id FOR KEY SHARE OF chunk
			), embeddings AS (
				INSERT INTO chunk_embeddings (company_id, chunk_id, model, dimensions, vector)
				SELECT company_id, id, ?1, length(vector) / 2, vector FROM brought
				ON CONFLICT (chunk_id, model) DO UPDATE SET vector = excluded.vector, dimensions = excluded.dimensions
			)`+tx.alsoIndexed()+`
			INSERT INTO chunk_codes (company_id, chunk_id, document_id, model, code)
			SELECT company_id, id, document_id, ?1, code::varbit FROM brought
			ON CONFLICT (chunk_id, model) DO UPDATE SET code = excluded.code, written_by = pg_current_xact_id()`, string(values), name)
		if _, err := q.Exec(ctx); err != nil {
			return fmt.Errorf("put vectors of %s: %w", name, err)
		}
	}
	return nil
}

// alsoIndexed puts vectors where pgvector finds them.
func (tx *Tx) alsoIndexed() string {
	if !tx.hasPGVector() {
		return ""
	}
	return `, indexed AS (
				INSERT INTO chunk_vectors (company_id, chunk_id, document_id, model, embedding)
				SELECT company_id, id, document_id, ?1, list::halfvec FROM brought
				ON CONFLICT (chunk_id, model) DO UPDATE SET embedding = excluded.embedding
			)`
}

// What a number of a kept vector takes, and what it is worth.
const (
	quantumBytes = 2
	quantum      = 1.0 / math.MaxInt16
)

// quantized are the numbers of a vector of length 1 as they are kept: 16-bit integers, each with its lowest byte first. A dot product is off
// by some 1e-5 for it, and a search reads half of what floats would be.
func quantized(v model.Vector) []byte {
	raw := make([]byte, 0, quantumBytes*len(v))
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint16(raw, uint16(int16(math.Round(float64(x)/quantum))))
	}
	return raw
}

// vectorOf is the vector of its kept numbers.
func vectorOf(raw []byte) model.Vector {
	v := make(model.Vector, len(raw)/quantumBytes)
	for i := range v {
		v[i] = float32(int16(binary.LittleEndian.Uint16(raw[quantumBytes*i:]))) * quantum
	}
	return v
}

// vectorRowSize is what a vector takes behind the id of its chunk, in bytes.
func vectorRowSize(dimensions int) int { return len(uuid.UUID{}) + quantumBytes*dimensions }

// cutID cuts the id of a chunk off the vector behind it.
func cutID(row []byte) (uuid.UUID, []byte) {
	return uuid.UUID(row[:len(uuid.UUID{})]), row[len(uuid.UUID{}):]
}

// eachVector reads the vectors of selected codes, each behind the id of its chunk.
func eachVector(ctx context.Context, db bun.IDB, codes schema.QueryAppender, dimensions int, do func(row []byte)) error {
	rows, err := db.QueryContext(ctx, `SELECT uuid_send(embedding.chunk_id) || embedding.vector
		FROM (?) AS code JOIN chunk_embeddings AS embedding USING (chunk_id, model) WHERE embedding.dimensions = ?`, codes, dimensions)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var row sql.RawBytes
		if err := rows.Scan(&row); err != nil {
			return err
		}
		do(row)
	}
	return rows.Err()
}

// shortVector is a vector as searches compare it, of 8-bit integers behind what one of them is worth: what a product is, is off by some 0.0003. Of
// 100,000 passages 99 of 100 of the ten nearest are among the ten that are nearest by these.
type shortVector []byte

// shortSize is what a shortVector takes, in bytes.
func shortSize(dimensions int) int { return 4 + dimensions }

// appendShort appends the shortVector of a vector.
func appendShort(to []byte, v model.Vector) []byte {
	var highest float32
	for _, x := range v {
		if x < 0 {
			x = -x
		}
		if x > highest {
			highest = x
		}
	}
	to = binary.LittleEndian.AppendUint32(to, math.Float32bits(highest/math.MaxInt8))
	if highest == 0 {
		return append(to, make([]byte, len(v))...)
	}
	const shift = math.MaxInt8 + 1.5 // to what is cut off to the nearest, and above zero
	for _, x := range v {
		to = append(to, byte(int(x*(math.MaxInt8/highest)+shift)-(math.MaxInt8+1)))
	}
	return to
}

// dot is the scalar product with a vector.
func (v shortVector) dot(with model.Vector) float32 {
	scale, numbers := math.Float32frombits(binary.LittleEndian.Uint32(v)), v[4:]
	var a, b, c, d float32 // which the processor adds at once
	for ; len(numbers) >= 4 && len(with) >= 4; numbers, with = numbers[4:], with[4:] {
		a += float32(int8(numbers[0])) * with[0]
		b += float32(int8(numbers[1])) * with[1]
		c += float32(int8(numbers[2])) * with[2]
		d += float32(int8(numbers[3])) * with[3]
	}
	for i, x := range numbers {
		a += float32(int8(x)) * with[i]
	}
	return scale * (a + b + c + d)
}

// codeBits is how many bits of a code stand for a number.
const codeBits = 3

// codeLevel, over the root of the dimensions, and its negative part the numbers of a vector of length 1, with zero, into four levels that have
// about as many each.
const codeLevel = 0.6

// codeOf is the thermometer code of a vector: as many bits of a number are 1 as its level is high, so that codes differ in as many bits as the
// vectors differ in levels. Of 100,000 passages 97 of 100 of the ten nearest are among the 300 with the nearest codes; with one bit for each
// number, its sign, 88 of 100 were among 600.
func codeOf(v model.Vector) bitCode {
	return appendCode(make(bitCode, 0, codeWords(len(v))), v)
}

// bitCode is a code, whose first bit is the highest of the first word.
type bitCode []uint64

// codeWords is how many words the code of a vector has.
func codeWords(dimensions int) int { return (codeBits*dimensions + 63) / 64 }

func appendCode(to bitCode, v model.Vector) bitCode {
	level := float32(codeLevel / math.Sqrt(float64(len(v))))
	word, n := uint64(0), 0
	for _, above := range [codeBits]float32{-level, 0, level} {
		for _, x := range v {
			word = word<<1 | uint64(math.Float32bits(above-x)>>31) // whether x is above
			if n++; n%64 == 0 {
				to = append(to, word)
			}
		}
	}
	if n%64 > 0 {
		to = append(to, word<<(64-n%64))
	}
	return to
}

// varbit is the code of a vector of so many numbers as PostgreSQL reads it.
func (c bitCode) varbit(dimensions int) string {
	text := make([]byte, codeBits*dimensions)
	for i := range text {
		text[i] = '0' + byte(c[i/64]>>(63-i%64)&1)
	}
	return string(text)
}

// numbers writes a vector as pgvector reads it.
func numbers(v model.Vector) string {
	text := make([]byte, 0, 12*len(v))
	text = append(text, '[')
	for i, x := range v {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendFloat(text, float64(x), 'g', -1, 32)
	}
	return string(append(text, ']'))
}

// ChunksWithoutVector gives chunks of which the model has made no vector, without their tsv: of one document, or of all, those after
// an id, up to a limit.
func (r Reader) ChunksWithoutVector(
	ctx context.Context, document *model.DocumentID, name string, dimensions int, after model.ChunkID, limit int,
) ([]*model.DocumentChunk, error) {
	q := r.chunks().Column("id", "company_id", "document_id", "heading", "text").
		Where("NOT EXISTS (SELECT FROM chunk_embeddings AS e WHERE e.chunk_id = ?TableAlias.id AND e.model = ? AND e.dimensions = ?)",
			name, dimensions).
		Where("?TableAlias.id > ?", after).OrderExpr("?TableAlias.id").Limit(int64(limit))
	if document != nil {
		q = q.Where("?TableAlias.document_id = ?", *document)
	}
	return all[model.DocumentChunk](ctx, q)
}

// ModelUse is how many vectors of a model there are.
type ModelUse struct {
	Model   string
	Vectors int64
}

// EmbeddingModels counts the vectors of each model.
func (s *Store) EmbeddingModels(ctx context.Context) ([]ModelUse, error) {
	var uses []ModelUse
	err := s.db.NewRaw("SELECT model, count(*) AS vectors FROM chunk_embeddings GROUP BY model ORDER BY model").Scan(ctx, &uses)
	return uses, translate(err)
}

// ForgetModels deletes some vectors of models that are not among these, and reports how many.
func (tx *Tx) ForgetModels(ctx context.Context, keep []string) (int32, error) {
	return count(tx.db.NewRaw(`DELETE FROM chunk_embeddings WHERE (chunk_id, model) IN
		(SELECT chunk_id, model FROM chunk_embeddings WHERE model NOT IN (?) LIMIT ?)`, bun.List(keep), vectorsPerStatement).Exec(ctx))
}

// Relanguage makes the full text index of some chunks anew that was made for another language, and reports how many.
func (tx *Tx) Relanguage(ctx context.Context) (int32, error) {
	changed, err := count(tx.db.NewRaw(`UPDATE document_chunks SET language = ?2, tsv = `+tsvOf+` WHERE id IN
		(SELECT id FROM document_chunks WHERE language < ?2 OR language > ?2 LIMIT ?3 FOR NO KEY UPDATE SKIP LOCKED)`,
		"", "", tx.language, vectorsPerStatement).Exec(ctx))
	return changed, translate(err)
}
