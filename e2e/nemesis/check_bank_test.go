package nemesis

import (
	"testing"

	"shiplog/e2e"
)

func TestCheckCounter(t *testing.T) {
	incr := func(call, ret int, reply string) Op { return seen(call, ret, opIncr, "k", "", reply) }
	get := func(call, ret int, reply string) Op { return seen(call, ret, opGet, "k", "", reply) }
	for _, tt := range []struct {
		name string
		ops  []Op
		want Verdict
	}{
		{"in order", []Op{get(0, 1, "null"), incr(2, 3, ":1"), incr(4, 5, ":2"), get(6, 7, "$2")}, Verdict{}},
		{"at the same time", []Op{incr(0, 9, ":2"), incr(1, 8, ":1"), get(2, 7, "$2"), get(10, 11, "$2")}, Verdict{}},
		{"unknown and counted", []Op{incr(0, 1, "unknown"), incr(2, 3, ":2"), get(4, 5, "$2")}, Verdict{UnknownDone: 1}},
		{"unknown and not counted", []Op{incr(0, 1, "unknown"), incr(2, 3, ":1"), get(4, 5, "$1")}, Verdict{UnknownNotDone: 1}},
		{"refused", []Op{incr(0, 1, "failed"), get(4, 5, "null")}, Verdict{}},
		{"lost", []Op{incr(0, 1, ":1"), incr(2, 3, ":2"), get(4, 5, "$1")}, Verdict{Lost: 1, Stale: 1}},
		{"lost all", []Op{incr(0, 1, ":1"), get(4, 5, "null")}, Verdict{Lost: 1, Stale: 1}},
		{"an unknown one counted twice", []Op{incr(0, 1, "unknown"), get(4, 5, "$2")}, Verdict{Duplicated: 1, UnknownDone: 1}},
		{"an acknowledged one counted twice", []Op{incr(0, 1, ":1"), get(4, 5, "$2")}, Verdict{Duplicated: 1}},
		{"a refused one counted", []Op{incr(0, 1, "failed"), get(4, 5, "$1")}, Verdict{Duplicated: 1}},
		{"the same number twice", []Op{incr(0, 9, ":1"), incr(1, 8, ":1"), get(10, 11, "$2")}, Verdict{Duplicated: 1}},
		{"a stale read", []Op{incr(0, 1, ":1"), get(2, 3, "null"), get(4, 5, "$1")}, Verdict{Stale: 1}},
		{"no number", []Op{incr(0, 1, "$x"), get(4, 5, "$1")}, Verdict{Illegal: 1}},
		{"no last read", []Op{incr(0, 1, ":1")}, Verdict{Undecided: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) { wantVerdict(t, CheckCounter(tt.ops), tt.want) })
	}
}

// money is an operation on a bank of two accounts with 100 each.
func money(call, ret int, name string, number, left, right string) Op {
	op := seen(call, ret, name, "{b}:transfers", "", "*")
	op.Reply.Elems = []e2e.Value{{Kind: '$', Text: number}, {Kind: '$', Text: left}, {Kind: '$', Text: right}}
	return op
}

func TestCheckBank(t *testing.T) {
	for _, tt := range []struct {
		name string
		ops  []Op
		want Verdict
	}{
		{"in order", []Op{
			money(0, 1, opTransfer, "1", "90", "110"), money(2, 3, opBalances, "1", "90", "110"),
			money(4, 5, opTransfer, "2", "-10", "210"), money(6, 7, opBalances, "2", "-10", "210"),
		}, Verdict{}},
		{"unknown", []Op{seen(0, 1, opTransfer, "{b}:transfers", "", "unknown"), money(2, 3, opBalances, "1", "90", "110")}, Verdict{UnknownDone: 1}},
		{"torn in a transaction's sight", []Op{
			money(0, 1, opTransfer, "1", "90", "110"), money(2, 3, opBalances, "1", "90", "100"), money(4, 5, opBalances, "1", "90", "110"),
		}, Verdict{Illegal: 1}},
		{"torn for ever", []Op{
			money(0, 1, opTransfer, "1", "90", "110"), money(4, 5, opBalances, "1", "90", "100"),
		}, Verdict{Illegal: 1}},
		{"a transfer lost whole", []Op{
			money(0, 1, opTransfer, "1", "90", "110"), money(4, 5, opBalances, "0", "100", "100"),
		}, Verdict{Lost: 1, Stale: 1}},
		{"a transfer done twice", []Op{
			money(0, 1, opTransfer, "1", "90", "110"), money(4, 5, opBalances, "2", "80", "120"),
		}, Verdict{Duplicated: 1}},
		{"a balance that is none", []Op{money(4, 5, opBalances, "0", "100", "x")}, Verdict{Illegal: 1}},
		{"no array", []Op{seen(0, 1, opTransfer, "{b}:transfers", "", "+OK"), money(4, 5, opBalances, "0", "100", "100")}, Verdict{Illegal: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) { wantVerdict(t, CheckBank(tt.ops, 200), tt.want) })
	}
}

func TestCheckRising(t *testing.T) {
	set := func(n string, reply string) Op { return seen(0, 1, opSet, "k", n, reply) }
	get := func(reply string) Op { return seen(8, 9, opGet, "k", "", reply) }
	for _, tt := range []struct {
		name string
		ops  []Op
		want Verdict
	}{
		{"the newest", []Op{set("1", "+OK"), set("2", "+OK"), get("$2")}, Verdict{}},
		{"an unknown one after it", []Op{set("1", "+OK"), set("2", "unknown"), get("$2")}, Verdict{}},
		{"an unknown one that came late", []Op{set("1", "unknown"), set("2", "+OK"), get("$1")}, Verdict{}},
		{"nothing", []Op{set("1", "unknown"), set("2", "failed"), get("null")}, Verdict{}},
		{"an older one", []Op{set("1", "+OK"), set("2", "+OK"), get("$1")}, Verdict{Lost: 1}},
		{"nothing after an acknowledged one", []Op{set("1", "+OK"), get("null")}, Verdict{Lost: 1}},
		{"a refused one", []Op{set("1", "+OK"), set("2", "failed"), get("$2")}, Verdict{Illegal: 1}},
		{"one from nowhere", []Op{set("1", "+OK"), get("$7")}, Verdict{Illegal: 1}},
		{"no read", []Op{set("1", "+OK")}, Verdict{Undecided: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) { wantVerdict(t, CheckRising(tt.ops), tt.want) })
	}
}
