package e2e

import (
	"bufio"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// runs runs a client program and returns what it says.
func runs(t *testing.T, stdin string, words ...string) string {
	t.Helper()
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := Finish(cmd)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out)
	}
	return string(out)
}

// TestPython runs a session of Debian's Python client.
func TestPython(t *testing.T) {
	n := startShiplog(t)
	if got := runs(t, "", "/usr/bin/python3", "testdata/session.py", strconv.Itoa(n.Port)); got != "ok\n" {
		t.Errorf("got %q", got)
	}
}

// TestRedisCLI runs redis-cli as people at a shell do.
func TestRedisCLI(t *testing.T) {
	n := startShiplog(t)
	cli := func(stdin string, words ...string) string {
		return runs(t, stdin, append([]string{"redis-cli", "-p", strconv.Itoa(n.Port)}, words...)...)
	}
	tests := []struct {
		stdin string
		args  string
		want  string
	}{
		{"", "set a b", "OK\n"},
		{"", "get a", "b\n"},
		{"", "-3 get a", "b\n"},
		{"", "-3 hello", "shiplog-any"},
		{"binary\n", "-x set c", "OK\n"},
		{"", "--scan --pattern a*", "a\n"},
		{"set d 1\nincr d\nmulti\nincr d\nexec\n", "", "OK\n2\nOK\nQUEUED\n3\n"},
		{"", "--csv mget a d nothing", "\"b\",\"3\",NULL\n"},
		{"", "incr a", "ERR value is not an integer or out of range\n\n"},
		{"", "--bigkeys", "shiplog-any"},
		{"", "--memkeys", "shiplog-any"},
		{"", "info server", "shiplog-any"},
	}
	for _, test := range tests {
		got := cli(test.stdin, strings.Fields(test.args)...)
		if test.want == "shiplog-any" {
			if strings.Contains(got, "ERR") || got == "" {
				t.Errorf("redis-cli %s: got %q", test.args, got)
			}
		} else if got != test.want {
			t.Errorf("redis-cli %s: got %q, want %q", test.args, got, test.want)
		}
	}
	var mass strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&mass, "SET mass:%d %d\r\n", i, i)
	}
	if got := cli(mass.String(), "--pipe"); !strings.Contains(got, "errors: 0, replies: 10000") {
		t.Errorf("redis-cli --pipe: got %q", got)
	}
	if got := cli("", "dbsize"); got != "10003\n" {
		t.Errorf("keys after mass insertion: got %q, want 10003", got)
	}
}

// TestRedisBenchmark runs redis-benchmark, which ends at the first error reply.
func TestRedisBenchmark(t *testing.T) {
	n := startShiplog(t)
	for _, extra := range [][]string{{"-P", "1"}, {"-P", "16"}, {"-P", "16", "-r", "100000"}, {"-P", "4", "-3"}} {
		words := []string{"redis-benchmark", "-p", strconv.Itoa(n.Port), "-t", "ping,set,get,incr,mset", "-n", "5000", "-q"}
		out := runs(t, "", append(words, extra...)...)
		if n := strings.Count(out, "requests per second"); n != 6 {
			t.Errorf("redis-benchmark %v: got %d results, want 6: %s", extra, n, out)
		}
		if strings.Contains(strings.ToLower(out), "error") || strings.Contains(out, "WARNING") {
			t.Errorf("redis-benchmark %v: got %s", extra, out)
		}
	}
}

// TestFirstCommands sends what popular clients send on a new connection. A reply that is an error is fine where
// clients take it so, but the connection must stay.
func TestFirstCommands(t *testing.T) {
	n := startShiplog(t)
	tests := []struct {
		command string
		kind    byte // of the reply; 0: any, an error too
	}{
		{"HELLO 3", '%'}, {"CLIENT SETINFO LIB-NAME go-redis(,go1.26)", '+'}, {"CLIENT SETINFO LIB-VER 9.22.0", '+'},
		{"CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type none", 0}, {"CLIENT SETNAME pool-1", '+'}, {"SELECT 0", '+'},
		{"COMMAND", '*'}, {"COMMAND COUNT", ':'}, {"COMMAND DOCS", '%'}, {"CLIENT TRACKING OFF", 0}, {"READONLY", 0}, {"CLIENT ID", ':'},
		{"INFO", '='}, {"INFO SERVER", '='}, {"CLUSTER INFO", 0}, {"CLUSTER SLOTS", 0}, {"CONFIG GET save", '%'},
		{"CONFIG GET appendonly", '%'}, {"HELLO 2 SETNAME old", '*'}, {"PING", '+'}, {"INFO", '$'}, {"AUTH nobody", '-'},
		{"HELLO 9", '-'}, {"ROLE", 0}, {"PING", '+'}, {"QUIT", '+'},
	}
	c := dial(t, n)
	for _, test := range tests {
		v, err := c.Do(strings.Fields(test.command)...)
		if err != nil {
			t.Fatalf("%s: %v", test.command, err)
		}
		if test.kind != 0 && v.Kind != test.kind {
			t.Errorf("%s: got %v, want a %c", test.command, v, test.kind)
		}
	}
}

// TestInfo looks for what clients and people's dashboards read in INFO.
func TestInfo(t *testing.T) {
	c := dial(t, startShiplog(t))
	do(t, c, "SET", "k", "v")
	fields := map[string]string{}
	lines := bufio.NewScanner(strings.NewReader(do(t, c, "INFO").Text))
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok {
			fields[name] = value
		}
	}
	for name, want := range map[string]string{"redis_mode": "standalone", "loading": "0", "role": "master",
		"cluster_enabled": "0", "db0": "keys=1,expires=0,avg_ttl=0", "connected_slaves": "0", "tcp_port": "", "process_id": "",
		"redis_version": "", "run_id": "", "uptime_in_seconds": "", "connected_clients": "", "maxclients": "", "used_memory": "",
		"used_memory_human": "", "used_memory_rss": "", "used_memory_peak": "", "maxmemory": "", "total_connections_received": "",
		"total_commands_processed": "", "instantaneous_ops_per_sec": "", "keyspace_hits": "", "keyspace_misses": "", "expired_keys": "",
		"evicted_keys": "", "master_repl_offset": "", "used_cpu_sys": "", "used_cpu_user": "", "blocked_clients": "", "os": "", "arch_bits": ""} {
		if got, ok := fields[name]; !ok || want != "" && got != want {
			t.Errorf("INFO %s: got %q (%v), want %q", name, got, ok, want)
		}
	}
}

// TestNotYet asks for every command of redis-server that is not there: each is unknown, in Redis's words.
func TestNotYet(t *testing.T) {
	ours, theirs := dial(t, startShiplog(t)), dial(t, startRedis(t))
	have := do(t, ours, "COMMAND", "LIST").Elems
	if len(have) == 0 {
		t.Fatal("COMMAND LIST is empty")
	}
	missing := 0
	for _, name := range do(t, theirs, "COMMAND", "LIST").Elems {
		if slices.ContainsFunc(have, func(v Value) bool { return v.Text == name.Text }) || strings.Contains(name.Text, "|") {
			continue
		}
		missing++
		want := fmt.Sprintf("ERR unknown command '%s', with args beginning with: 'a' 'b' ", name.Text)
		expect(t, ours, want, name.Text, "a", "b")
	}
	t.Logf("%d commands are not there yet", missing)
}
