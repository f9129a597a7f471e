-- Every instance keeps the rows of viewers and their companies for a while: a change of one is told to all of them, whoever
-- makes it. The payload is the entity and the id of the row that is stale; what a session says is kept with its user.

-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION notify_stale_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('dossier_stale_rows', TG_ARGV[0] || ' ' || (to_jsonb(OLD) ->> TG_ARGV[1]));
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER companies_notify_stale AFTER UPDATE OR DELETE ON companies
    FOR EACH ROW EXECUTE FUNCTION notify_stale_row('company', 'id');
CREATE TRIGGER users_notify_stale AFTER UPDATE OR DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION notify_stale_row('user', 'id');
CREATE TRIGGER sessions_notify_stale AFTER UPDATE OR DELETE ON sessions
    FOR EACH ROW EXECUTE FUNCTION notify_stale_row('user', 'user_id');

-- +goose Down
DROP TRIGGER sessions_notify_stale ON sessions;
DROP TRIGGER users_notify_stale ON users;
DROP TRIGGER companies_notify_stale ON companies;
DROP FUNCTION notify_stale_row;
