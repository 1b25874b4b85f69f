package nemesis

import "testing"

func TestCheckAppends(t *testing.T) {
	a, b, c := func(call, ret int, reply string) Op { return seen(call, ret, opAppend, "k", "a;", reply) },
		func(call, ret int, reply string) Op { return seen(call, ret, opAppend, "k", "b;", reply) },
		func(call, ret int, reply string) Op { return seen(call, ret, opAppend, "k", "c;", reply) }
	get := func(call, ret int, reply string) Op { return seen(call, ret, opGet, "k", "", reply) }
	for _, tt := range []struct {
		name string
		ops  []Op
		want Verdict
	}{
		{"in order", []Op{get(0, 1, "null"), a(2, 3, ":2"), get(4, 5, "$a;"), b(6, 7, ":4"), get(8, 9, "$a;b;")}, Verdict{}},
		{"at the same time", []Op{a(0, 9, ":4"), b(1, 8, ":2"), get(2, 7, "$b;"), get(10, 11, "$b;a;")}, Verdict{}},
		{"unknown and there, unknown and not there", []Op{
			a(0, 1, "unknown"), b(2, 3, ":2"), get(4, 5, "$b;"), c(6, 7, "unknown"), get(8, 9, "$b;a;"),
		}, Verdict{UnknownDone: 1, UnknownNotDone: 1}},
		{"nothing at all", []Op{a(0, 1, "failed"), get(2, 3, "null")}, Verdict{}},
		{"lost from the end", []Op{a(0, 1, ":2"), b(2, 3, ":4"), get(4, 5, "$a;")}, Verdict{Lost: 1}},
		{"lost from the beginning", []Op{a(0, 1, ":2"), b(2, 3, ":4"), get(4, 5, "$b;")}, Verdict{Lost: 1, Illegal: 1}},
		{"no last read", []Op{get(0, 1, "null"), a(2, 3, ":2"), get(4, 5, "failed")}, Verdict{Undecided: 1}},
		{"lost all", []Op{a(0, 1, ":2"), get(4, 5, "null")}, Verdict{Lost: 1}},
		{"lost after it was read", []Op{a(0, 1, "unknown"), get(2, 3, "$a;"), get(4, 5, "null")}, Verdict{Lost: 1, UnknownDone: 1}},
		{"a stale read", []Op{a(0, 1, ":2"), get(2, 3, "null"), get(4, 5, "$a;")}, Verdict{Stale: 1}},
		{"a read older than one before", []Op{a(0, 1, "unknown"), get(2, 3, "$a;"), get(4, 5, "null"), get(6, 7, "$a;")}, Verdict{Stale: 1, UnknownDone: 1}},
		{"twice", []Op{a(0, 1, ":2"), get(2, 3, "$a;a;")}, Verdict{Duplicated: 1}},
		{"unknown, and twice", []Op{a(0, 1, "unknown"), b(2, 3, ":4"), get(4, 5, "$a;b;a;")}, Verdict{Duplicated: 1, UnknownDone: 1}},
		{"refused, and there", []Op{a(0, 1, "failed"), get(2, 3, "$a;")}, Verdict{Illegal: 1}},
		{"never sent", []Op{get(2, 3, "$x;")}, Verdict{Illegal: 1}},
		{"torn", []Op{a(0, 1, ":2"), b(2, 9, ":4"), get(4, 5, "$a;b"), get(10, 11, "$a;b;")}, Verdict{Illegal: 1}},
		{"against real time", []Op{a(0, 1, ":4"), b(2, 3, ":2"), get(4, 5, "$b;a;")}, Verdict{Illegal: 1}},
		{"two brains", []Op{a(0, 9, ":2"), b(0, 9, ":2"), get(1, 2, "$a;"), get(1, 2, "$b;"), get(10, 11, "$b;a;")}, Verdict{Illegal: 2}},
		{"read before it was sent", []Op{get(0, 1, "$a;"), a(2, 3, ":2"), get(4, 5, "$a;")}, Verdict{Illegal: 1}},
		{"a length that is not the token's", []Op{a(0, 1, ":7"), get(4, 5, "$a;")}, Verdict{Illegal: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) { wantVerdict(t, CheckAppends(tt.ops), tt.want) })
	}
}
