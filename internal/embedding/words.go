package embedding

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/words"
	"github.com/kljensen/snowball/english"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// wordBytesMax is how much of a word counts: what is longer is no word.
const wordBytesMax = 64

// plain is the text in one case and one form, without accents, so that how it was typed or drawn makes no difference.
func plain(text string) string {
	if isASCII(text) {
		return strings.ToLower(text)
	}
	folded := cases.Fold().String(norm.NFKD.String(text))
	return norm.NFKC.String(strings.Map(func(r rune) rune {
		switch {
		case r >= 0x300 && r <= 0x36f: // accents of Latin, Greek and Cyrillic; the marks of other scripts tell words apart
			return -1
		case r == '\u2019' || r == '\u02bc':
			return '\''
		case r == '\u00ad': // a soft hyphen
			return -1
		}
		return r
	}, norm.NFKD.String(folded)))
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// eachWord calls the function with each word of the plain text, by Unicode's rules (UAX #29).
func eachWord(text string, do func(word string)) {
	for segments := words.FromString(text); segments.Next(); {
		word := segments.Value()
		first, _ := utf8.DecodeRuneInString(word)
		if !unicode.IsLetter(first) && !unicode.IsNumber(first) {
			continue
		}
		if unicode.IsNumber(first) && strings.Contains(word, ",") {
			word = strings.ReplaceAll(word, ",", "")
		}
		if len(word) > wordBytesMax {
			word = strings.ToValidUTF8(word[:wordBytesMax], "")
		}
		do(word)
	}
}

// stem is the part of an English word that its forms have in common. Words of other languages come out as they are, or a bit shorter.
func stem(word string) string {
	if len(word) < 3 || !isASCII(word) || word[0] < 'a' {
		return word
	}
	return english.Stem(word, true)
}

// ofIdeographs reports whether the word is of a script that has no spaces: its words are pairs of such characters.
func ofIdeographs(word string) bool {
	first, size := utf8.DecodeRuneInString(word)
	return size == len(word) && size > 1 && unicode.In(first, unicode.Han, unicode.Hiragana, unicode.Thai, unicode.Lao, unicode.Khmer)
}

// isStopWord reports whether the word says nothing about what a text is about.
func isStopWord(word string) bool {
	_, ok := stopWords[word]
	return ok
}

// stopWords are English words without a subject of their own, those of questions among them.
var stopWords = set(`a about above after again all also am among an and any are aren't as at be because been before being below
between both but by can can't cannot could couldn't did didn't do does doesn't doing don't done down during each either else etc ever
every for from further get gets give given go goes got had has have haven't having he her here hers herself him himself his how i if in
into is isn't it it's its itself just let like made make makes many may me might more most much must mustn't my myself neither no nor not
of off on once one only or other others our ours ourselves out over own per please put same say see shall she should so some someone
something such take tell than that that's the their theirs them themselves then there these they thing things this those though through
to too under until up upon us very was wasn't we were what what's when where whether which while who whom whose why will with within
without won't would yes yet you your yours yourself`)

// tenderWords are stems that nearly each text of a tender has, whatever it is about: they say less than others.
var tenderWords = set(`tender bidder bid contract contractor supplier servic provid author shall requir requir must includ ensur relev
follow appropri document inform section describ clearli use need work accord base set make detail pleas propos submiss submit compani
organis organ day year month new time`)

func set(list string) map[string]struct{} {
	members := map[string]struct{}{}
	for _, word := range strings.Fields(list) {
		members[word] = struct{}{}
	}
	return members
}
