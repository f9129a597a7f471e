package extract

import (
	"strconv"
	"strings"
)

// wordStyle is what a paragraph gets from its style.
type wordStyle struct {
	basedOn string
	heading int  // its level; 0 for none
	body    bool // it says that it is no heading, whatever it is based on
	item    bool // of a list
}

// styleBasesMax is how many styles one may be based on, one on another.
const styleBasesMax = 16

// wordStyles has them by their ids, which are localized: "berschrift1" is a heading in German.
type wordStyles map[string]wordStyle

// readStyles reads the styles of paragraphs. Without the part there are none.
func (a *archive) readStyles(part string) (wordStyles, error) {
	styles := wordStyles{}
	if part == "" || !a.has(part) {
		return styles, nil
	}
	id, style := "", wordStyle{}
	err := a.parse(part, handler{
		skip: skipsChange,
		start: func(x *xmlParser) error {
			switch x.name {
			case "style":
				id, style = x.attribute("styleId"), wordStyle{}
			case "name":
				style.heading = max(style.heading, headingOfName(x.attribute("val")))
			case "basedOn":
				style.basedOn = x.attribute("val")
			case "outlineLvl":
				style.heading, style.body = outlineLevel(x.attribute("val"))
			case "numPr":
				style.item = true
			}
			return nil
		},
		end: func(name string) error {
			if name == "style" {
				styles[id] = style
			}
			return nil
		},
	})
	return styles, err
}

// headingOfName knows the names of Word's own styles, which are English in every language.
func headingOfName(name string) int {
	name = strings.ToLower(name)
	if name == "title" {
		return 1
	}
	if level, ok := strings.CutPrefix(name, "heading "); ok {
		n, _ := strconv.Atoi(level)
		return max(n, 0)
	}
	return 0
}

// outlineLevel reads a level of the outline, which is counted from 0; 9 is the text's own.
func outlineLevel(value string) (heading int, body bool) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > 8 {
		return 0, true
	}
	return n + 1, false
}

// resolve gives what a paragraph of the style is.
func (s wordStyles) resolve(id string) (heading int, item bool) {
	decided := false
	for range styleBasesMax {
		style, ok := s[id]
		if !ok {
			break
		}
		item = item || style.item
		if !decided && (style.heading > 0 || style.body) {
			heading, decided = style.heading, true
		}
		id = style.basedOn
	}
	return heading, item
}

// skipsChange leaves out how something was before it was changed.
func skipsChange(x *xmlParser) bool { return strings.HasSuffix(x.name, "PrChange") }
