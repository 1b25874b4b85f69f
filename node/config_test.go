package node

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func mustLoad(t *testing.T, args ...string) *Config {
	t.Helper()
	c, err := Load(args)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func writeConfig(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "shiplog.conf")
	if err := os.WriteFile(name, []byte(content), 0o640); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestDefaults(t *testing.T) {
	c := mustLoad(t)
	data, err := filepath.Abs("data")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name      string
		got, want any
	}{
		{"port", c.Net.Port, int64(6379)},
		{"keepalive", c.Net.KeepAlive, 300 * time.Second},
		{"bulk", c.Clients.BulkBytes, int64(512 << 20)},
		{"pubsub", c.Clients.Output.Pubsub, OutputLimit{32 << 20, 8 << 20, 60}},
		{"normal", c.Clients.Output.Normal, OutputLimit{1 << 30, 0, 0}},
		{"memory", c.Clients.Memory.Of(1000), int64(50)},
		{"sync", c.Log.Sync, SyncAlways},
		{"retention", c.Log.Retention, time.Hour},
		{"percentiles", len(c.Server.LatencyPercentiles), 3},
		{"dir", c.Server.Dir, data},
		{"level", c.Server.Level.Level(), slog.LevelInfo},
		{"file", c.File, ""},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}

func TestCommandLineGoesBeforeFile(t *testing.T) {
	name := writeConfig(t, "port 7000\nmaxclients 5\nclient-output-buffer-limit normal 1mb 0 0\nclient-output-buffer-limit replica 2mb 1mb 3\n")
	c := mustLoad(t, name, "--port", "7001", "--LogLevel", "DEBUG", "--hz", "1000")
	if c.Server.Hz != 500 {
		t.Errorf("hz %d, want it brought to 500", c.Server.Hz)
	}
	if c.Net.Port != 7001 || c.Clients.Max != 5 || c.File != name {
		t.Errorf("port %d, maxclients %d, file %q; want 7001, 5, %q", c.Net.Port, c.Clients.Max, c.File, name)
	}
	want := OutputLimits{Normal: OutputLimit{1 << 20, 0, 0}, Replica: OutputLimit{2 << 20, 1 << 20, 3}, Pubsub: OutputLimit{32 << 20, 8 << 20, 60}}
	if c.Clients.Output != want {
		t.Errorf("output limits %v, want %v", c.Clients.Output, want)
	}
	if got := c.Server.Level.Level(); got != slog.LevelDebug {
		t.Errorf("level %v, want %v", got, slog.LevelDebug)
	}
}

func TestLoadRefuses(t *testing.T) {
	for _, tt := range []struct{ content, want string }{
		{"port 1\n# c\nfoo bar", `:3: "foo bar": unknown directive (shiplog help directives lists them)`},
		{"port abc", `:1: "port abc": argument couldn't be parsed into an integer`},
		{"port 65536", `:1: "port 65536": argument must be between 0 and 65535 inclusive`},
		{"port 007", `:1: "port 007": argument couldn't be parsed into an integer`},
		{"port", `:1: "port": wrong number of arguments`},
		{"port 1 2", `:1: "port 1 2": wrong number of arguments`},
		{"\nport \"1", `:2: "port \"1": unbalanced quotes`},
		{"bind", `:1: "bind": wrong number of arguments`},
		{`bind ""`, `:1: "bind \"\"": at least one address is needed`},
		{"bind 1.2.3.4.5", `:1: "bind 1.2.3.4.5": "1.2.3.4.5" is not an IP address`},
		{"bind 127.0.0.1 10.0.0.1", "listening on 10.0.0.1 needs a password: set requirepass, or bind only to loopback addresses"},
		{"bind *", "listening on * needs a password: set requirepass, or bind only to loopback addresses"},
		{"appendonly no", `:1: "appendonly no": the log is always on: only yes is possible`},
		{"save 900 1", `:1: "save 900 1": the log keeps every write and there are no snapshots to schedule: only "" is possible`},
		{"requirepass a b", `:1: "requirepass (redacted)": wrong number of arguments`},
		{"databases 16", `:1: "databases 16": there is one database: only 1 is possible`},
		{"include x", `:1: "include x": include is not supported: put everything into one file`},
		{"proto-max-bulk-len 10xb", `:1: "proto-max-bulk-len 10xb": argument must be a memory value`},
		{"proto-max-bulk-len 9999999999gb", `:1: "proto-max-bulk-len 9999999999gb": argument must be a memory value`},
	} {
		name := writeConfig(t, tt.content)
		_, err := Load([]string{name})
		want := tt.want
		if strings.HasPrefix(want, ":") {
			want = name + want
		}
		if got := errText(err); got != want {
			t.Errorf("%q:\n got %s\nwant %s", tt.content, got, want)
		}
	}
}

func TestLoadRefusesMissingFile(t *testing.T) {
	_, err := Load([]string{"/nonexistent/x.conf"})
	if want := "configuration file: open /nonexistent/x.conf: no such file or directory"; errText(err) != want {
		t.Errorf("got %q, want %q", errText(err), want)
	}
}

func TestPasswordAllowsOtherAddresses(t *testing.T) {
	c := mustLoad(t, "--bind", "* -::*", "--requirepass", "secret")
	if got, want := len(c.Net.Bind), 2; got != want {
		t.Errorf("addresses %v, want %d of them", c.Net.Bind, want)
	}
}

func TestDirectivesAreDocumented(t *testing.T) {
	seen := make(map[string]bool)
	for _, d := range Directives() {
		if d.Doc == "" || strings.Contains(d.Doc, "\n") || d.Name != strings.ToLower(d.Name) || seen[d.Name] {
			t.Errorf("%s: wants one line of documentation, a lower-case name, once", d.Name)
		}
		seen[d.Name] = true
	}
}

func TestParseMemory(t *testing.T) {
	for word, want := range map[string]int64{
		"0": 0, "1": 1, "1b": 1, "1k": 1000, "1kb": 1024, "2M": 2e6, "2MB": 2 << 20, "3g": 3e9, "3gb": 3 << 30,
		"": -1, "b": -1, "-1": -1, "1x": -1, "1 kb": -1, "+1": -1, "9223372036854775807": 1<<63 - 1, "9223372036854775808": -1, "8589934592gb": -1,
	} {
		got, ok := parseMemory(word)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("parseMemory(%q) = %d, want %d", word, got, want)
		}
	}
}
