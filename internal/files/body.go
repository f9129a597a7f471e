package files

import (
	"errors"
	"io"
	"net/http"
	"time"

	"dossier/internal/fault"
)

// Limits of a request that brings files.
const (
	// BodyIdleMax is how long it may bring nothing.
	BodyIdleMax = 15 * time.Second
	bodyTimeMax = time.Hour
	// storeTimeMax is how long it may take to store the end of a file, and to answer, when all of it has come.
	storeTimeMax = 5 * time.Minute
	// lingerMax is how long what is left of a body is read that was answered before its end.
	lingerMax = 10 * time.Second
)

// Body is the body of a request that may take long, as long as it goes on: each read has time of its own. What cannot be read to its
// end is BAD_USER_INPUT.
type Body struct {
	io.ReadCloser
	control *http.ResponseController
	until   time.Time
}

// NewBody makes the request's body one, and may be asked to Linger.
func NewBody(w http.ResponseWriter, r *http.Request) *Body {
	body := &Body{r.Body, http.NewResponseController(w), time.Now().Add(bodyTimeMax)}
	_ = body.control.EnableFullDuplex() // for Linger; HTTP/2 is so anyway
	r.Body = body
	return body
}

var (
	errCutOff  = fault.New(fault.BadUserInput, "The body could not be read to its end.")
	errTooSlow = errors.New("the body took too long")
)

// Read gives the connection time to bring something.
func (b *Body) Read(p []byte) (int, error) {
	now := time.Now()
	if now.After(b.until) {
		return 0, errCutOff.Because(errTooSlow)
	}
	b.extend(min(BodyIdleMax, b.until.Sub(now)))
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		// What has come is still to be stored. net/http watches for the client to leave meanwhile, and takes its deadline for that.
		b.extend(storeTimeMax)
	} else if err != nil {
		err = errCutOff.Because(err)
	}
	return n, err
}

// extend gives the connection time from now. One without deadlines has no hurry either.
func (b *Body) extend(d time.Duration) {
	until := time.Now().Add(d)
	_ = b.control.SetReadDeadline(until)
	_ = b.control.SetWriteDeadline(until.Add(BodyIdleMax))
}

// Linger sends the answer and reads on for a moment: a client that is still sending when its connection is closed may lose the
// answer with it.
func (b *Body) Linger() {
	_ = b.control.Flush()
	b.until = time.Now().Add(lingerMax)
	_, _ = io.Copy(io.Discard, b)
}
