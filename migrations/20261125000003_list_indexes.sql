-- An index for every sort of every list: by the column that narrows the list, if there is one, then by the sorted column
-- and the id. A trigram index for every search.

-- +goose Up
CREATE INDEX companies_updated_at_idx ON companies (updated_at, id);
CREATE INDEX companies_search_idx ON companies USING gin (name gin_trgm_ops, domain gin_trgm_ops) WITH (fastupdate = off);

CREATE INDEX users_email_idx ON users (email, id);
CREATE INDEX users_company_id_email_idx ON users (company_id, email, id);

CREATE INDEX projects_updated_at_idx ON projects (updated_at, id);
CREATE INDEX projects_client_name_idx ON projects (client_name, id);
CREATE INDEX projects_company_id_updated_at_idx ON projects (company_id, updated_at, id);
CREATE INDEX projects_company_id_client_name_idx ON projects (company_id, client_name, id);
CREATE INDEX projects_owner_id_updated_at_idx ON projects (owner_id, updated_at, id);
CREATE INDEX projects_owner_id_client_name_idx ON projects (owner_id, client_name, id);
CREATE INDEX projects_search_idx ON projects USING gin (name gin_trgm_ops, client_name gin_trgm_ops) WITH (fastupdate = off);

CREATE INDEX documents_name_idx ON documents (name, id);
CREATE INDEX documents_company_id_name_idx ON documents (company_id, name, id);
CREATE INDEX documents_owner_id_name_idx ON documents (owner_id, name, id);
CREATE INDEX documents_project_id_name_idx ON documents (project_id, name, id);
CREATE INDEX documents_search_idx ON documents USING gin (name gin_trgm_ops) WITH (fastupdate = off);
-- Most documents are READY: this finds the few that are not, and costs nothing once they are.
CREATE INDEX documents_status_idx ON documents (status, updated_at, id) WHERE status <> 'READY';

CREATE INDEX audit_log_subject_id_created_at_idx ON audit_log (subject_id, created_at, id);

-- The planner expects 2,000 rows of each parent, however few they are on average: it then reads a page in the order of the
-- index. With the average it would read all rows of the parent and sort them, also those of the largest.
ALTER TABLE users ALTER company_id SET (n_distinct = -0.0005);
ALTER TABLE projects ALTER company_id SET (n_distinct = -0.0005), ALTER owner_id SET (n_distinct = -0.0005);
ALTER TABLE documents ALTER company_id SET (n_distinct = -0.0005), ALTER owner_id SET (n_distinct = -0.0005),
    ALTER project_id SET (n_distinct = -0.0005);
ALTER TABLE audit_log ALTER company_id SET (n_distinct = -0.0005);
ANALYZE users, projects, documents, audit_log;

-- +goose Down
ALTER TABLE users ALTER company_id RESET (n_distinct);
ALTER TABLE projects ALTER company_id RESET (n_distinct), ALTER owner_id RESET (n_distinct);
ALTER TABLE documents ALTER company_id RESET (n_distinct), ALTER owner_id RESET (n_distinct),
    ALTER project_id RESET (n_distinct);
ALTER TABLE audit_log ALTER company_id RESET (n_distinct);
ANALYZE users, projects, documents, audit_log;
DROP INDEX companies_updated_at_idx, companies_search_idx, users_email_idx, users_company_id_email_idx,
    projects_updated_at_idx, projects_client_name_idx, projects_company_id_updated_at_idx, projects_company_id_client_name_idx,
    projects_owner_id_updated_at_idx, projects_owner_id_client_name_idx, projects_search_idx, documents_name_idx,
    documents_company_id_name_idx, documents_owner_id_name_idx, documents_project_id_name_idx, documents_search_idx,
    documents_status_idx, audit_log_subject_id_created_at_idx;
