package e2e

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestLongReplyMemory asks for the whole of a hash of many fields, a million in the long form, and reads the reply only when others have
// been served: the server must not need memory for all of it at once.
func TestLongReplyMemory(t *testing.T) {
	fields := pick(200_000, 1_000_000)
	n := startShiplog(t, "--appendfsync", "no", "--row-cache-size", "1mb", "--block-cache-size", "8mb")
	began := time.Now()
	fillHash(t, dial(t, n), fields)
	if code, _, err := n.Stop(20 * time.Second); err != nil || code != 0 {
		t.Fatalf("stop: exit code %d, %v", code, err)
	}
	if err := n.Start(); err != nil { // nothing is left of what filling it took
		t.Fatal(err)
	}
	c, other := dial(t, n), dial(t, n)
	expect(t, c, fmt.Sprint(fields), "HLEN", "h")
	before := peak(t, n)
	filled := time.Since(began)
	if err := c.Send("HGETALL", "h"); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		expect(t, other, "value:0000007:"+strings.Repeat(".", padding), "HGET", "h", "field:0000007")
	}
	size := skipLines(t, c, 1+4*fields)
	grew := peak(t, n) - before
	t.Logf("filled in %v; a reply of %d MB, for which the server took %d MB more than before", filled, size>>20, grew>>20)
	if limit := int64(48 << 20); grew > limit {
		t.Errorf("HGETALL of %d MB took %d MB of memory, want at most %d", size>>20, grew>>20, limit>>20)
	}
}

// padding is how many bytes make values long.
const padding = 400

// fillHash makes a hash of so many fields, in units of a thousand.
func fillHash(t *testing.T, c *Client, fields int) {
	t.Helper()
	for first := 0; first < fields; first += 1000 {
		words := []string{"HSET", "h"}
		for i := first; i < first+1000; i++ {
			words = append(words, fmt.Sprintf("field:%07d", i), fmt.Sprintf("value:%07d:%s", i, strings.Repeat(".", padding)))
		}
		do(t, c, words...)
	}
}

// peak is the most memory that a server has had resident in this life.
func peak(t *testing.T, n *Node) int64 {
	t.Helper()
	bytes, err := n.status("VmHWM")
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

// skipLines reads lines of a reply without keeping them, and returns how many bytes they were.
func skipLines(t *testing.T, c *Client, lines int) (size int) {
	t.Helper()
	if err := c.conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for range lines {
		line, err := c.r.ReadSlice('\n')
		if err != nil || !bytes.HasSuffix(line, []byte("\r\n")) {
			t.Fatalf("%q, %v", line, err)
		}
		size += len(line)
	}
	if n := c.r.Buffered(); n > 0 {
		t.Errorf("%d bytes more than the reply says", n)
	}
	return size
}
