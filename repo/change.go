package repo

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"dossier/internal/fault"
	"dossier/model"
)

// strength is how a row is locked (PostgreSQL documentation, 13.3.2).
type strength string

// A row that only changes may go on being referred to; one that goes, or moves to another company, may not. One that is to be
// referred to must stay.
const (
	toRefer  strength = "KEY SHARE"
	toChange strength = "NO KEY UPDATE"
	toRemove strength = "UPDATE"
)

// lock reads the row to change, which stays locked until the transaction ends. A row that is not visible is NOT_FOUND,
// and one that is no longer of the expected version is CONFLICT.
func lock[T any, P model.Row[T], K model.ID](
	ctx context.Context, tx *Tx, q *bun.SelectQuery, to strength, thing string, id K, expected *int32, version func(*T) int32,
) (*T, error) {
	rows, err := read[T](ctx, tx.Reader, q.Where("?TableAlias.id = ?", param{id}).For(string(to)))
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fault.Missing(thing).At("id")
	}
	row := model.Join[T, P](rows)[0]
	return row, expectVersion(thing, expected, version(row))
}

// expectVersion is CONFLICT where a version is expected and the locked row has another one.
func expectVersion(thing string, expected *int32, version int32) error {
	if expected == nil || *expected == version {
		return nil
	}
	return fault.New(fault.Conflict, "The %s was changed in the meantime: its version is %d.", thing, version).
		At("expectedVersion")
}

// mayChange refuses a MEMBER what someone else owns.
func (tx *Tx) mayChange(thing string, owner model.UserID, company model.CompanyID) error {
	if tx.viewer.Manages(&company) || tx.viewer.UserID == owner {
		return nil
	}
	return fault.Denied("Only its owner or a MANAGER of the company may change the %s.", thing)
}

// changes collects what the columns of a row become, and for the audit log what they were.
type changes struct {
	columns []changedColumn
	details map[string]any
}

type changedColumn struct {
	name  string
	value any
}

// set changes a field of the row when the input names a value and it differs.
func set[V comparable](c *changes, column string, field *V, value *V) {
	if value != nil && *value != *field {
		c.note(column, *field, *value)
		*field = *value
	}
}

// setNull changes a field that may be null.
func setNull[V comparable](c *changes, column string, field **V, value *V) {
	if (value == nil) != (*field == nil) || value != nil && *value != **field {
		c.note(column, *field, value)
		*field = value
	}
}

// setQuietly changes a field of which no audit entry tells.
func setQuietly[V any](c *changes, column string, field *V, value V) {
	*field = value
	c.secretly(column, value)
}

func (c *changes) note(column string, from, to any) {
	if c.details == nil {
		c.details = map[string]any{}
	}
	c.details[fieldName(column)] = map[string]any{"from": from, "to": to}
	c.secretly(column, to)
}

// secretly changes a column whose values no audit entry has.
func (c *changes) secretly(column string, to any) {
	c.columns = append(c.columns, changedColumn{column, to})
}

// fieldName is what the API calls a column: client_name is clientName.
func fieldName(column string) string {
	words := strings.Split(column, "_")
	for i, word := range words[1:] {
		words[i+1] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}

// save writes the changed columns of a locked row, as its next version. Its time is the clock's, not the transaction's,
// which may have waited for the lock and would set the time back.
func save(ctx context.Context, tx *Tx, row model.Node, version *int32, c changes, also along) error {
	*version++
	tx.outdate(row)
	q := tx.db.NewUpdate().Model(row)
	for _, column := range c.columns {
		q = q.Set("? = ?", bun.Ident(column.name), param{column.value})
	}
	q = q.Set("version = ?", param{*version}).Set("updated_at = clock_timestamp()").
		Where("?TableAlias.id = ?", param{row.GetID().UUID}).Returning("updated_at")
	q, err := prepare(tx.Reader, with(q, also))
	if err != nil {
		return err
	}
	changed, err := count(q.Exec(ctx))
	return wantRows(1, changed, err)
}

// insert adds rows in one statement, which has a fixed shape for a single row; defaults of the database are read back.
func insert[T any, P model.Row[T]](ctx context.Context, tx *Tx, also along, rows ...*T) error {
	want := len(rows)
	q := with(tx.db.NewInsert().Model(&rows).Returning("?Columns"), also)
	if want == 1 {
		var err error
		if q, err = prepare(tx.Reader, withParams(q, rows[0])); err != nil {
			return err
		}
	}
	added, err := count(q.Exec(ctx))
	model.Join[T, P](rows)
	return wantRows(want, added, err)
}

// withParams gives a row's insert its values as params, but those that are the database's default.
func withParams[T any](q *bun.InsertQuery, row *T) *bun.InsertQuery {
	value := reflect.ValueOf(row).Elem()
	for _, field := range q.DB().Table(value.Type()).Fields {
		if !field.NullZero || !field.HasZeroValue(value) {
			q = q.Value(field.Name, "?", param{field.Value(value).Interface()})
		}
	}
	return q
}

// remove deletes a row by its primary key.
func remove[T any](ctx context.Context, tx *Tx, row *T, also along) error {
	tx.outdate(row)
	changed, err := count(with(tx.db.NewDelete().Model(row).WherePK(), also).Exec(ctx))
	return wantRows(1, changed, err)
}

// wantRows fails a statement that changed another number of rows than it was to: nothing that went along with it may tell
// of a change that did not happen.
func wantRows(want int, changed int32, err error) error {
	if err == nil && changed != int32(want) {
		return fmt.Errorf("%d rows changed, not %d", changed, want)
	}
	return err
}

// along are statements that a write takes along, which saves their round trips. All are done together or none is; they do
// not see one another's changes, and come in no order.
type along []bun.Query

// with gives the write with what goes along.
func with[Q interface {
	With(name string, query bun.Query) Q
}](write Q, also along) Q {
	for i, query := range also {
		write = write.With("also_"+strconv.Itoa(i), query)
	}
	return write
}

// changeAll gives a column another value in all rows that have this one, as their next version.
func changeAll[T any](tx *Tx, column string, from, to any) *bun.UpdateQuery {
	return tx.db.NewUpdate().Model((*T)(nil)).
		Set("? = ?", bun.Ident(column), param{to}).Set("version = version + 1").Set("updated_at = clock_timestamp()").
		Where("? = ?", bun.Ident(column), param{from})
}

// count gives how many rows a statement changed.
func count(result sql.Result, err error) (int32, error) {
	if err != nil {
		return 0, err
	}
	changed, err := result.RowsAffected()
	return int32(changed), err
}

// outdate notes that the row is not what may be cached of it any more; a session, account or API key is a part of its user.
func (tx *Tx) outdate(row any) {
	switch row := row.(type) {
	case *model.User:
		*tx.stale = append(*tx.stale, row.ID.Global())
	case *model.Session:
		*tx.stale = append(*tx.stale, row.UserID.Global())
	case *model.APIKey:
		*tx.stale = append(*tx.stale, row.UserID.Global())
	case *model.Account:
		*tx.stale = append(*tx.stale, row.UserID.Global())
	case *model.Company:
		*tx.stale = append(*tx.stale, row.ID.Global())
	}
}

// timeText is how audit details tell a time.
func timeText(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// entry is an audit entry that is to be recorded.
type entry struct {
	subject model.AuditSubject
	details map[string]any
}

// auditRow is an audit entry as jsonb_to_recordset reads it.
type auditRow struct {
	ID          uuid.UUID         `json:"id"`
	CompanyID   *uuid.UUID        `json:"company_id"`
	Action      model.AuditAction `json:"action"`
	ActorID     *uuid.UUID        `json:"actor_id"`
	SubjectType string            `json:"subject_type"` // the prefix of the subject's id
	SubjectID   uuid.UUID         `json:"subject_id"`
	Details     map[string]any    `json:"details"`
}

// recorded is what the transaction did, to go along with its last write: one entry for each subject. It is the one place for
// what every mutation leaves behind. However many entries, they are one value: the statement has one shape. It confirms the
// viewer, unless that was done: the entry of one who may do nothing more has no action, which the table refuses.
func (tx *Tx) recorded(action model.AuditAction, entries ...entry) along {
	rows := make([]auditRow, len(entries))
	for i, e := range entries {
		if e.details == nil {
			e.details = map[string]any{}
		}
		if tx.viewer.HasKey() {
			e.details["apiKeyId"] = tx.viewer.KeyID.String()
		}
		rows[i] = auditRow{
			ID: model.NewID[model.AuditID]().Global().UUID, CompanyID: (*uuid.UUID)(e.subject.CompanyID), Action: action,
			SubjectType: e.subject.ID.Prefix, SubjectID: e.subject.ID.UUID, Details: e.details,
		}
		if tx.viewer.UserID != (model.UserID{}) {
			rows[i].ActorID = (*uuid.UUID)(&tx.viewer.UserID)
		}
	}
	values, err := json.Marshal(rows)
	if err != nil {
		err = fmt.Errorf("record %s: %w", action, err)
	}
	may := bun.SafeQuery("TRUE")
	if !*tx.confirmed && len(entries) > 0 { // the condition of no row is never asked
		may, *tx.confirmed = bun.SafeQuery("EXISTS (?)", tx.liveViewer()), true
	}
	return along{tx.db.NewRaw(`INSERT INTO audit_log (id, company_id, action, actor_id, subject_type, subject_id, details)
		SELECT id, company_id, CASE WHEN ? THEN action END, actor_id, subject_type, subject_id, details
		FROM jsonb_to_recordset(?) AS entry (id uuid, company_id uuid, action text, actor_id uuid, subject_type text,
			subject_id uuid, details jsonb)`, may, param{string(values)}).Err(err)}
}

// record writes what no write could take along, as it was known only when all were done.
func (tx *Tx) record(ctx context.Context, action model.AuditAction, entries ...entry) error {
	if _, err := with(tx.db.NewSelect().ColumnExpr("NULL"), tx.recorded(action, entries...)).Exec(ctx); err != nil {
		return fmt.Errorf("record %s: %w", action, err)
	}
	return nil
}
