package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"shiplog/wal"
	"shiplog/wal/waltest"
)

// logOf returns a log of an EPOCH record and n records of one SET each.
func logOf(t *testing.T, n int) wal.Log {
	t.Helper()
	log := waltest.NewMemory()
	h := wal.Header{Kind: wal.KindEpoch, Part: wal.PartFirst | wal.PartLast, Epoch: 1}
	buf := make([]byte, wal.HeaderSize)
	for seq := wal.Seq(1); seq <= wal.Seq(n+1); seq++ {
		wal.SealRecord(buf, &h)
		done := make(chan error, 1)
		log.Append(seq, bytes.Clone(buf), func(err error) { done <- err })
		if err := <-done; err != nil {
			t.Fatalf("append %d: %v", seq, err)
		}
		h.Kind, h.Index, h.Prev = wal.KindData, h.Index+1, h.Chain
		buf = wal.AppendEffect(buf[:wal.HeaderSize], &wal.Effect{Op: wal.OpSet, Cause: wal.CauseClient,
			Marks: wal.MarkFirst | wal.MarkLast, Command: "SET", Key: []byte("k"), Value: []byte("v")})
	}
	return log
}

func TestPrintLog(t *testing.T) {
	for name, c := range map[string]struct {
		records int
		from    wal.Seq
		want    []string // how the lines that do not show effects begin
	}{
		"everything":     {records: 2, want: []string{"1 epoch", "2 data", "3 data"}},
		"from a record":  {records: 2, from: 3, want: []string{"3 data"}},
		"beyond the end": {records: 2, from: 9},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := printLog(context.Background(), logOf(t, c.records), c.from, wal.NewPrinter(&out, false)); err != nil {
				t.Fatal(err)
			}
			var heads []string
			for line := range strings.Lines(out.String()) {
				if !strings.HasPrefix(line, " ") {
					heads = append(heads, line)
				}
			}
			if len(heads) != len(c.want) {
				t.Fatalf("%d records are printed, want %d:\n%s", len(heads), len(c.want), out.String())
			}
			for i, want := range c.want {
				if !strings.HasPrefix(heads[i], want) {
					t.Errorf("line %q, want it to begin with %q", heads[i], want)
				}
			}
		})
	}
}
