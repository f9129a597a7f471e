package extract

import (
	"bytes"
	"io"
	"unicode/utf8"

	"github.com/wlynxg/chardet"
	"github.com/wlynxg/chardet/consts"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
	"golang.org/x/text/transform"
)

const (
	scanBytes        = 64 << 10
	guessBytesMax    = 1 << 20 // of what has letters beyond ASCII, which is enough to guess by
	decodedFactorMax = 4       // a file of text may be so much larger than its text: markup, spaces, quotes
)

var bomEncodings = []struct {
	mark     string
	encoding encoding.Encoding
}{
	{"\xff\xfe\x00\x00", utf32.UTF32(utf32.LittleEndian, utf32.UseBOM)}, // before UTF-16's, which it begins with
	{"\x00\x00\xfe\xff", utf32.UTF32(utf32.BigEndian, utf32.UseBOM)},
	{"\xef\xbb\xbf", unicode.UTF8BOM},
	{"\xff\xfe", unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)},
	{"\xfe\xff", unicode.UTF16(unicode.BigEndian, unicode.UseBOM)},
}

// decoded reads the file as UTF-8, with U+FFFD for what is not text. declared is the encoding that something names: its mark and valid
// UTF-8 say more. It fails with TOO_LARGE where a text so long cannot be kept.
func (d *document) decoded(declared string) (io.Reader, error) {
	e, err := d.encoding(declared)
	if err != nil {
		return nil, err
	}
	most := d.limits.TextBytes * decodedFactorMax
	return &capped{transform.NewReader(d.reader(), e.NewDecoder()), most, errTextBytes(d.limits.TextBytes)}, nil
}

func (d *document) encoding(declared string) (encoding.Encoding, error) {
	head := make([]byte, 4)
	n, err := d.file.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	for _, bom := range bomEncodings {
		if bytes.HasPrefix(head[:n], []byte(bom.mark)) {
			return bom.encoding, nil
		}
	}
	valid, sample, err := scan(d.reader())
	switch {
	case err != nil:
		return nil, err
	case valid:
		return unicode.UTF8, nil
	}
	if e, err := htmlindex.Get(declared); err == nil && e != unicode.UTF8 {
		return e, nil
	}
	return guess(sample), nil
}

// scan tells whether all is UTF-8 as text has it, and gives what tells most of the encoding otherwise.
func scan(r io.Reader) (valid bool, sample []byte, err error) {
	buffer := make([]byte, 0, scanBytes)
	valid = true
	size, nuls := 0, 0
	for {
		n, err := io.ReadFull(r, buffer[len(buffer):cap(buffer)])
		isLast := err == io.EOF || err == io.ErrUnexpectedEOF
		if err != nil && !isLast {
			return false, nil, err
		}
		chunk := buffer[:len(buffer)+n]
		size += n
		nuls += bytes.Count(chunk[len(buffer):], []byte{0})
		if len(sample) < guessBytesMax && (len(sample) == 0 || bytes.ContainsFunc(chunk, isBeyondASCII)) {
			sample = append(sample, chunk...)
		}
		rest := 0 // a character that the chunk cut
		if !isLast {
			rest = cutRune(chunk)
		}
		valid = valid && utf8.Valid(chunk[:len(chunk)-rest])
		if isLast {
			return valid && nuls*10 < size+1, sample, nil // in UTF-16 each other byte of English is NUL
		}
		buffer = buffer[:copy(buffer[:cap(buffer)], chunk[len(chunk)-rest:])]
	}
}

func isBeyondASCII(r rune) bool { return r >= utf8.RuneSelf }

// cutRune gives how many bytes at the end begin a character that goes on.
func cutRune(chunk []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(chunk); n++ {
		if b := chunk[len(chunk)-n]; utf8.RuneStart(b) {
			if !utf8.FullRune(chunk[len(chunk)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}

// names of encodings that the index of the web does not have under them.
var otherNames = map[string]string{
	consts.CP932: "shift_jis", consts.CP949: "euc-kr", consts.TIS620: "windows-874", consts.MacCyrillic: "x-mac-cyrillic",
	consts.MacRoman: "macintosh", consts.IBM866: "ibm866", consts.HzGB2312: "gb18030", consts.GB2312: "gb18030",
}

// guess tells the encoding by the letters; that of Western Windows where they tell nothing.
func guess(sample []byte) encoding.Encoding {
	detector := chardet.NewUniversalDetector(consts.UnknownLangFilter)
	detector.Feed(sample)
	name := detector.GetResult().Encoding
	switch name {
	case consts.UTF32Le:
		return utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)
	case consts.UTF32Be:
		return utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)
	case consts.UTF8, consts.UTF8SIG, consts.Ascii: // with a few bytes that are none
		return unicode.UTF8
	}
	if other, ok := otherNames[name]; ok {
		name = other
	}
	if e, err := htmlindex.Get(name); err == nil {
		return e
	}
	return charmap.Windows1252
}

// capped fails after so many bytes.
type capped struct {
	io.Reader
	left   int64
	reason error
}

func (c *capped) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return 0, c.reason
	}
	return n, err
}
