package commands

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// keyRig runs handlers on a store as a partition does, one unit each, without a log.
type keyRig struct {
	t       testing.TB
	rows    map[string]*Row
	store   *keyspace.Store
	now     int64
	record  uint64 // that is open
	body    []byte
	effects int // of the last command
}

func newKeyRig(t testing.TB) *keyRig {
	t.Helper()
	store, err := keyspace.Open(t.TempDir(), keyspace.Options{HotSet: 1 << 20, Logger: silent{}})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	r := &keyRig{t: t, rows: make(map[string]*Row), store: store, now: 1_700_000_000_000, record: 1}
	r.add(stringRows(func() int64 { return 1 << 20 }))
	r.add(keyRows())
	r.add(hashRows(defaultLimits))
	r.add(zsetRows(defaultLimits))
	r.add(geoRows(defaultLimits))
	return r
}

func (r *keyRig) add(rows []Row) {
	for i := range rows {
		r.rows[rows[i].Name] = &rows[i]
		r.add(rows[i].Subcommands)
	}
}

// do runs a command given as words.
func (r *keyRig) do(words ...string) reply.Reply {
	r.t.Helper()
	a := make(Args, len(words))
	for i, word := range words {
		a[i] = []byte(word)
	}
	row := r.rows[strings.ToLower(words[0])]
	if row != nil && len(row.Subcommands) > 0 {
		row = r.rows[strings.ToLower(words[0]+"|"+words[1])]
	}
	if row == nil {
		r.t.Fatalf("no row for %q", words)
	}
	if !row.arityOK(len(a)) {
		r.effects = 0
		return reply.WrongArity(row.Name)
	}
	return r.run(row, a)
}

func (r *keyRig) run(row *Row, a Args) (answer reply.Reply) {
	r.effects = 0
	switch {
	case row.Read != nil:
		return row.Read(r.store.View(r.now), a)
	case row.Snapshot != nil:
		snap := r.store.View(r.now).Snapshot()
		defer snap.Close()
		return row.Snapshot(snap, a)
	case row.Session != nil:
		return row.Session(nil, a)
	}
	tx := r.store.Begin(r.now, r.record, &r.body)
	defer tx.Commit()
	answer = row.Write(tx, a)
	r.effects = tx.Effects()
	return answer
}

// settle brings everything so far to Pebble, as if its record had been acknowledged.
func (r *keyRig) settle() {
	r.t.Helper()
	if err := r.store.Apply([][]byte{r.body}, r.store.Position(), r.record); err != nil {
		r.t.Fatalf("apply: %v", err)
	}
	r.record, r.body = r.record+1, nil
}

// line runs a command given as one line; 'x y' is one word, two quotes are an empty one.
func (r *keyRig) line(line string) reply.Reply {
	r.t.Helper()
	var words []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return r.do(words...)
}

// render writes a reply on one line: 1, "bulk", OK, nil, -ERR text, [1 2], {"key" 1}.
func render(r reply.Reply) string {
	r = unpacked(r)
	switch r.Kind {
	case reply.KindNull:
		return "nil"
	case reply.KindNullArray:
		return "nil array"
	case reply.KindDouble:
		return string(reply.AppendDouble(nil, r.Float()))
	case reply.KindError:
		return "-" + r.Text
	case reply.KindStatus:
		return r.Text
	case reply.KindInt:
		return strconv.FormatInt(r.Int, 10)
	case reply.KindBulk:
		return strconv.Quote(r.Text + string(r.Bytes))
	case reply.KindArray, reply.KindMap, reply.KindPairs, reply.KindPair:
		parts := make([]string, len(r.Elems))
		for i := range r.Elems {
			parts[i] = render(r.Elems[i])
		}
		if r.Kind == reply.KindMap {
			return "{" + strings.Join(parts, " ") + "}"
		}
		return "[" + strings.Join(parts, " ") + "]"
	default:
		return fmt.Sprintf("kind %d?", r.Kind)
	}
}

// step is one command of a script and what it must answer.
type step struct{ line, want string }

// runScript runs the steps one after another on an empty store. What is wanted is what redis-server 7.0.15 answers with
// proto-max-bulk-len 1mb. A command that is refused must not have told the Tx anything.
func runScript(t *testing.T, steps []step) {
	t.Helper()
	r := newKeyRig(t)
	for _, s := range steps {
		answer := r.line(s.line)
		if got := render(answer); got != s.want {
			t.Errorf("%s\n got %s\nwant %s", s.line, got, s.want)
		}
		if answer.IsError() && r.effects != 0 {
			t.Errorf("%s: refused with %d effects, want none", s.line, r.effects)
		}
	}
}
