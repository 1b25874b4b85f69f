package nemesis

import (
	"reflect"
	"strconv"
	"testing"
	"time"

	"shiplog/e2e"
)

// seen builds one operation: its times are in milliseconds, and its reply is written as RESP's type byte and text,
// or is "failed", "unknown" or "null".
func seen(call, ret int, name, key, arg, reply string) Op {
	op := Op{Name: name, Key: key, Arg: arg, Call: time.Duration(call) * time.Millisecond, Return: time.Duration(ret) * time.Millisecond}
	switch reply {
	case "failed":
		op.Outcome = Failed
	case "unknown":
		op.Outcome = Unknown
	case "null":
		op.Reply = e2e.Value{Kind: '$', Null: true}
	default:
		op.Reply = e2e.Value{Kind: reply[0], Text: reply[1:]}
	}
	return op
}

// million writes n as the n-th value that the workload sets.
func million(n int) string { return strconv.Itoa(n * valueStep) }

// wantVerdict compares the figures of a verdict.
func wantVerdict(t *testing.T, got, want Verdict) {
	t.Helper()
	examples := got.Examples
	got.Examples, got.Checked = nil, 0
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v; %q", got, want, examples)
	}
	if got.Faults() > 0 && len(examples) == 0 {
		t.Error("faults without an example")
	}
}

func TestCheckRegisters(t *testing.T) {
	one, two, three := million(1), million(2), million(3)
	for _, tt := range []struct {
		name string
		ops  []Op
		want Verdict
	}{
		{"what replies say in order", []Op{
			seen(0, 1, opGet, "k", "", "null"), seen(2, 3, opSetNX, "k", one, ":1"), seen(4, 5, opSetNX, "k", two, ":0"),
			seen(6, 7, opGetSet, "k", two, "$"+one), seen(8, 9, opIncr, "k", "", ":2000001"), seen(10, 11, opGet, "k", "", "$2000001"),
			seen(12, 13, opSet, "k", three, "+OK"), seen(14, 15, opGet, "k", "", "$"+three),
		}, Verdict{}},
		{"two at the same time", []Op{
			seen(0, 10, opSet, "k", one, "+OK"), seen(1, 9, opSet, "k", two, "+OK"), seen(20, 21, opGet, "k", "", "$"+one),
		}, Verdict{}},
		{"an unknown write takes effect late", []Op{
			seen(0, 1, opSet, "k", one, "unknown"), seen(2, 3, opSet, "k", two, "+OK"),
			seen(4, 5, opGet, "k", "", "$"+two), seen(6, 7, opGet, "k", "", "$"+one),
		}, Verdict{}},
		{"an unknown write never takes effect", []Op{
			seen(0, 1, opSet, "k", one, "unknown"), seen(2, 3, opGet, "k", "", "null"),
		}, Verdict{}},
		{"an unknown write takes effect twice", []Op{
			seen(0, 1, opIncr, "k", "", "unknown"), seen(2, 3, opGet, "k", "", "$2"),
		}, Verdict{Illegal: 1}},
		{"a read with no answer", []Op{
			seen(0, 1, opSet, "k", one, "+OK"), seen(2, 3, opGet, "k", "", "unknown"), seen(2, 3, opGet, "k", "", "failed"),
		}, Verdict{}},
		{"an acknowledged write is lost", []Op{
			seen(0, 1, opSet, "k", one, "+OK"), seen(2, 3, opSet, "k", two, "+OK"), seen(9, 10, opGet, "k", "", "$"+one),
		}, Verdict{Illegal: 1, Lost: 1}},
		{"the first write is lost", []Op{
			seen(0, 1, opSet, "k", one, "+OK"), seen(9, 10, opGet, "k", "", "null"),
		}, Verdict{Illegal: 1, Lost: 1}},
		{"a stale read", []Op{
			seen(0, 1, opSet, "k", one, "+OK"), seen(2, 3, opSet, "k", two, "+OK"), seen(4, 5, opGet, "k", "", "$"+one),
			seen(6, 7, opGet, "k", "", "$"+two),
		}, Verdict{Illegal: 1, Stale: 1}},
		{"a stale read of an incremented value", []Op{
			seen(0, 1, opSet, "k", one, "+OK"), seen(1, 2, opIncr, "k", "", ":1000001"), seen(2, 3, opSet, "k", two, "+OK"),
			seen(4, 5, opGet, "k", "", "$1000001"), seen(6, 7, opGet, "k", "", "$"+two),
		}, Verdict{Illegal: 1, Stale: 1}},
		{"a value comes and goes", []Op{
			seen(0, 1, opSet, "k", one, "unknown"), seen(2, 3, opGet, "k", "", "$"+one), seen(4, 5, opGet, "k", "", "null"),
		}, Verdict{Illegal: 1}},
		{"a refused write is there", []Op{
			seen(0, 1, opSet, "k", one, "failed"), seen(2, 3, opGet, "k", "", "$"+one),
		}, Verdict{Illegal: 1}},
		{"a value from nowhere", []Op{seen(2, 3, opGet, "k", "", "$77")}, Verdict{Illegal: 1}},
		{"an increment counted twice", []Op{
			seen(0, 1, opIncr, "k", "", ":1"), seen(2, 3, opIncr, "k", "", ":3"),
		}, Verdict{Illegal: 1}},
		{"two get the same number", []Op{
			seen(0, 9, opIncr, "k", "", ":1"), seen(1, 8, opIncr, "k", "", ":1"),
		}, Verdict{Illegal: 1}},
		{"two take the same lock", []Op{
			seen(0, 9, opSetNX, "k", one, ":1"), seen(1, 8, opSetNX, "k", two, ":1"),
		}, Verdict{Illegal: 1}},
		{"a lock that nobody holds is refused", []Op{seen(0, 1, opSetNX, "k", one, ":0")}, Verdict{Illegal: 1}},
		{"a reply to another command", []Op{seen(0, 1, opSet, "k", one, "$"+one)}, Verdict{Illegal: 1}},
		{"keys are apart", []Op{
			seen(0, 1, opSet, "a", one, "+OK"), seen(2, 3, opGet, "b", "", "null"), seen(4, 5, opGet, "a", "", "null"),
		}, Verdict{Illegal: 1, Lost: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantVerdict(t, CheckRegisters(tt.ops, time.Minute), tt.want)
		})
	}
}

// TestCheckRegistersGivesUp holds that a search which takes too long counts as a fault.
func TestCheckRegistersGivesUp(t *testing.T) {
	var ops []Op
	for i := range 40 {
		ops = append(ops, seen(i, 1000, opSet, "k", million(i+1), "unknown"))
	}
	for i := range 40 {
		ops = append(ops, seen(2000+i, 2001+i, opGet, "k", "", "$"+million(i+1)))
	}
	ops = append(ops, seen(3000, 3001, opGet, "k", "", "null"))
	wantVerdict(t, CheckRegisters(ops, time.Nanosecond), Verdict{Undecided: 1})
}
