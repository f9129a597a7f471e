-- Companies, users, sessions, projects, documents and the audit log.
--
-- Every tenant row has company_id, and foreign keys between tenant rows are composite with it: the database itself
-- refuses a row that points across companies. Constraint names are part of the program: repo/errors.go translates them.

-- +goose Up
CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE TABLE companies (
    id         uuid PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    version    integer     NOT NULL DEFAULT 1,
    name       text        NOT NULL,
    domain     text
);
CREATE INDEX companies_created_at_idx ON companies (created_at, id);
CREATE INDEX companies_name_idx ON companies (name, id);

CREATE TABLE users (
    id                uuid PRIMARY KEY,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    version           integer     NOT NULL DEFAULT 1,
    company_id        uuid CONSTRAINT users_company_id_fkey REFERENCES companies,
    name              text        NOT NULL,
    email             text        NOT NULL,
    password_hash     text,
    role              text        NOT NULL CONSTRAINT users_role_check CHECK (role IN ('MEMBER', 'MANAGER', 'ADMIN')),
    image             text,
    email_verified_at timestamptz,
    -- Staff belong to no company, and everyone else to one.
    CONSTRAINT users_staff_check CHECK ((role = 'ADMIN') = (company_id IS NULL)),
    -- What composite foreign keys point to.
    CONSTRAINT users_company_id_id_key UNIQUE (company_id, id)
);
CREATE UNIQUE INDEX users_email_key ON users (lower(email));
CREATE INDEX users_created_at_idx ON users (created_at, id);
CREATE INDEX users_name_idx ON users (name, id);
CREATE INDEX users_company_id_created_at_idx ON users (company_id, created_at, id);
CREATE INDEX users_company_id_name_idx ON users (company_id, name, id);
CREATE INDEX users_search_idx ON users USING gin (name gin_trgm_ops, email gin_trgm_ops)
    WITH (fastupdate = off); -- a pending list makes searches slow, and users change rarely

CREATE TABLE sessions (
    id         uuid PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    token_hash bytea       NOT NULL CONSTRAINT sessions_token_hash_key UNIQUE,
    user_id    uuid        NOT NULL CONSTRAINT sessions_user_id_fkey REFERENCES users ON DELETE CASCADE,
    expires    timestamptz NOT NULL,
    user_agent text,
    address    text
);
CREATE INDEX sessions_user_id_idx ON sessions (user_id);

CREATE TABLE projects (
    id          uuid PRIMARY KEY,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    version     integer     NOT NULL DEFAULT 1,
    company_id  uuid        NOT NULL CONSTRAINT projects_company_id_fkey REFERENCES companies,
    owner_id    uuid        NOT NULL,
    name        text        NOT NULL,
    client_name text        NOT NULL,
    archived_at timestamptz,
    CONSTRAINT projects_owner_id_fkey FOREIGN KEY (company_id, owner_id) REFERENCES users (company_id, id),
    CONSTRAINT projects_company_id_id_key UNIQUE (company_id, id)
);
CREATE INDEX projects_created_at_idx ON projects (created_at, id);
CREATE INDEX projects_name_idx ON projects (name, id);
CREATE INDEX projects_company_id_created_at_idx ON projects (company_id, created_at, id);
CREATE INDEX projects_company_id_name_idx ON projects (company_id, name, id);
CREATE INDEX projects_owner_id_created_at_idx ON projects (owner_id, created_at, id);
CREATE INDEX projects_owner_id_name_idx ON projects (owner_id, name, id);

CREATE TABLE documents (
    id             uuid PRIMARY KEY,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    version        integer     NOT NULL DEFAULT 1,
    company_id     uuid        NOT NULL CONSTRAINT documents_company_id_fkey REFERENCES companies,
    project_id     uuid,
    owner_id       uuid        NOT NULL,
    name           text        NOT NULL,
    status         text        NOT NULL CONSTRAINT documents_status_check CHECK (status IN
        ('UPLOADING', 'PENDING', 'EXTRACTING', 'CHUNKING', 'EMBEDDING', 'READY', 'FAILED', 'CANCELED')),
    content_type   text        NOT NULL,
    size_bytes     bigint      NOT NULL CONSTRAINT documents_size_bytes_check CHECK (size_bytes >= 0),
    sha256         bytea CONSTRAINT documents_sha256_check CHECK (length(sha256) = 32),
    container_name text,
    blob_name      text,
    error_code     text,
    error_message  text,
    CONSTRAINT documents_owner_id_fkey FOREIGN KEY (company_id, owner_id) REFERENCES users (company_id, id),
    CONSTRAINT documents_project_id_fkey FOREIGN KEY (company_id, project_id) REFERENCES projects (company_id, id)
);
CREATE INDEX documents_updated_at_idx ON documents (updated_at, id);
CREATE INDEX documents_created_at_idx ON documents (created_at, id);
CREATE INDEX documents_company_id_updated_at_idx ON documents (company_id, updated_at, id);
CREATE INDEX documents_company_id_created_at_idx ON documents (company_id, created_at, id);
CREATE INDEX documents_owner_id_updated_at_idx ON documents (owner_id, updated_at, id);
CREATE INDEX documents_owner_id_created_at_idx ON documents (owner_id, created_at, id);
CREATE INDEX documents_project_id_updated_at_idx ON documents (project_id, updated_at, id);
CREATE INDEX documents_project_id_created_at_idx ON documents (project_id, created_at, id);

-- The audit log has no foreign keys: it outlives what it tells of.
CREATE TABLE audit_log (
    id           uuid PRIMARY KEY,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    company_id   uuid,
    action       text        NOT NULL,
    actor_id     uuid,
    subject_type text        NOT NULL,
    subject_id   uuid        NOT NULL,
    details      jsonb       NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_log_created_at_idx ON audit_log (created_at, id);
CREATE INDEX audit_log_company_id_created_at_idx ON audit_log (company_id, created_at, id);
CREATE INDEX audit_log_actor_id_created_at_idx ON audit_log (actor_id, created_at, id);

-- +goose StatementBegin
CREATE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_log is append only';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only();

-- +goose Down
DROP TABLE audit_log, documents, projects, sessions, users, companies;
DROP FUNCTION audit_log_is_append_only;
-- The extension stays: it may have been there before, and others may use it.
