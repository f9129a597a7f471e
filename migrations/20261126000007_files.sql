-- The bytes of documents: what is on its way, what is kept, and how much of it.

-- +goose Up

-- Which database this is: the names of its blobs begin with it, so that databases that share a container do not take one another's blobs
-- for their own leavings.
CREATE TABLE database_identity (
    id uuid PRIMARY KEY
);
INSERT INTO database_identity VALUES (gen_random_uuid());

-- An upload is made before its bytes come, and goes when they have become a document, or have not in time. parts are the
-- names of the blobs that a resumable upload has come in so far; blob_name is where all of it is, or is to be put.
CREATE TABLE uploads (
    id             uuid PRIMARY KEY,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    company_id     uuid CONSTRAINT uploads_company_id_fkey REFERENCES companies ON DELETE CASCADE,
    user_id        uuid        NOT NULL CONSTRAINT uploads_user_id_fkey REFERENCES users ON DELETE CASCADE,
    expires_at     timestamptz NOT NULL,
    size_bytes     bigint      NOT NULL CONSTRAINT uploads_size_bytes_check CHECK (size_bytes >= 0),
    sha256         bytea CONSTRAINT uploads_sha256_check CHECK (length(sha256) = 32),
    received_bytes bigint      NOT NULL DEFAULT 0,
    parts          text[]      NOT NULL DEFAULT '{}',
    container_name text        NOT NULL,
    blob_name      text COLLATE "C" NOT NULL,
    content_type   text,
    received_sha256 bytea CONSTRAINT uploads_received_sha256_check CHECK (length(received_sha256) = 32)
);
CREATE INDEX uploads_company_id_idx ON uploads (company_id);
CREATE INDEX uploads_user_id_idx ON uploads (user_id);
CREATE INDEX uploads_expires_at_idx ON uploads (expires_at);
CREATE INDEX uploads_blob_name_idx ON uploads (blob_name);
CREATE INDEX uploads_parts_idx ON uploads USING gin (parts);

-- Names of blobs are compared as the stores sort them, by their bytes.
ALTER TABLE documents ALTER blob_name TYPE text COLLATE "C";
CREATE INDEX documents_blob_name_idx ON documents (blob_name) WHERE blob_name IS NOT NULL;
ALTER TABLE conversations ALTER blob_name TYPE text COLLATE "C";
CREATE INDEX conversations_blob_name_idx ON conversations (blob_name) WHERE blob_name IS NOT NULL;
-- How much a company keeps is summed up from this index alone.
CREATE INDEX documents_company_id_stored_idx ON documents (company_id) INCLUDE (size_bytes) WHERE blob_name IS NOT NULL;
CREATE INDEX documents_project_id_sha256_idx ON documents (project_id, sha256) WHERE sha256 IS NOT NULL;

-- +goose Down
DROP INDEX documents_project_id_sha256_idx, documents_company_id_stored_idx, documents_blob_name_idx, conversations_blob_name_idx;
ALTER TABLE conversations ALTER blob_name TYPE text COLLATE "default";
ALTER TABLE documents ALTER blob_name TYPE text COLLATE "default";
DROP TABLE uploads, database_identity;
