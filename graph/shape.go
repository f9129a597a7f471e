package graph

import (
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"dossier/internal/fault"
)

// checkShape gives the first limit that a parsed, not yet validated query is over, nil if none. It takes time in
// proportion to the text: each fragment is measured once, whatever spreads it, and cycles are left to validation.
func checkShape(doc *ast.QueryDocument, limits Limits) *fault.Error {
	s := shape{limits: limits, fragments: map[string]*ast.FragmentDefinition{}, measured: map[string]extent{}}
	for _, fragment := range doc.Fragments {
		s.fragments[fragment.Name] = fragment
	}
	s.fragmentCount = len(doc.Fragments)
	for _, fragment := range doc.Fragments {
		s.directives += len(fragment.Directives)
		s.measureFragment(fragment.Name)
	}
	var whole extent
	for _, operation := range doc.Operations {
		s.directives += len(operation.Directives)
		whole = whole.beside(s.measure(operation.SelectionSet))
	}
	for _, check := range []struct {
		name        string
		max, actual int
	}{
		{"fragments", limits.Fragments, s.fragmentCount},
		{"aliases", limits.Aliases, s.aliases},
		{"directives", limits.Directives, s.directives},
		{"repeated_fields", limits.Repeated, s.repeated},
		{"fields", limits.Fields, whole.fields},
		{"depth", limits.Depth, whole.depth},
	} {
		if check.actual > check.max {
			return fault.Exceeded(check.name, check.max, check.actual)
		}
	}
	return nil
}

type shape struct {
	limits        Limits
	fragments     map[string]*ast.FragmentDefinition
	measured      map[string]extent // a fragment that is being measured is there, empty
	aliases       int
	directives    int
	fragmentCount int
	repeated      int // the most fields of one name in one selection set
}

// extent is how deep and wide a selection is, with fragments in their places.
type extent struct{ depth, fields int }

func (e extent) beside(other extent) extent {
	return extent{max(e.depth, other.depth), min(e.fields+other.fields, maxCost)}
}

func (s *shape) measureFragment(name string) extent {
	if known, ok := s.measured[name]; ok {
		return known
	}
	fragment := s.fragments[name]
	if fragment == nil {
		return extent{}
	}
	s.measured[name] = extent{}
	s.measured[name] = s.measure(fragment.SelectionSet)
	return s.measured[name]
}

func (s *shape) measure(set ast.SelectionSet) extent {
	var whole extent
	names := map[string]int{}
	for _, selection := range set {
		switch one := selection.(type) {
		case *ast.Field:
			s.directives += len(one.Directives)
			if one.Alias != one.Name {
				s.aliases++
			}
			names[one.Name]++
			s.repeated = max(s.repeated, names[one.Name])
			below := s.measure(one.SelectionSet)
			if strings.HasPrefix(one.Name, "__") {
				below.depth = -1 // introspection is deep by nature, and bounded by validation
			}
			whole = whole.beside(extent{below.depth + 1, below.fields + 1})
		case *ast.InlineFragment:
			s.directives += len(one.Directives)
			whole = whole.beside(s.measure(one.SelectionSet))
		case *ast.FragmentSpread:
			s.directives += len(one.Directives)
			whole = whole.beside(s.measureFragment(one.Name))
		}
	}
	return whole
}
