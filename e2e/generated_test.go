package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// tableRow is what redis-server says about one command or sub-command.
type tableRow struct {
	words     []string // the name: one word or two
	group     string
	arity     int
	arguments []Value // COMMAND DOCS's trees
}

// table returns the rows of the commands that both servers have.
func table(t *testing.T, nodes [2]*Node) (rows []tableRow) {
	t.Helper()
	oracle := dial(t, nodes[1])
	docs := fields(do(t, oracle, "COMMAND", "DOCS"))
	for _, e := range do(t, dial(t, nodes[0]), "COMMAND", "LIST").Elems {
		info := do(t, oracle, "COMMAND", "INFO", e.Text).Elems[0]
		if len(info.Elems) < 2 {
			continue // not in redis-server 7.0
		}
		arity, err := info.Elems[1].Int()
		if err != nil {
			t.Fatalf("%s: %v", e.Text, err)
		}
		parent, _, sub := strings.Cut(e.Text, "|")
		doc := docs[parent]
		if sub {
			doc = fields(fields(doc)["subcommands"])[e.Text]
		}
		row := tableRow{words: strings.Split(strings.ToUpper(e.Text), "|"), group: fields(doc)["group"].Text, arity: int(arity), arguments: fields(doc)["arguments"].Elems}
		rows = append(rows, row)
	}
	if len(rows) < 150 {
		t.Fatalf("only %d commands in both", len(rows))
	}
	return rows
}

// TestArity sends every command with a word too few and, where that is possible, one too many.
func TestArity(t *testing.T) {
	nodes := [2]*Node{startShiplog(t), startRedis(t)}
	conns := [2]*Client{dial(t, nodes[0]), dial(t, nodes[1])}
	for _, row := range table(t, nodes) {
		lengths := []int{row.arity - 1, row.arity + 1}
		if row.arity < 0 || row.words[0] == "ZRANK" || row.words[0] == "ZREVRANK" { // which take WITHSCORE since 7.2
			lengths = []int{max(row.arity, -row.arity) - 1}
		}
		for _, n := range lengths {
			words := slices.Clone(row.words)
			for len(words) < n {
				words = append(words, "x")
			}
			if len(words) == n {
				sameReply(t, conns, [][]string{words}, true)
			}
		}
	}
}

// sameReply sends commands to both and compares the replies to the last: errors to the byte, others too when exact is
// given, else by their kind. It tells whether the last was refused.
func sameReply(t *testing.T, conns [2]*Client, commands [][]string, exact bool) (refused bool) {
	t.Helper()
	var raw []byte
	for _, words := range commands {
		raw = Command(raw, words...)
	}
	var got [2]Value
	for i, c := range conns {
		if err := c.Write(raw); err != nil {
			t.Fatal(err)
		}
		for n, words := range commands {
			var err error
			if got[i], err = c.Read(); err != nil || n < len(commands)-1 && got[i].IsError() {
				t.Fatalf("%q: server %d: %v, %v", words, i, got[i], err)
			}
		}
	}
	r := rule{name: "type-only"}
	if exact || got[1].IsError() {
		r = rule{}
	}
	if diff := r.differs(got[0], got[1]); diff != "" {
		t.Errorf("%q:\n%s", commands[len(commands)-1], diff)
	}
	return got[1].IsError()
}

// TestWrongType sends every command that has keys, with the fewest and with all of its arguments, once for each key
// and each type of value under it; its other keys hold nothing.
func TestWrongType(t *testing.T) {
	nodes := [2]*Node{startShiplog(t), startRedis(t)}
	conns := [2]*Client{dial(t, nodes[0]), dial(t, nodes[1])}
	sent, refused := 0, 0
	for _, row := range table(t, nodes) {
		for _, full := range []bool{false, true} {
			for position := range row.keys(full) {
				for _, made := range oneOfEach() {
					sent++
					commands := append(append([][]string{{"FLUSHALL"}}, oneOfEach()...), row.on(made[1], position, full))
					if sameReply(t, conns, commands, false) {
						refused++
					}
				}
			}
		}
	}
	t.Logf("%d commands, %d of them refused", sent, refused)
	if refused < sent/4 {
		t.Errorf("only %d of %d commands refused: too few to mean anything", refused, sent)
	}
}

// oneOfEach are commands that make a key of each type, with the key in second place.
func oneOfEach() [][]string {
	return [][]string{
		{"SET", "a-string", "v"}, {"HSET", "a-hash", "f", "v"}, {"RPUSH", "a-list", "a"}, {"SADD", "a-set", "a"},
		{"ZADD", "a-zset", "1", "a"}, {"XADD", "a-stream", "1-1", "f", "v"},
	}
}

// keys counts the keys of a call.
func (r tableRow) keys(full bool) (n int) {
	r.call(full, func() string { n++; return "" })
	return n
}

// on is a call with a key in one position and keys that hold nothing in the others.
func (r tableRow) on(key string, position int, full bool) []string {
	i := -1
	return r.call(full, func() string {
		if i++; i == position {
			return key
		}
		return fmt.Sprintf("nothing%d", i)
	})
}

// call makes a call of the command from its documentation, with the fewest or with all of its arguments.
func (r tableRow) call(full bool, key func() string) []string {
	return append(slices.Clone(r.words), arguments(r.arguments, full, key)...)
}

// arguments fills in a list of documented arguments.
func arguments(docs []Value, full bool, key func() string) (words []string) {
	for _, doc := range docs {
		f := fields(doc)
		optional := slices.ContainsFunc(f["flags"].Elems, func(v Value) bool { return v.Text == "optional" })
		if optional && !full {
			continue
		}
		if token := f["token"].Text; token != "" {
			words = append(words, token)
		}
		switch nested := f["arguments"].Elems; f["type"].Text {
		case "key":
			words = append(words, key())
		case "block":
			words = append(words, arguments(nested, full, key)...)
		case "oneof":
			words = append(words, arguments(nested[:1], full, key)...)
		case "pure-token":
		default:
			words = append(words, argument(f["name"].Text, f["type"].Text))
		}
	}
	return words
}

// argument is a value that commands take for an argument of a name and type: "1" is a number, a stream's id and a
// member alike. A blocking command waits a moment.
func argument(name, kind string) string {
	switch {
	case name == "timeout" && kind == "double":
		return "0.01"
	case kind == "string" && (name == "min" || name == "max"):
		return "[a"
	case name == "operation":
		return "AND"
	case name == "encoding":
		return "u8"
	}
	return "1"
}
