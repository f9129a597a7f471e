-- API keys, the tokens that are mailed, and those of an Auth.js frontend. Of every token there is only a hash.

-- +goose Up
CREATE TABLE api_keys (
    id           uuid PRIMARY KEY,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    -- Staff's keys are of no company. A key does not outlive its maker, nor follow the maker to another company.
    company_id   uuid,
    user_id      uuid        NOT NULL CONSTRAINT api_keys_user_id_fkey REFERENCES users ON DELETE CASCADE,
    name         text        NOT NULL,
    hint         text        NOT NULL,
    token_hash   bytea       NOT NULL CONSTRAINT api_keys_token_hash_key UNIQUE,
    scopes       text        NOT NULL,
    expires      timestamptz,
    revoked_at   timestamptz,
    rotated_at   timestamptz, -- another one has taken its place, and it ends soon
    last_used_at timestamptz,
    CONSTRAINT api_keys_company_id_fkey FOREIGN KEY (company_id, user_id) REFERENCES users (company_id, id) ON DELETE CASCADE
);
CREATE INDEX api_keys_created_at_idx ON api_keys (created_at, id);
CREATE INDEX api_keys_company_id_created_at_idx ON api_keys (company_id, created_at, id);
CREATE INDEX api_keys_user_id_created_at_idx ON api_keys (user_id, created_at, id);
ALTER TABLE api_keys ALTER company_id SET (n_distinct = -0.0005), ALTER user_id SET (n_distinct = -0.0005);
-- What a key is used for changes nothing of what it may.
CREATE TRIGGER api_keys_notify_stale AFTER UPDATE OF scopes, expires, revoked_at OR DELETE ON api_keys
    FOR EACH ROW EXECUTE FUNCTION notify_stale_row('user', 'user_id');

-- Tokens that are mailed to a user, one of each purpose.
CREATE TABLE one_time_tokens (
    id         uuid PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    user_id    uuid        NOT NULL CONSTRAINT one_time_tokens_user_id_fkey REFERENCES users ON DELETE CASCADE,
    purpose    text        NOT NULL CONSTRAINT one_time_tokens_purpose_check CHECK (purpose IN ('PASSWORD_RESET', 'EMAIL_VERIFICATION')),
    email      text        NOT NULL,
    token_hash bytea       NOT NULL CONSTRAINT one_time_tokens_token_hash_key UNIQUE,
    expires    timestamptz NOT NULL,
    CONSTRAINT one_time_tokens_user_id_purpose_key UNIQUE (user_id, purpose)
);

-- The tokens of an Auth.js frontend that signs people in by mail.
CREATE TABLE verification_tokens (
    id         uuid PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    company_id uuid CONSTRAINT verification_tokens_company_id_fkey REFERENCES companies ON DELETE CASCADE,
    identifier text        NOT NULL,
    token_hash bytea       NOT NULL,
    expires    timestamptz NOT NULL,
    CONSTRAINT verification_tokens_identifier_key UNIQUE NULLS NOT DISTINCT (company_id, identifier, token_hash)
);
CREATE INDEX verification_tokens_expires_idx ON verification_tokens (expires);

-- A link to an account is what a token of an identity provider is known by.
CREATE TRIGGER accounts_notify_stale AFTER UPDATE OF user_id, provider, provider_account_id OR DELETE ON accounts
    FOR EACH ROW EXECUTE FUNCTION notify_stale_row('user', 'user_id');

-- +goose Down
DROP TRIGGER accounts_notify_stale ON accounts;
DROP TABLE verification_tokens, one_time_tokens, api_keys;
