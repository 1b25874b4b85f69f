package changes

import (
	"fmt"
	"slices"

	"shiplog/wal"
)

// Filter chooses changes. The zero Filter takes all. Match is the pattern language of keys (KEYS); it is not asked when there are no
// Globs. A flush concerns every key: only Ops can leave it out. A rename is taken when either of its keys is.
type Filter struct {
	Globs [][]byte // any of them; none: every key
	Types []string // any of them; none: every type
	Ops   []string // any of them; none: every operation
	Match func(pattern, key []byte) bool
}

// TypeNames and OpNames are the words that Types and Ops may have.
func TypeNames() []string {
	return []string{TypeString, TypeHash, TypeList, TypeSet, TypeZSet, TypeStream}
}

// OpNames are the names of all operations.
func OpNames() (names []string) {
	for op := wal.OpSet; op <= wal.OpRename; op++ {
		names = append(names, op.String())
	}
	return names
}

// The bounds of Globs, each of which is tried on every key.
const (
	mostGlobs     = 1000
	mostGlobBytes = 64 << 10 // together
)

// Check says what is wrong with the filter's words.
func (f *Filter) Check() error {
	if size := len(slices.Concat(f.Globs...)); len(f.Globs) > mostGlobs || size > mostGlobBytes {
		return fmt.Errorf("at most %d patterns of %d bytes together can be matched", mostGlobs, mostGlobBytes)
	}
	types, ops := TypeNames(), OpNames()
	for _, t := range f.Types {
		if !slices.Contains(types, t) {
			return fmt.Errorf("unknown type '%.40s'", t)
		}
	}
	for _, op := range f.Ops {
		if !slices.Contains(ops, op) {
			return fmt.Errorf("unknown operation '%.40s'", op)
		}
	}
	return nil
}

// Takes tells whether the filter wants a change. A change to a collection as a whole is of every type but string: which one, the log does
// not say.
func (f *Filter) Takes(c *Change) bool {
	e := &c.Effect
	if len(f.Ops) > 0 && !slices.Contains(f.Ops, c.Op()) {
		return false
	}
	if e.Op == wal.OpFlush {
		return true
	}
	return f.takesType(c.Type()) && (f.TakesKey(e.Key) || e.Op == wal.OpRename && f.TakesKey(e.To))
}

func (f *Filter) takesType(name string) bool {
	if len(f.Types) == 0 || slices.Contains(f.Types, name) {
		return true
	}
	return name == TypeCollection && slices.ContainsFunc(f.Types, func(t string) bool { return t != TypeString })
}

// All tells whether the filter takes every change.
func (f *Filter) All() bool { return len(f.Globs) == 0 && len(f.Types) == 0 && len(f.Ops) == 0 }

// TakesKey tells whether the filter wants changes of a key.
func (f *Filter) TakesKey(key []byte) bool {
	if len(f.Globs) == 0 {
		return true
	}
	return slices.ContainsFunc(f.Globs, func(glob []byte) bool { return f.Match(glob, key) })
}
