package model

import (
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"dossier/internal/fault"
)

// Limits of texts, in characters.
const (
	nameLengthMax        = 200
	emailLengthMax       = 254 // RFC 5321 section 4.5.3.1.3, less the angle brackets
	domainLengthMax      = 253 // RFC 1035 section 2.3.4
	imageLengthMax       = 2048
	contentTypeLengthMax = 255
	messageLengthMax     = 2000
	searchLengthMax      = 200
)

// Lengths of passwords, in characters. NIST SP 800-63B section 5.1.1.2: at least 8, at least 64 allowed, no other rules.
const (
	PasswordLengthMin = 8
	PasswordLengthMax = 256
)

// Checks collects what is wrong with an input, so that everything is said at once.
type Checks struct {
	faults fault.List
	path   []string
}

func (c *Checks) fail(field, format string, args ...any) {
	path := append(slices.Clone(c.path), strings.Split(field, ".")...)
	c.faults = append(c.faults, fault.Invalid(path, format, args...))
}

// under runs checks of one element of a list, and prefixes their paths.
func (c *Checks) under(list string, index int, check func(*Checks)) {
	inner := Checks{path: append(slices.Clone(c.path), list, strconv.Itoa(index))}
	check(&inner)
	c.faults = append(c.faults, inner.faults...)
}

func (c *Checks) err() error { return c.faults.OrNil() }

// text checks a text that must say something.
func (c *Checks) text(field, value string, lengthMax int) {
	if strings.TrimSpace(value) == "" {
		c.fail(field, "must not be empty.")
		return
	}
	c.length(field, value, lengthMax)
}

func (c *Checks) length(field, value string, lengthMax int) {
	if length := utf8.RuneCountInString(value); length > lengthMax {
		c.fail(field, "must have at most %d characters, not %d.", lengthMax, length)
	}
}

func (c *Checks) email(field, value string) {
	address, err := mail.ParseAddress(value)
	_, host, _ := strings.Cut(value, "@")
	if err != nil || address.Address != value || !domainPattern.MatchString(host) {
		c.fail(field, "must be an email address.")
		return
	}
	c.length(field, value, emailLengthMax)
}

// CheckEmailLength refuses a text that is too long to be an email address, before it is looked for.
func CheckEmailLength(field, value string) error {
	var c Checks
	c.length(field, value, emailLengthMax)
	return c.err()
}

func (c *Checks) password(field, value string) {
	switch length := utf8.RuneCountInString(value); {
	case length < PasswordLengthMin:
		c.fail(field, "must have at least %d characters.", PasswordLengthMin)
	case length > PasswordLengthMax:
		c.fail(field, "must have at most %d characters.", PasswordLengthMax)
	}
}

// domainPattern is a name of two labels or more (RFC 1035 section 2.3.1, with letters of any script); the last is no number.
var domainPattern = regexp.MustCompile(`^(?:[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}-]{0,61}[\p{L}\p{M}\p{N}])?\.)+[\p{L}\p{N}-]*\p{L}[\p{L}\p{M}\p{N}]*$`)

func (c *Checks) domain(field, value string) {
	if !domainPattern.MatchString(value) {
		c.fail(field, "must be a domain name such as example.com.")
		return
	}
	c.length(field, value, domainLengthMax)
}

func (c *Checks) webAddress(field, value string) {
	parsed, err := url.Parse(value)
	if err != nil || parsed.Host == "" || parsed.Scheme != "https" && parsed.Scheme != "http" {
		c.fail(field, "must be an http or https URL.")
		return
	}
	c.length(field, value, imageLengthMax)
}

// NoFilter is the filter of a list that has none.
type NoFilter struct{}

// Validate finds nothing wrong.
func (NoFilter) Validate() error { return nil }

// listLength checks the number of items of a list.
func (c *Checks) listLength(field string, length, lengthMax int) {
	if length > lengthMax {
		c.fail(field, "must have at most %d items, not %d.", lengthMax, length)
	}
}

// noRules is embedded by inputs that have nothing to check but the types of their fields.
type noRules struct{}

// Validate finds nothing wrong.
func (noRules) Validate() error { return nil }

// ifSet checks an optional value: absent and null are fine.
func ifSet[T any](value *T, check func(T)) {
	if value != nil {
		check(*value)
	}
}
