-- When a user goes to another company, or away, the foreign keys of what a user may own ask whether anything is left. Without
-- an index of both columns the planner reads all rows of the company beside those of the owner.

-- +goose Up
CREATE INDEX projects_owner_id_company_id_idx ON projects (owner_id, company_id);
CREATE INDEX documents_owner_id_company_id_idx ON documents (owner_id, company_id);
CREATE INDEX conversations_owner_id_company_id_idx ON conversations (owner_id, company_id);

-- +goose Down
DROP INDEX conversations_owner_id_company_id_idx, documents_owner_id_company_id_idx, projects_owner_id_company_id_idx;
