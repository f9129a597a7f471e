-- The passkeys of an Auth.js frontend (WebAuthn).

-- +goose Up
CREATE TABLE authenticators (
    id                     uuid PRIMARY KEY,
    created_at             timestamptz NOT NULL DEFAULT now(),
    updated_at             timestamptz NOT NULL DEFAULT now(),
    user_id                uuid        NOT NULL CONSTRAINT authenticators_user_id_fkey REFERENCES users ON DELETE CASCADE,
    provider_account_id    text        NOT NULL,
    credential_id          text        NOT NULL CONSTRAINT authenticators_credential_id_key UNIQUE,
    credential_public_key  text        NOT NULL,
    counter                bigint      NOT NULL CONSTRAINT authenticators_counter_check CHECK (counter >= 0),
    credential_device_type text        NOT NULL,
    credential_backed_up   boolean     NOT NULL,
    transports             text
);
CREATE INDEX authenticators_user_id_created_at_idx ON authenticators (user_id, created_at, id);

-- +goose Down
DROP TABLE authenticators;
