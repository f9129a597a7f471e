package web

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/tus/tusd/v2/pkg/handler"
	"golang.org/x/exp/slog"

	"dossier/internal/files"
	"dossier/internal/telemetry"
	"dossier/model"
)

// joinTimeMax is how long an upload may take to be joined from its parts when its last one has come, though the client may be gone.
const joinTimeMax = 5 * time.Minute

// resumable speaks the tus protocol 1.0 for uploads that createUpload has made: HEAD tells how far one has come, PATCH goes on, DELETE
// gives it up. tusd knows the protocol and waits for slow clients; what is here keeps the bytes.
func (c Config) resumable() http.Handler {
	composer := handler.NewStoreComposer()
	store := tusStore{c}
	composer.UseCore(store)
	composer.UseTerminater(store)
	tus, err := handler.NewUnroutedHandler(handler.Config{
		StoreComposer: composer, BasePath: files.PathUploads, NetworkTimeout: files.BodyIdleMax,
		Cors:            &handler.CorsConfig{Disable: true},             // the router has its own
		Logger:          slog.New(slog.NewTextHandler(io.Discard, nil)), // its lines have the links, which are secret
		DisableDownload: true,
	})
	if err != nil {
		panic(err) // the configuration is constant
	}
	methods := map[string]http.HandlerFunc{http.MethodHead: tus.HeadFile, http.MethodPatch: tus.PatchFile, http.MethodDelete: tus.DelFile}
	speak := tus.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { methods[r.Method](w, r) }))
	checked := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := c.Files.CheckUploadLink(r.URL.Path); err != nil { // tusd holds on to a request for a while, whoever's it is
			err = c.tusError(r.Context(), err)
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		speak.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), controlKey{}, http.NewResponseController(w))))
	})
	return http.StripPrefix(files.PathUploads, checked) // the path is the id to tusd
}

// controlKey is of the connection's deadlines in the context of a request.
type controlKey struct{}

// tusStore is the uploads as tusd sees them: their ids are the secret parts of their links.
type tusStore struct{ Config }

var _ handler.TerminaterDataStore = tusStore{}

// NewUpload is never asked for: uploads are created by GraphQL.
func (tusStore) NewUpload(context.Context, handler.FileInfo) (handler.Upload, error) {
	return nil, handler.ErrNotImplemented
}

// GetUpload gives the upload of a link.
func (s tusStore) GetUpload(ctx context.Context, token string) (handler.Upload, error) {
	pending, err := s.Files.Pending(telemetry.WithOperation(ctx, "resumable upload"), token)
	if err != nil {
		return nil, s.tusError(ctx, err)
	}
	return &tusUpload{s, pending, token}, nil
}

// AsTerminatableUpload gives the upload as what can be given up.
func (tusStore) AsTerminatableUpload(upload handler.Upload) handler.TerminatableUpload {
	return upload.(*tusUpload)
}

// tusUpload is one upload.
type tusUpload struct {
	tusStore
	pending *model.PendingUpload
	token   string
}

// GetInfo tells how far it has come.
func (u *tusUpload) GetInfo(context.Context) (handler.FileInfo, error) {
	return handler.FileInfo{ID: u.token, Size: u.pending.SizeBytes, Offset: u.pending.ReceivedBytes}, nil
}

// WriteChunk keeps what comes next of it, and says how much that was.
func (u *tusUpload) WriteChunk(ctx context.Context, _ int64, src io.Reader) (int64, error) {
	n, err := u.Files.Append(ctx, u.pending, src)
	_, _ = src.Read(make([]byte, 1)) // there should be none: tusd refuses one that is too many, and sees it only so
	return n, u.tusError(ctx, err)
}

// FinishUpload joins its parts. The client may wait for the answer as long as that takes.
func (u *tusUpload) FinishUpload(ctx context.Context) error {
	if control, ok := ctx.Value(controlKey{}).(*http.ResponseController); ok {
		_ = control.SetReadDeadline(time.Now().Add(joinTimeMax))
		_ = control.SetWriteDeadline(time.Now().Add(joinTimeMax + downloadIdleMax))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), joinTimeMax)
	defer cancel()
	return u.tusError(ctx, u.Files.Join(ctx, u.pending))
}

// Terminate forgets it.
func (u *tusUpload) Terminate(ctx context.Context) error {
	return u.tusError(ctx, u.Files.Abandon(ctx, u.pending.ID))
}

// GetReader is never asked for: documents are downloaded otherwise.
func (u *tusUpload) GetReader(context.Context) (io.ReadCloser, error) {
	return nil, handler.ErrNotImplemented
}

// tusError is what tusd answers, with nothing in it that is not for clients.
func (c Config) tusError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	f := c.publicFault(ctx, err)
	told := handler.NewError(string(f.Code), f.Message, statusOfFault(f.Code))
	if f.RetryAfter > 0 {
		told.HTTPResponse.Header["Retry-After"] = strconv.Itoa(int(f.RetryAfter.Seconds()))
	}
	return told
}
