package graph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"dossier/internal/fault"
	"dossier/internal/telemetry"
	"dossier/model"
)

// userErrorCodes are the faults of a mutation that the sender of its input can mend. Everything else is an error.
var userErrorCodes = map[fault.Code]bool{
	fault.BadUserInput: true, fault.BadReference: true, fault.Conflict: true, fault.NotFound: true,
}

// splitUserErrors turns an error into user errors, if all of it can be mended by the sender.
func splitUserErrors(err error) ([]model.UserError, error) {
	userErrors := []model.UserError{}
	for _, f := range fault.All(err) {
		if !userErrorCodes[f.Code] {
			return []model.UserError{}, err
		}
		about := ""
		if len(f.Field) > 0 {
			about = f.Field[len(f.Field)-1]
		}
		userErrors = append(userErrors,
			model.UserError{Code: model.ErrorCode(f.Code), Field: f.Field, Message: f.Sentence(about)})
	}
	if len(userErrors) == 0 {
		return userErrors, err
	}
	return userErrors, nil
}

// presenter is the one place where errors become answers. What is no fault is logged and becomes INTERNAL: no text of
// the database, path or stack leaves the server.
type presenter struct {
	logger *slog.Logger
	values bool // whether the log may have values of the database
}

func (p presenter) present(ctx context.Context, err error) *gqlerror.Error {
	shown := &gqlerror.Error{Path: graphql.GetPath(ctx)}
	var located *gqlerror.Error
	if errors.As(err, &located) {
		shown.Locations = located.Locations
	}
	if fault.All(err) == nil && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
		err = fault.TimedOut.Because(err)
	}
	if faults := fault.All(err); len(faults) > 0 {
		p.logCause(ctx, faults[0], err)
		return presentFault(shown, faults, located)
	}
	if isQueryError(located) {
		return presentQueryError(shown, located)
	}
	return p.presentUnknown(ctx, shown, err)
}

func isQueryError(err *gqlerror.Error) bool {
	if err == nil {
		return false
	}
	code := err.Extensions["code"]
	return code == errcode.ParseFailed || code == errcode.ValidationFailed
}

// presentFault shows the first fault; a query has one, but for arguments that break several rules.
func presentFault(shown *gqlerror.Error, faults []*fault.Error, located *gqlerror.Error) *gqlerror.Error {
	first := faults[0]
	messages := make([]string, len(faults))
	for i, f := range faults {
		argument := strings.Join(f.Field, ".")
		if argument == "" && located != nil && f.Code == fault.BadUserInput {
			argument = argumentName(located.Path, shown.Path)
		}
		messages[i] = f.Sentence(argument)
		if i == 0 {
			shown.Extensions = map[string]any{"code": f.Code}
			if argument != "" {
				shown.Extensions["argument"] = argument
			}
		}
	}
	shown.Message = strings.Join(messages, " ")
	if first.Retryable {
		shown.Extensions["retryable"] = true
	}
	if first.RetryAfter > 0 {
		shown.Extensions["retryAfter"] = int(math.Ceil(first.RetryAfter.Seconds()))
	}
	if first.Limit != nil {
		shown.Extensions["limit"] = first.Limit
	}
	return shown
}

// argumentName gives what of an error's path lies below the field: the argument, as documents[3].name.
func argumentName(path, field ast.Path) string {
	if len(path) <= len(field) {
		return ""
	}
	var name strings.Builder
	for _, element := range path[len(field):] {
		switch element := element.(type) {
		case ast.PathName:
			if name.Len() > 0 {
				name.WriteByte('.')
			}
			name.WriteString(string(element))
		case ast.PathIndex:
			name.WriteString("[" + strconv.Itoa(int(element)) + "]")
		}
	}
	return name.String()
}

// presentQueryError shows what gqlgen says of a query that does not parse, validate, or take its variables.
func presentQueryError(shown, err *gqlerror.Error) *gqlerror.Error {
	shown.Message = err.Message
	shown.Path = nil
	code := err.Extensions["code"]
	if len(err.Path) > 0 && err.Path[0] == ast.PathName("variable") {
		code = fault.BadUserInput
		argument, problem := "$"+argumentName(err.Path, err.Path[:1]), err.Message
		if strings.HasPrefix(problem, "cannot use value ") && strings.HasSuffix(problem, " as Int") {
			problem = "is not a 32-bit whole number." // gqlparser tells what it made of the number, not what was sent
		}
		shown.Message = argument + " " + problem
		shown.Extensions = map[string]any{"argument": argument}
	}
	if shown.Extensions == nil {
		shown.Extensions = map[string]any{}
	}
	shown.Extensions["code"] = code
	return shown
}

func (p presenter) presentUnknown(ctx context.Context, shown *gqlerror.Error, err error) *gqlerror.Error {
	id := telemetry.RequestID(ctx)
	p.logger.ErrorContext(ctx, "internal error", "request_id", id, "operation", telemetry.Operation(ctx),
		"path", shown.Path.String(), "error", telemetry.Reason(err, p.values))
	shown.Message = "Something went wrong on our side. Tell us the request id if it goes on: " + id
	shown.Extensions = map[string]any{"code": fault.Internal, "requestId": id}
	return shown
}

// logCause keeps why a request could not be served; what the client did wrong is not worth a line.
func (p presenter) logCause(ctx context.Context, f *fault.Error, err error) {
	if f.Code == fault.Unavailable || f.Code == fault.Timeout {
		p.logger.WarnContext(ctx, "request not served", "code", f.Code, "request_id", telemetry.RequestID(ctx),
			"operation", telemetry.Operation(ctx), "error", telemetry.Reason(err, p.values))
	}
}

// recovered turns a panic into an error that is logged with its stack.
func recovered(_ context.Context, r any) error { return fmt.Errorf("panic: %v\n%s", r, debug.Stack()) }
