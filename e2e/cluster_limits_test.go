package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// startsWith asks until the answer begins as wanted.
func startsWith(t *testing.T, c *Client, want string, words ...string) {
	t.Helper()
	eventually(t, 10*time.Second, func() error {
		v, err := c.Do(words...)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(v.Text, want) {
			return fmt.Errorf("%q answers %q, want %q", words, v.Text, want)
		}
		return nil
	})
}

// directiveLimits sets limits of a cluster's nodes while they run, and sees them kept: how old a replica's answers may be, and how
// full a disk.
func directiveLimits(t *testing.T, c *LocalCluster) {
	const key = "limits"
	primary, err := c.Primary(key)
	if err != nil {
		t.Fatal(err)
	}
	replica := c.Members[0]
	if replica == primary {
		replica = c.Members[1]
	}
	dial := func(m *LocalMember) *Client {
		conn, err := Dial(m.Addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		return conn
	}
	leads, follows := dial(primary), dial(replica)
	startsWith(t, leads, "OK", "SET", key, "seen")
	startsWith(t, follows, "OK", "READONLY")
	startsWith(t, follows, "seen", "GET", key)
	// No replica hears every millisecond how long the log is.
	startsWith(t, follows, "OK", "CONFIG", "SET", "replica-max-lag-ms", "1")
	startsWith(t, follows, "MOVED", "GET", key)
	startsWith(t, follows, "OK", "CONFIG", "SET", "replica-max-lag-ms", "1000")
	startsWith(t, follows, "seen", "GET", key)

	startsWith(t, leads, "OK", "CONFIG", "SET", "min-free-disk", "1000000gb")
	startsWith(t, leads, "MISCONF", "SET", key, "seen") // it is looked at a few times a second
	startsWith(t, leads, "seen", "GET", key)
	startsWith(t, leads, "OK", "CONFIG", "SET", "min-free-disk", "64mb")
	startsWith(t, leads, "OK", "SET", key, "written again")
	startsWith(t, follows, "written again", "GET", key)
}
