package node

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const testSecret = "0123456789abcdef"

// clusterArgs is a cluster's command line with more directives.
func clusterArgs(more string) []string {
	return strings.Fields("--cluster-enabled yes --cluster-auth " + testSecret + " " + more)
}

// clusterWords splits a command line, in which a '+' at the beginning stands for a cluster's.
func clusterWords(line string) []string {
	if more, ok := strings.CutPrefix(line, "+"); ok {
		return clusterArgs(more)
	}
	return strings.Fields(line)
}

func TestClusterDefaults(t *testing.T) {
	c := mustLoad(t, clusterArgs("")...)
	want := Cluster{Enabled: true, Auth: testSecret, Secret: testSecret, Copies: 3, Rebalance: true, FullCoverage: true, SeedRate: 200 << 20, SeedRateMin: 25 << 20}
	want.Times = ClusterTimes{Lease: 500 * time.Millisecond, LeaseMargin: 100 * time.Millisecond, Heartbeat: 200 * time.Millisecond,
		SilentAfter: time.Second, Hold: 2 * time.Second, Election: time.Second, ReplicaLag: time.Second, GoneAfter: 10 * time.Minute}
	if got := fmt.Sprintf("%+v", c.Cluster); got != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %s\nwant %+v", got, want)
	}
	if announced := c.Announced(); announced != (Announce{"127.0.0.1", 6379, 16379}) {
		t.Errorf("announced %v, want 127.0.0.1, 6379 and 16379", announced)
	}
	if solo := mustLoad(t).Cluster; solo.Enabled || solo.Secret != "" {
		t.Errorf("without a word: %+v, want a lone node", solo)
	}
}

func TestPartitionsFollowTheMode(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "1"},
		{[]string{"--partitions", "1"}, "1"},
		{clusterArgs(""), "16"},
		{clusterArgs("--partitions 0"), "16"},
		{clusterArgs("--partitions 1"), "1"},
		{clusterArgs("--partitions 64"), "64"},
	} {
		if got := NewSettings(mustLoad(t, tt.args...)).String("partitions"); got != tt.want {
			t.Errorf("%q: partitions %s, want %s", tt.args, got, tt.want)
		}
	}
}

func TestAnnounced(t *testing.T) {
	for args, want := range map[string]Announce{
		"--port 7000":                                                                       {"127.0.0.1", 7000, 17000},
		"--port 7000 --cluster-port 7100":                                                   {"127.0.0.1", 7000, 7100},
		"--port 60000 --cluster-port 1":                                                     {"127.0.0.1", 60000, 1},
		"--bind 0.0.0.0 10.0.0.1 --requirepass x":                                           {"10.0.0.1", 6379, 16379},
		"--bind * --requirepass x --cluster-announce-ip db1.example":                        {"db1.example", 6379, 16379},
		"--cluster-announce-ip fe80::1 --cluster-announce-port 1":                           {"fe80::1", 1, 16379},
		"--cluster-announce-bus-port 2 --cluster-announce-ip ::1 --cluster-announce-port 1": {"::1", 1, 2},
	} {
		if got := mustLoad(t, clusterArgs(args)...).Announced(); got != want {
			t.Errorf("%s: announced %v, want %v", args, got, want)
		}
	}
}

func TestClusterRefuses(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for _, tt := range []struct{ args, want string }{
		{"--cluster-enabled yes", "cluster-enabled yes needs cluster-auth, a secret that all nodes share and nobody else knows: " +
			"make one with (umask 077; head -c 32 /dev/urandom | base64 >cluster.secret), copy the file to every node, " +
			"and set cluster-auth file:cluster.secret"},
		{"--cluster-enabled yes --cluster-auth short", "cluster-auth: the secret has 5 characters, at least 16 are needed"},
		{"--cluster-enabled yes --cluster-auth file:" + missing, "cluster-auth: open " + missing + ": no such file or directory"},
		{"--cluster-enabled yes --cluster-auth hidden words", `command line: "cluster-auth (redacted)": wrong number of arguments`},
		{"--join 127.0.0.1:1", "join is for a cluster: set cluster-enabled yes too; a lone node has one partition"},
		{"--expect 3", "expect is for a cluster: set cluster-enabled yes too; a lone node has one partition"},
		{"--partitions 4", "partitions is for a cluster: set cluster-enabled yes too; a lone node has one partition"},
		{"+ --port 0", "port 0 leaves open which port other nodes connect to: set port or cluster-port"},
		{"+ --port 60000", "port 60000 + 10000 is no port for other nodes to connect to: set cluster-port"},
		{"+ --port 7000 --cluster-port 7000", "port, cluster-port and nats-port must differ"},
		{"+ --port 7000 --nats-port 17000 --changes-stream yes", "port, cluster-port and nats-port must differ"},
		{"+ --bind * --requirepass x", "listening on every address leaves open where others find this node: set cluster-announce-ip"},
		{"+ --expect 2", "2 nodes cannot hold 3 copies of each partition: expect more nodes, or set replicas to less, or " +
			"allow-fewer-replicas yes; with fewer than 3 copies the loss of one node stops its partitions until it is back"},
		{"+ --lease-margin-ms 1000", "lease-margin-ms must be less than lease-ms"},
		{"+ --heartbeat-ms 500", "cluster-node-timeout must be at least three times heartbeat-ms: one heartbeat may be lost"},
		{"+ --replicas 4", `command line: "--replicas 4": argument must be one of 1 2 3 5`},
		{"+ --partitions 257", `command line: "--partitions 257": argument must be between 0 and 256 inclusive`},
		{"+ --expect 1 --replicas 1", "expect 1: a cluster takes 2 nodes at least, and 3 to survive the loss of one; a node alone needs no cluster-enabled"},
		{"+ --lease-ms 99", `command line: "--lease-ms 99": argument must be between 100 and 60000 inclusive`},
		{"+ --join 127.0.0.1", `command line: "--join 127.0.0.1": "127.0.0.1" is not HOST:PORT`},
		{"+ --join a:0", `command line: "--join a:0": "a:0" is not HOST:PORT`},
		{"+ --join :1", `command line: "--join :1": ":1" is not HOST:PORT`},
		{"+ --name a/b", `command line: "--name a/b": argument must be at most 64 letters, digits, '.', '_' or '-'`},
		{"+ --cluster-announce-ip a,b", `command line: "--cluster-announce-ip a,b": argument must be an IP address or a host name`},
	} {
		_, err := Load(clusterWords(tt.args))
		if got := errText(err); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.args, got, tt.want)
		}
	}
}

func TestFewerCopiesWhenAllowed(t *testing.T) {
	for _, args := range []string{"--expect 2 --allow-fewer-replicas yes", "--expect 2 --replicas 2", "--expect 3", ""} {
		if _, err := Load(clusterArgs(args)); err != nil {
			t.Errorf("%s: %v, want it accepted", args, err)
		}
	}
}

func TestJoinTakesManyAddresses(t *testing.T) {
	c := mustLoad(t, clusterArgs("--join 127.0.0.1:17000 db2.example:17000 [::1]:17002")...)
	if want := []string{"127.0.0.1:17000", "db2.example:17000", "[::1]:17002"}; !slices.Equal(c.Cluster.Join, want) {
		t.Errorf("join %q, want %q", c.Cluster.Join, want)
	}
}

// TestSecretIsNeverShown holds that CONFIG GET, SET and REWRITE keep the secret to themselves, whether it was given
// as it is or in a file.
func TestSecretIsNeverShown(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cluster.secret")
	if err := os.WriteFile(file, []byte("\n "+testSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, auth := range []string{testSecret, "file:" + file} {
		name := writeConfig(t, "cluster-enabled yes\ncluster-auth "+auth+"\n")
		c := mustLoad(t, name)
		if c.Cluster.Secret != testSecret {
			t.Errorf("%s: the secret is %q, want %q", auth, c.Cluster.Secret, testSecret)
		}
		s := NewSettings(c)
		for _, pattern := range []string{"*", "cluster-auth", "Cluster-Auth"} {
			for _, pair := range s.Lookup(pattern) {
				if strings.Contains(pair[1], testSecret) || strings.EqualFold(pair[0], "cluster-auth") && pair[1] != "(redacted)" {
					t.Errorf("%s: CONFIG GET %s shows %q", auth, pattern, pair)
				}
			}
		}
		const immutable = "ERR CONFIG SET failed (possibly related to argument 'cluster-auth') - can't set immutable config"
		if got := errText(s.Set([][2]string{{"cluster-auth", "another-secret-of-many"}})); got != immutable {
			t.Errorf("CONFIG SET: %s, want %s", got, immutable)
		}
		if err := s.Set([][2]string{{"cluster-hold-ms", "100"}}); err != nil {
			t.Fatal(err)
		}
		if err := s.Rewrite(); err != nil {
			t.Fatal(err)
		}
		want := "cluster-enabled yes\ncluster-auth " + auth + "\n\n# Generated by CONFIG REWRITE\ncluster-hold-ms 100\n"
		if got := readBack(t, name); got != want {
			t.Errorf("the rewritten file:\n%s\nwant:\n%s", got, want)
		}
		if got := s.Config().Cluster.Secret; got != testSecret {
			t.Errorf("after CONFIG SET the secret is %q", got)
		}
	}
}

// TestRewriteKeepsTheSecretOfTheCommandLine holds that a rewritten file starts the node that it was written by.
func TestRewriteKeepsTheSecretOfTheCommandLine(t *testing.T) {
	name := writeConfig(t, "cluster-enabled yes\n")
	if err := NewSettings(mustLoad(t, name, "--cluster-auth", testSecret)).Rewrite(); err != nil {
		t.Fatal(err)
	}
	if got := mustLoad(t, name).Cluster.Secret; got != testSecret {
		t.Errorf("the rewritten file says %q, want %q", got, testSecret)
	}
}
