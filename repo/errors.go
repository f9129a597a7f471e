package repo

import (
	"context"
	"database/sql"
	"errors"

	"github.com/uptrace/bun/driver/pgdriver"

	"dossier/internal/fault"
	"dossier/internal/pgconn"
)

// constraintFaults says what each constraint's violation means to a client. A constraint is a rule of the product, and
// this is the one place that names it; a test holds it against the constraints of the migrated database.
var constraintFaults = map[string]*fault.Error{
	"users_email_key":                  fault.New(fault.Conflict, "The email address is already in use.").At("email"),
	"users_company_id_fkey":            errNoCompany,
	"sessions_api_key_id_fkey":         errAccessEnded,
	"authenticators_api_key_id_fkey":   errAccessEnded,
	"sessions_user_id_fkey":            fault.New(fault.BadReference, "There is no such user."),
	"projects_company_id_fkey":         fault.New(fault.BadReference, "There is no such company."),
	"projects_owner_id_fkey":           fault.New(fault.BadReference, "There is no such owner in the company.").At("ownerId"),
	"themes_name_key":                  fault.New(fault.Conflict, "The company has a theme of this name already.").At("name"),
	"themes_company_id_fkey":           errNoCompany,
	"project_themes_project_id_fkey":   fault.New(fault.BadReference, "There is no such project in the company.").At("projectIds"),
	"project_themes_theme_id_fkey":     fault.New(fault.BadReference, "There is no such theme in the company.").At("themeIds"),
	"document_themes_document_id_fkey": fault.New(fault.BadReference, "There is no such document in the company.").At("documentIds"),
	"document_themes_theme_id_fkey":    fault.New(fault.BadReference, "There is no such theme in the company.").At("themeIds"),
	"conversations_company_id_fkey":    fault.New(fault.BadReference, "There is no such company."),
	"conversations_owner_id_fkey":      fault.New(fault.BadReference, "There is no such owner in the company.").At("ownerId"),
	"conversations_project_id_fkey":    fault.New(fault.BadReference, "There is no such project in the company.").At("projectId"),
	"accounts_user_id_fkey":            fault.New(fault.BadReference, "There is no such user.").At("userId"),
	"accounts_provider_account_id_key": fault.New(fault.Conflict, "The account is linked to a user already.").At("providerAccountId"),
	"api_keys_user_id_fkey":            fault.New(fault.BadReference, "There is no such user."),
	"api_keys_company_id_fkey":         fault.New(fault.BadReference, "There is no such user in the company."),
	"uploads_user_id_fkey":             fault.New(fault.BadReference, "There is no such user."),
	"uploads_company_id_fkey":          fault.New(fault.BadReference, "There is no such company."),
	"invitations_user_id_fkey":         fault.New(fault.BadReference, "There is no such user."),
	"one_time_tokens_user_id_fkey":     fault.New(fault.BadReference, "There is no such user."),
	"documents_company_id_fkey":        fault.New(fault.BadReference, "There is no such company."),
	"documents_owner_id_fkey":          fault.New(fault.BadReference, "There is no such owner in the company.").At("ownerId"),
	"documents_project_id_fkey":        fault.New(fault.BadReference, "There is no such project in the company.").At("projectId"),

	// What an Auth.js frontend makes: it gives tokens of its own.
	"sessions_token_hash_key":             fault.New(fault.Conflict, "There is a session with this token already.").At("sessionToken"),
	"authenticators_user_id_fkey":         fault.New(fault.BadReference, "There is no such user.").At("userId"),
	"authenticators_credential_id_key":    fault.New(fault.Conflict, "The passkey is there already.").At("credentialId"),
	"verification_tokens_company_id_fkey": errNoCompany,
	"verification_tokens_identifier_key":  fault.New(fault.Conflict, "There is such a token already.").At("token"),
}

var errNoCompany = fault.New(fault.BadReference, "There is no such company.").At("companyId")

// SQLSTATEs that mean something to a client, or here (PostgreSQL documentation, appendix A); pgconn knows those of a
// database that is not there.
const (
	stateUniqueViolation     = "23505"
	stateForeignKeyViolation = "23503"
	stateNotNullViolation    = "23502"
	stateSerialization       = "40001"
	stateDeadlock            = "40P01"
	stateQueryCanceled       = "57014"
	stateNotAllowed          = "42501"
	stateNotSupported        = "0A000"
)

// translate turns an error of the database into a fault. Faults pass as they are; what is unknown stays as it is, and is
// INTERNAL to a client.
func translate(err error) error {
	if err == nil || fault.All(err) != nil {
		return err
	}
	switch {
	case errors.Is(err, pgconn.ErrCommitUnknown):
		return fault.New(fault.Unavailable,
			"The connection to the database was lost while saving: read again whether the change was made.").Because(err)
	case pgconn.Unavailable(err), errors.Is(err, sql.ErrConnDone), errors.Is(err, sql.ErrTxDone):
		return unavailable.Because(err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fault.TimedOut.Because(err)
	}
	if postgres, ok := errors.AsType[pgdriver.Error](err); ok {
		return translatePostgres(postgres, err)
	}
	return err
}

var (
	unavailable = &fault.Error{Code: fault.Unavailable, Message: "The database cannot be reached at the moment.", Retryable: true}
	conflicting = &fault.Error{Code: fault.Unavailable, Message: "Other changes were made at the same time; try again.", Retryable: true}
)

func translatePostgres(postgres pgdriver.Error, err error) error {
	switch state := postgres.Field('C'); state {
	case stateUniqueViolation, stateForeignKeyViolation:
		if known := constraintFaults[postgres.Field('n')]; known != nil {
			return known.Because(err)
		}
		if state == stateUniqueViolation {
			return fault.New(fault.Conflict, "There is already such a thing.").Because(err)
		}
		return fault.New(fault.BadReference, "Something that the input names is not there, or is still in use.").Because(err)
	case stateNotNullViolation:
		if postgres.Field('t') == "audit_log" && postgres.Field('c') == "action" {
			return errAccessEnded.Because(err) // see recorded
		}
		return err
	case stateSerialization, stateDeadlock:
		return conflicting.Because(err)
	case stateQueryCanceled:
		return fault.TimedOut.Because(err)
	default:
		return err
	}
}

// endsOnce reports whether a transaction failed that may go well when it is run again.
func endsOnce(err error) bool {
	if pgconn.Outdated(err) {
		return true
	}
	postgres, ok := errors.AsType[pgdriver.Error](err)
	if !ok {
		return false
	}
	state := postgres.Field('C')
	return state == stateSerialization || state == stateDeadlock
}
