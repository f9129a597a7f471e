-- Documents are processed, and what they say is found.

-- +goose Up

-- attempt is how often processing was begun, and what tells one try from another: who holds an older one changes nothing more. tries counts
-- those since somebody asked for it. Whoever processes a document says by lease_expires_at until when it will be heard of; without one, somebody
-- else than Dossier does.
ALTER TABLE documents
    ADD attempt integer NOT NULL DEFAULT 0,
    ADD tries integer NOT NULL DEFAULT 0,
    ADD progress double precision NOT NULL DEFAULT 0 CONSTRAINT documents_progress_check CHECK (progress BETWEEN 0 AND 1),
    ADD notice text,
    ADD page_count integer,
    ADD lease_expires_at timestamptz;
CREATE INDEX documents_lease_expires_at_idx ON documents (lease_expires_at) WHERE lease_expires_at IS NOT NULL;
UPDATE documents SET progress = 1 WHERE status = 'READY';
-- What was uploaded before there was anyone to process it is overdue.
UPDATE documents SET lease_expires_at = now() WHERE status = 'PENDING' AND blob_name IS NOT NULL;

-- A passage of a document's text: its characters from start_offset to end_offset. language is the text search configuration that tsv was made
-- with; a generated column could not name it, and pg_upgrade takes no regconfig.
CREATE TABLE document_chunks (
    id           uuid PRIMARY KEY,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    company_id   uuid        NOT NULL,
    document_id  uuid        NOT NULL,
    position     integer     NOT NULL,
    page         integer,
    heading      text        NOT NULL,
    text         text        NOT NULL,
    start_offset integer     NOT NULL,
    end_offset   integer     NOT NULL,
    tokens       integer     NOT NULL,
    language     text        NOT NULL,
    tsv          tsvector    NOT NULL,
    -- Chunks change places with one another.
    CONSTRAINT document_chunks_position_key UNIQUE (document_id, position) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT document_chunks_company_id_id_key UNIQUE (company_id, id),
    CONSTRAINT document_chunks_document_id_fkey FOREIGN KEY (company_id, document_id)
        REFERENCES documents (company_id, id) ON DELETE CASCADE
);
CREATE INDEX document_chunks_tsv_idx ON document_chunks USING gin (tsv) WITH (fastupdate = off);
CREATE INDEX document_chunks_language_idx ON document_chunks (language);

-- What a model makes of a chunk: its numbers in 32767ths, 2 bytes each, the lowest first. It has the length 1.
CREATE TABLE chunk_embeddings (
    created_at timestamptz NOT NULL DEFAULT now(),
    company_id uuid        NOT NULL,
    chunk_id   uuid        NOT NULL,
    model      text        NOT NULL,
    dimensions integer     NOT NULL,
    vector     bytea       NOT NULL CONSTRAINT chunk_embeddings_vector_check CHECK (length(vector) = 2 * dimensions),
    PRIMARY KEY (chunk_id, model),
    CONSTRAINT chunk_embeddings_chunk_id_fkey FOREIGN KEY (company_id, chunk_id)
        REFERENCES document_chunks (company_id, id) ON DELETE CASCADE
);

-- Three bits for each of those numbers, by which a search finds candidates. It compares all of a company's: the index has them side by side.
-- Servers that keep them in memory ask for those that were written by transactions which they had not seen the end of.
CREATE TABLE chunk_codes (
    company_id  uuid        NOT NULL,
    chunk_id    uuid        NOT NULL,
    document_id uuid        NOT NULL,
    model       text        NOT NULL,
    code        bit varying NOT NULL,
    written_by  xid8        NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (chunk_id, model),
    CONSTRAINT chunk_codes_chunk_id_fkey FOREIGN KEY (model, chunk_id) REFERENCES chunk_embeddings (model, chunk_id) ON DELETE CASCADE
);
CREATE INDEX chunk_codes_company_id_model_idx ON chunk_codes (company_id, model) INCLUDE (chunk_id, document_id, code);
CREATE INDEX chunk_codes_company_id_written_by_idx ON chunk_codes (company_id, model, written_by);
CREATE INDEX chunk_codes_document_id_idx ON chunk_codes (document_id);

-- +goose Down
DROP TABLE IF EXISTS chunk_vectors; -- made where there is pgvector
DROP TABLE chunk_codes, chunk_embeddings, document_chunks;
ALTER TABLE documents DROP attempt, DROP tries, DROP progress, DROP notice, DROP page_count, DROP lease_expires_at;
