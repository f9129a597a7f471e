package model

import (
	"database/sql/driver"
	"io"
	"strings"

	"github.com/google/uuid"
	"go.jetify.com/typeid/base32"
)

// GlobalID is any id as clients see it: a TypeID (github.com/jetify-com/typeid, spec 0.3), the entity's prefix and 26
// characters of base32 that hold a UUID. The zero value is no id.
type GlobalID struct {
	Prefix string
	UUID   uuid.UUID
}

func (id GlobalID) String() string { return formatID(id.Prefix, id.UUID) }

// ParseGlobalID reads the text form of any entity's id.
func ParseGlobalID(text string) (GlobalID, error) {
	prefix, suffix, ok := strings.Cut(text, "_")
	if !ok || !entityPrefixes[prefix] {
		return GlobalID{}, errMalformedID
	}
	raw, err := base32.Decode(suffix)
	// The check of the first character refuses texts of more than 128 bits, which would decode to another id.
	if err != nil || len(suffix) != 26 || suffix[0] > '7' {
		return GlobalID{}, errMalformedID
	}
	return GlobalID{Prefix: prefix, UUID: uuid.UUID(raw)}, nil
}

var errMalformedID = malformed("is not an id of this API.")

// UnmarshalGQL reads an id argument.
func (id *GlobalID) UnmarshalGQL(v any) error {
	text, ok := v.(string)
	if !ok {
		return errMalformedID
	}
	parsed, err := ParseGlobalID(text)
	*id = parsed
	return err
}

// MarshalGQL writes the quoted text form.
func (id GlobalID) MarshalGQL(w io.Writer) { marshalID(w, id.Prefix, id.UUID) }

// ID is any typed id of an entity.
type ID interface {
	~[16]byte
	Global() GlobalID
}

// As turns an id argument into the typed id of its entity, or says which entity's id was expected.
func As[T ID](global GlobalID) (T, error) {
	var zero T
	if want := zero.Global().Prefix; global.Prefix != want {
		return zero, malformed("must be an id that starts with %s_.", want)
	}
	return T(global.UUID), nil
}

// NewID makes an id: a UUID version 7 (RFC 9562 section 5.7), so that later rows sort after earlier ones.
func NewID[T ID]() T { return T(uuid.Must(uuid.NewV7())) }

func formatID(prefix string, id [16]byte) string { return prefix + "_" + base32.Encode(id) }

// marshalID writes piece by piece: answers are made of ids, and w is a buffer.
func marshalID(w io.Writer, prefix string, id [16]byte) {
	for _, piece := range [...]string{`"`, prefix, "_", base32.Encode(id), `"`} {
		_, _ = io.WriteString(w, piece)
	}
}

func unmarshalID[T ID](v any, id *T) error {
	var global GlobalID
	if err := global.UnmarshalGQL(v); err != nil {
		return err
	}
	typed, err := As[T](global)
	*id = typed
	return err
}

// idValue sends the id as text: PostgreSQL reads it as uuid, where a byte slice would be bytea.
func idValue(id [16]byte) (driver.Value, error) { return uuid.UUID(id).String(), nil }

// scanID reads the text that pgdriver has for a uuid. uuid's own Scan makes a string of it first.
func scanID[T ~[16]byte](src any, id *T) error {
	var parsed uuid.UUID
	var err error
	if text, ok := src.([]byte); ok {
		parsed, err = uuid.ParseBytes(text)
	} else {
		err = parsed.Scan(src)
	}
	*id = T(parsed)
	return err
}

// entityPrefixes are the prefixes that an id may have.
var entityPrefixes = map[string]bool{
	CompanyID{}.Global().Prefix:      true,
	UserID{}.Global().Prefix:         true,
	ProjectID{}.Global().Prefix:      true,
	DocumentID{}.Global().Prefix:     true,
	ThemeID{}.Global().Prefix:        true,
	ConversationID{}.Global().Prefix: true,
	AuditID{}.Global().Prefix:        true,
	SessionID{}.Global().Prefix:      true,
	AccountID{}.Global().Prefix:      true,
	APIKeyID{}.Global().Prefix:       true,
	UploadID{}.Global().Prefix:       true,
	ChunkID{}.Global().Prefix:        true,
}
