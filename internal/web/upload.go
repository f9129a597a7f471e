package web

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"dossier/internal/fault"
	"dossier/internal/files"
	"dossier/internal/telemetry"
)

// uploads are what signed links to upload answer: PUT takes all of a file, and the rest is the tus protocol.
func (c Config) uploads(r chi.Router) {
	resumable := c.resumable()
	r.Put("/{token}", c.upload)
	for _, method := range []string{http.MethodHead, http.MethodPatch, http.MethodDelete} {
		r.Method(method, "/{token}", resumable)
	}
}

// upload takes all of a file by one request.
func (c Config) upload(w http.ResponseWriter, r *http.Request) {
	body := files.NewBody(w, r)
	defer body.Linger()
	r = r.WithContext(telemetry.WithOperation(r.Context(), "upload"))
	pending, err := c.Files.Pending(r.Context(), chi.URLParam(r, "token"))
	if err == nil && r.ContentLength > pending.SizeBytes {
		err = fault.New(fault.BadUserInput, "The file is larger than the %d bytes that were told.", pending.SizeBytes)
	}
	if err == nil {
		err = c.Files.ReceiveAll(r.Context(), pending, body)
	}
	if err != nil {
		c.refuseFile(w, r, err)
		return
	}
	w.Header().Set("ETag", `"`+pending.ReceivedSHA256.String()+`"`)
	w.WriteHeader(http.StatusNoContent)
}
