package node

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"shiplog/partitions"
)

func TestMetricsDirectives(t *testing.T) {
	dir := t.TempDir()
	secret, empty := filepath.Join(dir, "secret"), filepath.Join(dir, "empty")
	for name, content := range map[string]string{secret: "from a file\n", empty: "\n"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const elsewhere = "showing metrics on * needs a password: set metrics-auth, which Prometheus gives as basic_auth, or set metrics-bind to loopback addresses only"
	for _, tt := range []struct{ args, want, password, addr string }{
		{"", "", "", ""},
		{"--metrics-bind *", "", "", ""}, // nobody listens
		{"--metrics-port 9121", "", "", "127.0.0.1:9121"},
		{"--metrics-port 9121 --metrics-bind *", elsewhere, "", ""},
		{"--metrics-port 9121 --metrics-bind * --requirepass x", elsewhere, "", ""}, // the password of clients is not given to who scrapes
		{"--metrics-port 9121 --metrics-bind * --metrics-auth x", "", "x", "0.0.0.0:9121"},
		{"--metrics-port 9121 --metrics-bind ::1 --metrics-auth file:" + secret, "", "from a file", "[::1]:9121"},
		{"--metrics-auth file:" + empty, "metrics-auth: the file " + empty + " is empty", "", ""},
		{"--metrics-auth file:" + secret + "x", "metrics-auth: open " + secret + "x: no such file or directory", "", ""},
		{"--metrics-auth two words", `command line: "metrics-auth (redacted)": wrong number of arguments`, "", ""},
		{"--metrics-port 6379", "metrics-port must differ from port, cluster-port and nats-port", "", ""},
		{"--metrics-port 16379", "", "", "127.0.0.1:16379"}, // a lone node has no such port
		{"+ --metrics-port 16379", "metrics-port must differ from port, cluster-port and nats-port", "", ""},
		{"--metrics-port 4222 --nats-port 4222 --changes-stream yes", "metrics-port must differ from port, cluster-port and nats-port", "", ""},
	} {
		c, err := Load(clusterWords(tt.args))
		if errText(err) != tt.want {
			t.Errorf("%s: got %q, want %q", tt.args, errText(err), tt.want)
		}
		if err == nil && (c.Metrics.Password != tt.password || c.MetricsAddr() != tt.addr) {
			t.Errorf("%s: password %q at %q, want %q at %q", tt.args, c.Metrics.Password, c.MetricsAddr(), tt.password, tt.addr)
		}
	}
	if got := NewSettings(mustLoad(t, "--metrics-auth", "x")).String("metrics-auth"); got != redacted {
		t.Errorf("CONFIG GET shows the password: %q", got)
	}
}

func TestAppendPercentile(t *testing.T) {
	times := partitions.AppendTimes{2: 98, 6: 1} // and one that took longer than all bounds
	for _, tt := range []struct {
		all, percent uint64
		want         time.Duration
	}{{0, 50, 0}, {100, 50, 500 * time.Microsecond}, {100, 98, 500 * time.Microsecond}, {100, 99, 10 * time.Millisecond}, {100, 100, 5 * time.Second}} {
		if got := appendPercentile(times, tt.all, tt.percent); got != tt.want {
			t.Errorf("%d %% of %d: %v, want %v", tt.percent, tt.all, got, tt.want)
		}
	}
}
