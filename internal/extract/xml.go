package extract

import (
	"encoding/xml"
	"errors"
	"io"

	"golang.org/x/net/html/charset"
)

// What the XML of an office file may be like: their programs write some 30 levels.
const (
	xmlDepthMax  = 256
	xmlTokensMax = 50 << 20
)

// xmlParser goes through a part, and shows the element it is at.
type xmlParser struct {
	name       string // without its namespace: the editions of the standard have different ones
	attributes []xml.Attr
	open       []string // the elements around, and this one
}

// attribute gives the value of the attribute, "" without.
func (x *xmlParser) attribute(name string) string {
	for _, a := range x.attributes {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// attributeIn gives the value of an attribute that has a namespace, as r:id is not id.
func (x *xmlParser) attributeIn(name string) string {
	for _, a := range x.attributes {
		if a.Name.Local == name && a.Name.Space != "" {
			return a.Value
		}
	}
	return ""
}

// inside tells whether the parser is in an element of the name.
func (x *xmlParser) inside(name string) bool {
	for _, open := range x.open {
		if open == name {
			return true
		}
	}
	return false
}

// handler takes what a part has. What it does not name is nothing.
type handler struct {
	skip  func(*xmlParser) bool // leaves an element out with all in it
	start func(*xmlParser) error
	end   func(name string) error
	text  func(in string, text []byte) error
}

// parse goes through a part. Entities other than XML's own five are errors to the decoder, so none can expand.
func (a *archive) parse(name string, h handler) error {
	r, err := a.open(name)
	if err != nil {
		return err
	}
	defer r.Close()
	decoder := xml.NewDecoder(r)
	decoder.CharsetReader = charset.NewReaderLabel
	x := &xmlParser{}
	skipping := 0 // the depth of what is left out
	for range xmlTokensMax {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			if reason, ok := asError(err); ok {
				return reason
			}
			return errBroken
		}
		if err := x.take(token, h, &skipping); err != nil {
			return err
		}
	}
	return errParts
}

func (x *xmlParser) take(token xml.Token, h handler, skipping *int) error {
	switch t := token.(type) {
	case xml.StartElement:
		x.open = append(x.open, t.Name.Local)
		x.name, x.attributes = t.Name.Local, t.Attr
		switch {
		case len(x.open) > xmlDepthMax:
			return errDeep
		case *skipping > 0:
		case h.skip != nil && h.skip(x):
			*skipping = len(x.open)
		case h.start != nil:
			return h.start(x)
		}
	case xml.EndElement:
		depth := len(x.open)
		x.open = x.open[:depth-1]
		switch {
		case *skipping == depth:
			*skipping = 0
		case *skipping == 0 && h.end != nil:
			return h.end(t.Name.Local)
		}
	case xml.CharData:
		if *skipping == 0 && h.text != nil && len(x.open) > 0 {
			return h.text(x.open[len(x.open)-1], t)
		}
	}
	return nil
}
