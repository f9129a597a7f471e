package extract

import (
	"bytes"
	"encoding/binary"
	"io"
	"mime"
	"os"
	"path"
	"strings"
	"unicode/utf16"

	"github.com/gabriel-vasile/mimetype"
)

// format is how a file is read.
type format string

const (
	formatPDF      format = "pdf"
	formatDOCX     format = "docx"
	formatPPTX     format = "pptx"
	formatXLSX     format = "xlsx"
	formatHTML     format = "html"
	formatMarkdown format = "markdown"
	formatCSV      format = "csv"
	formatText     format = "text"
)

var readers = map[format]func(*document, *sink) error{
	formatPDF: readPDF, formatDOCX: readDOCX, formatPPTX: readPPTX, formatXLSX: readXLSX,
	formatHTML: readHTML, formatMarkdown: readMarkdown, formatCSV: readCSV, formatText: readText,
}

const openXML = "application/vnd.openxmlformats-officedocument."

// formatOfType has the types that are not text/*.
var formatOfType = map[string]format{
	"application/pdf": formatPDF, "application/x-pdf": formatPDF,
	openXML + "wordprocessingml.document":                        formatDOCX,
	openXML + "wordprocessingml.template":                        formatDOCX,
	"application/vnd.ms-word.document.macroenabled.12":           formatDOCX,
	"application/vnd.ms-word.template.macroenabled.12":           formatDOCX,
	openXML + "presentationml.presentation":                      formatPPTX,
	openXML + "presentationml.slideshow":                         formatPPTX,
	openXML + "presentationml.template":                          formatPPTX,
	"application/vnd.ms-powerpoint.presentation.macroenabled.12": formatPPTX,
	"application/vnd.ms-powerpoint.slideshow.macroenabled.12":    formatPPTX,
	openXML + "spreadsheetml.sheet":                              formatXLSX,
	openXML + "spreadsheetml.template":                           formatXLSX,
	"application/vnd.ms-excel.sheet.macroenabled.12":             formatXLSX,
	"application/vnd.ms-excel.template.macroenabled.12":          formatXLSX,
	"text/html": formatHTML, "application/xhtml+xml": formatHTML,
	"text/markdown": formatMarkdown, "text/x-markdown": formatMarkdown,
	"text/csv": formatCSV, "text/tab-separated-values": formatCSV, "application/csv": formatCSV,
	"application/json": formatText, "application/xml": formatText, "application/yaml": formatText, "application/x-yaml": formatText,
	"application/x-ndjson": formatText, "application/toml": formatText, "application/javascript": formatText, "application/sql": formatText,
}

var formatOfExtension = map[string]format{
	".pdf": formatPDF, ".docx": formatDOCX, ".docm": formatDOCX, ".dotx": formatDOCX, ".pptx": formatPPTX, ".pptm": formatPPTX,
	".ppsx": formatPPTX, ".potx": formatPPTX, ".xlsx": formatXLSX, ".xlsm": formatXLSX, ".xltx": formatXLSX, ".html": formatHTML,
	".htm": formatHTML, ".xhtml": formatHTML, ".md": formatMarkdown, ".markdown": formatMarkdown, ".csv": formatCSV, ".tsv": formatCSV,
	".tab": formatCSV, ".txt": formatText, ".text": formatText, ".log": formatText, ".json": formatText, ".xml": formatText,
	".yaml": formatText, ".yml": formatText, ".toml": formatText, ".ndjson": formatText, ".sql": formatText,
}

// unknownTypes say nothing about a file: browsers send them for what they do not know.
var unknownTypes = map[string]bool{"": true, "application/octet-stream": true, "binary/octet-stream": true, "application/x-download": true,
	"application/zip": true, "application/x-zip-compressed": true}

// Supports tells whether it is worth trying to read a file of the type. A type that says nothing is: the content says more.
func Supports(contentType string) bool {
	kind, _ := splitType(contentType)
	return unknownTypes[kind] || typeFormat(kind) != ""
}

func splitType(contentType string) (kind, charset string) {
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind, _, _ = strings.Cut(contentType, ";")
	}
	return strings.ToLower(strings.TrimSpace(kind)), parameters["charset"]
}

// typeFormat gives how files of the type are read, "" for not at all.
func typeFormat(kind string) format {
	if f, ok := formatOfType[kind]; ok {
		return f
	}
	switch {
	case kind == "text/rtf", kind == "text/richtext", strings.HasPrefix(kind, "image/"):
		return ""
	case strings.HasPrefix(kind, "text/"), strings.HasSuffix(kind, "+xml"), strings.HasSuffix(kind, "+json"):
		return formatText
	}
	return ""
}

// document is a file that is read, and how.
type document struct {
	file     *os.File
	size     int64
	format   format
	charset  string   // that the content type names
	archive  *archive // of the formats that are one
	tabs     bool     // what has columns has tabs between them
	cacheDir string
	limits   Limits
}

// reader reads the file from its start.
func (d *document) reader() *io.SectionReader { return io.NewSectionReader(d.file, 0, d.size) }

// headBytes is what the format is told by, as much as PDF's readers look for its mark in.
const headBytes = 8 << 10

// openDocument finds out how the file is read.
func openDocument(file *os.File, asked request) (*document, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	kind, charset := splitType(asked.ContentType)
	extension := strings.ToLower(path.Ext(asked.Name))
	d := &document{file: file, size: info.Size(), charset: charset, cacheDir: asked.CacheDir, limits: asked.Limits,
		tabs: kind == "text/tab-separated-values" || extension == ".tsv" || extension == ".tab"}
	head := make([]byte, min(headBytes, d.size))
	if _, err := file.ReadAt(head, 0); err != nil && err != io.EOF {
		return nil, err
	}
	if len(head) == 0 {
		return nil, errEmpty
	}
	said := typeFormat(kind)
	if said == "" || said == formatText && formatOfExtension[extension] != "" { // "text/plain" is what many send for CSV
		if byName := formatOfExtension[extension]; byName != "" {
			said = byName
		}
	}
	d.format, err = d.detect(said, head)
	return d, err
}

// detect has the content decide where it has a mark; what a file is said to be counts for the kinds of text.
func (d *document) detect(said format, head []byte) (format, error) {
	switch {
	case bytes.HasPrefix(head, []byte("%PDF-")), said == formatPDF && bytes.Contains(head, []byte("%PDF-")):
		return formatPDF, nil
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return d.openArchive(said)
	case bytes.HasPrefix(head, []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")):
		encrypted, err := contains(d.reader(), utf16Bytes("EncryptedPackage"))
		if encrypted {
			return "", errEncrypted
		}
		return "", orElse(err, errUnsupported)
	case bytes.HasPrefix(head, []byte(`{\rtf`)):
		return "", errUnsupported
	}
	isText, isHTML := looksLike(head)
	switch {
	case isBinary(said) && isHTML:
		return formatHTML, nil
	case isBinary(said):
		return "", errBroken
	case said != "" && (isText || !hasSignature(head)):
		return said, nil
	case isHTML:
		return formatHTML, nil
	case isText:
		return formatText, nil
	}
	return "", errUnsupported
}

func isBinary(f format) bool {
	return f == formatPDF || f == formatDOCX || f == formatPPTX || f == formatXLSX
}

func orElse(err error, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// looksLike tells whether the head is of text, and of HTML.
func looksLike(head []byte) (isText, isHTML bool) {
	for m := mimetype.Detect(head); m != nil; m = m.Parent() {
		isText = isText || m.Is("text/plain")
		isHTML = isHTML || m.Is("text/html")
	}
	return isText, isHTML
}

// hasSignature tells a known format that is no text, as pictures, archives and programs are.
func hasSignature(head []byte) bool {
	m := mimetype.Detect(head)
	return m != nil && !m.Is("application/octet-stream")
}

func utf16Bytes(text string) []byte {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return b
}

// contains looks for the bytes in what is read, which it does not hold.
func contains(r io.Reader, wanted []byte) (bool, error) {
	window := make([]byte, 0, 64<<10)
	for {
		n, err := io.ReadFull(r, window[len(window):cap(window)])
		window = window[:len(window)+n]
		if bytes.Contains(window, wanted) {
			return true, nil
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		kept := copy(window, window[len(window)-len(wanted)+1:])
		window = window[:kept]
	}
}
