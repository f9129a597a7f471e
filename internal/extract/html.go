package extract

import (
	"bytes"
	"io"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/net/html/charset"
)

const (
	htmlDepthMax     = 600  // the parser's own is 512
	htmlPrescanBytes = 1024 // where the encoding is named
	htmlCellsMax     = 16384
)

// readHTML reads what a reader of the page sees.
func readHTML(d *document, out *sink) error {
	head := make([]byte, htmlPrescanBytes)
	n, err := d.file.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return err
	}
	declared := d.charset
	if declared == "" && bytes.Contains(bytes.ToLower(head[:n]), []byte("charset")) { // without, it guesses
		_, declared, _ = charset.DetermineEncoding(head[:n], "")
	}
	r, err := d.decoded(declared)
	if err != nil {
		return err
	}
	return walkHTML(r, out)
}

func walkHTML(r io.Reader, out *sink) error {
	root, err := html.ParseWithOptions(r, html.ParseOptionEnableScripting(false))
	if err != nil {
		if reason, ok := asError(err); ok {
			return reason
		}
		return errDeep
	}
	w := &htmlWalker{out: out, kind: Paragraph}
	if err := w.walk(root, 0); err != nil {
		return err
	}
	return w.say()
}

// htmlWalker gathers the text of a block until another begins.
type htmlWalker struct {
	out   *sink
	text  strings.Builder
	kind  Kind
	level int
}

func (w *htmlWalker) say() error {
	defer w.text.Reset()
	return w.out.add(w.kind, w.level, w.text.String())
}

var headingLevels = map[atom.Atom]int{atom.H1: 1, atom.H2: 2, atom.H3: 3, atom.H4: 4, atom.H5: 5, atom.H6: 6}

func atoms(list ...atom.Atom) map[atom.Atom]bool {
	set := make(map[atom.Atom]bool, len(list))
	for _, a := range list {
		set[a] = true
	}
	return set
}

// unseen is what browsers do not show as text.
var unseen = atoms(atom.Script, atom.Style, atom.Template, atom.Noscript, atom.Head, atom.Svg, atom.Iframe, atom.Object, atom.Select, atom.Datalist,
	atom.Canvas, atom.Audio, atom.Video)

// blocks begin on a line of their own.
var blocks = atoms(atom.Address, atom.Article, atom.Aside, atom.Blockquote, atom.Body, atom.Caption, atom.Center, atom.Dd, atom.Details, atom.Div,
	atom.Dl, atom.Dt, atom.Fieldset, atom.Figcaption, atom.Figure, atom.Footer, atom.Form, atom.Header, atom.Hr, atom.Legend, atom.Li, atom.Main,
	atom.Nav, atom.Ol, atom.P, atom.Pre, atom.Section, atom.Summary, atom.Table, atom.Tbody, atom.Td, atom.Tfoot, atom.Th, atom.Thead, atom.Tr, atom.Ul)

func (w *htmlWalker) walk(n *html.Node, depth int) error {
	switch {
	case depth > htmlDepthMax:
		return errDeep
	case n.Type == html.TextNode:
		w.text.WriteString(n.Data)
		return nil
	case n.Type == html.ElementNode && isUnseen(n):
		return nil
	}
	level := headingLevels[n.DataAtom]
	isBlock := n.Type == html.ElementNode && (level > 0 || blocks[n.DataAtom])
	if !isBlock {
		if n.DataAtom == atom.Br {
			w.text.WriteByte(' ')
		}
		return w.walkChildren(n, depth)
	}
	if err := w.say(); err != nil {
		return err
	}
	if n.DataAtom == atom.Tr && isData(n) {
		return w.row(n, depth)
	}
	kind, around := w.kind, w.level
	switch {
	case level > 0:
		w.kind, w.level = Heading, level
	case n.DataAtom == atom.Li:
		w.kind, w.level = Item, 0
	}
	if err := w.walkChildren(n, depth); err != nil {
		return err
	}
	err := w.say()
	w.kind, w.level = kind, around
	return err
}

func (w *htmlWalker) walkChildren(n *html.Node, depth int) error {
	for child := n.FirstChild; child != nil; child = child.NextSibling {
		if err := w.walk(child, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// isUnseen tells what is left out, and what the page itself hides.
func isUnseen(n *html.Node) bool {
	if unseen[n.DataAtom] {
		return true
	}
	for _, a := range n.Attr {
		switch a.Key {
		case "hidden":
			return true
		case "style":
			style := strings.ToLower(strings.NewReplacer(" ", "", "\t", "", "\n", "", "\r", "", "\f", "").Replace(a.Val))
			if strings.Contains(style, "display:none") || strings.Contains(style, "visibility:hidden") {
				return true
			}
		}
	}
	return false
}

// isData tells a row of data from one that lays out a page, which has headings or other tables in it.
func isData(row *html.Node) bool {
	for n := range row.Descendants() {
		if n.DataAtom == atom.Table || headingLevels[n.DataAtom] > 0 {
			return false
		}
	}
	return true
}

// row says a row of a table.
func (w *htmlWalker) row(row *html.Node, depth int) error {
	var cells []string
	for cell := row.FirstChild; cell != nil; cell = cell.NextSibling {
		if cell.Type != html.ElementNode || isUnseen(cell) {
			continue
		}
		if len(cells) == htmlCellsMax {
			return errParts
		}
		var text strings.Builder
		if err := textOf(cell, &text, depth); err != nil {
			return err
		}
		cells = append(cells, text.String())
	}
	return w.out.addRow(cells)
}

// textOf gathers the text within an element.
func textOf(n *html.Node, text *strings.Builder, depth int) error {
	if depth > htmlDepthMax {
		return errDeep
	}
	for child := n.FirstChild; child != nil; child = child.NextSibling {
		switch {
		case child.Type == html.TextNode:
			text.WriteString(child.Data)
		case child.Type == html.ElementNode && !isUnseen(child):
			if blocks[child.DataAtom] || child.DataAtom == atom.Br {
				text.WriteByte(' ')
			}
			if err := textOf(child, text, depth+1); err != nil {
				return err
			}
			if blocks[child.DataAtom] {
				text.WriteByte(' ')
			}
		}
	}
	return nil
}
