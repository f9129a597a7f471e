package extract

import (
	"strings"
)

// wordParagraph is one that is read.
type wordParagraph struct {
	text   strings.Builder
	style  string
	level  int  // that it says itself
	body   bool // it says that it is no heading
	list   bool
	noList bool
	page   int
}

// wordReader reads a document's main part, or its footnotes.
type wordReader struct {
	out        *sink
	styles     wordStyles
	notes      map[string]string // by kind and id
	cited      []string          // notes that the open paragraph or row cites
	paragraphs []*wordParagraph  // those that are open: a text box has its own within another
	tables     int               // how many are around
	cells      []string          // of the outermost table's open row
	cell       strings.Builder
	hidden     bool                  // the run is
	breaks     string                // the element that begins a page; "" where none does
	note       func(id, text string) // set while notes are read
	noteID     string
	noteText   strings.Builder
}

// readDOCX reads the document's text in order. What it inserted and not yet accepted counts, what it deleted does not; headers and footers,
// which every page has, are left out. Pages are as the program that saved it broke them, or as its author did.
func readDOCX(d *document, out *sink) error {
	a := d.archive
	relations, err := a.relations(a.main)
	if err != nil {
		return err
	}
	parts := map[string]string{}
	for _, r := range relations {
		for _, kind := range []string{"styles", "footnotes", "endnotes"} {
			if r.is(kind) {
				parts[kind] = r.target
			}
		}
	}
	w := &wordReader{out: out, notes: map[string]string{}}
	if w.styles, err = a.readStyles(parts["styles"]); err != nil {
		return err
	}
	for _, kind := range []string{"footnotes", "endnotes"} {
		if err := w.readNotes(a, parts[kind], strings.TrimSuffix(kind, "s")); err != nil {
			return err
		}
	}
	if w.breaks, err = wordBreaks(a); err != nil {
		return err
	}
	if w.breaks != "" {
		if err := out.turn(); err != nil {
			return err
		}
	}
	return a.parse(a.main, w.handler())
}

// wordBreaks tells what begins a page: where the program that saved the document broke it, else where the author did.
func wordBreaks(a *archive) (string, error) {
	found := ""
	err := a.each(a.main, func(x *xmlParser) error {
		switch {
		case x.name == "lastRenderedPageBreak":
			found = x.name
		case found == "" && x.name == "br" && x.attribute("type") == "page":
			found = x.name
		}
		return nil
	})
	return found, err
}

// readNotes keeps the text of the notes for where they are cited.
func (w *wordReader) readNotes(a *archive, part, kind string) error {
	if part == "" || !a.has(part) {
		return nil
	}
	total := 0
	var tooMuch error
	w.note = func(id, text string) {
		if total += len(text) + blockBytes; int64(total) > w.out.limits.TextBytes {
			tooMuch = errTextBytes(w.out.limits.TextBytes)
			return
		}
		w.notes[kind+id] = text
	}
	err := a.parse(part, w.handler())
	w.note = nil
	return orElse(err, tooMuch)
}

func (w *wordReader) handler() handler {
	return handler{skip: w.skips, start: w.start, end: w.end, text: w.take}
}

func (w *wordReader) skips(x *xmlParser) bool {
	switch x.name {
	case "del", "moveFrom", "Fallback": // AlternateContent says the same twice
		return true
	}
	return skipsChange(x)
}

// top is the open paragraph; nil between paragraphs.
func (w *wordReader) top() *wordParagraph {
	if len(w.paragraphs) == 0 {
		return nil
	}
	return w.paragraphs[len(w.paragraphs)-1]
}

func (w *wordReader) start(x *xmlParser) error {
	switch x.name {
	case "p":
		if len(w.paragraphs) < xmlDepthMax {
			w.paragraphs = append(w.paragraphs, &wordParagraph{page: w.out.page})
		}
	case "tbl":
		w.tables++
	case "tr":
		if w.tables == 1 {
			w.cells = nil
		}
	case "tc":
		if w.tables == 1 {
			w.cell.Reset()
		}
	case "r":
		w.hidden = false
	case "vanish":
		if x.inside("r") {
			value := x.attribute("val")
			w.hidden = value != "0" && value != "false" && value != "off"
		}
	case "footnote", "endnote":
		w.noteID = x.attribute("id")
		w.noteText.Reset()
	case "footnoteReference", "endnoteReference":
		w.cited = append(w.cited, strings.TrimSuffix(x.name, "Reference")+x.attribute("id"))
	}
	if p := w.top(); p != nil {
		return w.inParagraph(p, x)
	}
	return nil
}

// inParagraph takes what an element says of the paragraph around it.
func (w *wordReader) inParagraph(p *wordParagraph, x *xmlParser) error {
	switch x.name {
	case "pStyle":
		p.style = x.attribute("val")
	case "numId":
		p.noList = x.attribute("val") == "0"
		p.list = !p.noList
	case "outlineLvl":
		p.level, p.body = outlineLevel(x.attribute("val"))
	case "tab", "cr", "ptab":
		if x.inside("r") { // not the stops of tabs
			p.text.WriteByte(' ')
		}
	case "noBreakHyphen":
		p.text.WriteByte('-')
	case "br", "lastRenderedPageBreak":
		p.text.WriteByte(' ')
		if x.name == w.breaks && w.note == nil && (x.name != "br" || x.attribute("type") == "page") {
			if err := w.out.turn(); err != nil {
				return err
			}
			if strings.TrimSpace(p.text.String()) == "" {
				p.page = w.out.page // it begins behind the break
			}
		}
	}
	return nil
}

func (w *wordReader) take(in string, text []byte) error {
	p := w.top()
	if in != "t" || p == nil || w.hidden {
		return nil
	}
	p.text.Write(text)
	if int64(p.text.Len()) > w.out.limits.TextBytes {
		return errTextBytes(w.out.limits.TextBytes)
	}
	return nil
}

func (w *wordReader) end(name string) error {
	switch name {
	case "p":
		return w.endParagraph()
	case "tc":
		if w.tables == 1 {
			w.cells = append(w.cells, w.cell.String())
		}
	case "tr":
		if w.tables == 1 && w.note == nil {
			if err := w.out.addRow(w.cells); err != nil {
				return err
			}
			w.cells = nil
			return w.cite()
		}
	case "tbl":
		w.tables--
	case "footnote", "endnote":
		if w.note != nil {
			w.note(w.noteID, w.noteText.String())
		}
	}
	return nil
}

// endParagraph says the paragraph, or puts it into the cell or note that it is in.
func (w *wordReader) endParagraph() error {
	p := w.top()
	if p == nil {
		return nil
	}
	w.paragraphs = w.paragraphs[:len(w.paragraphs)-1]
	for part, in := range map[*strings.Builder]bool{&w.noteText: w.note != nil, &w.cell: w.note == nil && w.tables > 0} {
		if !in {
			continue
		}
		part.WriteString(p.text.String() + " ")
		if int64(part.Len()) > w.out.limits.TextBytes {
			return errTextBytes(w.out.limits.TextBytes)
		}
		return nil
	}
	heading, item := w.styles.resolve(p.style)
	if p.level > 0 || p.body {
		heading = p.level
	}
	kind := Paragraph
	switch {
	case heading > 0:
		kind = Heading
	case p.list, item && !p.noList:
		kind = Item
	}
	page := w.out.page
	w.out.page = p.page
	err := w.out.add(kind, heading, p.text.String())
	w.out.page = page
	if err != nil || len(w.paragraphs) > 0 {
		return err
	}
	return w.cite()
}

// cite says the notes that were cited, where they were.
func (w *wordReader) cite() error {
	for _, key := range w.cited {
		if err := w.out.add(Paragraph, 0, w.notes[key]); err != nil {
			return err
		}
	}
	w.cited = nil
	return nil
}
