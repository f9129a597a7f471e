package extract

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	headingFactor   = 1.15 // how much larger than the text a heading is at least
	headingCharsMax = 200  // what is longer is text in large letters
	lineGapMax      = 1.5  // from line to line of a paragraph, in their heights
	sameHeight      = 0.1  // how much heights of the same font may differ
)

// sayLines says lines as headings, items and paragraphs: PDF has none of these, so it is their size and where they stand that tells.
func sayLines(lines []pdfLine, out *sink) error {
	levels := headingLevelsOf(lines)
	for i := 0; i < len(lines); {
		level := levels[rounded(lines[i].height())]
		if utf8.RuneCountInString(lines[i].text) > headingCharsMax {
			level = 0
		}
		end := i + 1
		for end < len(lines) && goesOn(lines[end-1], lines[end]) {
			end++
		}
		kind := Paragraph
		text := joinLines(lines[i:end])
		switch {
		case level > 0 && utf8.RuneCountInString(text) <= headingCharsMax && strings.ContainsFunc(text, unicode.IsLetter):
			kind = Heading
		case isBullet(text):
			kind = Item
			_, size := utf8.DecodeRuneInString(text)
			text = text[size:]
		}
		out.page = lines[i].page
		if err := out.add(kind, level, text); err != nil {
			return err
		}
		i = end
	}
	return nil
}

func rounded(height float64) float64 { return math.Round(height*2) / 2 }

// headingLevelsOf gives the levels of the heights that are larger than that of most of the text.
func headingLevelsOf(lines []pdfLine) map[float64]int {
	chars := map[float64]int{}
	for _, line := range lines {
		chars[rounded(line.height())] += len(line.text)
	}
	body := 0.0
	for height, n := range chars {
		if n > chars[body] || n == chars[body] && height < body {
			body = height
		}
	}
	levels := map[float64]int{}
	for _, height := range slices.SortedFunc(maps.Keys(chars), func(a, b float64) int { return cmp.Compare(b, a) }) {
		if body > 0 && height >= body*headingFactor {
			levels[height] = min(len(levels)+1, headingMax)
		}
	}
	return levels
}

// goesOn tells whether the line goes on with the paragraph of the one before it.
func goesOn(before, line pdfLine) bool {
	height := before.height()
	if before.page != line.page || height <= 0 || isBullet(line.text) || math.Abs(line.height()-height) > height*sameHeight {
		return false
	}
	down := before.bottom - line.bottom
	return down > -height*sameHeight && down <= height*lineGapMax
}

// joinLines joins what a hyphen parted, and puts a space between other lines.
func joinLines(lines []pdfLine) string {
	var b strings.Builder
	for i, line := range lines {
		text := strings.TrimRight(line.text, string([]rune{hyphenAtEnd, hyphenAtEndOld}))
		b.WriteString(text)
		if len(text) == len(line.text) && i < len(lines)-1 {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// isBullet tells a line that begins with the sign of a list's item.
func isBullet(text string) bool {
	first, size := utf8.DecodeRuneInString(text)
	return strings.ContainsRune("•◦▪‣●○■□", first) && len(text) > size
}
