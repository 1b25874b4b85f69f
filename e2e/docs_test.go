package e2e

import (
	"slices"
	"testing"
)

// fields are a reply's keys and values, of RESP2's flat arrays as of maps.
func fields(v Value) map[string]Value {
	out := make(map[string]Value)
	for i := 0; i+1 < len(v.Elems); i += 2 {
		out[v.Elems[i].Text] = v.Elems[i+1]
	}
	return out
}

// TestCommandDocs compares every command's and sub-command's documentation with redis-server's, the trees of arguments
// included: clients draw their hints and their routing from it.
func TestCommandDocs(t *testing.T) {
	ours := fields(do(t, dial(t, startShiplog(t)), "COMMAND", "DOCS"))
	theirs := fields(do(t, dial(t, startRedis(t)), "COMMAND", "DOCS"))
	compared := 0
	for name, docs := range ours {
		if want, known := theirs[name]; known {
			compared += compareDocs(t, name, docs, want)
		} else if !slices.Contains(newCommands(), name) {
			t.Errorf("redis-server does not know %s", name)
		}
	}
	if compared < 120 {
		t.Errorf("only %d commands compared", compared)
	}
}

// newCommands are those that redis-server 7.0.15 does not have: of newer versions, and our own.
func newCommands() []string {
	return append(newerData(), "waitaof", "client|maint_notifications", "client|no-touch", "client|setinfo", "cluster|myshardid", "cluster|slot-stats",
		"cluster|create", "cluster|partitions", "cluster|drain", "cluster|rebalance", "cluster|replace", "cluster|snapshot", "cluster|snapshots", "cluster|migrateslots", "cluster|getslotmigrations", "cluster|cancelslotmigrations",
		"changes", "changes|group", "changes|help", "changes|info", "changes|positions", "changes|read", "changes|snapshot",
		"changes|subscribe", "changes|unsubscribe")
}

// newerData are the commands on data among them.
func newerData() []string {
	return []string{"delex", "delifeq", "digest", "msetex",
		"hexpire", "hpexpire", "hexpireat", "hpexpireat", "httl", "hpttl", "hexpiretime", "hpexpiretime", "hpersist",
		"hgetdel", "hgetex", "hsetex", "xackdel", "xdelex"}
}

// differs says why a field of a command is not redis-server's, empty when it should be.
func differs(name, field string) string {
	return map[string]string{
		"set arguments":                      "IFEQ, IFNE, IFDEQ and IFDNE came with 8.4",
		"set history":                        "IFEQ, IFNE, IFDEQ and IFDNE came with 8.4",
		"zrank arguments":                    "WITHSCORE came with 7.2",
		"zrank history":                      "WITHSCORE came with 7.2",
		"zrevrank arguments":                 "WITHSCORE came with 7.2",
		"zrevrank history":                   "WITHSCORE came with 7.2",
		"hscan arguments":                    "NOVALUES came with 7.4",
		"client|kill arguments":              "MAXAGE came with 7.4",
		"client|kill history":                "MAXAGE came with 7.4",
		"xadd arguments":                     "KEEPREF, DELREF and ACKED came with 8.2",
		"xadd history":                       "KEEPREF, DELREF and ACKED came with 8.2",
		"xtrim arguments":                    "KEEPREF, DELREF and ACKED came with 8.2",
		"xtrim history":                      "KEEPREF, DELREF and ACKED came with 8.2",
		"xreadgroup arguments":               "CLAIM came with 8.4",
		"cluster|countkeysinslot complexity": "the keys of a slot lie together and are counted, where redis-server keeps a count",
		"cluster|failover arguments":         "a node of ours holds replicas of many partitions: PARTITION says of which",
	}[name+" "+field]
}

// compareDocs compares one command's fields, and those of its sub-commands, which come in any order. It returns how many
// commands it has compared.
func compareDocs(t *testing.T, name string, got, want Value) (compared int) {
	t.Helper()
	have, wanted := fields(got), fields(want)
	if name == "debug" || name == "pfdebug" || name == "pfselftest" {
		delete(wanted, "doc_flags") // "syscmd" says that it is for developers; nobody reads it
	}
	for field := range wanted {
		if _, there := have[field]; !there {
			t.Errorf("%s has no %s", name, field)
		}
	}
	for field, value := range have {
		if field == "subcommands" {
			continue
		}
		if want := wanted[field]; value.String() != want.String() && differs(name, field) == "" {
			t.Errorf("%s: %s\n got %v\nwant %v", name, field, value, want)
		}
	}
	theirs := fields(wanted["subcommands"])
	for sub, docs := range fields(have["subcommands"]) {
		if want, known := theirs[sub]; known {
			compared += compareDocs(t, sub, docs, want)
		} else if !slices.Contains(newCommands(), sub) {
			t.Errorf("redis-server does not know %s", sub)
		}
		delete(theirs, sub)
	}
	for sub := range theirs {
		t.Errorf("%s has no sub-command %s", name, sub)
	}
	return compared + 1
}
