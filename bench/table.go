package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// table is a table of Markdown. Its first column is text, the others are numbers.
type table struct{ text strings.Builder }

func newTable(columns ...string) *table {
	t := &table{}
	t.add(columns...)
	t.add(append([]string{"---"}, strings.Split(strings.Repeat("---: ", len(columns)-1), " ")[:len(columns)-1]...)...)
	return t
}

func (t *table) add(fields ...string) {
	fmt.Fprintf(&t.text, "| %s |\n", strings.Join(fields, " | "))
}

func (t *table) String() string { return t.text.String() }

// number is a figure with so many digits behind the point, nothing for one that is not there.
func number(value float64, digits int) string {
	if math.IsNaN(value) {
		return ""
	}
	return strconv.FormatFloat(value, 'f', digits, 64)
}

// significant is a figure of about three digits, as large ones mean no more.
func significant(value float64) string {
	switch {
	case value < 10:
		return number(value, 2)
	case value < 100:
		return number(value, 1)
	}
	return number(value, 0)
}
