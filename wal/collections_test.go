package wal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
)

// goldenCollectionEffects has every operation on collections, each with every field that it carries.
func goldenCollectionEffects() []Effect {
	id, key := StreamID{MS: 1_700_000_000_000, Seq: 7}, []byte("foo")
	whole := Whole{Object: 12182<<48 | 300, Head: []byte("\x05\x00top")}
	effects := []Effect{
		{Op: OpHSet, Field: []byte("f"), Value: []byte("v"), ExpireAt: 9, PrevExpireAt: 8, At: 7},
		{Op: OpHDel, Field: []byte("f"), PrevExpireAt: 8, At: 7},
		{Op: OpHExpire, Field: []byte("f"), ExpireAt: 9, PrevExpireAt: 8, At: 7},
		{Op: OpSAdd, Field: []byte("m")}, {Op: OpSRem, Field: []byte("m")},
		{Op: OpZAdd, Field: []byte("m"), Score: -1.5, Prev: []byte("\x3f\xf0\x00\x00\x00\x00\x00\x00")},
		{Op: OpZRem, Field: []byte("m"), Score: 1},
		{Op: OpLPush, Place: []byte("lp"), Value: []byte("v")}, {Op: OpRPush, Place: []byte("lp"), Value: []byte("v")},
		{Op: OpLPop, Place: []byte("lp"), Count: 3}, {Op: OpRPop, Place: []byte("lp"), Count: 1},
		{Op: OpLSet, Index: 4, Place: []byte("lp"), Value: []byte("v")}, {Op: OpLInsert, Index: 5, Place: []byte("lp"), Value: []byte("v")},
		{Op: OpLRem, Index: 6, Place: []byte("lp")},
		{Op: OpXAdd, ID: id, Place: []byte{1}, Value: AppendStreamField(AppendStreamField(nil, []byte("f")), []byte("v"))},
		{Op: OpXDel, ID: id}, {Op: OpXTrim, ID: id, Place: make([]byte, 16), Count: 40},
		{Op: OpXGroup, Field: []byte("g"), ID: id, Index: -1}, {Op: OpXUngroup, Field: []byte("g")},
		{Op: OpXConsumer, Field: []byte("g"), Who: []byte("c"), At: 11, Rare: Rare{Active: 10}},
		{Op: OpXUnconsumer, Field: []byte("g"), Who: []byte("c")},
		{Op: OpXPend, Field: []byte("g"), ID: id, Who: []byte("c"), At: 12, Count: 2, Index: PendMoved, Value: []byte("d")},
		{Op: OpXAck, Field: []byte("g"), ID: id, Who: []byte("c")}, {Op: OpXSetID},
		{Op: OpRename, Marks: MarkRename, PrevExpireAt: 13},
		{Op: OpExpire, Marks: MarkObject, ExpireAt: 14, PrevExpireAt: 13}, {Op: OpPersist, Marks: MarkObject, PrevExpireAt: 14},
		{Op: OpDel, Marks: MarkObject},
	}
	for i := range effects {
		e := &effects[i]
		e.Cause, e.Slot, e.Command, e.Key, e.Whole = CauseClient, 12182, "CMD", key, whole
		switch e.Op {
		case OpRename:
			e.To = []byte("bar")
		case OpExpire, OpPersist, OpDel:
			e.Head = nil
		}
	}
	return effects
}

// TestGoldenCollectionsAreComplete fails for an operation that the golden record does not have.
func TestGoldenCollectionsAreComplete(t *testing.T) {
	seen := map[Op]bool{}
	for _, e := range goldenCollectionEffects() {
		seen[e.Op] = true
	}
	for op := OpHSet; op <= opLast; op++ {
		if !seen[op] {
			t.Errorf("no %v", op)
		}
	}
}

// TestPrinterShowsElements checks that what an effect says of an element is printed, and only of that one.
func TestPrinterShowsElements(t *testing.T) {
	h := goldenHeader()
	b := append(make([]byte, HeaderSize), appendAll(nil, goldenCollectionEffects())...)
	SealRecord(b, &h)
	var out bytes.Buffer
	if err := NewPrinter(&out, true).Record(1, b); err != nil {
		t.Fatal(err)
	}
	var printed struct{ Effects []map[string]any }
	if err := json.Unmarshal(out.Bytes(), &printed); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		0: "hset f v", 3: "sadd m <nil>", 5: "zadd m <nil>", 9: "lpop <nil> <nil>", 11: "lset <nil> v", 17: "xgroup g <nil>",
	} {
		if want == "" {
			continue
		}
		e := printed.Effects[i]
		if got := fmt.Sprint(e["op"], " ", e["field"], " ", e["value"]); got != want {
			t.Errorf("effect %d is %s, want %s", i, got, want)
		}
	}
	for i, want := range map[int]string{5: "score -1.5", 6: "score 1", 9: "count 3", 10: "count 1", 11: "index 4", 12: "index 5",
		14: "id 1700000000000-7", 19: "consumer c", 24: "to bar", 27: "object 12182/300"} {
		name, text, _ := bytes.Cut([]byte(want), []byte(" "))
		if got := fmt.Sprint(printed.Effects[i][string(name)]); got != string(text) {
			t.Errorf("effect %d: %s is %s, want %s", i, name, got, text)
		}
	}
}
