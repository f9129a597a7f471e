package repo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/driver/pgdriver"

	"dossier/model"
)

// VectorSearch is how searches by vectors find their candidates.
type VectorSearch struct {
	// PGVector is the version of the extension, whose index (HNSW) finds them. Without it the codes of a company's vectors are read.
	PGVector string
	// Kept says that vectors are put where pgvector finds them, though it may not have all of them yet.
	Kept bool
}

func (v VectorSearch) String() string {
	if v.PGVector == "" {
		return "codes"
	}
	return "pgvector " + v.PGVector
}

func (r Reader) hasPGVector() bool { return r.vectors != nil && r.vectors.Kept }

// pgvectorMin is the least version of pgvector that goes on in its index until a filter has let enough through.
var pgvectorMin = [2]int{0, 8}

// PreparePGVector makes what searches by vectors of the model need of pgvector, where the server has it and the user may create it, and
// puts in what vectors there are. It reports whether they can.
func (s *Store) PreparePGVector(ctx context.Context, name string, dimensions int) (bool, error) {
	var versions []string
	err := s.db.NewRaw("SELECT coalesce(installed_version, default_version) FROM pg_available_extensions WHERE name = 'vector'").Scan(ctx, &versions)
	if err != nil || len(versions) == 0 || !recent(versions[0]) {
		return false, translate(err)
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return false, translate(err)
	}
	defer conn.Close()
	// Of two instances that start, IF NOT EXISTS lets one fail.
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock(hashtext('dossier pgvector'))"); err != nil {
		return false, translate(err)
	}
	defer conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock(hashtext('dossier pgvector'))")
	if _, err := conn.ExecContext(ctx, "CREATE EXTENSION IF NOT EXISTS vector"); err != nil {
		if refused(err) {
			return false, nil
		}
		return false, fmt.Errorf("prepare pgvector: %w", translate(err))
	}
	for _, statement := range []string{
		`CREATE TABLE IF NOT EXISTS chunk_vectors (
			company_id  uuid    NOT NULL,
			chunk_id    uuid    NOT NULL,
			document_id uuid    NOT NULL,
			model       text    NOT NULL,
			embedding   halfvec NOT NULL,
			dimensions  integer NOT NULL GENERATED ALWAYS AS (vector_dims(embedding)) STORED,
			PRIMARY KEY (chunk_id, model),
			CONSTRAINT chunk_vectors_chunk_id_fkey FOREIGN KEY (model, chunk_id) REFERENCES chunk_embeddings (model, chunk_id) ON DELETE CASCADE
		)`,
		"CREATE INDEX IF NOT EXISTS chunk_vectors_company_id_model_idx ON chunk_vectors (company_id, model)",
		"CREATE INDEX IF NOT EXISTS chunk_vectors_document_id_idx ON chunk_vectors (document_id)",
	} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return false, fmt.Errorf("prepare pgvector: %w", translate(err))
		}
	}
	if err := s.fillPGVector(ctx, conn, name); err != nil {
		return false, fmt.Errorf("prepare pgvector: %w", err)
	}
	_, err = conn.NewRaw("CREATE INDEX IF NOT EXISTS ? ON chunk_vectors USING hnsw ((?) halfvec_cosine_ops) WHERE model = ? AND ?",
		bun.Ident(vectorIndex(name, dimensions)), embeddingOf(dimensions), name, hasLength(dimensions)).Exec(ctx)
	return err == nil, translate(err)
}

// refused reports whether the server does not let the user create the extension: some hosts let nobody.
func refused(err error) bool {
	postgres, ok := errors.AsType[pgdriver.Error](err)
	return ok && slices.Contains([]string{stateNotAllowed, stateNotSupported}, postgres.Field('C'))
}

// recent reports whether a version is pgvectorMin or later.
func recent(version string) bool {
	parts := strings.SplitN(version+".0", ".", 3)
	major, _ := strconv.Atoi(parts[0])
	minor, _ := strconv.Atoi(parts[1])
	return major > pgvectorMin[0] || major == pgvectorMin[0] && minor >= pgvectorMin[1]
}

// vectorIndex names the index of a model's vectors.
func vectorIndex(name string, dimensions int) string {
	digest := sha256.Sum256(fmt.Appendf(nil, "%s %d", name, dimensions))
	return "chunk_vectors_" + hex.EncodeToString(digest[:8]) + "_idx"
}

// embeddingOf is what the index is over: vectors of one length.
func embeddingOf(dimensions int) bun.Safe {
	return bun.Safe(fmt.Sprintf("embedding::halfvec(%d)", dimensions))
}

// hasLength narrows to the vectors that the index is over: a model may have made others before it was configured anew. It is a column, which
// PostgreSQL has statistics of: of what a function gives it expects 1 row in 200, and takes the index for not worth it.
func hasLength(dimensions int) bun.Safe {
	return bun.Safe(fmt.Sprintf("dimensions = %d", dimensions))
}

// FillPGVector puts in the model's vectors that are not in, where pgvector keeps them: what an instance wrote that did not know of it.
func (s *Store) FillPGVector(ctx context.Context, name string) error {
	if choice := s.vectors.Load(); choice == nil || !choice.Kept {
		return nil
	}
	return s.fillPGVector(ctx, s.db, name)
}

// fillPGVector puts in the model's vectors that are not in.
func (s *Store) fillPGVector(ctx context.Context, db bun.IDB, name string) error {
	for after := (model.ChunkID{}); ; {
		var missing []struct {
			ChunkID, CompanyID, DocumentID uuid.UUID
			Vector                         []byte
		}
		err := db.NewRaw(`SELECT e.chunk_id, e.company_id, c.document_id, e.vector FROM chunk_embeddings AS e
			JOIN chunk_codes AS c USING (chunk_id, model)
			WHERE e.model = ? AND e.chunk_id > ? AND NOT EXISTS (SELECT FROM chunk_vectors AS v WHERE v.chunk_id = e.chunk_id AND v.model = e.model)
			ORDER BY e.chunk_id LIMIT ?`, name, after, vectorsPerStatement).Scan(ctx, &missing)
		if err != nil || len(missing) == 0 {
			return translate(err)
		}
		values := make([]string, len(missing))
		for i, m := range missing {
			values[i] = string(s.db.QueryGen().AppendQuery(nil, "(?::uuid, ?::uuid, ?::uuid, ?, ?::halfvec)",
				m.CompanyID, m.ChunkID, m.DocumentID, name, numbers(vectorOf(m.Vector))))
			after = model.ChunkID(m.ChunkID)
		}
		// Some may be gone meanwhile, with their documents.
		_, err = db.NewRaw(`INSERT INTO chunk_vectors (company_id, chunk_id, document_id, model, embedding)
			SELECT row.* FROM (VALUES ?) AS row (company_id, chunk_id, document_id, model, embedding)
			JOIN chunk_embeddings AS e USING (chunk_id, model) FOR KEY SHARE OF e
			ON CONFLICT DO NOTHING`, bun.Safe(strings.Join(values, ", "))).Exec(ctx)
		if err != nil {
			return translate(err)
		}
	}
}

// KnowsLanguage reports whether the database has the store's text search configuration.
func (s *Store) KnowsLanguage(ctx context.Context) (bool, error) {
	var known bool
	err := s.db.NewRaw("SELECT EXISTS (SELECT FROM pg_ts_config WHERE cfgname = ? AND pg_ts_config_is_visible(oid))", s.language).Scan(ctx, &known)
	return known, translate(err)
}

// ChooseVectorSearch decides how searches by vectors of the model find their candidates, from what the database has: pgvector where
// PreparePGVector has run and it knows all vectors there are.
func (s *Store) ChooseVectorSearch(ctx context.Context, name string, dimensions int) (VectorSearch, error) {
	var choice VectorSearch
	var kept, indexed bool
	err := s.db.NewRaw(`SELECT coalesce((SELECT extversion FROM pg_extension WHERE extname = 'vector'), ''), to_regclass('chunk_vectors') IS NOT NULL,
		EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass(?) AND indisvalid)`, vectorIndex(name, dimensions)).
		Scan(ctx, &choice.PGVector, &kept, &indexed)
	if err != nil {
		return choice, translate(err)
	}
	choice.Kept = kept && recent(choice.PGVector)
	if !choice.Kept || !indexed {
		choice.PGVector = ""
	} else {
		var lacking bool
		err = s.db.NewRaw(`SELECT EXISTS (SELECT FROM chunk_embeddings AS e WHERE e.model = ?
			AND NOT EXISTS (SELECT FROM chunk_vectors AS v WHERE v.chunk_id = e.chunk_id AND v.model = e.model))`, name).Scan(ctx, &lacking)
		if lacking {
			choice.PGVector = ""
		}
	}
	s.vectors.Store(&choice)
	return choice, translate(err)
}
