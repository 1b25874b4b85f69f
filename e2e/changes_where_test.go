package e2e

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestChangesWhereHeld asks nodes that hold some partitions only.
func TestChangesWhereHeld(t *testing.T) {
	c := startLocal(t, "--partitions", "3", "--replicas", "1")
	moved, here := 0, 0
	for _, m := range c.Members {
		conn, err := Dial(m.Addr)
		must(t, err)
		for p := range 3 {
			v := said(t, conn, "CHANGES", "READ", strconv.Itoa(p), "FROM", "BEGIN")
			if !v.IsError() {
				here++
				continue
			}
			words := strings.Fields(v.Text)
			if len(words) != 3 || words[0] != "MOVED" {
				t.Fatalf("partition %d at %s: %v", p, m.Addr, v)
			}
			moved++
			to, err := Dial(words[2])
			must(t, err)
			if v := said(t, to, "CHANGES", "READ", strconv.Itoa(p), "FROM", "BEGIN"); v.IsError() {
				t.Errorf("partition %d where it moved: %v", p, v)
			}
			to.Close()
		}
		if v := said(t, conn, "CHANGES", "READ", "ALL", "FROM", "BEGIN"); !strings.HasPrefix(v.Text, "ERR ALL needs a node that holds every partition, and this one lacks ") {
			t.Errorf("ALL at %s: %v", m.Addr, v)
		}
		positions := said(t, conn, "CHANGES", "POSITIONS").Elems
		if len(positions) != 3 {
			t.Errorf("%s names %d partitions", m.Addr, len(positions))
		}
		conn.Close()
	}
	if moved != 6 || here != 3 {
		t.Errorf("of 9 questions %d were answered and %d sent elsewhere", here, moved)
	}
}

// TestChangesRetention fills the logs of a cluster beyond what is retained, but one: they are trimmed to about that, and not further, although a
// reader lags; all of it shows, and who comes too late is told so, however it reads.
func TestChangesRetention(t *testing.T) {
	const retained = 4 << 20
	c := startLocal(t, "--partitions", "3", "--log-retention-bytes", strconv.Itoa(retained))
	asked := dialAt(t, c.Members[0].Addr)
	old, _ := readChanges(t, asked, "0", "FROM", "BEGIN", "COUNT", "1")
	var v Value
	eventually(t, settleWithin, func() error { // not every copy is open when the cluster serves
		if v = said(t, asked, "CHANGES", "READ", "ALL", "FROM", "BEGIN", "COUNT", "1"); v.IsError() {
			return errors.New(v.Text)
		}
		return nil
	})
	oldAll := v.Elems[0].Text
	do(t, asked, "CHANGES", "GROUP", "CREATE", "slow", "0", "FROM", "BEGIN")
	for _, p := range []int{0, 2} {
		c.fillPartition(t, p, 3*retained)
	}
	var all []*Client // what replicas have not made durable is not trimmed
	for _, member := range c.Members {
		all = append(all, dialAt(t, member.Addr))
	}
	eventually(t, 60*time.Second, func() error {
		for _, node := range all {
			do(t, node, "SAVE")
		}
		for _, p := range []int{0, 2} {
			if first, bytes := retainedOf(t, asked, p); first == 1 || bytes > retained*3/2 {
				return fmt.Errorf("the log of partition %d begins at %d and has %d bytes, want about %d", p, first, bytes, retained)
			}
		}
		return nil
	})
	if _, bytes := retainedOf(t, asked, 0); bytes < retained/2 {
		t.Errorf("%d bytes are left of at least %d", bytes, retained)
	}
	if first, _ := retainedOf(t, asked, 1); first != 1 {
		t.Errorf("a log without changes begins at %d", first)
	}
	info := fields(do(t, asked, "CHANGES", "INFO"))
	if info["change_retention_bytes"].Text != strconv.Itoa(retained) || !strings.HasPrefix(info[`change_group_"slow"`].Text, "lag_records=12") {
		t.Errorf("CHANGES INFO says %v", info)
	}
	for _, node := range all[1:] { // every copy is the same
		isTooLate(t, node, old, oldAll)
	}
}

// isTooLate reads in every way from where logs are trimmed. What the answer says to go on with is good at once, for all partitions.
func isTooLate(t *testing.T, node *Client, old, oldAll string) {
	t.Helper()
	for _, words := range []string{"READ 0 FROM " + old, "READ ALL FROM " + oldAll, "READ ALL FROM TIME 1", "GROUP READ slow c"} {
		v := said(t, node, strings.Fields("CHANGES "+words)...)
		tokens := strings.Fields(v.Text)
		if !v.IsError() || len(tokens) != 3 || tokens[0] != "TRIMMED" {
			t.Errorf("CHANGES %s: %.200v", words, v)
			continue
		}
		which := "0"
		if strings.Contains(words, "ALL") {
			which = "ALL"
		}
		if v := said(t, node, "CHANGES", "READ", which, "FROM", tokens[1], "COUNT", "1"); v.IsError() || len(v.Elems[1].Elems) != 1 {
			t.Errorf("CHANGES %s: where the logs begin now: %.200v", words, v)
		}
		if v := said(t, node, "CHANGES", "READ", which, "FROM", tokens[2]); v.IsError() || len(v.Elems[1].Elems) != 0 {
			t.Errorf("CHANGES %s: behind the snapshot: %.200v", words, v)
		}
	}
	do(t, node, "HELLO", "3")
	for _, words := range []string{"0 FROM " + old, "ALL FROM " + oldAll} {
		id := do(t, node, strings.Fields("CHANGES SUBSCRIBE "+words)...).Elems[0].Text
		push, err := node.Read()
		must(t, err)
		if push.Kind != '>' || push.Elems[0].Text != "changes-end" || push.Elems[1].Text != id || !strings.HasPrefix(push.Elems[3].Text, "TRIMMED ") {
			t.Errorf("SUBSCRIBE %s ends with %.300v", words, push)
		}
	}
}

// fillPartition writes about so many bytes into a partition's log.
func (c *LocalCluster) fillPartition(t *testing.T, partition, bytes int) {
	t.Helper()
	m, err := c.PrimaryOf(partition * 16384 / 3)
	must(t, err)
	conn := dialAt(t, m.Addr)
	key := ""
	for i := 0; ; i++ { // one that is there
		key = fmt.Sprint("{", i, "}")
		if v := said(t, conn, "SET", key, "v"); !v.IsError() && c.inPartition(t, conn, key, partition) {
			break
		}
	}
	value := strings.Repeat("v", 100_000)
	for i := range bytes / len(value) {
		do(t, conn, "SET", key+fmt.Sprint(i%3), value)
	}
}

// inPartition tells whether a key is in a partition.
func (c *LocalCluster) inPartition(t *testing.T, conn *Client, key string, partition int) bool {
	t.Helper()
	slot, err := strconv.Atoi(do(t, conn, "CLUSTER", "KEYSLOT", key).Text)
	must(t, err)
	within := fields(do(t, conn, "CHANGES", "POSITIONS").Elems[partition])["slots"].Elems
	first, err := strconv.Atoi(within[0].Text)
	must(t, err)
	last, err := strconv.Atoi(within[1].Text)
	must(t, err)
	return first <= slot && slot <= last
}

// retainedOf is where the log of a partition begins, and how large it is.
func retainedOf(t *testing.T, conn *Client, partition int) (first, bytes int64) {
	t.Helper()
	line := fields(do(t, conn, "CHANGES", "INFO"))[fmt.Sprint("change_log_", partition)].Text
	if _, err := fmt.Sscanf(strings.ReplaceAll(line, ",", " "), "first=%d last=", &first); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	_, err := fmt.Sscanf(line[strings.Index(line, "bytes="):], "bytes=%d", &bytes)
	must(t, err)
	return first, bytes
}
