package migrations

import (
	"testing"
	"testing/fstest"
)

// The template database of the tests is named by the hash: one that misses a change would hide it.
func TestHash(t *testing.T) {
	t.Parallel()
	set := func(names ...string) fstest.MapFS {
		files := fstest.MapFS{"migrations.go": {Data: []byte("not a migration")}}
		for i := 0; i < len(names); i += 2 {
			files[names[i]] = &fstest.MapFile{Data: []byte(names[i+1])}
		}
		return files
	}
	first := hash(set("1_a.sql", "CREATE"))
	if again := hash(set("1_a.sql", "CREATE")); again != first {
		t.Errorf("the same files gave %s and %s", first, again)
	}
	for what, changed := range map[string]fstest.MapFS{
		"content":      set("1_a.sql", "CREATE "),
		"name":         set("1_b.sql", "CREATE"),
		"another file": set("1_a.sql", "CREATE", "2_b.sql", ""),
		"no file":      set(),
	} {
		if hash(changed) == first {
			t.Errorf("a change of %s does not change the hash", what)
		}
	}
	if Hash() == first || len(Hash()) != 16 {
		t.Errorf("the hash of the real files is %q", Hash())
	}
}
