-- What an Auth.js frontend makes by its API key is known as the key's: it can end with it.

-- +goose Up
ALTER TABLE sessions ADD api_key_id uuid CONSTRAINT sessions_api_key_id_fkey REFERENCES api_keys ON DELETE SET NULL;
ALTER TABLE authenticators ADD api_key_id uuid CONSTRAINT authenticators_api_key_id_fkey REFERENCES api_keys ON DELETE SET NULL;
CREATE INDEX sessions_api_key_id_idx ON sessions (api_key_id) WHERE api_key_id IS NOT NULL;
CREATE INDEX authenticators_api_key_id_idx ON authenticators (api_key_id) WHERE api_key_id IS NOT NULL;

-- +goose Down
ALTER TABLE authenticators DROP api_key_id;
ALTER TABLE sessions DROP api_key_id;
