package resp

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"shiplog/node/reply"
)

func TestAppendReply(t *testing.T) {
	r := func(k reply.Kind, text string) reply.Reply { return reply.Reply{Kind: k, Text: text} }
	tests := []struct {
		name         string
		in           reply.Reply
		want2, want3 string
	}{
		{"none", reply.Reply{}, "", ""},
		{"status", reply.OK(), "+OK\r\n", "+OK\r\n"},
		{"error", reply.Error("ERR x\r\ny"), "-ERR x  y\r\n", "-ERR x  y\r\n"},
		{"error made by hand", r(reply.KindError, "ERR a\nb"), "-ERR a b\r\n", "-ERR a b\r\n"},
		{"int", reply.Int(-12), ":-12\r\n", ":-12\r\n"},
		{"least int", reply.Int(math.MinInt64), ":-9223372036854775808\r\n", ":-9223372036854775808\r\n"},
		{"bulk", reply.Bulk([]byte("a\r\nb")), "$4\r\na\r\nb\r\n", "$4\r\na\r\nb\r\n"},
		{"empty bulk", reply.Bulk([]byte{}), "$0\r\n\r\n", "$0\r\n\r\n"},
		{"bulk of text", reply.BulkString("abc"), "$3\r\nabc\r\n", "$3\r\nabc\r\n"},
		{"null", reply.Null(), "$-1\r\n", "_\r\n"},
		{"null array", reply.NullArray(), "*-1\r\n", "_\r\n"},
		{"double", reply.Double(0.5), "$3\r\n0.5\r\n", ",0.5\r\n"},
		{"infinity", reply.Double(math.Inf(-1)), "$4\r\n-inf\r\n", ",-inf\r\n"},
		{"nan", reply.Double(math.NaN()), "$3\r\nnan\r\n", ",nan\r\n"},
		{"big number", r(reply.KindBigNumber, "123"), "$3\r\n123\r\n", "(123\r\n"},
		{"true", reply.Bool(true), ":1\r\n", "#t\r\n"},
		{"false", reply.Bool(false), ":0\r\n", "#f\r\n"},
		{"verbatim", reply.Verbatim("hi"), "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"},
		{"array", reply.Array(reply.Int(1), reply.Null()), "*2\r\n:1\r\n$-1\r\n", "*2\r\n:1\r\n_\r\n"},
		{"map", reply.Map(reply.Int(1), reply.Bool(true)), "*2\r\n:1\r\n:1\r\n", "%1\r\n:1\r\n#t\r\n"},
		{"set", reply.Set(reply.Int(1)), "*1\r\n:1\r\n", "~1\r\n:1\r\n"},
		{"push", reply.Push(reply.Int(1)), "*1\r\n:1\r\n", ">1\r\n:1\r\n"},
		{"pairs", reply.Pairs(reply.Int(1), reply.Bool(true), reply.Int(2), reply.Null()), "*4\r\n:1\r\n:1\r\n:2\r\n$-1\r\n", "*2\r\n*2\r\n:1\r\n#t\r\n*2\r\n:2\r\n_\r\n"},
		{"no pairs", reply.Pairs(), "*0\r\n", "*0\r\n"},
		{"pairs to come", reply.Fed(reply.KindPairs, 3, noFeed{}), "*6\r\n", "*3\r\n"},
		{"pairs that have come", reply.Reply{Kind: reply.KindElems, Elems: []reply.Reply{reply.Pair(reply.Int(1), reply.Int(2))}}, ":1\r\n:2\r\n", "*2\r\n:1\r\n:2\r\n"},
		{"bulk strings that are encoded", bulkArray("a", "", "a\r\nb"), "*3\r\n$1\r\na\r\n$0\r\n\r\n$4\r\na\r\nb\r\n", "*3\r\n$1\r\na\r\n$0\r\n\r\n$4\r\na\r\nb\r\n"},
		{"no bulk strings", bulkArray(), "*0\r\n", "*0\r\n"},
		{"words", words(reply.KindArray, "a", "b"), "*2\r\n$1\r\na\r\n$1\r\nb\r\n", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"},
		{"no words", words(reply.KindMap), "*0\r\n", "%0\r\n"},
		{"words in a map", words(reply.KindMap, "a", "b"), "*2\r\n$1\r\na\r\n$1\r\nb\r\n", "%1\r\n$1\r\na\r\n$1\r\nb\r\n"},
		{"words in a set", words(reply.KindSet, "a"), "*1\r\n$1\r\na\r\n", "~1\r\n$1\r\na\r\n"},
		{"words in an array", reply.Array(reply.Int(1), words(reply.KindArray, "a")), "*2\r\n:1\r\n*1\r\n$1\r\na\r\n", "*2\r\n:1\r\n*1\r\n$1\r\na\r\n"},
		{"nested", reply.Array(reply.Array(reply.Set())), "*1\r\n*1\r\n*0\r\n", "*1\r\n*1\r\n~0\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for proto, want := range map[int]string{2: tt.want2, 3: tt.want3} {
				if got := string(AppendReply([]byte("x"), &tt.in, proto)); got != "x"+want {
					t.Errorf("RESP%d: got %q, want %q", proto, got, "x"+want)
				}
			}
		})
	}
}

func bulkArray(texts ...string) reply.Reply {
	var a reply.BulkArray
	for _, text := range texts {
		a.Add([]byte(text))
	}
	return a.Reply()
}

func words(kind reply.Kind, texts ...string) reply.Reply {
	w := reply.NewWords(int64(len(texts)))
	for _, text := range texts {
		w.Add([]byte(text))
	}
	return w.Reply(kind)
}

// TestLargeWordsAreNotCopied also holds that what comes behind a large word keeps its place.
func TestLargeWordsAreNotCopied(t *testing.T) {
	large, name := []byte(strings.Repeat("x", bigBulk)), []byte("n")
	w := reply.NewWords(3)
	w.Add([]byte("a"))
	w.Add(large)
	w.AddCopy(name)
	name[0] = 'm'
	r := w.Reply(reply.KindArray)
	e := encoder{keepBig: true}
	e.reply(&r, 2)
	if len(e.bigs) != 1 || &e.bigs[0].bytes[0] != &large[0] {
		t.Errorf("%d pieces by reference, want the large word", len(e.bigs))
	}
	want := "*3\r\n$1\r\na\r\n$65536\r\n" + string(large) + "\r\n$1\r\nn\r\n"
	if got := string(AppendReply(nil, &r, 2)); got != want {
		t.Errorf("got %d bytes that begin with %.40q, want %d", len(got), got, len(want))
	}
}

// Many bulk strings that are encoded are sent from where they are.
func TestBulkArrayIsNotCopied(t *testing.T) {
	r := bulkArray(strings.Repeat("x", bigBulk))
	e := encoder{keepBig: true}
	e.reply(&r, 3)
	if len(e.bigs) != 1 || &e.bigs[0].bytes[0] != &r.Bytes[0] || string(e.buf) != "*1\r\n" {
		t.Errorf("%d pieces by reference behind %q, want one behind its head", len(e.bigs), e.buf)
	}
}

// noFeed is a Feed that nobody asks.
type noFeed struct{ reply.Feed }

// TestDoubles holds what C's printf("%.17g") prints, which is what redis-server 7.0.15 sends.
func TestDoubles(t *testing.T) {
	tests := []struct {
		in   float64
		want string
	}{
		{3.14, "3.1400000000000001"},
		{0.1, "0.10000000000000001"},
		{1e-7, "9.9999999999999995e-08"},
		{0.0001, "0.0001"},
		{0.00001, "1.0000000000000001e-05"},
		{1e16, "10000000000000000"},
		{1e17, "1e+17"},
		{123456789012345678, "1.2345678901234568e+17"},
		{1e20, "1e+20"},
		{1e21, "1e+21"},
		{-2.5e-300, "-2.5e-300"},
		{17, "17"},
		{-17.25, "-17.25"},
		{math.MaxFloat64, "1.7976931348623157e+308"},
		{math.SmallestNonzeroFloat64, "4.9406564584124654e-324"},
		{math.Copysign(0, -1), "-0"},
		{0, "0"},
		{99999999999999999, "1e+17"},
	}
	for _, tt := range tests {
		if got := string(reply.AppendDouble(nil, tt.in)); got != tt.want {
			t.Errorf("AppendDouble(%v) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestBigBulksAreNotCopied(t *testing.T) {
	value := bytes.Repeat([]byte("v"), bigBulk)
	var o output
	o.keepBig = true
	r := reply.Array(reply.Int(1), reply.Bulk(value), reply.Bulk(value), reply.Int(2))
	o.add(&r, 2, nil)
	if len(o.buf) > 100 {
		t.Errorf("the output copied %d bytes", len(o.buf))
	}
	want := AppendReply(nil, &r, 2)
	for _, sent := range []int{0, 1, 5, 20, bigBulk, bigBulk + 17, len(want) - 1} {
		o.sent = sent
		if got := bytes.Join(o.vectors(), nil); !bytes.Equal(got, want[sent:]) {
			t.Errorf("after %d bytes: the vectors say something else than the reply", sent)
		}
	}
	if o.size() != len(want) {
		t.Errorf("size() = %d, want %d", o.size(), len(want))
	}
}

func TestEncodingDoesNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 1024)
	value := []byte(strings.Repeat("v", 100))
	n := testing.AllocsPerRun(100, func() {
		for _, r := range []reply.Reply{reply.OK(), reply.Bulk(value), reply.Int(1234), reply.Double(0.1), reply.Null()} {
			AppendReply(buf, &r, 3)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
