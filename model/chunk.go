package model

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/uptrace/bun"
)

// DocumentChunk is a passage of a document's text.
type DocumentChunk struct {
	bun.BaseModel `bun:"table:document_chunks,alias:chunk"`
	Batched[DocumentChunk]

	ID         ChunkID   `bun:",pk"`
	CreatedAt  time.Time `bun:",nullzero,default:now()"`
	UpdatedAt  time.Time `bun:",nullzero,default:now()"`
	CompanyID  CompanyID
	DocumentID DocumentID
	Position   int32  // from 0
	Page       *int32 // from 1; nil where the format has no pages
	Heading    string // the headings it stands under, joined by " > "
	Text       string
	Start      int32 `bun:"start_offset"` // in characters of the document's text
	End        int32 `bun:"end_offset"`
	Tokens     int32
	Language   string
	TSV        TSVector `bun:"tsv"`
}

// IsNode makes it a Node of the schema.
func (*DocumentChunk) IsNode() {}

// GetID is the id that Node shows.
func (c *DocumentChunk) GetID() GlobalID { return c.ID.Global() }

// ReadScope is the scope that an API key needs to read one.
func (*DocumentChunk) ReadScope() Scope { return ScopeDocumentsRead }

// ChunkEmbedding is what a model makes of a chunk.
type ChunkEmbedding struct {
	bun.BaseModel `bun:"table:chunk_embeddings,alias:embedding"`

	CreatedAt  time.Time `bun:",nullzero,default:now()"`
	CompanyID  CompanyID
	ChunkID    ChunkID `bun:",pk"`
	Model      string  `bun:",pk"`
	Dimensions int32
	Vector     []byte // its numbers in 32767ths, 2 bytes each, the lowest first
}

// ReadScope is the scope that an API key needs to read one.
func (*ChunkEmbedding) ReadScope() Scope { return ScopeDocumentsRead }

// ChunkCode is three bits for each number of a chunk's vector.
type ChunkCode struct {
	bun.BaseModel `bun:"table:chunk_codes,alias:code"`

	CompanyID  CompanyID
	ChunkID    ChunkID `bun:",pk"`
	DocumentID DocumentID
	Model      string `bun:",pk"`
	Code       BitString
	WrittenBy  XID // the transaction
}

// TSVector is a tsvector of PostgreSQL, as its text.
type TSVector string

// XID is the id of a transaction, an xid8 of PostgreSQL.
type XID string

// BitString is a bit varying of PostgreSQL: a text of 0 and 1.
type BitString string

// ReadScope is the scope that an API key needs to read one.
func (*ChunkCode) ReadScope() Scope { return ScopeDocumentsRead }

// VectorDimensionsMax is how many numbers a vector has at most: what pgvector keeps an index of (halfvec).
const VectorDimensionsMax = 4000

// Vector is what a model makes of a text: 32-bit floats.
type Vector []float32

// Dot is the scalar product of two vectors of one model: their cosine, as they have the length 1.
func (v Vector) Dot(w Vector) (sum float32) {
	w = w[:len(v)]
	for i, x := range v {
		sum += x * w[i]
	}
	return sum
}

// Unit gives the vector the length 1. It reports false for one that has no direction, or numbers that are none.
func (v Vector) Unit() (Vector, bool) {
	var square float64
	for _, x := range v {
		square += float64(x) * float64(x)
	}
	length := math.Sqrt(square)
	if length == 0 || math.IsNaN(length) || math.IsInf(length, 0) {
		return nil, false
	}
	unit := make(Vector, len(v))
	for i, x := range v {
		unit[i] = float32(float64(x) / length)
	}
	return unit, true
}

var errNotVector = malformed("is not a vector: a list of up to %d numbers, or the base64 text of their 32-bit floats, each with its lowest byte first.",
	VectorDimensionsMax)

// MarshalGQL writes the numbers.
func (v Vector) MarshalGQL(w io.Writer) {
	text, _ := json.Marshal([]float32(v))
	_, _ = w.Write(text)
}

// UnmarshalGQL reads numbers, or the base64 text of their bytes.
func (v *Vector) UnmarshalGQL(value any) error {
	switch value := value.(type) {
	case string:
		raw, err := base64.StdEncoding.DecodeString(value)
		if err != nil || len(raw)%4 != 0 || len(raw) > 4*VectorDimensionsMax {
			return errNotVector
		}
		*v = make(Vector, len(raw)/4)
		for i := range *v {
			(*v)[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
		return nil
	case []any:
		if len(value) > VectorDimensionsMax {
			return errNotVector
		}
		*v = make(Vector, len(value))
		for i, number := range value {
			x, err := floatOf(number)
			if (*v)[i] = float32(x); err != nil || math.IsInf(float64((*v)[i]), 0) {
				return errNotVector
			}
		}
		return nil
	}
	return errNotVector
}

func floatOf(number any) (float64, error) {
	switch number := number.(type) {
	case json.Number:
		return strconv.ParseFloat(number.String(), 64)
	case float64:
		return number, nil
	case int64:
		return float64(number), nil
	}
	return 0, errNotVector
}

// Limits of what an external worker brings.
const (
	ChunksPerCallMax    = 1000
	ChunksPerDocument   = 20_000
	chunkTextLengthMax  = 20_000
	chunkTokensMax      = 20_000
	headingLengthMax    = 1000
	modelNameLengthMax  = 100
	documentTextMax     = 1 << 30
	documentPageMax     = 1 << 20
	DocumentsProcessMax = 500
)

// ChunkInput is a chunk of a document.
type ChunkInput struct {
	Position int32
	Page     *int32
	Heading  *string
	Text     string
	Start    int32
	End      int32
	Tokens   *int32
	Vector   Vector // nil for the server to make one
}

func (in ChunkInput) check(c *Checks) {
	between := func(field string, value, most int32) {
		if value < 0 || value > most {
			c.fail(field, "must be between 0 and %d.", most)
		}
	}
	between("position", in.Position, ChunksPerDocument-1)
	ifSet(in.Page, func(page int32) {
		if page < 1 || page > documentPageMax {
			c.fail("page", "must be between 1 and %d.", documentPageMax)
		}
	})
	ifSet(in.Heading, func(heading string) { c.length("heading", heading, headingLengthMax) })
	c.text("text", in.Text, chunkTextLengthMax)
	between("start", in.Start, documentTextMax)
	between("end", in.End, documentTextMax)
	if in.End < in.Start {
		c.fail("end", "must not be before start.")
	}
	ifSet(in.Tokens, func(tokens int32) { between("tokens", tokens, chunkTokensMax) })
	if in.Vector != nil {
		if _, ok := in.Vector.Unit(); !ok {
			c.fail("vector", "must have a direction: it has no numbers, or only zeros.")
		}
	}
}

// PutDocumentChunksInput is some of a document's chunks.
type PutDocumentChunksInput struct {
	DocumentID DocumentID
	Chunks     []ChunkInput
	Total      *int32  // how many chunks the document has: those beyond are deleted
	Model      *string // that made the vectors
}

// Validate reports all that is wrong with it.
func (in PutDocumentChunksInput) Validate() error {
	var c Checks
	if len(in.Chunks) > ChunksPerCallMax {
		c.fail("chunks", "must have at most %d items, not %d.", ChunksPerCallMax, len(in.Chunks))
		return c.err()
	}
	seen := map[int32]bool{}
	vectors := false
	for i, chunk := range in.Chunks {
		c.under("chunks", i, func(c *Checks) {
			chunk.check(c)
			if seen[chunk.Position] {
				c.fail("position", "is another chunk's already.")
			}
			if in.Total != nil && chunk.Position >= *in.Total {
				c.fail("position", "must be below total.")
			}
		})
		seen[chunk.Position] = true
		vectors = vectors || chunk.Vector != nil
	}
	ifSet(in.Total, func(total int32) {
		if total < 0 || total > ChunksPerDocument {
			c.fail("total", "must be between 0 and %d.", ChunksPerDocument)
		}
	})
	ifSet(in.Model, func(name string) { c.text("model", name, modelNameLengthMax) })
	if vectors && in.Model == nil {
		c.fail("model", "is required with vectors.")
	}
	return c.err()
}

// PutDocumentChunksPayload is the document, and the chunks that were brought, in the order of the input.
type PutDocumentChunksPayload struct {
	Document   *Document
	Chunks     []*DocumentChunk
	UserErrors []UserError
}
