package extract

import "fmt"

// Code is why a file cannot be read.
type Code string

// The codes, which the API shows.
const (
	EmptyFile       Code = "EMPTY_FILE"
	UnsupportedType Code = "UNSUPPORTED_TYPE"
	Encrypted       Code = "ENCRYPTED"
	Malformed       Code = "MALFORMED"
	TooLarge        Code = "TOO_LARGE" // over a limit of bytes, text, pages or memory, which the message names
	TimedOut        Code = "TIMED_OUT"
)

// Error is why a file cannot be read, for its users: trying again does not help. What is no *Error is our own trouble.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"` // a sentence without anything of the file or of this machine
}

// Error gives the code and the message.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

var (
	errEmpty       = &Error{EmptyFile, "The file is empty."}
	errUnsupported = &Error{UnsupportedType, "Files of this type cannot be read."}
	errEncrypted   = &Error{Encrypted, "The file is protected with a password."}
	errTime        = &Error{TimedOut, "Reading the file took too long."}
	errMemory      = &Error{TooLarge, "Reading the file takes too much memory."}
	errBroken      = &Error{Malformed, "The file is broken: it cannot be read as what it is."}
	errDeep        = &Error{Malformed, "The file is broken: its parts are nested too deeply."}
	errExpanded    = &Error{TooLarge, "The file expands to too many bytes."}
	errParts       = &Error{TooLarge, "The file has too many parts."}
)

func errFileBytes(max int64) *Error {
	return &Error{TooLarge, fmt.Sprintf("The file is too large: it may have at most %d bytes.", max)}
}

func errTextBytes(max int64) *Error {
	return &Error{TooLarge, fmt.Sprintf("The file has too much text: it may have at most %d bytes.", max)}
}

func errPages(max int) *Error {
	return &Error{TooLarge, fmt.Sprintf("The file has too many pages: it may have at most %d.", max)}
}
