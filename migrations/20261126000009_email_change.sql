-- A user's new address is the user's when a token that was mailed to it comes back.

-- +goose Up
ALTER TABLE one_time_tokens DROP CONSTRAINT one_time_tokens_purpose_check,
    ADD CONSTRAINT one_time_tokens_purpose_check CHECK (purpose IN ('PASSWORD_RESET', 'EMAIL_VERIFICATION', 'EMAIL_CHANGE'));

-- +goose Down
DELETE FROM one_time_tokens WHERE purpose = 'EMAIL_CHANGE';
ALTER TABLE one_time_tokens DROP CONSTRAINT one_time_tokens_purpose_check,
    ADD CONSTRAINT one_time_tokens_purpose_check CHECK (purpose IN ('PASSWORD_RESET', 'EMAIL_VERIFICATION'));
