package graph

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"

	"dossier/internal/auth"
	"dossier/internal/fault"
	"dossier/internal/files"
	"dossier/model"
)

// Limits of a request with files (GraphQL multipart request specification).
const (
	filesPerRequestMax = 10
	mapBytesMax        = 16 << 10
)

const mediaMultipart = "multipart/form-data"

// upload is a request with files. They are kept as they come, before the operation runs, which then finds them in its variables:
// nothing of a file is in memory but what is being copied. What the operation makes nothing of is discarded.
type upload struct {
	files    *files.Files
	form     *multipart.Reader
	expected map[string]model.Upload // by the names of their parts
	incoming *files.Incoming         // nil until the first one may come
}

func isMultipart(r *http.Request) bool {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return r.Method == http.MethodPost && media == mediaMultipart
}

// readMultipart reads a request up to its first file.
func (t transport) readMultipart(r *http.Request) (*graphql.RawParams, *upload, int, error) {
	viewer := model.ViewerFrom(r.Context())
	if viewer.IsAnonymous() {
		return nil, nil, http.StatusUnauthorized, auth.Rejection(r.Context())
	}
	if !viewer.May(model.ScopeDocumentsWrite) {
		return nil, nil, http.StatusForbidden, fault.Denied("This needs the scope %s.", model.ScopeDocumentsWrite)
	}
	most := filesPerRequestMax*t.files.Limits.FileBytes + int64(t.bodyBytesMax) + mapBytesMax
	if r.ContentLength > most {
		return nil, nil, http.StatusRequestEntityTooLarge, fault.Exceeded("file_bytes", int(t.files.Limits.FileBytes), 0)
	}
	r.Body = http.MaxBytesReader(nil, r.Body, most) // which need not tell its length, and is also what is passed over
	form, err := r.MultipartReader()
	if err != nil {
		return nil, nil, http.StatusBadRequest, badRequest("The body is not multipart/form-data with a boundary.")
	}
	operations, err := jsonPart(form, "operations", t.bodyBytesMax)
	if err != nil {
		return nil, nil, statusOfBody(err), err
	}
	params := &graphql.RawParams{}
	if err := decode(operations, params); err != nil {
		return nil, nil, http.StatusBadRequest,
			badRequest("The part operations is not a JSON object with query, and optionally operationName, variables and extensions.")
	}
	placed, err := jsonPart(form, "map", mapBytesMax)
	if err != nil {
		return nil, nil, statusOfBody(err), err
	}
	u := &upload{files: t.files, form: form, expected: map[string]model.Upload{}}
	if err := u.place(placed, params.Variables); err != nil {
		return nil, nil, http.StatusBadRequest, err
	}
	params, status, err := requireQuery(params)
	return params, u, status, err
}

// jsonPart reads the part that comes next, which must be of that name.
func jsonPart(form *multipart.Reader, name string, bytesMax int) ([]byte, error) {
	part, err := form.NextRawPart()
	if err != nil || part.FormName() != name {
		if cut := bodyFault(err); cut != nil {
			return nil, cut
		}
		return nil, badRequest("The parts of the body are operations, then map, then the files: there is no part %s in its place.", name)
	}
	text, err := io.ReadAll(io.LimitReader(part, int64(bytesMax)+1))
	if cut := bodyFault(err); cut != nil {
		return nil, cut
	}
	if len(text) > bytesMax {
		return nil, fault.Exceeded(name+"_bytes", bytesMax, 0)
	}
	return text, nil
}

// bodyFault is what an error of reading the body is to the client, nil for the form's end.
func bodyFault(err error) error {
	if err == nil || err == io.EOF {
		return nil
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fault.Exceeded("body_bytes", int(tooLarge.Limit), 0)
	}
	return badRequest("The body could not be read to its end.")
}

// statusOfBody is the status for a request that is refused for its body.
func statusOfBody(err error) int {
	switch {
	case fault.Is(err, fault.TooComplex):
		return http.StatusRequestEntityTooLarge
	case fault.Is(err, fault.Unavailable):
		return http.StatusServiceUnavailable
	case fault.Is(err, fault.RateLimited):
		return http.StatusTooManyRequests
	}
	return http.StatusBadRequest
}

// place puts each file of the map in its place among the variables.
func (u *upload) place(text []byte, variables map[string]any) error {
	var paths map[string][]string
	if err := json.Unmarshal(text, &paths); err != nil {
		return badRequest("The part map is not a JSON object of lists of paths, such as {\"0\": [\"variables.file\"]}.")
	}
	if len(paths) == 0 || len(paths) > filesPerRequestMax {
		return badRequest("The part map names %d files, and may name 1 to %d.", len(paths), filesPerRequestMax)
	}
	for name, places := range paths {
		if len(places) != 1 {
			return badRequest("Each file of the part map goes to one place, not to %d.", len(places))
		}
		file := model.Upload{ReceivedFile: &model.ReceivedFile{}}
		steps := strings.Split(places[0], ".")
		if steps[0] != "variables" || len(steps) < 2 || !put(variables, steps[1:], file) {
			return badRequest("A path of the part map leads to no null among the variables: it is such as variables.file or variables.files.0.")
		}
		u.expected[name] = file
	}
	return nil
}

// put sets the value at a path where there is null, and reports whether there is.
func put(at any, steps []string, value model.Upload) bool {
	last := len(steps) == 1
	switch at := at.(type) {
	case map[string]any:
		next, ok := at[steps[0]]
		if !ok || last && next != nil {
			return false
		}
		if last {
			at[steps[0]] = value
			return true
		}
		return put(next, steps[1:], value)
	case []any:
		i, err := strconv.Atoi(steps[0])
		if err != nil || i < 0 || i >= len(at) || last && at[i] != nil {
			return false
		}
		if last {
			at[i] = value
			return true
		}
		return put(at[i], steps[1:], value)
	}
	return false
}

// receive keeps the files, when the operation is known to be one that takes them all.
func (u *upload) receive(ctx context.Context, operation *graphql.OperationContext) error {
	if u == nil {
		return nil
	}
	if taken := filesIn(operation.Variables); taken != len(u.expected) {
		return badRequest("A path of the part map leads to a variable that the operation has not.")
	}
	var err error
	if u.incoming, err = u.files.Begin(model.ViewerFrom(ctx)); err != nil {
		u.incoming = nil
		return err
	}
	arrived := map[string]bool{}
	for {
		part, err := u.form.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return bodyFault(err)
		}
		file, expected := u.expected[part.FormName()]
		if !expected || arrived[part.FormName()] {
			return badRequest("The body has a part that the part map does not name, or has one twice.")
		}
		arrived[part.FormName()] = true
		body := &partReader{r: part}
		received, err := u.incoming.Receive(ctx, part.FileName(), body)
		if body.failed != nil {
			return bodyFault(body.failed)
		}
		if err != nil {
			return err
		}
		*file.ReceivedFile = *received
	}
	if len(arrived) < len(u.expected) {
		return badRequest("%d of the files that the part map names have not come.", len(u.expected)-len(arrived))
	}
	return nil
}

// partReader notes why a part could not be read to its end.
type partReader struct {
	r      io.Reader
	failed error
}

func (p *partReader) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if err != nil && err != io.EOF {
		p.failed = err
	}
	return n, err
}

// filesIn counts the files among values.
func filesIn(values any) int {
	count := 0
	switch values := values.(type) {
	case model.Upload:
		return 1
	case map[string]any:
		for _, value := range values {
			count += filesIn(value)
		}
	case []any:
		for _, value := range values {
			count += filesIn(value)
		}
	}
	return count
}

// settle removes what nothing became of.
func (u *upload) settle(ctx context.Context) {
	if u == nil || u.incoming == nil {
		return
	}
	var received []*model.ReceivedFile
	for _, file := range u.expected {
		received = append(received, file.ReceivedFile)
	}
	u.incoming.Settle(ctx, received...)
}
