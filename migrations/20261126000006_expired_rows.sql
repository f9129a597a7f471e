-- Rows that are over are found by when they ended, to be deleted every hour. verification_tokens has its index already.

-- +goose Up
CREATE INDEX sessions_expires_idx ON sessions (expires);
CREATE INDEX one_time_tokens_expires_idx ON one_time_tokens (expires);
CREATE INDEX invitations_expires_idx ON invitations (expires);

-- +goose Down
DROP INDEX sessions_expires_idx, one_time_tokens_expires_idx, invitations_expires_idx;
