package repo_test

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"testing"

	"dossier/model"
	"dossier/repo"
)

// What is over goes, to the second, and what is not stays; an invitation is shown for a month after its end.
func TestDeleteExpired(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, table := range []struct{ insert, kept string }{
		{"INSERT INTO sessions (id, user_id, token_hash, expires, user_agent) VALUES (gen_random_uuid(), $1, $2, now() + $3::interval, $4)", "0"},
		{"INSERT INTO one_time_tokens (id, user_id, token_hash, expires, email, purpose) VALUES (gen_random_uuid(), $1, $2, now() + $3::interval, $4, $5)", "0"},
		{`INSERT INTO verification_tokens (id, company_id, token_hash, expires, identifier)
			VALUES (gen_random_uuid(), (SELECT company_id FROM users WHERE id = $1), $2, now() + $3::interval, $4)`, "0"},
		{"INSERT INTO invitations (id, user_id, token_hash, expires) VALUES (gen_random_uuid(), $1, $2, now() + $3::interval)", "30 days"},
	} {
		for over, user := range map[string]string{"-1 minute": uuidOf(w.member.ID), "1 minute": uuidOf(w.manager.ID)} {
			values := []any{user, []byte(over), over, over, "PASSWORD_RESET"}
			if table.kept != "0" {
				values[2] = "-" + table.kept + " " + over
			}
			must[sql.Result](t)(w.Pool.Exec(table.insert, values[:strings.Count(table.insert, "$")]...))
		}
	}
	remove := func() (deleted int32) {
		t.Helper()
		err := w.Store.SystemTx(t.Context(), func(ctx context.Context, tx *repo.Tx) (err error) {
			deleted, err = tx.DeleteExpired(ctx)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return deleted
	}
	if first, second := remove(), remove(); first != 4 || second != 0 {
		t.Errorf("%d rows went, and then %d, want 4 and 0", first, second)
	}
	for _, table := range []string{"sessions", "one_time_tokens", "verification_tokens", "invitations"} {
		if left := must[rowsOf](t)(query(w.DB, "SELECT convert_from(token_hash, 'UTF8') FROM "+table)); !slices.Equal(left, rowsOf{"1 minute"}) {
			t.Errorf("left in %s: %q", table, left)
		}
	}
	// What someone is about to change is left to them.
	must[sql.Result](t)(w.Pool.Exec("UPDATE sessions SET expires = now() - interval '1 minute'"))
	busy := must[*sql.Tx](t)(w.Pool.Begin())
	must[sql.Result](t)(busy.Exec("UPDATE sessions SET expires = now() + interval '1 day'"))
	if deleted := remove(); deleted != 0 {
		t.Errorf("%d sessions went that were being renewed", deleted)
	}
	if err := busy.Commit(); err != nil {
		t.Fatal(err)
	}
	if deleted := remove(); deleted != 0 {
		t.Errorf("%d renewed sessions went", deleted)
	}
}

// No transaction deletes more than so many rows of a table.
func TestDeleteExpiredIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must[sql.Result](t)(w.Pool.Exec(`INSERT INTO sessions (id, user_id, token_hash, expires)
		SELECT gen_random_uuid(), $1, n::text::bytea, now() - interval '1 day' FROM generate_series(1, $2) AS n`, uuidOf(w.member.ID), repo.ExpiredMax+1))
	for _, want := range []int32{repo.ExpiredMax, 1, 0} {
		var deleted int32
		err := w.Store.SystemTx(t.Context(), func(ctx context.Context, tx *repo.Tx) (err error) {
			deleted, err = tx.DeleteExpired(ctx)
			return err
		})
		if err != nil || deleted != want {
			t.Errorf("%d rows went, want %d: %v", deleted, want, err)
		}
	}
}

// So do uploads whose time is over.
func TestDeleteExpiredUploads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, over := range []string{"-1 minute", "1 minute"} {
		must[sql.Result](t)(w.Pool.Exec(`INSERT INTO uploads (id, user_id, expires_at, size_bytes, container_name, blob_name)
			VALUES (gen_random_uuid(), $1, now() + $2::interval, 1, 'container', $3)`, uuidOf(w.member.ID), over, over))
	}
	var deleted []*model.PendingUpload
	err := w.Store.SystemTx(t.Context(), func(ctx context.Context, tx *repo.Tx) (err error) {
		deleted, err = tx.DeleteExpiredUploads(ctx)
		return err
	})
	if err != nil || len(deleted) != 1 || deleted[0].BlobName != "-1 minute" {
		t.Errorf("%v went, %v", deleted, err)
	}
	if left := must[rowsOf](t)(query(w.DB, "SELECT blob_name FROM uploads")); !slices.Equal(left, rowsOf{"1 minute"}) {
		t.Errorf("left %q", left)
	}
}
