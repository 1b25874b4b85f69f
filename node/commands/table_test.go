package commands

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// specified is one line of commands.tsv.
type specified struct {
	name, group, since, flags, specs string
	in7                              bool
	arity, first, last, step         int
}

func readSpecification(t *testing.T) map[string]specified {
	t.Helper()
	f, err := os.Open("testdata/commands.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := make(map[string]specified)
	lines := bufio.NewScanner(f)
	lines.Scan() // the header
	for lines.Scan() {
		c := strings.Split(lines.Text(), "\t")
		n := func(i int) int {
			v, err := strconv.Atoi(c[i])
			if err != nil {
				t.Fatalf("%s: %v", c[0], err)
			}
			return v
		}
		name := strings.ToLower(strings.Replace(c[0], " ", "|", 1))
		out[name] = specified{name: name, group: c[1], since: c[2], in7: c[4] == "y", arity: n(5), flags: c[6],
			first: n(7), last: n(8), step: n(9), specs: c[10]}
	}
	if len(out) < 400 {
		t.Fatalf("only %d lines", len(out))
	}
	return out
}

// difference is a row that is not as specified, on purpose: the fields, separated by commas, and why.
type difference struct{ fields, why string }

// differences are all there are.
func differences() map[string]difference {
	newer := "Redis 7.0.15 asks for one word more than later versions"
	valkeys := "it is Valkey's, since 9.0.0; Redis does not have it"
	return map[string]difference{
		"command|getkeys":         {"arity", newer},
		"command|getkeysandflags": {"arity", newer},
		"delifeq":                 {"since", valkeys},

		"cluster|migrateslots":         {"since", valkeys},
		"cluster|getslotmigrations":    {"since", valkeys},
		"cluster|cancelslotmigrations": {"since", valkeys},
	}
}

// ours are the commands that Redis does not have, and what they are for.
func ours() map[string]string {
	return map[string]string{
		"cluster|drain":      "our own way to empty a node before it is removed",
		"cluster|rebalance":  "our own way to spread copies when nodes have come or gone",
		"cluster|snapshot":   "our own way to put snapshots into the store that the nodes have",
		"cluster|snapshots":  "shows what that store holds",
		"cluster|replace":    "our own way to have a dead node's copies rebuilt at once",
		"cluster|create":     "makes a cluster, in the place of ADDSLOTS and REPLICATE on every node",
		"cluster|partitions": "shows the unit of failover, which Redis does not have",

		"client|maint_notifications": "Redis Software has it; its clients send it to any server",

		"changes":             "Redis has no log that clients can read: what is below it reads it",
		"changes|group":       "consumers that acknowledge",
		"changes|help":        "as every container has it",
		"changes|info":        "what is retained, and who reads how far behind",
		"changes|positions":   "where the logs begin and end",
		"changes|read":        "the changes behind a position",
		"changes|snapshot":    "the keys at a position",
		"changes|subscribe":   "the changes behind a position, pushed",
		"changes|unsubscribe": "ends that",
	}
}

func TestTableIsAsSpecified(t *testing.T) {
	want := readSpecification(t)
	known := differences()
	own := ours()
	table := NewTable(allRows(newFakeSettings(), new(scriptCache))...)
	table.each(func(r *Row) {
		spec, there := want[r.Name]
		if own[r.Name] != "" && !there {
			delete(own, r.Name)
			return
		}
		if !there {
			t.Errorf("%s is not in commands.tsv", r.Name)
			return
		}
		fields, values := compare(r, spec)
		if want := known[r.Name].fields; fields != want {
			t.Errorf("%s differs in %q, want %q: %s", r.Name, fields, want, values)
		}
		if known[r.Name].fields != "" && known[r.Name].why == "" {
			t.Errorf("%s differs for no reason", r.Name)
		}
		delete(known, r.Name)
	})
	for name := range known {
		t.Errorf("%s is listed as different but is not there", name)
	}
	for name := range own {
		t.Errorf("%s is listed as ours but is not there, or not ours", name)
	}
}

// compare returns the names of the fields that differ, and both values of each.
func compare(r *Row, spec specified) (fields, values string) {
	var names, out []string
	note := func(field string, got, want any) {
		if got != want {
			names = append(names, field)
			out = append(out, fmt.Sprintf("%s: got %v, want %v", field, got, want))
		}
	}
	first, last, step := r.span()
	note("arity", r.Arity, spec.arity)
	note("group", r.Group, spec.group)
	note("since", r.Since, spec.since)
	note("flags", flagWords(r), withoutSentinel(spec.flags))
	note("keys", fmt.Sprint(first, last, step), fmt.Sprint(spec.first, spec.last, spec.step))
	return strings.Join(names, ","), strings.Join(out, "; ")
}

func flagWords(r *Row) string {
	var names []string
	for _, f := range flagNames() {
		if r.Flags&f.flag != 0 {
			names = append(names, f.name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ",")
}

// withoutSentinel leaves out the flags that only say where else than in a server a command is known.
func withoutSentinel(flags string) string {
	var names []string
	for _, name := range strings.Split(flags, ",") {
		if name != "sentinel" && name != "only_sentinel" && name != "-" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ",")
}

// TestWhatIsNotThereYet asks for every command of commands.tsv that has no row.
func TestWhatIsNotThereYet(t *testing.T) {
	c := newRig(t).connect()
	var missing []string
	for name, spec := range readSpecification(t) {
		if c.srv.table.ByFullName(name) != nil {
			continue
		}
		if spec.in7 {
			missing = append(missing, name)
		}
		words := strings.Split(name, "|")
		got := c.words(words...)
		container := c.srv.table.Lookup([]byte(words[0])) != nil
		want := "-ERR unknown command '" + words[0] + "', with args beginning with: "
		if container {
			want = fmt.Sprintf("-ERR unknown subcommand '%s'. Try %s HELP.", words[1], strings.ToUpper(words[0]))
		} else if len(words) > 1 {
			want += "'" + words[1] + "' "
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	slices.Sort(missing)
	t.Logf("%d commands of Redis 7.0 are not there yet: %s", len(missing), strings.Join(missing, " "))
}

// TestArity gives every command one word too few and, where there is a most, one too many.
func TestArity(t *testing.T) {
	c := newRig(t, [2]string{"enable-debug-command", "yes"}).connect()
	c.srv.table.each(func(r *Row) {
		least, exact := r.Arity, r.Arity > 0
		if least < 0 {
			least = -least
		}
		name := strings.Split(r.Name, "|")
		counts := []int{least - 1}
		if exact {
			counts = append(counts, least+1)
		}
		for _, n := range counts {
			if n < len(name) {
				continue
			}
			words := slices.Clone(name)
			for len(words) < n {
				words = append(words, "x")
			}
			want := "-ERR wrong number of arguments for '" + r.Name + "' command"
			if r.Name == "exec" {
				want = "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command"
			}
			if got := c.words(words...); got != want {
				t.Errorf("%v: got %s, want %s", words, got, want)
			}
		}
	})
}

func TestLookupDoesNotAllocate(t *testing.T) {
	table := NewTable(allRows(newFakeSettings(), new(scriptCache))...)
	words := Args{[]byte("CliENT"), []byte("kilL"), []byte("x")}
	if table.Resolve(words) == nil {
		t.Fatal("not found")
	}
	if n := testing.AllocsPerRun(100, func() { table.Resolve(words) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
