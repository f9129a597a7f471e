-- Sessions that are listed, accounts that are linked, users who are invited and deactivated.

-- +goose Up
ALTER TABLE users ADD COLUMN deactivated_at timestamptz;

-- A list of sessions is newest first.
CREATE INDEX sessions_user_id_created_at_idx ON sessions (user_id, created_at, id);
DROP INDEX sessions_user_id_idx;

-- The account links of an Auth.js frontend. No read of the program returns the tokens.
CREATE TABLE accounts (
    id                  uuid PRIMARY KEY,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    user_id             uuid        NOT NULL CONSTRAINT accounts_user_id_fkey REFERENCES users ON DELETE CASCADE,
    type                text        NOT NULL,
    provider            text        NOT NULL,
    provider_account_id text        NOT NULL,
    scope               text,
    expires_at          timestamptz,
    refresh_token       text,
    access_token        text,
    id_token            text,
    token_type          text,
    session_state       text,
    CONSTRAINT accounts_provider_account_id_key UNIQUE (provider, provider_account_id)
);
CREATE INDEX accounts_user_id_created_at_idx ON accounts (user_id, created_at, id);

CREATE TABLE invitations (
    id         uuid PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    user_id    uuid        NOT NULL CONSTRAINT invitations_user_id_key UNIQUE
        CONSTRAINT invitations_user_id_fkey REFERENCES users ON DELETE CASCADE,
    token_hash bytea       NOT NULL CONSTRAINT invitations_token_hash_key UNIQUE,
    expires    timestamptz NOT NULL
);

-- +goose Down
DROP TABLE invitations, accounts;
CREATE INDEX sessions_user_id_idx ON sessions (user_id);
DROP INDEX sessions_user_id_created_at_idx;
ALTER TABLE users DROP COLUMN deactivated_at;
