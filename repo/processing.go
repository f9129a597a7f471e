package repo

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"dossier/internal/fault"
	"dossier/model"
)

const (
	// DocumentLease is how long after its last sign of life a document's processing counts as one whose process died.
	DocumentLease = 20 * time.Second
	// pendingLease is how long a document waits for its turn before it is asked for again: its job may have been lost.
	pendingLease = time.Hour
	// DocumentTriesMax is how often a document is processed, where that ends without an outcome, before it has failed.
	DocumentTriesMax = 5
	// rescuedMax is how many documents are taken up at a time.
	rescuedMax = 100
)

// documentRetryPause is the pause before the first retry of what may pass; it doubles from one to the next.
const documentRetryPause = 5 * time.Second

// What a document failed of, where it is not its content.
const (
	FailedStalled   = "PROCESSING_STALLED"
	failedStalledAs = "Processing ended without an outcome %d times: the file may be more than can be read here."
)

var errNoBytes = fault.New(fault.BadUserInput, "A document without bytes cannot be processed.")

// ask has a document processed: it waits for its turn, and a job is enqueued along with that.
func (tx *Tx) ask(ctx context.Context, document *model.Document) error {
	var c changes
	status := model.DocumentPending
	set(&c, "status", &document.Status, &status)
	setNull(&c, "error_code", &document.ErrorCode, nil)
	setNull(&c, "error_message", &document.ErrorMessage, nil)
	setQuietly(&c, "notice", &document.Notice, nil)
	setQuietly(&c, "progress", &document.Progress, 0)
	setQuietly(&c, "tries", &document.Tries, 0)
	setQuietly(&c, "lease_expires_at", &document.LeaseExpiresAt, leaseUntil(pendingLease))
	also := slices.Concat(tx.enqueued(processingOf(document)),
		tx.recorded(model.DocumentStatusChanged, entry{document.AuditSubject(), c.details}))
	return save(ctx, tx, document, &document.Version, c, also)
}

func processingOf(document *model.Document) model.ProcessDocument {
	return model.ProcessDocument{DocumentID: document.ID, After: document.Attempt}
}

// leaseFor is a time by the database's clock, by which it is judged whether a lease is over.
func leaseFor(lease time.Duration) schema.QueryWithArgs {
	return bun.SafeQuery("clock_timestamp() + make_interval(secs => ?)", lease.Seconds())
}

// leaseUntil is one by this machine's clock, for an hour or so.
func leaseUntil(lease time.Duration) *time.Time {
	until := time.Now().Add(lease).UTC()
	return &until
}

// RetryDocument has a document processed again that has an outcome.
func (tx *Tx) RetryDocument(ctx context.Context, in model.RetryDocumentInput) (*model.Document, error) {
	document, err := tx.lockDocument(ctx, toChange, in.ID, in.ExpectedVersion)
	if err == nil && !document.Status.CanBecome(model.DocumentPending) || err == nil && document.Status == model.DocumentUploading {
		err = fault.Invalid([]string{"id"}, "A document that is %s cannot be processed again.", document.Status)
	}
	if err == nil && document.BlobName == nil {
		err = errNoBytes.At("id")
	}
	if err == nil {
		err = tx.ask(ctx, document)
	}
	return document, wrap(err, "retry document", in.ID)
}

// CancelDocument gives up the processing of a document that has no outcome yet.
func (tx *Tx) CancelDocument(ctx context.Context, in model.CancelDocumentInput) (*model.Document, error) {
	document, err := tx.lockDocument(ctx, toChange, in.ID, in.ExpectedVersion)
	if err == nil && !document.Status.CanBecome(model.DocumentCanceled) {
		err = fault.Invalid([]string{"id"}, "A document that is %s cannot be canceled.", document.Status)
	}
	if err != nil {
		return nil, wrap(err, "cancel document", in.ID)
	}
	var c changes
	status := model.DocumentCanceled
	set(&c, "status", &document.Status, &status)
	setQuietly(&c, "lease_expires_at", &document.LeaseExpiresAt, nil)
	err = save(ctx, tx, document, &document.Version, c,
		tx.recorded(model.DocumentStatusChanged, entry{document.AuditSubject(), c.details}))
	return document, wrap(err, "cancel document", in.ID)
}

// ProcessDocuments has documents processed, all or none, and gives them in the order of the ids. What is on its way is left alone.
func (tx *Tx) ProcessDocuments(ctx context.Context, in model.ProcessDocumentsInput) ([]*model.Document, error) {
	found, err := all[model.Document](ctx, tx.documents(nil)().Where("?TableAlias.id IN (?)", bun.List(in.DocumentIDs)).
		OrderExpr("?TableAlias.id").For(string(toChange)))
	if err != nil {
		return nil, fmt.Errorf("process documents: %w", err)
	}
	byID := make(map[model.DocumentID]*model.Document, len(found))
	for _, document := range found {
		byID[document.ID] = document
	}
	documents := make([]*model.Document, len(in.DocumentIDs))
	var faults fault.List
	for i, id := range in.DocumentIDs {
		document := byID[id]
		switch at := []string{"documentIds", strconv.Itoa(i)}; {
		case document == nil:
			faults = append(faults, fault.New(fault.BadReference, "There is no such document.").At(at...))
		case document.BlobName == nil:
			faults = append(faults, errNoBytes.At(at...))
		default:
			if err := tx.mayChange("document", document.OwnerID, document.CompanyID); err != nil {
				return nil, err
			}
			documents[i] = document
		}
	}
	if err := faults.OrNil(); err != nil {
		return nil, err
	}
	asked, err := tx.askAll(ctx, found)
	for _, document := range asked {
		byID[document.ID] = document
	}
	for i, id := range in.DocumentIDs {
		documents[i] = byID[id]
	}
	return model.Join(documents), err
}

// askAll is ask for those of many documents that have an outcome, in one statement. It gives them as they are then.
func (tx *Tx) askAll(ctx context.Context, documents []*model.Document) ([]*model.Document, error) {
	var ids []model.DocumentID
	var jobs []Job
	var entries []entry
	for _, document := range documents {
		if document.Status != model.DocumentUploading && document.Status.CanBecome(model.DocumentPending) {
			ids = append(ids, document.ID)
			jobs = append(jobs, processingOf(document))
			entries = append(entries, entry{document.AuditSubject(),
				map[string]any{"status": map[string]any{"from": document.Status, "to": model.DocumentPending}}})
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	var asked []*model.Document
	q := with(tx.db.NewUpdate().Model(&asked).Set("status = ?", model.DocumentPending).
		Set("error_code = NULL, error_message = NULL, notice = NULL, progress = 0, tries = 0").
		Set("lease_expires_at = ?", leaseFor(pendingLease)).
		Set("version = version + 1").Set("updated_at = clock_timestamp()").
		Where("id IN (?)", bun.List(ids)).Returning("*"),
		slices.Concat(tx.enqueued(jobs...), tx.recorded(model.DocumentStatusChanged, entries...)))
	if _, err := q.Exec(ctx); err != nil {
		return nil, fmt.Errorf("process documents: %w", err)
	}
	return asked, nil
}

// UpdateDocumentStatus moves the document on, where its present status allows it: whoever does processes it from now on, instead of
// Dossier. One that is to wait for its turn, and has bytes, is Dossier's.
func (tx *Tx) UpdateDocumentStatus(ctx context.Context, in model.UpdateDocumentStatusInput) (*model.Document, error) {
	document, err := tx.lockDocument(ctx, toChange, in.ID, in.ExpectedVersion)
	if err != nil {
		return nil, wrap(err, "update document status", in.ID)
	}
	again := in.Status == document.Status && in.Progress != nil && document.LeaseExpiresAt == nil && document.Status.CanBecome(model.DocumentCanceled)
	if !again && !document.Status.CanBecome(in.Status) {
		return nil, fault.Invalid([]string{"status"}, "A document that is %s can become one of %v, not %s.",
			document.Status, document.Status.Next(), in.Status)
	}
	if in.Status == model.DocumentPending && document.BlobName != nil && !again {
		return document, wrap(tx.ask(ctx, document), "update document status", in.ID)
	}
	var c changes
	set(&c, "status", &document.Status, &in.Status)
	setNull(&c, "error_code", &document.ErrorCode, in.ErrorCode)
	setNull(&c, "error_message", &document.ErrorMessage, in.ErrorMessage)
	if progress := progressOf(in); progress != nil {
		setQuietly(&c, "progress", &document.Progress, *progress)
	}
	setQuietly(&c, "lease_expires_at", &document.LeaseExpiresAt, nil)
	if in.Status == model.DocumentExtracting && !again {
		setQuietly(&c, "attempt", &document.Attempt, document.Attempt+1)
		setQuietly(&c, "notice", &document.Notice, nil)
	}
	var also along
	if !again {
		also = tx.recorded(model.DocumentStatusChanged, entry{document.AuditSubject(), c.details})
	}
	if in.Status == model.DocumentReady { // chunks may have come without vectors
		also = slices.Concat(also, tx.enqueued(model.Reembed{DocumentID: &document.ID}))
	}
	err = save(ctx, tx, document, &document.Version, c, also)
	return document, wrap(err, "update document status", in.ID)
}

// progressOf is how far the document is by its status, where nobody says; nil for as far as it was.
func progressOf(in model.UpdateDocumentStatusInput) *float64 {
	none, all := 0.0, 1.0
	switch {
	case in.Status == model.DocumentReady:
		return &all
	case in.Progress != nil:
		return in.Progress
	case in.Status == model.DocumentPending, in.Status == model.DocumentExtracting:
		return &none
	}
	return nil
}

// ErrNotHeld tells that a document is no longer processed by who asks: it was canceled, deleted, or taken up by another.
var ErrNotHeld = fault.New(fault.Conflict, "The document is processed by another meanwhile, or no longer at all.")

// Run is one attempt to process a document. Only who holds the present one changes the document.
type Run struct {
	DocumentID model.DocumentID
	CompanyID  model.CompanyID
	Attempt    int32
}

// held narrows an update to the document of the run, while the run is the present one and in the status.
func (r Run) held(q *bun.UpdateQuery, status model.DocumentStatus) *bun.UpdateQuery {
	return q.Where("id = ? AND attempt = ? AND status = ? AND lease_expires_at IS NOT NULL", r.DocumentID, r.Attempt, status)
}

// BeginDocument makes the job's attempt the present one, and gives the document. It is ErrNotHeld where another one came first.
func (tx *Tx) BeginDocument(ctx context.Context, job model.ProcessDocument) (*model.Document, error) {
	var begun []*model.Document
	err := tx.db.NewUpdate().Model(&begun).
		Set("status = ?", model.DocumentExtracting).Set("attempt = attempt + 1").Set("tries = tries + 1").Set("progress = 0").
		Set("lease_expires_at = ?", leaseFor(DocumentLease)).Set("version = version + 1").Set("updated_at = clock_timestamp()").
		Where("id = ? AND attempt = ? AND status = ? AND blob_name IS NOT NULL", job.DocumentID, job.After, model.DocumentPending).
		Returning("*").Scan(ctx, &begun)
	if err != nil {
		return nil, wrap(err, "begin document", job.DocumentID)
	}
	if len(begun) == 0 {
		return nil, ErrNotHeld
	}
	return begun[0], nil
}

// AdvanceDocument moves the document on to the next status.
func (tx *Tx) AdvanceDocument(ctx context.Context, run Run, from, to model.DocumentStatus, progress float64) error {
	q := run.held(tx.db.NewUpdate().Model((*model.Document)(nil)), from).
		Set("status = ?", to).Set("progress = ?", progress).Set("lease_expires_at = ?", leaseFor(DocumentLease)).
		Set("version = version + 1").Set("updated_at = clock_timestamp()")
	return tx.mustHold(ctx, run, "advance document", q)
}

// HoldDocument says that the document is being processed still, and how far it is. That is no change of the document.
func (tx *Tx) HoldDocument(ctx context.Context, run Run, status model.DocumentStatus, progress float64) error {
	q := run.held(tx.db.NewUpdate().Model((*model.Document)(nil)), status).
		Set("progress = greatest(progress, ?)", progress).Set("lease_expires_at = ?", leaseFor(DocumentLease))
	return tx.mustHold(ctx, run, "hold document", q)
}

func (tx *Tx) mustHold(ctx context.Context, run Run, operation string, q *bun.UpdateQuery) error {
	changed, err := count(q.Exec(ctx))
	if err == nil && changed == 0 {
		err = ErrNotHeld
	}
	return wrap(err, operation, run.DocumentID)
}

// Outcome is what came of a document's processing: it is ready, perhaps with a notice, or has failed of something.
type Outcome struct {
	Notice             *string
	Pages              *int32
	FailedOf, FailedAs string // a code and a message, empty for a document that is ready
}

// EndDocument gives the document its outcome.
func (tx *Tx) EndDocument(ctx context.Context, run Run, from model.DocumentStatus, o Outcome) error {
	to, progress := model.DocumentReady, 1.0
	details := map[string]any{"attempt": run.Attempt}
	q := run.held(tx.db.NewUpdate().Model((*model.Document)(nil)), from)
	if o.FailedOf != "" {
		to = model.DocumentFailed
		details["errorCode"] = o.FailedOf
		q = q.Set("error_code = ?", o.FailedOf).Set("error_message = ?", o.FailedAs)
	} else {
		q = q.Set("progress = ?", progress).Set("notice = ?", o.Notice).Set("page_count = ?", o.Pages).
			Set("error_code = NULL, error_message = NULL") // an earlier try's
	}
	details["status"] = map[string]any{"from": from, "to": to}
	subject := model.AuditSubject{ID: run.DocumentID.Global(), CompanyID: &run.CompanyID}
	q = q.Set("status = ?", to).Set("lease_expires_at = NULL").Set("version = version + 1").Set("updated_at = clock_timestamp()")
	return tx.mustHold(ctx, run, "end document", with(q, tx.recorded(model.DocumentStatusChanged, entry{subject, details})))
}

// PostponeDocument lets the document wait, to be tried again: what went wrong may pass. One that was tried often enough has failed
// of it.
func (tx *Tx) PostponeDocument(ctx context.Context, run Run, from model.DocumentStatus, of, as string) error {
	document, err := tx.lockDocument(ctx, toChange, run.DocumentID, nil)
	if err == nil && (document.Attempt != run.Attempt || document.Status != from) { // its tries are not this run's
		err = ErrNotHeld
	}
	if err != nil {
		return wrap(err, "postpone document", run.DocumentID)
	}
	if document.Tries >= DocumentTriesMax {
		return tx.EndDocument(ctx, run, from, Outcome{FailedOf: of, FailedAs: as})
	}
	pause := documentRetryPause << (document.Tries - 1)
	q := run.held(tx.db.NewUpdate().Model((*model.Document)(nil)), from).
		Set("status = ?", model.DocumentPending).Set("progress = 0").Set("lease_expires_at = ?", leaseFor(pause+pendingLease)).
		Set("error_code = ?", of).Set("error_message = ?", as).
		Set("version = version + 1").Set("updated_at = clock_timestamp()")
	return tx.mustHold(ctx, run, "postpone document", with(q, tx.enqueuedIn(pause, processingOf(document))))
}

// ReleaseDocument lets the document wait for another to process it, as if this run had not begun: the one that did is to stop.
func (tx *Tx) ReleaseDocument(ctx context.Context, run Run, from model.DocumentStatus) error {
	q := run.held(tx.db.NewUpdate().Model((*model.Document)(nil)), from).Set("tries = greatest(tries - 1, 0)")
	return tx.waitAgain(ctx, "release document", run, q)
}

// waitAgain lets a document wait for its turn, and asks for it.
func (tx *Tx) waitAgain(ctx context.Context, operation string, run Run, q *bun.UpdateQuery) error {
	q = q.Set("status = ?", model.DocumentPending).Set("progress = 0").Set("lease_expires_at = ?", leaseFor(pendingLease)).
		Set("version = version + 1").Set("updated_at = clock_timestamp()")
	job := model.ProcessDocument{DocumentID: run.DocumentID, After: run.Attempt}
	return tx.mustHold(ctx, run, operation, with(q, tx.enqueued(job)))
}

// RescueDocuments takes up documents of whose processing nothing is heard any more, some at a time: they wait to be tried again, or
// have failed. It gives how many there were.
func (tx *Tx) RescueDocuments(ctx context.Context) (int, error) {
	overdue, err := all[model.Document](ctx, tx.documents(nil)().Where("?TableAlias.lease_expires_at < now()").
		OrderExpr("?TableAlias.lease_expires_at").Limit(rescuedMax).For("NO KEY UPDATE SKIP LOCKED"))
	if err != nil {
		return 0, fmt.Errorf("rescue documents: %w", err)
	}
	for _, document := range overdue {
		run := Run{document.ID, document.CompanyID, document.Attempt}
		if document.Tries >= DocumentTriesMax {
			err = tx.EndDocument(ctx, run, document.Status, Outcome{FailedOf: FailedStalled, FailedAs: fmt.Sprintf(failedStalledAs, document.Tries)})
		} else {
			q := run.held(tx.db.NewUpdate().Model((*model.Document)(nil)), document.Status)
			err = tx.waitAgain(ctx, "rescue document", run, q)
		}
		if err != nil {
			return 0, err
		}
	}
	return len(overdue), nil
}
