package extract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode"

	"github.com/klippa-app/go-pdfium"
	pdfiumerrors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

const (
	wasmPageBytes  = 64 << 10
	pageCharsMax   = 4 << 20 // of one page: a plan in a large format has some 100,000
	lineCharsMax   = 64 << 10
	pdfStartMax    = timeMax
	hyphenAtEnd    = '\u0002' // PDFium's, for one that only parts a word
	hyphenAtEndOld = '\ufffe'
)

// readPDF reads with PDFium, which is C++, in a WebAssembly that sees no file but this one.
func readPDF(d *document, out *sink) error {
	instance, err := newPDFium(d)
	if err != nil {
		return fmt.Errorf("start PDFium: %w", err)
	}
	opened, err := instance.OpenDocument(&requests.OpenDocument{FileReader: d.reader(), FileReaderSize: d.size})
	switch {
	case errors.Is(err, pdfiumerrors.ErrPassword), errors.Is(err, pdfiumerrors.ErrSecurity):
		return errEncrypted
	case err != nil:
		return errBroken
	}
	counted, err := instance.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: opened.Document})
	switch {
	case err != nil || counted.PageCount <= 0:
		return errBroken
	case counted.PageCount > d.limits.Pages:
		return errPages(d.limits.Pages)
	}
	p := &pdfReader{instance: instance, document: opened.Document, textBytesMax: d.limits.TextBytes}
	for page := range counted.PageCount {
		if err := p.readPage(page); err != nil {
			return err
		}
	}
	out.pages = counted.PageCount
	return sayLines(p.lines, out)
}

// newPDFium starts it. Compiling takes seconds: what is compiled is kept in the folder, if there is one.
func newPDFium(d *document) (pdfium.Pdfium, error) {
	config := wazero.NewRuntimeConfigCompiler()
	if d.cacheDir != "" {
		if cache, err := wazero.NewCompilationCacheWithDir(d.cacheDir); err == nil {
			config = config.WithCompilationCache(cache)
		}
	}
	config = config.WithMemoryLimitPages(uint32(min(d.limits.Memory, math.MaxUint32) / wasmPageBytes)).
		WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling)
	pool, err := webassembly.Init(webassembly.Config{
		Context: context.Background(), MinIdle: 0, MaxIdle: 1, MaxTotal: 1, RuntimeConfig: config,
		FSConfig: wazero.NewFSConfig(), // no files: without it all of them
		Stdout:   io.Discard, Stderr: io.Discard,
	})
	if err != nil {
		return nil, err
	}
	return pool.GetInstance(pdfStartMax)
}

// pdfLine is a line of a page, and how high it stands there, in points from the bottom.
type pdfLine struct {
	text        string
	page        int // from 1
	top, bottom float64
}

func (l pdfLine) height() float64 { return l.top - l.bottom }

// pdfReader gathers the lines of all pages: what is a heading shows when all of them are known.
type pdfReader struct {
	instance     pdfium.Pdfium
	document     references.FPDF_DOCUMENT
	lines        []pdfLine
	used         int64
	textBytesMax int64
}

// readPage reads a page. One that is broken, or only a picture, has no lines.
func (p *pdfReader) readPage(index int) error {
	loaded, err := p.instance.FPDFText_LoadPage(&requests.FPDFText_LoadPage{
		Page: requests.Page{ByIndex: &requests.PageByIndex{Document: p.document, Index: index}},
	})
	if err != nil {
		return nil
	}
	page := loaded.TextPage
	counted, err := p.instance.FPDFText_CountChars(&requests.FPDFText_CountChars{TextPage: page})
	if err != nil {
		return errBroken
	}
	if counted.Count > pageCharsMax {
		return errTextBytes(p.textBytesMax)
	}
	var line []rune
	begin := 0
	for i := range counted.Count {
		got, err := p.instance.FPDFText_GetUnicode(&requests.FPDFText_GetUnicode{TextPage: page, Index: i})
		if err != nil {
			return errBroken
		}
		char := rune(uint32(got.Unicode))
		if len(line) == 0 {
			begin = i
		}
		line = append(line, char)
		if char == '\n' || char == '\r' || len(line) >= lineCharsMax || i == counted.Count-1 {
			if err := p.endLine(page, index, begin, line); err != nil {
				return err
			}
			line = line[:0]
		}
	}
	_, err = p.instance.FPDFText_ClosePage(&requests.FPDFText_ClosePage{TextPage: page})
	return orElse(err, nil)
}

// endLine keeps a line, which begins at the char.
func (p *pdfReader) endLine(page references.FPDF_TEXTPAGE, index, begin int, chars []rune) error {
	p.turnWords(page, begin, chars)
	text := strings.TrimRight(string(withoutZero(chars)), "\r\n ")
	if strings.TrimSpace(text) == "" {
		return nil
	}
	if p.used += int64(len(text)); p.used > p.textBytesMax {
		return errTextBytes(p.textBytesMax)
	}
	line := pdfLine{text: text, page: index + 1}
	for i, char := range chars { // the first that stands somewhere
		if char <= ' ' {
			continue
		}
		// The loose box is as high as the font, whatever the letter.
		box, err := p.instance.FPDFText_GetLooseCharBox(&requests.FPDFText_GetLooseCharBox{TextPage: page, Index: begin + i})
		if err == nil {
			line.top, line.bottom = float64(box.Rect.Top), float64(box.Rect.Bottom)
			break
		}
	}
	p.lines = append(p.lines, line)
	return nil
}

// turnWords turns words of a script from the right that PDFium gives as they stand, from the left: it turns Hebrew itself, but not Arabic.
func (p *pdfReader) turnWords(page references.FPDF_TEXTPAGE, begin int, chars []rune) {
	for i := 0; i < len(chars); {
		end := i
		for end < len(chars) && isFromRight(chars[end]) {
			end++
		}
		if end-i > 1 {
			p.turnWord(page, begin+i, chars[i:end])
		}
		i = max(end, i+1)
	}
}

func (p *pdfReader) turnWord(page references.FPDF_TEXTPAGE, begin int, word []rune) {
	lefts := make([]float32, len(word))
	for i := range word {
		box, err := p.instance.FPDFText_GetLooseCharBox(&requests.FPDFText_GetLooseCharBox{TextPage: page, Index: begin + i})
		if err != nil {
			return
		}
		lefts[i] = box.Rect.Left
	}
	if lefts[0] >= lefts[len(lefts)-1] {
		return
	}
	turned := make([]rune, 0, len(word))
	for end := len(word); end > 0; {
		start := end - 1
		for start > 0 && lefts[start-1] == lefts[start] { // a ligature, whose letters are in order
			start--
		}
		turned = append(turned, word[start:end]...)
		end = start
	}
	copy(word, turned)
}

func isFromRight(char rune) bool {
	return char >= 0x590 && unicode.In(char, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko)
}

// withoutZero leaves out the chars whose meaning the font does not say.
func withoutZero(chars []rune) []rune {
	kept := make([]rune, 0, len(chars))
	for _, char := range chars {
		if char != 0 {
			kept = append(kept, char)
		}
	}
	return kept
}
