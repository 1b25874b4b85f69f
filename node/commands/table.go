package commands

import (
	"fmt"
	"slices"
	"strings"

	"shiplog/node/reply"
)

// Table is every command that there is. It does not change after NewTable.
type Table struct {
	rows   []*Row // top-level commands, by name
	byName map[string]*Row
}

// longestName is more than any command's or sub-command's name; longer words are looked up nowhere.
const longestName = 40

// NewTable makes a table of rows. It panics when a name stands twice, or a row has not exactly one handler:
// the program is wrong then.
func NewTable(groups ...[]Row) *Table {
	t := &Table{byName: make(map[string]*Row)}
	for _, group := range groups {
		for i := range group {
			t.add(&group[i])
		}
	}
	slices.SortFunc(t.rows, func(a, b *Row) int { return strings.Compare(a.Name, b.Name) })
	return t
}

// allRows are the rows of every group, on a node with the given settings.
func allRows(settings Settings, scripts *scriptCache) [][]Row {
	maxString := func() int64 { return settings.Int("proto-max-bulk-len") }
	clustered := func() bool { return settings.String("cluster-enabled") == "yes" }
	maxSparse := func() int64 { return settings.Limits().Sparse }
	return [][]Row{stringRows(maxString), bitmapRows(maxString), hyperLogLogRows(maxSparse), listRows(), setRows(settings.Limits),
		hashRows(settings.Limits), zsetRows(settings.Limits), geoRows(settings.Limits),
		streamRows(settings.Limits), keyRows(), sortRows(clustered),
		transactionRows(), scriptingRows(scripts), connectionRows(), serverRows(), clusterRows(), changesRows()}
}

func (t *Table) add(row *Row) {
	if t.byName[row.Name] != nil {
		panic("commands: two rows named " + row.Name)
	}
	row.prepare(nil)
	t.byName[row.Name] = row
	t.rows = append(t.rows, row)
}

// prepare gives the row and its sub-commands what the table adds to them.
func (r *Row) prepare(parent *Row) {
	var script func(a Args) (*script, *reply.Reply)
	if r.runsScript() {
		script = r.state.script
	}
	r.state = &rowState{script: script, upper: strings.ToUpper(r.Name), parent: parent, syntax: parseSyntax(r.Syntax), merge: mergeOf(r.Tips)}
	handlers := 0
	for _, has := range []bool{r.Read != nil, r.Write != nil, r.Snapshot != nil, r.Session != nil, r.runsScript()} {
		if has {
			handlers++
		}
	}
	if handlers > 1 || handlers == 0 && len(r.Subcommands) == 0 {
		panic(fmt.Sprintf("commands: %s has %d handlers", r.Name, handlers))
	}
	if r.Wait.Blocks != nil && (len(r.Keys) == 0 || r.Read == nil && r.Write == nil) {
		panic("commands: " + r.Name + " blocks on no keys")
	}
	if len(r.Subcommands) == 0 {
		return
	}
	r.state.subs = make(map[string]*Row, len(r.Subcommands))
	for i := range r.Subcommands {
		sub := &r.Subcommands[i]
		name := strings.TrimPrefix(sub.Name, r.Name+"|")
		if name == sub.Name || r.state.subs[name] != nil {
			panic("commands: bad name of a sub-command: " + sub.Name)
		}
		sub.prepare(r)
		r.state.subs[name] = sub
		r.state.names = append(r.state.names, name)
	}
}

// Lookup returns the row of the command named name in any case, or nil. For a container it is the
// container's row. It does not allocate.
func (t *Table) Lookup(name []byte) *Row { return find(t.byName, name) }

// Sub returns the row's sub-command named name in any case, or nil.
func (r *Row) Sub(name []byte) *Row { return find(r.state.subs, name) }

// Resolve returns the row that a's words name: a sub-command's where the first word names a container and a second
// word is there. It returns nil when there is none.
func (t *Table) Resolve(a Args) *Row {
	row := t.Lookup(a[0])
	if row != nil && len(a) > 1 && row.state.subs != nil {
		return row.Sub(a[1])
	}
	return row
}

// ByFullName returns the row of "name" or "container|sub", in any case, or nil.
func (t *Table) ByFullName(name string) *Row {
	first, second, isSub := strings.Cut(name, "|")
	row := t.Lookup([]byte(first))
	if row == nil || !isSub {
		return row
	}
	return row.Sub([]byte(second))
}

// each calls fn for every row and then its sub-commands, in the order of names.
func (t *Table) each(fn func(*Row)) {
	for _, row := range t.rows {
		fn(row)
		for i := range row.Subcommands {
			fn(&row.Subcommands[i])
		}
	}
}

func find(rows map[string]*Row, name []byte) *Row {
	if len(name) > longestName {
		return nil
	}
	var buf [longestName]byte
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	return rows[string(buf[:len(name)])]
}

// is tells whether word is name, in any case. name must be given in lower case.
func is(word []byte, name string) bool {
	if len(word) != len(name) {
		return false
	}
	for i, c := range word {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != name[i] {
			return false
		}
	}
	return true
}
