package main

import (
	"fmt"
	"strings"
	"testing"
)

// resp writes words and numbers as a reply; a slice is an array.
func resp(v any) string {
	switch v := v.(type) {
	case int:
		return fmt.Sprintf(":%d\r\n", v)
	case string:
		return bulk(v)
	case []any:
		text := fmt.Sprintf("*%d\r\n", len(v))
		for _, e := range v {
			text += resp(e)
		}
		return text
	}
	return "$-1\r\n"
}

// storeOf is a node's reply about the store.
func storeOf(why string, work, snapshots []any) string {
	return resp([]any{"dir", "/mnt/s", "state", "ok", "why", why, "work", work, "snapshots", snapshots})
}

func snapshotOf(partition, seq, bytes, fresh int) []any {
	return []any{"partition", partition, "slots", "0-99", "incarnation", "abcd", "sequence", seq, "epoch", 1, "taken", 1700000000000 + seq, "newest", 5,
		"by", "0123456789", "files", 7, "bytes", bytes, "new", fresh}
}

// storeTown is a cluster of two nodes of which each puts one partition.
func storeTown(t *testing.T) *fakeTown {
	town := newTown(t, 2)
	town.partitions = [][]fakeCopy{{{0, 9, "online"}, {1, 9, "online"}}, {{1, 9, "online"}, {0, 9, "online"}}}
	town.answers = map[string]string{
		"0: CLUSTER SNAPSHOT":             resp([]any{1}),
		"1: CLUSTER SNAPSHOT":             resp([]any{0}),
		"0: CLUSTER SNAPSHOT PARTITION 0": resp([]any{}),
		"1: CLUSTER SNAPSHOT PARTITION 0": resp([]any{0}),
		"0: CLUSTER SNAPSHOTS":            storeOf("", nil, []any{snapshotOf(0, 8, 90, 90), snapshotOf(1, 9, 200, 20)}),
		"1: CLUSTER SNAPSHOTS":            storeOf("", []any{}, []any{snapshotOf(0, 8, 90, 90), snapshotOf(0, 10, 100, 10)}),
	}
	return town
}

func TestSnapshotAsksEveryNode(t *testing.T) {
	town := storeTown(t)
	out, err := town.asks(t, "snapshot")
	if want := "partition 1: 200 bytes at 9, 20 of them new\npartition 0: 100 bytes at 10, 10 of them new\n"; err != nil || out != want {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
	out, err = town.asks(t, "snapshot", "--partition", "0")
	if want := "partition 0: 100 bytes at 10, 10 of them new\n"; err != nil || out != want {
		t.Errorf("one partition: got %q, %v; want %q", out, err, want)
	}
}

func TestSnapshotSaysWhatFails(t *testing.T) {
	town := storeTown(t)
	failed := []any{"partition", 0, "state", "failed", "bytes", 0, "done", 0, "new", 0, "ms", 0, "why", "no space"}
	town.answers["1: CLUSTER SNAPSHOTS"] = storeOf("", []any{failed}, nil)
	if _, err := town.asks(t, "snapshot"); err == nil || !strings.Contains(err.Error(), "partition 0: failed no space") {
		t.Errorf("a put that failed: %v", err)
	}
	town.answers["1: CLUSTER SNAPSHOT"] = resp([]any{})
	if _, err := town.asks(t, "snapshot"); err == nil || !strings.Contains(err.Error(), "no node puts partition 0 now") {
		t.Errorf("nobody puts partition 0: %v", err)
	}
	town.answers["1: CLUSTER SNAPSHOT"] = "-ERR this node has no snapshot store\r\n"
	if _, err := town.asks(t, "snapshot"); err == nil || !strings.Contains(err.Error(), "no snapshot store") {
		t.Errorf("a node without a store: %v", err)
	}
}

func TestSnapshotOfALoneNode(t *testing.T) {
	town := storeTown(t)
	town.answers["0: CLUSTER SNAPSHOT"] = resp([]any{0})
	town.lone = true
	out, err := town.asks(t, "snapshot")
	if want := "partition 0: 90 bytes at 8, 90 of them new\n"; err != nil || out != want {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
}

func TestSnapshotsAreListed(t *testing.T) {
	town := storeTown(t)
	out, err := town.asks(t, "snapshots")
	want := "PARTITION  INCARNATION  SEQUENCE  TAKEN                 BYTES  NEW  FILES  BY\n" +
		"0          abcd         8         2023-11-14T22:13:20Z  90     90   7      01234567\n" +
		"1          abcd         9         2023-11-14T22:13:20Z  200    20   7      01234567\n"
	if err != nil || out != want {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
	putting := []any{"partition", 1, "state", "putting", "bytes", 50, "done", 20, "new", 5, "ms", 3, "why", ""}
	town.answers["0: CLUSTER SNAPSHOTS"] = storeOf("it is not mounted", []any{putting}, nil)
	out, err = town.asks(t, "snapshots")
	if err == nil || !strings.Contains(err.Error(), "it is not mounted") || !strings.Contains(out, "partition 1: 20 of 50 bytes") {
		t.Errorf("got %q, %v", out, err)
	}
	if out, err = town.asks(t, "snapshots", "--json"); err != nil || !strings.Contains(out, `"done": 20`) {
		t.Errorf("got %q, %v", out, err)
	}
}
