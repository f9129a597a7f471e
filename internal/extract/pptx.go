package extract

import "strings"

// readPPTX reads the slides in their order, each with its notes behind it. The first page is the first slide.
func readPPTX(d *document, out *sink) error {
	a := d.archive
	targets, err := a.targets(a.main)
	if err != nil {
		return err
	}
	var slides []string
	err = a.each(a.main, func(x *xmlParser) error {
		if x.name == "sldId" {
			slides = append(slides, targets[x.attributeIn("id")].target)
			if len(slides) > out.limits.Pages {
				return errPages(out.limits.Pages)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, slide := range slides {
		if err := out.turn(); err != nil {
			return err
		}
		if err := readSlide(a, slide, out); err != nil {
			return err
		}
	}
	return nil
}

// targets gives the relations of a part by their ids.
func (a *archive) targets(of string) (map[string]relation, error) {
	relations, err := a.relations(of)
	byID := make(map[string]relation, len(relations))
	for _, r := range relations {
		byID[r.id] = r
	}
	return byID, err
}

func readSlide(a *archive, slide string, out *sink) error {
	if err := a.parse(slide, newSlideReader(out, false).handler()); err != nil {
		return err
	}
	relations, err := a.relations(slide)
	if err != nil {
		return err
	}
	for _, r := range relations {
		if r.is("notesSlide") && a.has(r.target) {
			if err := a.parse(r.target, newSlideReader(out, true).handler()); err != nil {
				return err
			}
		}
	}
	return nil
}

// slideReader reads a slide, or the notes to one.
type slideReader struct {
	out         *sink
	notes       bool
	placeholder string // what the shape is a placeholder for; "" for none
	isHolder    bool
	bullet      bool
	paragraph   strings.Builder
	cell        strings.Builder
	cells       []string
	inCell      bool
}

func newSlideReader(out *sink, notes bool) *slideReader { return &slideReader{out: out, notes: notes} }

func (s *slideReader) handler() handler {
	return handler{
		skip:  func(x *xmlParser) bool { return x.name == "Fallback" },
		start: s.start, end: s.end, text: s.take,
	}
}

func (s *slideReader) start(x *xmlParser) error {
	switch x.name {
	case "sp", "graphicFrame":
		s.placeholder, s.isHolder = "", false
	case "ph":
		s.placeholder, s.isHolder = x.attribute("type"), true
	case "p":
		s.paragraph.Reset()
		s.bullet = false
	case "buChar", "buAutoNum", "buBlip":
		s.bullet = true
	case "br", "tab":
		s.paragraph.WriteByte(' ')
	case "tr":
		s.cells = nil
	case "tc":
		s.cell.Reset()
		s.inCell = true
	}
	return nil
}

func (s *slideReader) take(in string, text []byte) error {
	if in != "t" {
		return nil
	}
	s.paragraph.Write(text)
	if int64(s.paragraph.Len()+s.cell.Len()) > s.out.limits.TextBytes {
		return errTextBytes(s.out.limits.TextBytes)
	}
	return nil
}

func (s *slideReader) end(name string) error {
	switch name {
	case "p":
		text := s.paragraph.String()
		s.paragraph.Reset()
		if s.inCell {
			s.cell.WriteString(text + " ")
			return nil
		}
		return s.say(text)
	case "tc":
		s.cells = append(s.cells, s.cell.String())
		s.inCell = false
	case "tr":
		cells := s.cells
		s.cells = nil
		return s.out.addRow(cells)
	}
	return nil
}

// say says a paragraph as what its shape is for. Numbers of slides, dates and footers are on every slide, and left out.
func (s *slideReader) say(text string) error {
	switch {
	case s.placeholder == "sldNum", s.placeholder == "dt", s.placeholder == "ftr", s.placeholder == "hdr":
		return nil
	case s.notes && (!s.isHolder || s.placeholder != "body"):
		return nil
	case s.placeholder == "title", s.placeholder == "ctrTitle":
		return s.out.add(Heading, 1, text)
	case s.bullet:
		return s.out.add(Item, 0, text)
	}
	return s.out.add(Paragraph, 0, text)
}
