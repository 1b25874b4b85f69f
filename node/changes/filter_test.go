package changes

import (
	"bytes"
	"slices"
	"testing"

	"shiplog/wal"
)

// Patterns are bounded, by their number and by their bytes.
func TestFilterBounds(t *testing.T) {
	for _, test := range []struct {
		globs, bytes int
		ok           bool
	}{{0, 0, true}, {1, mostGlobBytes, true}, {1, mostGlobBytes + 1, false}, {2, mostGlobBytes/2 + 1, false}, {mostGlobs, 1, true}, {mostGlobs + 1, 0, false}} {
		f := Filter{Globs: slices.Repeat([][]byte{make([]byte, test.bytes)}, test.globs)}
		if err := f.Check(); (err == nil) != test.ok {
			t.Errorf("%d patterns of %d bytes: %v", test.globs, test.bytes, err)
		}
	}
}

func TestFilter(t *testing.T) {
	prefix := func(pattern, key []byte) bool { return bytes.HasPrefix(key, pattern) }
	keys := func(globs ...string) (f Filter) {
		for _, glob := range globs {
			f.Globs = append(f.Globs, []byte(glob))
		}
		f.Match = prefix
		return f
	}
	set := wal.Effect{Op: wal.OpSet, Key: []byte("a1")}
	del := wal.Effect{Op: wal.OpDel, Key: []byte("a1"), Marks: wal.MarkObject}
	hset := wal.Effect{Op: wal.OpHSet, Key: []byte("b1")}
	rename := wal.Effect{Op: wal.OpRename, Key: []byte("a1"), Whole: wal.Whole{To: []byte("b1")}}
	flush := wal.Effect{Op: wal.OpFlush}
	for name, c := range map[string]struct {
		filter Filter
		effect wal.Effect
		want   bool
	}{
		"all":                           {Filter{}, set, true},
		"key":                           {keys("x", "a"), set, true},
		"other key":                     {keys("x", "b"), set, false},
		"flush is every key's":          {keys("x"), flush, true},
		"flush is not asked for":        {Filter{Ops: []string{"set"}}, flush, false},
		"old name":                      {keys("a"), rename, true},
		"new name":                      {keys("b"), rename, true},
		"neither name":                  {keys("c"), rename, false},
		"type":                          {Filter{Types: []string{"hash"}}, hset, true},
		"other type":                    {Filter{Types: []string{"hash", "list"}}, set, false},
		"end of some collection":        {Filter{Types: []string{"hash"}}, del, true},
		"end of a collection, strings":  {Filter{Types: []string{"string"}}, del, false},
		"operation":                     {Filter{Ops: []string{"hset", "del"}}, del, true},
		"other operation":               {Filter{Ops: []string{"hset"}}, del, false},
		"operation and key are not one": {Filter{Ops: []string{"hset"}, Globs: [][]byte{[]byte("a")}, Match: prefix}, hset, false},
	} {
		change := shown(c.effect)
		if got := c.filter.Takes(&change); got != c.want {
			t.Errorf("%s: taken %t, want %t", name, got, c.want)
		}
	}
}

func TestFilterCheck(t *testing.T) {
	for _, bad := range []Filter{{Types: []string{"string", "collection"}}, {Ops: []string{"get"}}, {Types: []string{""}}} {
		if bad.Check() == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	if good := (Filter{Types: TypeNames(), Ops: OpNames()}); good.Check() != nil {
		t.Errorf("names are not taken: %v", good.Check())
	}
}
