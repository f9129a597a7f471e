package extract

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const (
	blockBytes    = 64 // what a block takes besides its text
	headingMax    = 6  // the deepest level
	cellSeparator = " | "
)

// sink takes the blocks that are found, in reading order, and says them to the parent at once: the child keeps none.
type sink struct {
	buffer  *bufio.Writer
	encoder *json.Encoder
	limits  Limits
	used    int64 // of limits.TextBytes
	page    int   // which the next block is on
	pages   int
}

func newSink(w io.Writer, limits Limits) *sink {
	buffer := bufio.NewWriterSize(w, 64<<10)
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false)
	return &sink{buffer: buffer, encoder: encoder, limits: limits}
}

func (s *sink) say(m message) error { return s.encoder.Encode(m) }

func (s *sink) flush() error { return s.buffer.Flush() }

// turn begins the next page.
func (s *sink) turn() error {
	s.page++
	s.pages = max(s.pages, s.page)
	if s.pages > s.limits.Pages {
		return errPages(s.limits.Pages)
	}
	return nil
}

// add takes a block. One without any text is none.
func (s *sink) add(kind Kind, level int, text string) error {
	if int64(len(text)) > decodedFactorMax*s.limits.TextBytes { // before it is copied; what is joined may be much shorter
		return errTextBytes(s.limits.TextBytes)
	}
	text = clean(text)
	if text == "" {
		return nil
	}
	if s.used += int64(len(text)) + blockBytes; s.used > s.limits.TextBytes {
		return errTextBytes(s.limits.TextBytes)
	}
	if kind == Heading {
		level = min(max(level, 1), headingMax)
	} else {
		level = 0
	}
	return s.say(message{Block: &Block{Kind: kind, Level: level, Page: s.page, Text: text}})
}

// addRow takes a row of a table: empty cells at its end are left out, and a row of empty cells, too.
func (s *sink) addRow(cells []string) error {
	cleaned := make([]string, len(cells))
	for i, cell := range cells {
		cleaned[i] = clean(cell)
	}
	for len(cleaned) > 0 && cleaned[len(cleaned)-1] == "" {
		cleaned = cleaned[:len(cleaned)-1]
	}
	return s.add(Row, 0, strings.Join(cleaned, cellSeparator))
}

// clean makes text of what a file has: composed, valid, with single spaces, and without what has no meaning outside of its lines.
func clean(text string) string {
	var b strings.Builder
	b.Grow(min(len(text), 4096))
	space := false
	for _, r := range text {
		switch {
		case r > ' ' && r < 0x7f && !space:
			b.WriteByte(byte(r))
		case r == '\u00ad' || r == '\ufeff' || r == '\u200b' || r == '\ufffe' || r == '\uffff':
			// Soft hyphens and marks of where a line may break.
		case unicode.IsSpace(r):
			space = b.Len() > 0
		case unicode.IsControl(r), r >= 0xe000 && r <= 0xf8ff:
			// No characters: NUL, and a font's own signs, as bullets are.
		default:
			if space {
				b.WriteByte(' ')
				space = false
			}
			if isPresentation(r) {
				b.WriteString(norm.NFKC.String(string(r)))
			} else {
				b.WriteRune(r) // what is invalid comes as U+FFFD
			}
		}
	}
	return norm.NFC.String(b.String())
}

// isPresentation tells the forms in which fonts have letters: ligatures, and the shapes of Hebrew and Arabic. Nobody searches for them.
func isPresentation(r rune) bool {
	return r >= 0xfb00 && r <= 0xfdff || r >= 0xfe70 && r <= 0xfefc
}
