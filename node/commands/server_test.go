package commands

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestConfig(t *testing.T) {
	r := newRig(t)
	c := r.connect()
	c.expect(
		"config get maxclients", "{maxclients 100}",
		"config get maxclients MAXCLIENTS nosuch", "{maxclients 100}",
		"config get MaxClients maxclients maxcl*", "{MaxClients 100}",
		"config get", "-ERR wrong number of arguments for 'config|get' command",
		"config set maxclients 5 slowlog-max-len 7", "+OK",
		"config get slowlog-max-*", "{slowlog-max-len 7}",
		"config set maxclients", "-ERR wrong number of arguments for 'config|set' command",
		"config set maxclients 1 foo", "-ERR syntax error",
		"config set a b c", "-ERR syntax error",
		"config set proto-max-bulk-len 3", "+OK",
		"set k abc", "+OK",
		"append k d", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)",
		"config set proto-max-bulk-len 4", "+OK",
		"append k d", "4",
		"config set nosuch 1", "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'",
		"config rewrite", "-ERR The server is running without a config file",
		"config resetstat", "+OK",
	)
	if got := r.srv.tune().maxClients; got != 5 {
		t.Errorf("CONFIG SET has no effect: maxclients %d", got)
	}
}

func TestInfo(t *testing.T) {
	r := newRig(t)
	r.engine.facts = Facts{
		Keyspace: KeyspaceFacts{Keys: 3, Volatile: 1, AvgTTL: time.Second, Hits: 10, Misses: 4},
		Log:      LogFacts{FirstSeq: 2, LastSeq: 77, AppliedSeq: 70, DurableSeq: 60, Durability: "always", Epoch: 5},
		Memory:   MemoryFacts{Used: 2048, RSS: 4096},
	}
	c := r.connect()
	usual := c.do("info")
	for _, want := range []string{"# Server\r\n", "redis_version:7.0.15\r\n", "redis_mode:standalone\r\n", "loading:0\r\n",
		"role:master\r\n", "connected_clients:1\r\n", "master_repl_offset:77\r\n", "cluster_enabled:0\r\n", "# CPU\r\n",
		"db0:keys=3,expires=1,avg_ttl=1000\r\n", "used_memory_human:2.00K\r\n", "mem_fragmentation_ratio:2.00\r\n",
		"active_defrag_hits:0\r\n", "allocator_frag_ratio:1.00\r\n", "allocator_rss_bytes:2048\r\n", "used_memory_vm_total_human:0B\r\n", "aof_base_size:0\r\n",
		"instantaneous_input_repl_kbps:0.00\r\n", "durability:always\r\n", "log_state_durable_seq:60\r\n", "keyspace_hits:10\r\n", "maxclients:100\r\n",
		"\r\n\r\n# Clients\r\n"} {
		if !strings.Contains(usual, want) {
			t.Errorf("INFO has no %q", want)
		}
	}
	if strings.Contains(usual, "# Commandstats") {
		t.Error("INFO shows command statistics unasked")
	}
	for _, ask := range []struct{ line, has, hasNot string }{
		{"info all", "# Commandstats", "# Modules"},
		{"info everything", "# Modules", "# Nothing"},
		{"info keyspace", "# Keyspace", "# Server"},
		{"info KEYSPACE shiplog", "# Shiplog", "# Server"},
		{"info default latencystats", "# Latencystats", "# Commandstats"},
	} {
		if got := c.do(ask.line); !strings.Contains(got, ask.has) || strings.Contains(got, ask.hasNot) {
			t.Errorf("%s: got\n%s", ask.line, got)
		}
	}
	if got := c.do("info nosuch"); got != "" {
		t.Errorf("got %q", got)
	}
	c.do("config resetstat")
	r.engine.facts.Keyspace.Hits = 12
	if got := c.do("info stats"); !strings.Contains(got, "keyspace_hits:2\r\n") {
		t.Errorf("after CONFIG RESETSTAT:\n%s", got)
	}
	for _, line := range strings.Split(c.do("info everything"), "\r\n") {
		if line != "" && !strings.HasPrefix(line, "# ") && !strings.Contains(line, ":") {
			t.Errorf("malformed line %q", line)
		}
	}
}

func TestCommand(t *testing.T) {
	c := newRig(t).connect()
	c.expect(
		"command count", fmt.Sprint(len(c.srv.table.rows)),
		"command info nosuch exec", "[null [exec 1 (+noscript +loading +stale +skip_slowlog) 0 0 0 (+@slow +@transaction) () () ()]]",
		"command info memory|usage", "[[memory|usage -3 (+readonly) 2 2 1 (+@read +@slow) () ({flags (+RO) begin_search "+
			"{type index spec {index 2}} find_keys {type range spec {lastkey 0 keystep 1 limit 0}}}) ()]]",
		"command docs nosuch client|id", "{client|id {summary Returns the client ID for the current connection since 5.0.0 "+
			"group connection complexity O(1)}}",
		"command list filterby aclcat transaction", "[discard exec multi unwatch watch]",
		"command list filterby pattern client|*name", "[client|getname client|setname]",
		"command list filterby module x", "[]",
		"command list filterby foo x", "-ERR syntax error", "command list foo", "-ERR syntax error",
		"command getkeys watch a b", "[a b]",
		"command getkeys memory usage k", "[k]",
		"command getkeys memory usage", "-ERR Invalid number of arguments specified for command",
		"command getkeys nosuch a", "-ERR Invalid command specified",
		"command getkeys ping a", "-ERR The command has no key arguments",
		"command getkeysandflags watch a", "[[a (+RO)]]",
	)
	all, one := c.do("command"), c.do("command info exec")
	if !strings.Contains(all, one[1:len(one)-1]) {
		t.Error("COMMAND and COMMAND INFO differ")
	}
	if got := c.do("client help"); !strings.HasPrefix(got, "[+CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are: ") {
		t.Errorf("got %s", got)
	}
}

func TestKeySpecifications(t *testing.T) {
	for _, c := range []struct {
		name string
		spec KeySpec
		line string
		want string
	}{
		{"one", KeySpec{Index: 1}, "get a", "a"},
		{"all", KeySpec{Index: 1, Last: -1}, "del a b c", "a b c"},
		{"every second", KeySpec{Index: 1, Last: -1, Step: 2}, "mset a 1 b 2", "a b"},
		{"all but the last", KeySpec{Index: 1, Last: -2}, "blpop a b 0", "a b"},
		{"counted", KeySpec{Index: 2, KeyNum: true, FirstKey: 1}, "eval x 2 a b arg", "a b"},
		{"counted, none", KeySpec{Index: 2, KeyNum: true, FirstKey: 1}, "eval x 0 a", ""},
		{"counted, too many", KeySpec{Index: 2, KeyNum: true, FirstKey: 1}, "eval x 9999999999 a", ""},
		{"counted, negative", KeySpec{Index: 2, KeyNum: true, FirstKey: 1}, "eval x -1 a", ""},
		{"keyword", KeySpec{Keyword: "STREAMS", From: 1, Last: -1, Limit: 2}, "xread count 1 streams a b 0 0", "a b"},
		{"keyword from behind", KeySpec{Keyword: "KEYS", From: -2, Last: -1}, "migrate h 1 k 0 5 keys a b", "a b"},
		{"no keyword", KeySpec{Keyword: "STREAMS", From: 1, Last: -1}, "xread a b", ""},
	} {
		row := &Row{Name: c.name, Keys: []KeySpec{c.spec}}
		var got []string
		all := func(key []byte) bool { got = append(got, string(key)); return true }
		row.EachKey(words(c.line), all)
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %v, want %s", c.name, got, c.want)
		}
		calls := 0
		row.EachKey(words(c.line), func([]byte) bool { calls++; return false })
		if calls != min(len(got), 1) {
			t.Errorf("%s: %d calls after fn wanted no more", c.name, calls)
		}
	}
}

func TestSlowlog(t *testing.T) {
	r := newRig(t, [2]string{"slowlog-log-slower-than", "0"}, [2]string{"enable-debug-command", "yes"})
	c := r.connect()
	c.do("client setname me")
	c.do("slowlog reset")
	c.do("auth default secret1")
	c.do("auth secret2")
	c.do("hello 2 auth default secret3 setname me")
	c.do("config set maxclients 50 requirepass secret4")
	c.do("config set requirepass secret5")
	c.words("echo", strings.Repeat("x", 130))
	c.words(append([]string{"command", "docs"}, strings.Fields(strings.Repeat("w ", 40))...)...)
	c.do("multi")
	c.do("ping")
	c.do("exec")
	log := c.do("slowlog get -1")
	if strings.Contains(log, "secret") {
		t.Errorf("the slow log shows passwords: %s", log)
	}
	for _, want := range []string{
		"[auth (redacted) (redacted)]", "[auth (redacted)]", "[hello 2 auth (redacted) (redacted) setname me]",
		"[config set maxclients 50 requirepass (redacted)]", "[config set requirepass (redacted)]",
		"[echo " + strings.Repeat("x", 128) + "... (2 more bytes)]",
		"w w ... (11 more arguments)]", "[ping] 10.0.0.1:1000 me]",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("no %s in\n%s", want, log)
		}
	}
	if strings.Contains(log, "[exec]") {
		t.Error("EXEC is logged itself, not only its commands")
	}
	c.do("config set slowlog-log-slower-than -1")
	c.expect("slowlog len", "11", "config set slowlog-max-len 2", "+OK", "slowlog len", "2", "slowlog reset", "+OK",
		"slowlog len", "0", "slowlog get", "[]", "slowlog get x", "-ERR count should be greater than or equal to -1",
		"slowlog get -2", "-ERR count should be greater than or equal to -1",
		"slowlog get 1 2", "-ERR unknown subcommand or wrong number of arguments for 'get'. Try SLOWLOG HELP.")
}

func TestLatency(t *testing.T) {
	r := newRig(t)
	c := r.connect()
	c.expect("latency latest", "[]", "latency history x", "[]", "latency reset", "0",
		"latency graph x", "-ERR No samples available for event 'x'", "latency histogram nosuch", "{}")
	r.srv.Event("fsync", time.Second)
	c.expect("latency latest", "[]", "config set latency-monitor-threshold 100", "+OK")
	r.srv.Event("fsync", 99*time.Millisecond)
	c.expect("latency latest", "[]")
	r.srv.latency.add("fsync", 300*time.Millisecond, time.Unix(1000, 0))
	r.srv.latency.add("fsync", 200*time.Millisecond, time.Unix(1000, 5))
	r.srv.latency.add("fsync", 100*time.Millisecond, time.Unix(1001, 0))
	c.expect("latency latest", "[[fsync 1001 100 300]]", "latency history fsync", "[[1000 300] [1001 100]]")
	if got := c.do("latency graph fsync"); !strings.HasPrefix(got, "fsync - high 300 ms, all time high 300 ms\n") {
		t.Errorf("got %s", got)
	}
	if got := c.do("latency doctor"); !strings.Contains(got, "fsync: 2 spikes, 200 ms on average, 300 ms at worst.\n") {
		t.Errorf("got %s", got)
	}
	c.expect("latency reset nosuch", "0", "latency reset", "1", "latency latest", "[]")
	c.do("t.read k")
	if got := c.do("latency histogram t.read"); !strings.HasPrefix(got, "{t.read {calls 1 histogram_usec {") {
		t.Errorf("got %s", got)
	}
}

func TestHistogram(t *testing.T) {
	for i := range octaves*steps - 1 {
		end := bucketEnd(i)
		if end < 0 {
			break // beyond what a duration can say
		}
		if a, b := bucketOf(end), bucketOf(end+1); a != i || b != i+1 {
			t.Fatalf("bucket %d ends at %v, which is in %d, and %d follows", i, end, a, b)
		}
	}
	h := new(histogram)
	for us := range 1000 {
		h.add(time.Duration(us) * time.Microsecond)
	}
	for _, c := range []struct{ p, want float64 }{{50, 500}, {99, 990}, {100, 1000}} {
		got := float64(h.percentile(c.p)) / 1000
		if got < c.want*0.95 || got > c.want*1.15 {
			t.Errorf("percentile %v: got %v, want about %v", c.p, got, c.want)
		}
	}
	want := "{calls 1000 histogram_usec {1 2 4 4 8 8 16 16 32 32 64 64 128 128 256 256 512 512 1024 1000}}"
	if got := show(histogramReply(1000, h)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestMemoryAndDebug(t *testing.T) {
	r := newRig(t, [2]string{"enable-debug-command", "yes"})
	c := r.connect()
	c.do("t.write k value")
	c.expect(
		"memory usage k", "54", "memory usage k samples 0", "54", "memory usage nosuch", "null",
		"memory usage k samples -1", "-ERR syntax error", "memory usage k samples x", "-ERR value is not an integer or out of range",
		"memory usage k foo 1", "-ERR syntax error", "memory purge", "+OK",
		"debug object nosuch", "-ERR no such key", "debug error WRONG", "-WRONG", "debug protocol double", "3.141",
		"debug sleep 0.001", "+OK", "debug nosuch", "-ERR unknown subcommand or wrong number of arguments for 'nosuch'. Try DEBUG HELP.",
		"debug set-active-expire 0", "+OK",
	)
	if got := c.do("debug object k"); !strings.HasPrefix(got, "+Value at:0x0 refcount:1 encoding:") {
		t.Errorf("got %s", got)
	}
	if got := c.do("memory stats"); !strings.HasPrefix(got, "{peak.allocated 0 ") || !strings.Contains(got, "keys.count 0") {
		t.Errorf("got %s", got)
	}
}

func TestDurabilityCommands(t *testing.T) {
	r := newRig(t)
	c := r.connect()
	r.engine.facts.Keyspace.LastFlush = time.Unix(1234, 0)
	c.expect(
		"lastsave", "1234", "save", "+OK", "bgsave", "+Background saving started", "bgsave schedule", "+Background saving started",
		"bgsave x", "-ERR syntax error", "bgrewriteaof", "+Background append only file rewriting started",
		"role", "[master 0 []]", "wait 0 0", "0", "wait 1 10", "0", "wait x 0", "-ERR value is not an integer or out of range",
		"wait 1 x", "-ERR timeout is not an integer or out of range", "wait 1 -1", "-ERR timeout is negative",
		"waitaof 1 0 0", "[1 0]", "waitaof 2 0 0", "-ERR value is out of range, value must between 0 and 1",
		"waitaof 1 -1 0", "-ERR value is out of range, must be positive",
		"shutdown abort", "-ERR No shutdown in progress.", "shutdown x", "-ERR syntax error",
		"shutdown save nosave", "-ERR syntax error", "shutdown abort now", "-ERR syntax error",
		"flushall x", "-ERR syntax error", "flushdb async x", "-ERR syntax error",
	)
	r.engine.syncing = true
	c.expect("bgsave", "-ERR Background save already in progress")
	if got := c.run("shutdown", "nosave", "now"); !got.Close || len(r.engine.shutdowns) != 1 ||
		r.engine.shutdowns[0] != (ShutdownMode{Now: true}) {
		t.Errorf("SHUTDOWN: %+v, %+v", got, r.engine.shutdowns)
	}
	c.expect("t.write a 1", "+OK", "dbsize", "1", "flushall sync", "+OK", "dbsize", "0", "t.read a", "null")
}

func TestWaitEndsWithItsTimeout(t *testing.T) {
	r := newRig(t)
	r.engine.waited = make(chan struct{}, 2)
	c := r.connect()
	c.expect("wait 1 5", "0", "waitaof 1 0 5", "[1 0]")
}
