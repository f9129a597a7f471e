package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"dossier/internal/fault"
	"dossier/internal/files"
	"dossier/internal/telemetry"
	"dossier/model"
)

// The media types of GraphQL over HTTP (draft of 2025, sections 4 and 6).
const (
	mediaGraphQL = "application/graphql-response+json"
	mediaJSON    = "application/json"
)

// transport speaks GraphQL over HTTP by POST, and by GET for queries. gqlgen's own transports read bodies without a cap,
// answer with the body of the request where it is malformed, and encode answers twice.
type transport struct {
	bodyBytesMax  int
	chunkBytesMax int          // of who may process documents
	traceable     bool         // extensions.trace is answered
	files         *files.Files // that requests bring
}

var _ graphql.Transport = transport{}

// Supports leaves websockets to others. Any other wish to upgrade may be ignored (RFC 9110 section 7.8).
func (transport) Supports(r *http.Request) bool {
	return !strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

func (t transport) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	media, ok := acceptable(r.Header.Values("Accept"))
	if !ok {
		http.Error(w, "This answers "+mediaGraphQL+" or "+mediaJSON+".", http.StatusNotAcceptable)
		return
	}
	w.Header().Set("Content-Type", media+"; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if isMultipart(r) {
		defer files.NewBody(w, r).Linger()
	}
	params, brought, status, err := t.read(w, r)
	defer brought.settle(r.Context())
	if err != nil {
		t.write(w, r, status, exec.DispatchError(r.Context(), gqlerror.List{gqlerror.Wrap(err)}))
		return
	}
	params.Headers = r.Header
	request := telemetry.RequestFrom(r.Context())
	trace := request != nil && t.traceable && params.Extensions["trace"] == true
	request.Execute(fieldName, trace)
	response, status := t.execute(w, r, exec, media, params, brought)
	if trace && response != nil {
		if response.Extensions == nil {
			response.Extensions = map[string]any{}
		}
		response.Extensions["trace"] = request.Trace()
	}
	t.write(w, r, status, response)
}

// answerTime is how long a client may take to read an answer that was long in coming.
const answerTime = 30 * time.Second

// execute gives the answer and its status. Files are received when it is known that there is an operation for them.
func (t transport) execute(
	w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor, media string, params *graphql.RawParams, brought *upload,
) (*graphql.Response, int) {
	status := http.StatusOK
	operation, errs := exec.CreateOperationContext(r.Context(), params)
	noteOperation(r.Context(), operation)
	if errs == nil && r.Method == http.MethodGet && operation.Operation.Operation != ast.Query {
		w.Header().Set("Allow", http.MethodPost)
		status = http.StatusMethodNotAllowed
		errs = gqlerror.List{gqlerror.Wrap(fault.New(fault.BadUserInput, "A GET request can only query: send a mutation by POST."))}
	} else if errs != nil {
		status = statusOf(media, errs)
	} else if err := brought.receive(r.Context(), operation); err != nil {
		status, errs = statusOfBody(err), gqlerror.List{gqlerror.Wrap(err)}
	}
	if errs != nil {
		return exec.DispatchError(graphql.WithOperationContext(r.Context(), operation), errs), status
	}
	if slow := slowness(operation); slow > 0 { // the connection has as long, and then some to be answered
		until, control := time.Now().Add(slow+answerTime), http.NewResponseController(w)
		_ = control.SetReadDeadline(until) // net/http watches for the client to leave, and takes its deadline for that
		_ = control.SetWriteDeadline(until)
	}
	responses, ctx := exec.DispatchOperation(r.Context(), operation)
	response := responses(ctx)
	if response == nil && r.Context().Err() == nil { // there was no time to begin, or no room in it
		late := gqlerror.List{gqlerror.Wrap(fault.TimedOut)}
		response = exec.DispatchError(graphql.WithOperationContext(r.Context(), operation), late)
	}
	return response, status
}

// acceptable picks the media type of the answer. Without a wish it is the newer one.
func acceptable(accept []string) (string, bool) {
	if strings.TrimSpace(strings.Join(accept, "")) == "" {
		return mediaGraphQL, true
	}
	for _, one := range strings.Split(strings.Join(accept, ","), ",") {
		media, params, err := mime.ParseMediaType(one)
		if quality, set := params["q"]; err != nil || set && strings.Trim(quality, "0.") == "" {
			continue
		}
		switch media {
		case mediaGraphQL, "application/*", "*/*":
			return mediaGraphQL, true
		case mediaJSON:
			return mediaJSON, true
		}
	}
	return "", false
}

// statusOf is the status of a request that was not executed. In application/json, which proxies answer too, 200 says
// that this is GraphQL's answer.
func statusOf(media string, errs gqlerror.List) int {
	if media == mediaGraphQL {
		return http.StatusBadRequest
	}
	for _, err := range errs {
		if err.Extensions["code"] == errcode.ParseFailed {
			return http.StatusBadRequest
		}
	}
	return http.StatusOK
}

// read gives what the request asks for. Files that come with it are nil for none.
func (t transport) read(w http.ResponseWriter, r *http.Request) (params *graphql.RawParams, _ *upload, status int, err error) {
	switch {
	case isMultipart(r):
		return t.readMultipart(r)
	case r.Method == http.MethodGet:
		params, status, err = t.readQuery(r)
	case r.Method == http.MethodPost:
		params, status, err = t.readBody(w, r)
	default:
		w.Header().Set("Allow", "GET, POST")
		status, err = http.StatusMethodNotAllowed, badRequest("Send GraphQL by POST, or a query by GET.")
	}
	return params, nil, status, err
}

func badRequest(format string, args ...any) error {
	return fault.New(fault.BadUserInput, format, args...)
}

func (t transport) readQuery(r *http.Request) (*graphql.RawParams, int, error) {
	if len(r.URL.RawQuery) > t.bodyBytesMax {
		return nil, http.StatusRequestURITooLong, fault.Exceeded("body_bytes", t.bodyBytesMax, len(r.URL.RawQuery))
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, http.StatusBadRequest, badRequest("The query string is malformed.")
	}
	params := &graphql.RawParams{Query: values.Get("query"), OperationName: values.Get("operationName")}
	for name, target := range map[string]*map[string]any{"variables": &params.Variables, "extensions": &params.Extensions} {
		if text := values.Get(name); text != "" {
			if err := decode([]byte(text), target); err != nil {
				return nil, http.StatusBadRequest, badRequest("The parameter %s is not a JSON object.", name)
			}
		}
	}
	return requireQuery(params)
}

func (t transport) readBody(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, int, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != mediaJSON {
		return nil, http.StatusUnsupportedMediaType, badRequest("The Content-Type must be %s, or %s with files.", mediaJSON, mediaMultipart)
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, http.StatusUnsupportedMediaType, badRequest("The body must not be compressed.")
	}
	most := t.bodyBytesMax
	if viewer := model.ViewerFrom(r.Context()); viewer.HasKey() && viewer.Role.AtLeast(model.RoleManager) &&
		viewer.May(model.ScopeDocumentsProcess) {
		most = max(most, t.chunkBytesMax)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(most)))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, http.StatusRequestEntityTooLarge, fault.Exceeded("body_bytes", most, 0)
	}
	if err != nil {
		return nil, http.StatusBadRequest, badRequest("The body could not be read to its end.")
	}
	params := &graphql.RawParams{}
	if err := decode(body, params); err != nil {
		return nil, http.StatusBadRequest,
			badRequest("The body is not a JSON object with query, and optionally operationName, variables and extensions.")
	}
	return requireQuery(params)
}

func requireQuery(params *graphql.RawParams) (*graphql.RawParams, int, error) {
	if params.Query == "" {
		return nil, http.StatusBadRequest, badRequest("The request has no query.")
	}
	return params, 0, nil
}

// decode reads one JSON value and nothing after it. Numbers stay texts, so that none is rounded.
func decode(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("more than one JSON value")
	}
	return nil
}

// errorsMax bounds the errors of an answer: a field that fails for every row says so often enough.
const errorsMax = 100

// write sends the answer. Its data is JSON already, and is neither encoded again nor copied.
func (t transport) write(w http.ResponseWriter, r *http.Request, status int, response *graphql.Response) {
	telemetry.RequestFrom(r.Context()).SetCode(codeOf(response))
	if response == nil { // the client is gone
		return
	}
	before, after := "{", "}"
	if len(response.Errors) > 0 {
		before += `"errors":` + encode(response.Errors[:min(len(response.Errors), errorsMax)])
		if response.Data != nil {
			before += ","
		}
	}
	if response.Data != nil {
		before += `"data":`
	}
	if len(response.Extensions) > 0 {
		after = `,"extensions":` + encode(response.Extensions) + after
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(before)+len(response.Data)+len(after)))
	if seconds := retryAfter(response.Errors); seconds > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, before) // a client that is gone does not read it
	_, _ = w.Write(append(response.Data, after...))
}

// encode gives the JSON of errors or extensions, which are made here, of texts and numbers.
func encode(value any) string {
	encoded, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(encoded)
}

// retryAfter is the longest time that an error asks to wait for, in seconds.
func retryAfter(errs gqlerror.List) int {
	longest := 0
	for _, err := range errs {
		if seconds, ok := err.Extensions["retryAfter"].(int); ok {
			longest = max(longest, seconds)
		}
	}
	return longest
}
