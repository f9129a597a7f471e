package blob

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"

	"gocloud.dev/gcerrors"
	"google.golang.org/api/googleapi"

	"dossier/internal/fault"
)

var (
	unavailable = &fault.Error{Code: fault.Unavailable, Message: "The file store does not answer at the moment.", Retryable: true}
	taken       = fault.New(fault.Conflict, "There is a file of this name already.")
)

// translate turns an error of a store into a fault whose cause is for the log. Faults pass as they are, and where the
// context has ended, its error is what is told.
func translate(ctx context.Context, err error) error {
	switch {
	case err == nil || fault.All(err) != nil:
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("file store: %w", ctx.Err())
	case isMissing(err):
		return fault.Missing("file").Because(err)
	default:
		return unavailable.Because(err)
	}
}

// isMissing reports whether the store says that a blob is not there. It must not be said of a store that is out of reach: what
// is missing counts as deleted.
func isMissing(err error) bool {
	if _, ok := errors.AsType[*net.OpError](err); ok { // gocloud takes an unknown host of Azure for a missing blob
		return false
	}
	if refused, ok := errors.AsType[*googleapi.Error](err); ok && refused.Code == http.StatusForbidden { // and this one of Google
		return false
	}
	return gcerrors.Code(err) == gcerrors.NotFound || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG)
}
