-- Themes with what they are attached to, and conversations.

-- +goose Up
CREATE TABLE themes (
    id          uuid PRIMARY KEY,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    version     integer     NOT NULL DEFAULT 1,
    company_id  uuid        NOT NULL CONSTRAINT themes_company_id_fkey REFERENCES companies,
    name        text        NOT NULL,
    description text,
    color       text,
    CONSTRAINT themes_company_id_id_key UNIQUE (company_id, id)
);
CREATE UNIQUE INDEX themes_name_key ON themes (company_id, lower(name));
CREATE INDEX themes_name_idx ON themes (name, id);
CREATE INDEX themes_created_at_idx ON themes (created_at, id);
CREATE INDEX themes_company_id_name_idx ON themes (company_id, name, id);
CREATE INDEX themes_company_id_created_at_idx ON themes (company_id, created_at, id);
CREATE INDEX themes_search_idx ON themes USING gin (name gin_trgm_ops, description gin_trgm_ops) WITH (fastupdate = off);

-- A pair is no entity: it has no id, and goes with either of what it ties.
CREATE TABLE project_themes (
    created_at timestamptz NOT NULL DEFAULT now(),
    company_id uuid        NOT NULL,
    project_id uuid        NOT NULL,
    theme_id   uuid        NOT NULL,
    PRIMARY KEY (project_id, theme_id),
    CONSTRAINT project_themes_project_id_fkey FOREIGN KEY (company_id, project_id)
        REFERENCES projects (company_id, id) ON DELETE CASCADE,
    CONSTRAINT project_themes_theme_id_fkey FOREIGN KEY (company_id, theme_id)
        REFERENCES themes (company_id, id) ON DELETE CASCADE
);
CREATE INDEX project_themes_theme_id_idx ON project_themes (theme_id, project_id);

ALTER TABLE documents ADD CONSTRAINT documents_company_id_id_key UNIQUE (company_id, id);
CREATE TABLE document_themes (
    created_at  timestamptz NOT NULL DEFAULT now(),
    company_id  uuid        NOT NULL,
    document_id uuid        NOT NULL,
    theme_id    uuid        NOT NULL,
    PRIMARY KEY (document_id, theme_id),
    CONSTRAINT document_themes_document_id_fkey FOREIGN KEY (company_id, document_id)
        REFERENCES documents (company_id, id) ON DELETE CASCADE,
    CONSTRAINT document_themes_theme_id_fkey FOREIGN KEY (company_id, theme_id)
        REFERENCES themes (company_id, id) ON DELETE CASCADE
);
CREATE INDEX document_themes_theme_id_idx ON document_themes (theme_id, document_id);

CREATE TABLE conversations (
    id             uuid PRIMARY KEY,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    version        integer     NOT NULL DEFAULT 1,
    company_id     uuid        NOT NULL CONSTRAINT conversations_company_id_fkey REFERENCES companies,
    owner_id       uuid        NOT NULL,
    project_id     uuid,
    title          text        NOT NULL,
    container_name text,
    blob_name      text,
    CONSTRAINT conversations_owner_id_fkey FOREIGN KEY (company_id, owner_id) REFERENCES users (company_id, id),
    CONSTRAINT conversations_project_id_fkey FOREIGN KEY (company_id, project_id) REFERENCES projects (company_id, id)
);
CREATE INDEX conversations_updated_at_idx ON conversations (updated_at, id);
CREATE INDEX conversations_created_at_idx ON conversations (created_at, id);
CREATE INDEX conversations_title_idx ON conversations (title, id);
CREATE INDEX conversations_company_id_updated_at_idx ON conversations (company_id, updated_at, id);
CREATE INDEX conversations_company_id_created_at_idx ON conversations (company_id, created_at, id);
CREATE INDEX conversations_company_id_title_idx ON conversations (company_id, title, id);
CREATE INDEX conversations_owner_id_updated_at_idx ON conversations (owner_id, updated_at, id);
CREATE INDEX conversations_owner_id_created_at_idx ON conversations (owner_id, created_at, id);
CREATE INDEX conversations_owner_id_title_idx ON conversations (owner_id, title, id);
CREATE INDEX conversations_project_id_updated_at_idx ON conversations (project_id, updated_at, id);
CREATE INDEX conversations_project_id_created_at_idx ON conversations (project_id, created_at, id);
CREATE INDEX conversations_project_id_title_idx ON conversations (project_id, title, id);
CREATE INDEX conversations_search_idx ON conversations USING gin (title gin_trgm_ops) WITH (fastupdate = off);

-- +goose Down
DROP TABLE conversations, document_themes, project_themes, themes;
ALTER TABLE documents DROP CONSTRAINT documents_company_id_id_key;
