package ingest

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
	"github.com/clipperhouse/uax29/v2/sentences"
	"github.com/clipperhouse/uax29/v2/words"
)

// span is a place in the text: a block, or a part of one.
type span struct {
	start, end int // in bytes
	character  int // of the start, in code points
	tokens     int
	characters int
	page       int
	heading    bool
}

func (s span) size() int { return sizeOf(s.tokens, s.characters) }

// sizeOf is the size of a text in tokens.
func sizeOf(tokens, characters int) int {
	return max(tokens, (characters+charactersPerToken-1)/charactersPerToken)
}

// splitter collects the chunks of a text.
type splitter struct {
	text   string
	chunks []Chunk
}

// passage is a chunk that grows.
type passage struct {
	spans    []span
	size     int // of all spans
	repeated int // of those that are in the chunk before, too
	body     int // of those that are not, and no headings
}

func (p *passage) add(s span) {
	if s.start == s.end {
		return
	}
	p.spans = append(p.spans, s)
	p.size += s.size()
	if !s.heading {
		p.body += s.size()
	}
}

// section makes chunks of one section.
func (s *splitter) section(heading string, spans []span, size int) error {
	var now passage
	if size <= tokensMax {
		for _, span := range spans {
			now.add(span)
		}
		return s.add(heading, now)
	}
	var before passage
	for len(spans) > 0 {
		next := spans[0]
		switch {
		case next.size() <= tokensTarget-now.size, now.body < tokensMin && next.size() <= tokensMax-now.size:
			now.add(next)
			spans = spans[1:]
		case now.body >= tokensMin:
			if err := s.add(heading, before); err != nil {
				return err
			}
			before, now = now, s.overlap(now.spans)
			if next.size() <= tokensMax && now.size+next.size() > tokensMax {
				now = passage{} // rather whole than with an overlap
			}
		default:
			head, rest := s.take(next, tokensTarget-now.size, tokensMax-now.size)
			now.add(head)
			spans[0] = rest
		}
	}
	if now.body < tokensMin && before.size > 0 && before.size+now.size-now.repeated <= tokensMax {
		before, now = passage{}, passage{spans: append(before.spans, now.spans[len(now.spans)-1])}
	}
	if err := s.add(heading, before); err != nil {
		return err
	}
	return s.add(heading, now)
}

// add makes a chunk of what is from the passage's first span to its last one.
func (s *splitter) add(heading string, p passage) error {
	if len(p.spans) == 0 {
		return nil
	}
	if len(s.chunks) >= chunksMax {
		return ErrTooManyChunks
	}
	first, last := p.spans[0], p.spans[len(p.spans)-1]
	start, end := trim(s.text, first.start, last.end)
	text := s.text[start:end]
	tokens, characters := measure(text)
	begin := first.character + utf8.RuneCountInString(s.text[first.start:start])
	s.chunks = append(s.chunks, Chunk{
		Position: len(s.chunks), Page: first.page, Heading: heading, Text: text,
		Start: begin, End: begin + characters, Tokens: tokens,
	})
	return nil
}

// overlap is what the next chunk repeats of one: its last paragraphs, or sentences of the last one.
func (s *splitter) overlap(done []span) passage {
	if tail := lastOf(done); len(tail.spans) > 0 {
		return tail
	}
	last := done[len(done)-1]
	var parts []span
	for rest := last; rest.start < rest.end; {
		var part span
		part, rest = s.part(rest, s.sentence(rest))
		parts = append(parts, part)
	}
	return lastOf(parts)
}

// lastOf gives as many of the last spans as an overlap may have, but never all.
func lastOf(spans []span) passage {
	at, size := len(spans), 0
	for at > 1 && size+spans[at-1].size() <= tokensOverlap {
		at--
		size += spans[at].size()
	}
	return passage{spans: slices.Clone(spans[at:]), size: size, repeated: size}
}

// sentence is where the first sentence of a span ends, in bytes from the span's start.
func (s *splitter) sentence(of span) int {
	text := s.text[of.start:of.end]
	parts, clusters := sentences.FromString(text), clustersOf(text)
	for parts.Next() {
		if clusters.breakAt(parts.End()) {
			return parts.End()
		}
	}
	return len(text)
}

// take cuts a span in two, of which the first has about the size of room: whole sentences, or more if the first one needs it, up to
// most; or else whole words, or a part of one. Grapheme clusters stay whole, but those of hundreds of characters.
func (s *splitter) take(from span, room, most int) (head, rest span) {
	text := s.text[from.start:from.end]
	// No more than can matter: in a text that is one sentence, each take would else look through all of it.
	text = text[:bytesOf(text, most*charactersPerToken+1)]
	at := fit(text, sentences.FromString(text), room, most)
	if at == 0 {
		at = fit(text, words.FromString(text), room, most)
	}
	if at == 0 {
		at = fit(text, clustersOf(text), room, most)
	}
	if at == 0 {
		at = bytesOf(text, room) // each may be a token
	}
	return s.part(from, at)
}

// bytesOf is the length of so many code points, or of the whole text.
func bytesOf(text string, characters int) int {
	for at := range text {
		if characters == 0 {
			return at
		}
		characters--
	}
	return len(text)
}

// part cuts a span in two, so many bytes from its start.
func (s *splitter) part(from span, at int) (head, rest span) {
	tokens, characters := measure(s.text[from.start : from.start+at])
	head, rest = from, from
	head.end, head.tokens, head.characters = from.start+at, tokens, characters
	rest.start, rest.character = head.end, from.character+characters
	rest.tokens, rest.characters = from.tokens-tokens, from.characters-characters
	return head, rest
}

// parts go through a text: sentences, words, or grapheme clusters.
type parts interface {
	Next() bool
	End() int // of the part, in bytes from the text's start
}

// clusters go through the grapheme clusters of a text.
type clusters struct{ *graphemes.Iterator[string] }

func clustersOf(text string) clusters {
	return clusters{graphemes.FromString(text)}
}

// breakAt tells whether a cluster ends there. It is asked in ascending order.
func (c clusters) breakAt(at int) bool {
	for c.End() < at && c.Next() {
	}
	return c.End() == at
}

// fit is how many bytes of a text, in whole parts, are no larger than room, or else than most. Words and sentences end within a cluster
// at times, which is no place to cut then.
func fit(text string, parts parts, room, most int) int {
	fits, measured, tokens, characters := 0, 0, 0, 0
	for ends := clustersOf(text); parts.Next(); measured = parts.End() {
		t, c := measure(text[measured:parts.End()])
		tokens, characters = tokens+t, characters+c
		if size := sizeOf(tokens, characters); size > most || size > room && fits > 0 {
			break
		}
		if ends.breakAt(parts.End()) {
			fits = parts.End()
		}
	}
	return fits
}

// measure counts the tokens and the code points of a text.
func measure(text string) (tokens, characters int) {
	for parts := words.FromString(text); parts.Next(); {
		word := parts.Value()
		if ' ' < word[0] && word[0] < utf8.RuneSelf || strings.TrimSpace(word) != "" {
			tokens++
		}
	}
	return tokens, utf8.RuneCountInString(text)
}

// trim takes spaces off both ends, but none that are part of a grapheme cluster with what stays.
func trim(text string, start, end int) (int, int) {
	for start < end {
		r, width := utf8.DecodeRuneInString(text[start:end])
		if !unicode.IsSpace(r) || firstCluster(text[start:end]) != width {
			break
		}
		start += width
	}
	for start < end {
		r, width := utf8.DecodeLastRuneInString(text[start:end])
		_, before := utf8.DecodeLastRuneInString(text[start : end-width])
		if !unicode.IsSpace(r) || firstCluster(text[end-width-before:end]) > before {
			break
		}
		end -= width
	}
	return start, end
}

// firstCluster is the length of a text's first grapheme cluster, in bytes.
func firstCluster(text string) int {
	clusters := clustersOf(text)
	clusters.Next()
	return clusters.End()
}
