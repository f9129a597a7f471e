package extract

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
)

// paragraphBytes is where a paragraph without an empty line ends, at the next end of a line: logs and JSON have none.
const paragraphBytes = 32 << 10

// readText reads paragraphs, which empty lines part.
func readText(d *document, out *sink) error {
	r, err := d.decoded(d.charset)
	if err != nil {
		return err
	}
	lines := bufio.NewReaderSize(r, scanBytes)
	var paragraph strings.Builder
	say := func() error {
		defer paragraph.Reset()
		return out.add(Paragraph, 0, paragraph.String())
	}
	for isStart := true; ; {
		piece, err := lines.ReadSlice('\n') // or as much of a line as fits
		if isStart && len(bytes.TrimSpace(piece)) == 0 && !errors.Is(err, bufio.ErrBufferFull) || isStart && paragraph.Len() > paragraphBytes {
			if err := say(); err != nil {
				return err
			}
		}
		paragraph.Write(piece)
		if int64(paragraph.Len()) > d.limits.TextBytes {
			return errTextBytes(d.limits.TextBytes)
		}
		isStart = err == nil
		switch {
		case errors.Is(err, io.EOF):
			return say()
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}

// lineCapped fails where a line is longer than all text may be: what reads rows holds whole lines.
type lineCapped struct {
	io.Reader
	most, length int64
}

func (l *lineCapped) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if last := bytes.LastIndexByte(p[:n], '\n'); last >= 0 {
		l.length = int64(n - last - 1)
	} else if l.length += int64(n); l.length > l.most {
		return 0, errTextBytes(l.most)
	}
	return n, err
}

const delimiters = ",;\t|"

// readCSV reads the rows of a table. Quotes that are wrong are taken as they are.
func readCSV(d *document, out *sink) error {
	r, err := d.decoded(d.charset)
	if err != nil {
		return err
	}
	buffered := bufio.NewReaderSize(&lineCapped{Reader: r, most: d.limits.TextBytes}, scanBytes)
	head, err := buffered.Peek(scanBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	table := csv.NewReader(buffered)
	table.Comma = delimiterOf(head, d.tabs)
	table.LazyQuotes, table.ReuseRecord, table.FieldsPerRecord = true, true, -1
	for isFirst := true; ; isFirst = false {
		cells, err := table.Read()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			if reason, ok := asError(err); ok {
				return reason
			}
			return errBroken
		case isFirst && strings.HasPrefix(cells[0], "sep="): // for Excel, which hides it
			continue
		}
		if err := out.addRow(cells); err != nil {
			return err
		}
	}
}

// delimiterLines are so many as tell what is between columns.
const delimiterLines = 50

// delimiterOf finds what is between columns: as often in most of the first lines, and then most often.
func delimiterOf(head []byte, tabs bool) rune {
	if tabs {
		return '\t'
	}
	if after, ok := bytes.CutPrefix(head, []byte("sep=")); ok && len(after) > 0 && strings.IndexByte(delimiters, after[0]) >= 0 {
		return rune(after[0])
	}
	lines := unquotedLines(head)
	best, bestScore := ',', 0
	for _, delimiter := range delimiters {
		counts := map[int]int{}
		for _, line := range lines {
			if n := strings.Count(line, string(delimiter)); n > 0 {
				counts[n]++
			}
		}
		score := 0
		for n, times := range counts {
			score = max(score, times*1000+min(n, 999))
		}
		if score > bestScore {
			best, bestScore = delimiter, score
		}
	}
	return best
}

// unquotedLines gives the first lines without what is in quotes.
func unquotedLines(head []byte) []string {
	var b strings.Builder
	quoted := false
	for _, c := range head {
		if c == '"' {
			quoted = !quoted
		} else if !quoted {
			b.WriteByte(c)
		}
	}
	lines := strings.SplitN(b.String(), "\n", delimiterLines+1)
	if len(lines) > delimiterLines {
		lines = lines[:delimiterLines]
	}
	return slices.DeleteFunc(lines, func(line string) bool { return strings.TrimSpace(line) == "" })
}
