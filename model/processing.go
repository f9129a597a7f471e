package model

// ProcessDocument is the job that reads a document and makes it ready to be searched. It is done once for each attempt.
type ProcessDocument struct {
	DocumentID DocumentID `json:"document_id"`
	After      int32      `json:"after"` // how many attempts there were when it was asked for
}

// Kind names the job.
func (ProcessDocument) Kind() string { return "process_document" }

// Reembed is the job that makes the vectors that chunks lack of the models: a document's, or those of all, and then what else of the
// index is not as the settings say.
type Reembed struct {
	DocumentID *DocumentID `json:"document_id,omitempty"`
}

// Kind names the job.
func (Reembed) Kind() string { return "reembed" }

// UnmarshalText reads what MarshalText writes, for the arguments of jobs.
func (id *DocumentID) UnmarshalText(text []byte) error { return unmarshalID(string(text), id) }

// RetryDocumentInput names the document to process again.
type RetryDocumentInput struct {
	noRules

	ID              DocumentID
	ExpectedVersion *int32
}

// CancelDocumentInput names the document to give up.
type CancelDocumentInput struct {
	noRules

	ID              DocumentID
	ExpectedVersion *int32
}

// ProcessDocumentsInput names the documents to process, or to process again.
type ProcessDocumentsInput struct {
	DocumentIDs []DocumentID
}

// Validate reports all that is wrong with it.
func (in ProcessDocumentsInput) Validate() error {
	var c Checks
	if len(in.DocumentIDs) < 1 || len(in.DocumentIDs) > DocumentsProcessMax {
		c.fail("documentIds", "must have 1 to %d items, not %d.", DocumentsProcessMax, len(in.DocumentIDs))
	}
	return c.err()
}

// The payloads that show a document.
type (
	RetryDocumentPayload  = DocumentPayload
	CancelDocumentPayload = DocumentPayload
)

// ProcessDocumentsPayload has the documents in the order of the input, or none.
type ProcessDocumentsPayload = CreateDocumentsPayload
