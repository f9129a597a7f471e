package extract

import (
	"bytes"
	"io"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	tables "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// readMarkdown reads CommonMark with tables.
func readMarkdown(d *document, out *sink) error {
	r, err := d.decoded(d.charset)
	if err != nil {
		return err
	}
	source, err := io.ReadAll(r) // at most what decoded lets through
	if err != nil {
		return err
	}
	if isDeep(source) {
		return errDeep
	}
	parser := goldmark.New(goldmark.WithExtensions(extension.Table, extension.Strikethrough, extension.TaskList)).Parser()
	m := &markdownReader{source: source, out: out}
	return m.walk(parser.Parse(text.NewReader(source)), Paragraph, 0)
}

// markdownDepthMax is how deep quotes and lists may stand in one another.
const markdownDepthMax = 500

// isDeep tells whether a line begins with more signs of quotes and lists than may be: to nest them takes the square of their number.
func isDeep(source []byte) bool {
	for line := range bytes.Lines(source) {
		signs := line[:len(line)-len(bytes.TrimLeft(line, "> \t*+-"))]
		if bytes.Count(signs, []byte(">"))+bytes.Count(signs, []byte("* "))+bytes.Count(signs, []byte("+ "))+bytes.Count(signs, []byte("- ")) > markdownDepthMax {
			return true
		}
	}
	return false
}

type markdownReader struct {
	source []byte
	out    *sink
}

func (m *markdownReader) walk(n ast.Node, kind Kind, depth int) error {
	if depth > markdownDepthMax {
		return errDeep
	}
	switch n := n.(type) {
	case *ast.Heading:
		return m.out.add(Heading, n.Level, m.inline(n))
	case *ast.Paragraph, *ast.TextBlock:
		return m.out.add(kind, 0, m.inline(n))
	case *ast.CodeBlock, *ast.FencedCodeBlock:
		return m.out.add(Paragraph, 0, m.lines(n))
	case *ast.HTMLBlock:
		return walkHTML(strings.NewReader(m.lines(n)), m.out)
	case *tables.TableHeader, *tables.TableRow:
		var cells []string
		for cell := n.FirstChild(); cell != nil; cell = cell.NextSibling() {
			cells = append(cells, m.inline(cell))
		}
		return m.out.addRow(cells)
	case *ast.ListItem:
		kind = Item
	}
	for child := n.FirstChild(); child != nil; child = child.NextSibling() {
		if err := m.walk(child, kind, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// lines gives a block as it was written.
func (m *markdownReader) lines(n ast.Node) string {
	var b bytes.Buffer
	for _, line := range n.Lines().Sliced(0, n.Lines().Len()) {
		b.Write(line.Value(m.source))
	}
	return b.String()
}

// inline gives the text in a block, without its marks.
func (m *markdownReader) inline(block ast.Node) string {
	var b strings.Builder
	_ = ast.Walk(block, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Text:
			value := n.Segment.Value(m.source)
			if !n.IsRaw() {
				value = util.ResolveEntityNames(util.ResolveNumericReferences(util.UnescapePunctuations(value)))
			}
			b.Write(value)
			if n.SoftLineBreak() || n.HardLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(n.Value)
		case *ast.AutoLink:
			b.Write(n.Label(m.source))
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}
