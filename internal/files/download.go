package files

import (
	"context"
	"io"
	"time"

	"dossier/internal/blob"
	"dossier/internal/fault"
	"dossier/model"
)

// PathDownloads is where links to download lead, with the secret part behind it.
const PathDownloads = "/downloads/"

// DownloadURL is a link to the document's bytes, good for a few minutes and as long as the viewer may see it. It is "" where none
// were uploaded.
func (f *Files) DownloadURL(viewer model.Viewer, document *model.Document) string {
	if document.BlobName == nil {
		return ""
	}
	token := f.sign(forDownload, document.ID.Global(), viewer.UserID.String(), time.Now().Add(downloadLife))
	return f.PublicURL + PathDownloads + token
}

// Download is a document and its bytes.
type Download struct {
	*blob.Reader
	Document *model.Document
	giveBack func()
}

// Close ends it.
func (d *Download) Close() error {
	d.giveBack()
	return d.Reader.Close()
}

// Open gives what a link leads to. A link that is not good is FORBIDDEN, and one to what its user may not see any more is NOT_FOUND.
func (f *Files) Open(ctx context.Context, token string) (*Download, error) {
	claims, err := f.verify(forDownload, token)
	if err != nil {
		return nil, err
	}
	userID, err := idOf[model.UserID](claims.User)
	if err != nil {
		return nil, err
	}
	document, err := f.visible(ctx, userID, claims)
	if err != nil {
		return nil, err
	}
	giveBack, err := f.sending.take(userID)
	if err != nil {
		return nil, err
	}
	reader, err := f.Blobs.Read(ctx, f.ref(document))
	if err != nil {
		giveBack()
		return nil, err
	}
	return &Download{reader, document, giveBack}, nil
}

// ref is where the document's bytes are. Rows of the old store name its containers.
// Content gives a document's bytes to Dossier itself. It is NOT_FOUND where the store has lost them.
func (f *Files) Content(ctx context.Context, document *model.Document) (io.ReadCloser, error) {
	if document.BlobName == nil {
		return nil, fault.Missing("file")
	}
	return f.Blobs.Read(ctx, f.ref(document))
}

func (f *Files) ref(document *model.Document) blob.Ref {
	ref := blob.Ref{Container: f.Blobs.Container(), Name: *document.BlobName}
	if document.ContainerName != nil {
		ref.Container = *document.ContainerName
	}
	return ref
}

// visible gives the document of a link, as its user sees it by now.
func (f *Files) visible(ctx context.Context, userID model.UserID, claims link) (*model.Document, error) {
	documentID, err := idOf[model.DocumentID](claims.Subject)
	if err != nil {
		return nil, err
	}
	users, err := f.Store.System().UsersByIDs(ctx, []model.UserID{userID})
	if err != nil {
		return nil, err
	}
	if len(users) == 0 || users[0].DeactivatedAt != nil {
		return nil, fault.Missing("document")
	}
	viewer := model.Viewer{UserID: userID, CompanyID: users[0].CompanyID, Role: users[0].Role}
	documents, err := f.Store.Reader(viewer).DocumentsByIDs(ctx, []model.DocumentID{documentID})
	if err != nil {
		return nil, err
	}
	if len(documents) == 0 || documents[0].BlobName == nil {
		return nil, fault.Missing("document")
	}
	return documents[0], nil
}

// idOf reads an id that was signed here.
func idOf[K model.ID](text string) (K, error) {
	global, err := model.ParseGlobalID(text)
	var id K
	if err == nil {
		id, err = model.As[K](global)
	}
	if err != nil {
		return id, errLink.Because(err)
	}
	return id, nil
}
