package model

// Selection is what an operation may ask for: the names of the fields that it selects of each type, by the type's name. All
// places of the operation are taken together, so that a row may be shared between them.
type Selection map[string]Fields

// Fields is a set of names of fields.
type Fields map[string]struct{}

// Has reports whether the field is in the set.
func (f Fields) Has(name string) bool {
	_, ok := f[name]
	return ok
}

// Add adds a field of a type.
func (s Selection) Add(typeName, field string) {
	if s[typeName] == nil {
		s[typeName] = Fields{}
	}
	s[typeName][field] = struct{}{}
}
