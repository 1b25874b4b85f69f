package node

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestLookup(t *testing.T) {
	s := NewSettings(mustLoad(t, "--requirepass", "x y"))
	for _, tt := range []struct {
		pattern string
		want    [][2]string
	}{
		{"port", [][2]string{{"port", "6379"}}},
		{"PORT", [][2]string{{"PORT", "6379"}}},
		{"POR?", [][2]string{{"port", "6379"}}},
		{"nothing", nil},
		{"", nil},
		{"save", [][2]string{{"save", ""}}},
		{"maxm*", [][2]string{{"maxmemory-clients", "5%"}, {"maxmemory", "0"}, {"maxmemory-policy", "noeviction"}}},
		{"[hp][zo]", [][2]string{{"hz", "10"}}},
		{"requirepass", [][2]string{{"requirepass", "x y"}}},
		{"client-*", [][2]string{
			{"client-query-buffer-limit", "1073741824"},
			{"client-output-buffer-limit", "normal 1073741824 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"},
		}},
		{"bind", [][2]string{{"bind", "127.0.0.1 -::1"}}},
	} {
		if got := s.Lookup(tt.pattern); !slices.Equal(got, tt.want) {
			t.Errorf("Lookup(%q) = %q, want %q", tt.pattern, got, tt.want)
		}
	}
	if got, want := len(s.Lookup("*")), len(Directives()); got != want {
		t.Errorf("Lookup(*) found %d directives, want %d", got, want)
	}
}

// TestSet holds the texts that redis-server 7.0.15 answers to the same words.
func TestSet(t *testing.T) {
	const failed = "ERR CONFIG SET failed (possibly related to argument "
	for _, tt := range []struct {
		pairs [][2]string
		want  string
	}{
		{[][2]string{{"x", "y"}}, "ERR Unknown option or number of arguments for CONFIG SET - 'x'"},
		{[][2]string{{"foo", "bar"}, {"maxclients", "100"}}, "ERR Unknown option or number of arguments for CONFIG SET - 'foo'"},
		{[][2]string{{"maxclients", "x"}, {"foo", "bar"}}, "ERR Unknown option or number of arguments for CONFIG SET - 'foo'"},
		{[][2]string{{"maxclients", "abc"}}, failed + "'maxclients') - argument couldn't be parsed into an integer"},
		{[][2]string{{"maxclients", "0"}}, failed + "'maxclients') - argument must be between 1 and 4294967295 inclusive"},
		{[][2]string{{"maxclients", "1"}, {"MAXCLIENTS", "2"}}, failed + "'MAXCLIENTS') - duplicate parameter"},
		{[][2]string{{"databases", "2"}}, failed + "'databases') - can't set immutable config"},
		{[][2]string{{"dir", "/nonexistent"}}, failed + "'dir') - can't set protected config"},
		{[][2]string{{"loglevel", "foo"}}, failed + "'loglevel') - argument(s) must be one of the following: debug, verbose, notice, warning"},
		{[][2]string{{"proto-max-bulk-len", "1"}}, failed + "'proto-max-bulk-len') - argument must be between 1048576 and 9223372036854775807 inclusive"},
		{[][2]string{{"proto-max-bulk-len", "-1"}}, failed + "'proto-max-bulk-len') - argument must be a memory value"},
		{[][2]string{{"maxmemory-clients", "500%"}}, failed + "'maxmemory-clients') - percentage argument must be less or equal to 100"},
		{[][2]string{{"maxmemory-clients", "-5%"}}, failed + "'maxmemory-clients') - argument must be a memory or percent value"},
		{[][2]string{{"client-output-buffer-limit", "normal 1gb 0"}}, failed + "'client-output-buffer-limit') - Wrong number of arguments in buffer limit configuration."},
		{[][2]string{{"client-output-buffer-limit", "master 1gb 0 0"}}, failed + "'client-output-buffer-limit') - Invalid client class specified in buffer limit configuration."},
		{[][2]string{{"client-output-buffer-limit", "normal 1gb 0 -1"}}, failed + "'client-output-buffer-limit') - Error in hard, soft or soft_seconds setting in buffer limit configuration."},
		{[][2]string{{"timeout", "-1"}}, failed + "'timeout') - argument must be between 0 and 2147483647 inclusive"},
		{[][2]string{{"latency-tracking", "maybe"}}, failed + "'latency-tracking') - argument must be 'yes' or 'no'"},
		{[][2]string{{"slowlog-log-slower-than", "-2"}}, failed + "'slowlog-log-slower-than') - argument must be between -1 and 9223372036854775807 inclusive"},
		{[][2]string{{"appendonly", "no"}}, failed + "'appendonly') - the log is always on: only yes is possible"},
		{[][2]string{{"maxclients", "5"}, {"timeout", "x"}}, failed + "'timeout') - argument couldn't be parsed into an integer"},
		{[][2]string{{"latency-tracking-info-percentiles", "1 x"}}, failed + "'latency-tracking-info-percentiles') - Invalid latency-tracking-info-percentiles parameters"},
		{[][2]string{{"latency-tracking-info-percentiles", "50 101"}}, failed + "'latency-tracking-info-percentiles') - latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"},
		{[][2]string{{"appendonly", "yes"}, {"save", ""}}, ""},
		{[][2]string{{"client-output-buffer-limit", ""}}, ""},
	} {
		s := NewSettings(mustLoad(t))
		before := s.Lookup("*")
		if got := errText(s.Set(tt.pairs)); got != tt.want {
			t.Errorf("Set(%q)\n got %s\nwant %s", tt.pairs, got, tt.want)
		}
		if after := s.Lookup("*"); !slices.Equal(before, after) {
			t.Errorf("Set(%q) changed %q to %q", tt.pairs, before, after)
		}
	}
}

func TestSetTakesEffect(t *testing.T) {
	s := NewSettings(mustLoad(t))
	var hooked []int64
	s.OnChange("maxclients", func(c *Config) { hooked = append(hooked, c.Clients.Max) })
	old := s.Config()
	for _, n := range []string{"10000", "7", "7", "8"} {
		if err := s.Set([][2]string{{"MaxClients", n}, {"TIMEOUT", "5"}, {"loglevel", "debug"}}); err != nil {
			t.Fatal(err)
		}
	}
	if want := []int64{7, 8}; !slices.Equal(hooked, want) {
		t.Errorf("OnChange saw %v, want %v", hooked, want)
	}
	if old.Clients.Max != 10000 {
		t.Errorf("the old configuration changed: maxclients %d, want 10000", old.Clients.Max)
	}
	if got, want := s.Int("maxclients"), int64(8); got != want {
		t.Errorf("Int(maxclients) = %d, want %d", got, want)
	}
	if got, want := s.String("timeout"), "5"; got != want {
		t.Errorf("String(timeout) = %q, want %q", got, want)
	}
	if got, want := s.Int("latency-tracking"), int64(1); got != want {
		t.Errorf("Int(latency-tracking) = %d, want %d", got, want)
	}
	if got, want := old.Server.Level.Level(), VerbosityDebug.Level(); got != want {
		t.Errorf("level %v, want %v", got, want)
	}
}

func TestSetKeepsThePasswordThatOtherAddressesNeed(t *testing.T) {
	s := NewSettings(mustLoad(t, "--bind", "*", "--requirepass", "secret"))
	want := "ERR CONFIG SET failed (possibly related to argument 'requirepass') - " +
		"listening on * needs a password: set requirepass, or bind only to loopback addresses"
	if got := errText(s.Set([][2]string{{"timeout", "1"}, {"requirepass", ""}})); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if got := s.String("requirepass"); got != "secret" {
		t.Errorf("requirepass is %q, want it unchanged", got)
	}
}

func TestRewrite(t *testing.T) {
	const content = `# my file

port   7000
maxclients   200
# about memory
slowlog-max-len 5
slowlog-max-len 6
requirepass "a b\x01"
client-output-buffer-limit normal 1mb 2 3
`
	const want = `# my file

port   7000
maxclients 300
# about memory
slowlog-max-len 7
requirepass "q\"\x0a"
client-output-buffer-limit normal 1mb 2 3

# Generated by CONFIG REWRITE
proto-max-bulk-len 2mb
loglevel debug
`
	name := writeConfig(t, content)
	s := NewSettings(mustLoad(t, name, "--loglevel", "debug"))
	set := [][2]string{{"maxclients", "300"}, {"slowlog-max-len", "7"}, {"proto-max-bulk-len", "2mb"}, {"requirepass", "q\"\n"}}
	if err := s.Set(set); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a second time changes nothing
		if err := s.Rewrite(); err != nil {
			t.Fatal(err)
		}
		if got := readBack(t, name); got != want {
			t.Fatalf("got:\n%s\nwant:\n%s", got, want)
		}
	}
	if got, want := NewSettings(mustLoad(t, name)).Lookup("*"), s.Lookup("*"); !slices.Equal(got, want) {
		t.Errorf("the rewritten file says %q, want %q", got, want)
	}
	checkOnlyFile(t, name)
}

// checkOnlyFile holds that Rewrite kept the file's mode and left no temporary file.
func checkOnlyFile(t *testing.T, name string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(name))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || info.Mode().Perm() != 0o640 {
		t.Errorf("directory has %d files, mode %v; want 1, 0640", len(entries), info.Mode())
	}
}

func readBack(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestOlderNames sets directives by the names that they had before Redis 7.
func TestOlderNames(t *testing.T) {
	name := writeConfig(t, "hash-max-ziplist-entries 100\nzset-max-ziplist-value 10\n")
	s := NewSettings(mustLoad(t, name))
	if got := s.Limits(); got.Hash.Entries != 100 || got.ZSet.Value != 10 || got.Hash.Value != 64 {
		t.Errorf("limits of the file are %+v", got)
	}
	if err := s.Set([][2]string{{"hash-max-ziplist-entries", "200"}, {"list-max-ziplist-size", "-5"}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range [][2]string{{"hash-max-listpack-entries", "200"}, {"hash-max-ziplist-entries", "200"}, {"list-max-listpack-size", "-5"}} {
		if got := s.String(want[0]); got != want[1] {
			t.Errorf("%s is %s, want %s", want[0], got, want[1])
		}
	}
	if err := s.Rewrite(); err != nil {
		t.Fatal(err)
	}
	want := "hash-max-listpack-entries 200\nzset-max-ziplist-value 10\n\n" + rewriteMark + "\nlist-max-listpack-size -5\n"
	if got := readBack(t, name); got != want {
		t.Errorf("the file is\n%s\nwant\n%s", got, want)
	}
}

func TestRewriteRefuses(t *testing.T) {
	if got, want := errText(NewSettings(mustLoad(t)).Rewrite()), "ERR The server is running without a config file"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	name := writeConfig(t, "port 7000\n")
	s := NewSettings(mustLoad(t, name))
	if err := os.WriteFile(name, []byte("what is this\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := `ERR Rewriting config file: shiplog.conf:1: "what is this": unknown directive (shiplog help directives lists them)`
	if got := errText(s.Rewrite()); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := readBack(t, name); got != "what is this\n" {
		t.Errorf("the file is now %q", got)
	}
}

func BenchmarkSettingsInt(b *testing.B) {
	c, err := Load(nil)
	if err != nil {
		b.Fatal(err)
	}
	s := NewSettings(c)
	for b.Loop() {
		if s.Int("slowlog-log-slower-than") != 10000 {
			b.Fatal("wrong value")
		}
	}
}

func ExampleSettings_Lookup() {
	c, err := Load([]string{"--port", "7000"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(NewSettings(c).Lookup("p?rt"))
	// Output: [[port 7000]]
}
