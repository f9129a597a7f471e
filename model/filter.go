package model

import "time"

// TimeRange is a stretch of time, open on a side that has no bound.
type TimeRange struct {
	From  *time.Time // the first moment in it
	Until *time.Time // the first moment after it
}

// times checks a range that a filter names.
func (c *Checks) times(field string, times *TimeRange) {
	if times != nil && times.From != nil && times.Until != nil && !times.From.Before(*times.Until) {
		c.fail(field+".until", "must be after from.")
	}
}

// search checks a text that is searched for.
func (c *Checks) search(field string, text *string) {
	ifSet(text, func(text string) { c.length(field, text, searchLengthMax) })
}

// contentTypesMax is how many content types a filter takes.
const contentTypesMax = 20

// contentTypes checks the content types that a filter names.
func (c *Checks) contentTypes(field string, types []string) {
	c.listLength(field, len(types), contentTypesMax)
	for _, name := range types[:min(len(types), contentTypesMax)] {
		c.length(field, name, contentTypeLengthMax)
	}
}
