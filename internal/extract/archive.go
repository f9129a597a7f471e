package extract

import (
	"archive/zip"
	"errors"
	"io"
	"path"
	"strings"
)

// What an archive may hold. Its own directory says sizes, too, but they are the author's word: bytes are counted as they come.
const (
	archivePartsMax    = 20000     // a presentation with a thousand slides has some 5,000
	expandedBytesMax   = 384 << 20 // of all that is read of it
	expandedRatioMax   = 250       // XML shrinks to a hundredth at best; deflate can do a thousandth
	expandedRatioSince = 16 << 20  // below this, a bomb does no harm
)

// archive is an Open XML file: parts, and relations between them.
type archive struct {
	parts map[string]*zip.File
	main  string // the part that is the document, with no leading slash
	read  int64  // bytes that came out of it
}

// openArchive opens the archive and tells what it is.
func (d *document) openArchive(said format) (format, error) {
	z, err := zip.NewReader(d.file, d.size)
	if err != nil {
		return "", errBroken
	}
	if len(z.File) > archivePartsMax {
		return "", errParts
	}
	a := &archive{parts: make(map[string]*zip.File, len(z.File))}
	for _, part := range z.File {
		a.parts[partName(part.Name)] = part
	}
	d.archive = a
	if !a.has("[Content_Types].xml") {
		if isBinary(said) && said != formatPDF {
			return "", errBroken
		}
		return "", errUnsupported // another archive
	}
	relations, err := a.relations("")
	if err != nil {
		return "", err
	}
	for _, r := range relations {
		if r.is("officeDocument") {
			a.main = r.target
		}
	}
	kind, err := a.typeOf(a.main)
	if err != nil {
		return "", err
	}
	f := formatOfMain(kind, a)
	if f == "" {
		return "", errUnsupported
	}
	if !a.has(a.main) {
		return "", errBroken
	}
	return f, nil
}

// formatOfMain tells the format by the main part's type, or else by where such parts always are.
func formatOfMain(kind string, a *archive) format {
	switch {
	case strings.Contains(kind, "sheet.binary"):
		return ""
	case strings.Contains(kind, "wordprocessingml"), strings.Contains(kind, "ms-word"):
		return formatDOCX
	case strings.Contains(kind, "presentationml"), strings.Contains(kind, "ms-powerpoint"):
		return formatPPTX
	case strings.Contains(kind, "spreadsheetml"), strings.Contains(kind, "ms-excel"):
		return formatXLSX
	}
	for name, f := range map[string]format{"word/document.xml": formatDOCX, "ppt/presentation.xml": formatPPTX, "xl/workbook.xml": formatXLSX} {
		if a.has(name) {
			a.main = name
			return f
		}
	}
	return ""
}

// partName is how parts are found: names are the same in any case, and some write the slashes of Windows.
func partName(name string) string {
	return strings.ToLower(strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(name, `\`, "/")), "/"))
}

func (a *archive) has(name string) bool { return a.parts[partName(name)] != nil }

// open reads a part, as far as the limits let it.
func (a *archive) open(name string) (io.ReadCloser, error) {
	part := a.parts[partName(name)]
	if part == nil {
		return nil, errBroken
	}
	if part.Flags&1 != 0 {
		return nil, errEncrypted
	}
	r, err := part.Open()
	if err != nil {
		return nil, errBroken
	}
	return &expanding{archive: a, ReadCloser: r, packed: int64(min(part.CompressedSize64, 1<<40))}, nil
}

// check goes through all parts once, for a reader that has no limits: through the XML of those that it says text of.
func (a *archive) check(spoken func(name string) bool) error {
	for name, part := range a.parts {
		if strings.HasSuffix(part.Name, "/") {
			continue
		}
		check := a.count
		if spoken(name) {
			check = func(name string) error { return a.parse(name, handler{}) }
		}
		if err := check(name); err != nil {
			return err
		}
	}
	return nil
}

// count reads a part for its bytes only.
func (a *archive) count(name string) error {
	r, err := a.open(name)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err
}

// expanding counts what comes out of a part.
type expanding struct {
	io.ReadCloser
	archive *archive
	packed  int64
	read    int64
}

func (e *expanding) Read(p []byte) (int, error) {
	n, err := e.ReadCloser.Read(p)
	e.read += int64(n)
	e.archive.read += int64(n)
	switch {
	case e.archive.read > expandedBytesMax, e.read > expandedRatioSince && e.read/expandedRatioMax > e.packed:
		return n, errExpanded
	case err != nil && !errors.Is(err, io.EOF):
		return n, errBroken
	}
	return n, err
}

// relation leads from one part to another.
type relation struct {
	id, kind, target string
}

// is tells the kind by its last word: the rest differs between editions of the standard.
func (r relation) is(kind string) bool { return strings.HasSuffix(r.kind, "/"+kind) }

const relationsMax = 100000

// relations gives those of a part, "" for the archive's own. A part need not have any.
func (a *archive) relations(of string) ([]relation, error) {
	folder, name := path.Split(of)
	file := folder + "_rels/" + name + ".rels"
	if !a.has(file) {
		return nil, nil
	}
	var relations []relation
	err := a.each(file, func(x *xmlParser) error {
		if x.name != "Relationship" || x.attribute("TargetMode") == "External" {
			return nil
		}
		target := x.attribute("Target")
		if !strings.HasPrefix(target, "/") {
			target = path.Join("/", folder, target)
		}
		relations = append(relations, relation{x.attribute("Id"), x.attribute("Type"), partName(target)})
		if len(relations) > relationsMax {
			return errParts
		}
		return nil
	})
	return relations, err
}

// typeOf gives the content type of a part.
func (a *archive) typeOf(name string) (kind string, err error) {
	err = a.each("[Content_Types].xml", func(x *xmlParser) error {
		if x.name == "Override" && partName(x.attribute("PartName")) == name {
			kind = strings.ToLower(x.attribute("ContentType"))
		}
		return nil
	})
	return kind, err
}

// each calls do for each element's start in a part.
func (a *archive) each(name string, do func(*xmlParser) error) error {
	return a.parse(name, handler{start: do})
}
