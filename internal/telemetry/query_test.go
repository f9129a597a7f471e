package telemetry

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"
)

func TestRedact(t *testing.T) {
	t.Parallel()
	for statement, want := range map[string]string{
		`SELECT "u"."id" FROM "users" AS "u" WHERE (email = 'a@b.example') LIMIT 21`: `SELECT "u"."id" FROM "users" AS "u" WHERE (email = ?) LIMIT ?`,
		`SELECT 'O''Brien', 'it''s 5'`:              `SELECT ?, ?`,
		`SELECT '', 'a' || 'b'`:                     `SELECT ?, ? || ?`,
		`SELECT 1.5, -2, 3e9, 1e-7`:                 `SELECT ?, -?, ?, ?`,
		`SELECT col1, t2.x FROM t2`:                 `SELECT col1, t2.x FROM t2`,
		`INSERT INTO x VALUES ('\xdeadbeef', NULL)`: `INSERT INTO x VALUES (?, NULL)`,
		"SELECT 'two\nlines'":                       `SELECT ?`,
		`SELECT ':secret' AS "it's", 'secret'`:      `SELECT ? AS "it's", ?`,
		`SELECT 'never closed secret`:               `SELECT ?`,
	} {
		if got := Redact(statement); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", statement, got, want)
		}
	}
}

const secret = "hunter2@b.example"

// entry is one line of the log.
type entry struct {
	Level, Msg, Operation, SQL, Error string
	RequestID                         string `json:"request_id"`
	Duration                          time.Duration
}

// logged runs the hook on a statement that took some time and may have failed, and gives what was logged, nil for nothing.
func logged(t *testing.T, log QueryLog, took time.Duration, failure error) *entry {
	t.Helper()
	var buffer bytes.Buffer
	log.Logger = NewLogger(&buffer, false)
	ctx := WithOperation(WithRequestID(context.Background(), "request-7"), "FindUser")
	event := &bun.QueryEvent{
		Query: "SELECT * FROM users WHERE email = '" + secret + "'", StartTime: time.Now().Add(-took), Err: failure,
	}
	log.AfterQuery(log.BeforeQuery(ctx, event), event)
	if buffer.Len() == 0 {
		return nil
	}
	var e entry
	if err := json.Unmarshal(buffer.Bytes(), &e); err != nil {
		t.Fatal(err)
	}
	if e.Operation != "FindUser" || e.RequestID != "request-7" || e.Duration < took {
		t.Errorf("the entry does not say whose it is: %s", buffer.String())
	}
	if strings.Contains(buffer.String(), secret) != log.ShowValues {
		t.Errorf("values are to be shown: %v; logged was %s", log.ShowValues, buffer.String())
	}
	return &e
}

func TestQueryLog(t *testing.T) {
	t.Parallel()
	failure := errors.New("it broke")
	tests := map[string]struct {
		log   QueryLog
		took  time.Duration
		err   error
		level string // "" for nothing
		msg   string
	}{
		"nothing is on":                    {QueryLog{}, time.Hour, failure, "", ""},
		"fast":                             {QueryLog{Slow: time.Minute}, time.Second, nil, "", ""},
		"slow":                             {QueryLog{Slow: time.Second}, time.Second, nil, "WARN", "slow query"},
		"slow, with values":                {QueryLog{Slow: time.Second, ShowValues: true}, time.Second, nil, "WARN", "slow query"},
		"all":                              {QueryLog{All: true}, 0, nil, "INFO", "query"},
		"all, with values":                 {QueryLog{All: true, ShowValues: true}, 0, nil, "INFO", "query"},
		"all, and slow":                    {QueryLog{All: true, Slow: time.Second}, time.Second, nil, "WARN", "slow query"},
		"failed":                           {QueryLog{Failed: true}, 0, failure, "WARN", "failed query"},
		"failed, and only slow are wanted": {QueryLog{Slow: time.Minute}, 0, failure, "", ""},
		"succeeded":                        {QueryLog{Failed: true}, 0, nil, "", ""},
		"no rows is no failure":            {QueryLog{Failed: true}, 0, sql.ErrNoRows, "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := logged(t, test.log, test.took, test.err)
			if e == nil {
				e = &entry{}
			}
			if e.Level != test.level || e.Msg != test.msg {
				t.Errorf("logged %q at %q, want %q at %q", e.Msg, e.Level, test.msg, test.level)
			}
			if (e.Error != "") != (test.msg == "failed query") {
				t.Errorf("the error is %q", e.Error)
			}
		})
	}
}

// invalidID is what PostgreSQL says of a text that is no uuid.
type invalidID struct{}

func (invalidID) Error() string { return `ERROR: invalid input syntax for type uuid: "` + secret + `"` }

func (invalidID) Field(name byte) string {
	return map[byte]string{'C': "22P02", 'n': "users_email_key"}[name]
}

// PostgreSQL's messages quote values. Where values are not to be shown, its code and the constraint must do.
func TestFailureIsRedacted(t *testing.T) {
	t.Parallel()
	failure := fmt.Errorf("insert: %w", invalidID{})
	if e := logged(t, QueryLog{Failed: true}, 0, failure); e.Error != "insert: SQLSTATE 22P02 users_email_key" {
		t.Errorf("the error is %q", e.Error)
	}
	if e := logged(t, QueryLog{Failed: true, ShowValues: true}, 0, failure); e.Error != failure.Error() {
		t.Errorf("the error is %q", e.Error)
	}
}
