package e2e

import (
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

// TestChangesRetention fills the logs of a cluster beyond what is retained: they are trimmed to about that, and not further, although a
// reader lags; all of it shows.
func TestChangesRetention(t *testing.T) {
	const retained = 4 << 20
	c := startLocal(t, "--partitions", "1", "--log-retention-bytes", strconv.Itoa(retained))
	m, err := c.PrimaryOf(0)
	must(t, err)
	conn, err := Dial(m.Addr)
	must(t, err)
	defer conn.Close()
	old, _ := readChanges(t, conn, "0", "FROM", "BEGIN", "COUNT", "1")
	do(t, conn, "CHANGES", "GROUP", "CREATE", "slow", "0", "FROM", "BEGIN")
	value := strings.Repeat("v", 100_000)
	for i := range 120 { // three times as much
		do(t, conn, "SET", fmt.Sprint(i%3), value)
	}
	size := func() (first, bytes int64) {
		line := fields(do(t, conn, "CHANGES", "INFO"))["change_log_0"].Text
		if _, err := fmt.Sscanf(strings.ReplaceAll(line, ",", " "), "first=%d last=", &first); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		_, err := fmt.Sscanf(line[strings.Index(line, "bytes="):], "bytes=%d", &bytes)
		must(t, err)
		return first, bytes
	}
	var all []*Client // what replicas have not made durable is not trimmed
	for _, member := range c.Members {
		replica, err := Dial(member.Addr)
		must(t, err)
		defer replica.Close()
		all = append(all, replica)
	}
	eventually(t, 60*time.Second, func() error {
		for _, node := range append(all, conn) {
			do(t, node, "SAVE")
		}
		if first, bytes := size(); first == 1 || bytes > retained*3/2 {
			return fmt.Errorf("the log begins at %d and has %d bytes, want about %d", first, bytes, retained)
		}
		return nil
	})
	if _, bytes := size(); bytes < retained/2 {
		t.Errorf("%d bytes are left of at least %d", bytes, retained)
	}
	info := fields(do(t, conn, "CHANGES", "INFO"))
	if info["change_retention_bytes"].Text != strconv.Itoa(retained) || !strings.HasPrefix(info[`change_group_"slow"`].Text, "lag_records=12") {
		t.Errorf("CHANGES INFO says %v", info)
	}
	for _, member := range c.Members { // every copy is the same
		if member == m {
			continue
		}
		replica, err := Dial(member.Addr)
		must(t, err)
		if v := said(t, replica, "CHANGES", "READ", "0", "FROM", old); !strings.HasPrefix(v.Text, "TRIMMED ") {
			t.Errorf("%s still has what was trimmed: %v", member.Addr, v)
		}
		if v := said(t, replica, "CHANGES", "GROUP", "READ", "slow", "c"); !strings.HasPrefix(v.Text, "TRIMMED ") {
			t.Errorf("a group that lags reads %.200v", v)
		}
		replica.Close()
	}
}
