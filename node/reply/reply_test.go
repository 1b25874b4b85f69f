package reply

import (
	"bytes"
	"math"
	"reflect"
	"testing"
)

func TestConstructors(t *testing.T) {
	tests := []struct {
		name string
		got  Reply
		want Reply
	}{
		{"zero writes nothing", Reply{}, Reply{Kind: None}},
		{"ok", OK(), Reply{Kind: KindStatus, Text: "OK"}},
		{"status", Status("QUEUED"), Reply{Kind: KindStatus, Text: "QUEUED"}},
		{"null", Null(), Reply{Kind: KindNull}},
		{"null array", NullArray(), Reply{Kind: KindNullArray}},
		{"int", Int(-7), Reply{Kind: KindInt, Int: -7}},
		{"yes", Bool01(true), Reply{Kind: KindInt, Int: 1}},
		{"no", Bool01(false), Reply{Kind: KindInt}},
		{"true", Bool(true), Reply{Kind: KindBool, Int: 1}},
		{"false", Bool(false), Reply{Kind: KindBool}},
		{"bulk", Bulk([]byte("a")), Reply{Kind: KindBulk, Bytes: []byte("a")}},
		{"bulk of text", BulkString("a"), Reply{Kind: KindBulk, Text: "a"}},
		{"verbatim", Verbatim("a"), Reply{Kind: KindVerbatim, Text: "a"}},
		{"array", Array(Int(1)), Reply{Kind: KindArray, Elems: []Reply{Int(1)}}},
		{"map", Map(Int(1), Int(2)), Reply{Kind: KindMap, Elems: []Reply{Int(1), Int(2)}}},
		{"set", Set(Int(1)), Reply{Kind: KindSet, Elems: []Reply{Int(1)}}},
		{"push", Push(Int(1)), Reply{Kind: KindPush, Elems: []Reply{Int(1)}}},
		{"bulks", Bulks("a", "b"), Array(BulkString("a"), BulkString("b"))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !reflect.DeepEqual(tt.got, tt.want) {
				t.Errorf("got %+v, want %+v", tt.got, tt.want)
			}
		})
	}
}

func TestDoubleKeepsEveryBit(t *testing.T) {
	for _, f := range []float64{0, math.Copysign(0, -1), 3.14, math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64} {
		r := Double(f)
		if got := r.Float(); math.Float64bits(got) != math.Float64bits(f) {
			t.Errorf("Double(%v).Float() = %v", f, got)
		}
	}
	r := Double(math.NaN())
	if !math.IsNaN(r.Float()) {
		t.Errorf("Double(NaN).Float() = %v", r.Float())
	}
}

// TestErrorTextIsOneLine guards against a client's text ending an error reply early.
func TestErrorTextIsOneLine(t *testing.T) {
	tests := []struct{ in, want string }{
		{"ERR plain", "ERR plain"},
		{"ERR a\r\n+OK\r\n", "ERR a  +OK  "},
		{"ERR \n", "ERR  "},
		{"ERR \r", "ERR  "},
	}
	for _, tt := range tests {
		for _, r := range []Reply{Error(tt.in), Errorf("%s", tt.in)} {
			if r.Text != tt.want || !r.IsError() {
				t.Errorf("Error(%q) = %+v, want text %q", tt.in, r, tt.want)
			}
		}
	}
}

// TestErrorTexts holds the texts of redis-server 7.0.15.
func TestErrorTexts(t *testing.T) {
	tests := []struct {
		got  Reply
		want string
	}{
		{WrongType(), "WRONGTYPE Operation against a key holding the wrong kind of value"},
		{Syntax(), "ERR syntax error"},
		{NotInteger(), "ERR value is not an integer or out of range"},
		{NotFloat(), "ERR value is not a valid float"},
		{NoSuchKey(), "ERR no such key"},
		{WrongArity("client|kill"), "ERR wrong number of arguments for 'client|kill' command"},
	}
	for _, tt := range tests {
		if tt.got.Text != tt.want || !tt.got.IsError() {
			t.Errorf("got %+v, want the error %q", tt.got, tt.want)
		}
	}
	ok := OK()
	if ok.IsError() {
		t.Error("OK() is an error")
	}
}

// A large item does not keep its memory for ever.
func TestResetLetsGo(t *testing.T) {
	var a BulkArray
	a.Add(make([]byte, 100))
	a.Reset()
	if cap(a.buf) == 0 {
		t.Error("a small buffer is not used again")
	}
	a.Add(make([]byte, 2*keepBulks))
	if a.Reset(); cap(a.buf) > 0 || a.Len() != 0 {
		t.Errorf("%d bytes are kept", cap(a.buf))
	}
}

// What is appended in place is the same as what is added, whatever its length.
func TestAddBy(t *testing.T) {
	var got, want BulkArray
	for _, size := range []int{0, 1, 9, 10, 99, 100, 101, 567, 999, 1000, 12_345, 0, 250} {
		item := bytes.Repeat([]byte{'x'}, size)
		want.Add(item)
		got.AddBy(func(dst []byte) []byte { return append(dst, item...) })
	}
	if got.Len() != want.Len() || !bytes.Equal(got.buf, want.buf) {
		t.Errorf("%d items %q, want %d %q", got.Len(), got.buf, want.Len(), want.buf)
	}
}
