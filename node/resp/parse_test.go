package resp

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/tidwall/redcon"
)

var open = bounds{args: maxArgs, bulk: defaultBulk, authed: true}

// parse feeds input in pieces that end at the cuts, and returns the commands, each as its quoted words, and the error.
// With lend the pieces arrive in a buffer that is lent, as on an event loop.
func parse(input []byte, b bounds, lend bool, cuts ...int) (cmds []string, err error) {
	p := newParser()
	lent := make([]byte, 4096)
	for len(cuts) > 0 || len(input) > 0 {
		piece := input
		if len(cuts) > 0 {
			piece, cuts = input[:cuts[0]], cuts[1:]
		}
		input = input[len(piece):]
		for len(piece) > 0 {
			if lend {
				p.lend(lent)
			}
			n := copy(p.space(p.need()), piece)
			p.end, piece = p.end+n, piece[n:]
			for {
				args, err := p.next(b)
				if err != nil {
					return cmds, err
				}
				if args == nil {
					break
				}
				cmds = append(cmds, fmt.Sprintf("%q", args))
			}
			p.settle()
			for i := range lent {
				lent[i] = '!' // nobody may look at it any more
			}
		}
	}
	return cmds, nil
}

func outcome(cmds []string, err error) string {
	text := strings.Join(cmds, " ")
	if err != nil {
		text += " " + err.Error()
	}
	return strings.TrimSpace(text)
}

// wire is inputs and what redis-server 7.0.15 makes of them.
var wire = []struct{ in, want string }{
	{"*0\r\n*-1\r\n\r\n*1\r\n$4\r\nPING\r\n", `["PING"]`},
	{"*0\r\n*0\r\n*0\r\n", ""},
	{"\n\n\r\nPING\r\n", `["PING"]`},
	{"*a\r\n", "ERR Protocol error: invalid multibulk length"},
	{"*\r\n", "ERR Protocol error: invalid multibulk length"},
	{"*03\r\n", "ERR Protocol error: invalid multibulk length"},
	{"*+1\r\n", "ERR Protocol error: invalid multibulk length"},
	{"*-0\r\n", "ERR Protocol error: invalid multibulk length"},
	{"*1 \r\n", "ERR Protocol error: invalid multibulk length"},
	{"*2147483648\r\n", "ERR Protocol error: invalid multibulk length"},
	{"*99999999999999999999999\r\n", "ERR Protocol error: invalid multibulk length"},
	{"*-5\r\nPING\r\n", `["PING"]`},
	{"*3\r\n$a\r\n", "ERR Protocol error: invalid bulk length"},
	{"*1\r\n$\r\n", "ERR Protocol error: invalid bulk length"},
	{"*1\r\n$-1\r\n", "ERR Protocol error: invalid bulk length"},
	{"*1\r\n$01\r\n", "ERR Protocol error: invalid bulk length"},
	{"*1\r\n$536870913\r\n", "ERR Protocol error: invalid bulk length"},
	{"*1\r\n$9223372036854775807\r\n", "ERR Protocol error: invalid bulk length"},
	{"*1\r\nx\r\n", "ERR Protocol error: expected '$', got 'x'"},
	{"*1\r\n\r\n\r\n", "ERR Protocol error: expected '$', got ' '"},
	{"*2\r\n$1\r\na\r\n:1\r\n", "ERR Protocol error: expected '$', got ':'"},
	{"*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n", `["PING"] ["PING"]`},
	{"*1\r\n$4\rXPING\r\n", `["PING"]`},
	{"*2\r\n$0\r\n\r\n$11\r\nhello\r\nyou!\r\n", `["" "hello\r\nyou!"]`},
	{"PING \"a\r\n", "ERR Protocol error: unbalanced quotes in request"},
	{"PING 'a'b\r\n", "ERR Protocol error: unbalanced quotes in request"},
	{"ECHO ab\"c\r\n", "ERR Protocol error: unbalanced quotes in request"},
	{"ECHO \"a\\x41\\n\\q\"\r\n", `["ECHO" "aA\nq"]`},
	{"ECHO \"\\x4\" \"\\xzz\"\r\n", `["ECHO" "x4" "xzz"]`},
	{"ECHO 'it\\'s \\n'\r\n", `["ECHO" "it's \\n"]`},
	{"ECHO \"\" ''\r\n", `["ECHO" "" ""]`},
	{"  PING  \r\nPING\n", `["PING"] ["PING"]`},
	{"PING\rX\r\n", `["PING" "X"]`},
	{"PING \\\r\n", `["PING" "\\"]`},
	{"ECHO a\x0bb\tc\r\n", `["ECHO" "a\vb" "c"]`},
	{"$5\r\nPING\r\n", `["$5"] ["PING"]`},
	{strings.Repeat("A", maxLine+1), "ERR Protocol error: too big inline request"},
	{"*" + strings.Repeat("1", maxLine+1), "ERR Protocol error: too big mbulk count string"},
	{"*1\r\n$" + strings.Repeat("1", maxLine+1), "ERR Protocol error: too big bulk count string"},
	{"*1\r\n" + strings.Repeat("1", maxLine+1), "ERR Protocol error: too big bulk count string"},
}

func TestWire(t *testing.T) {
	for _, tt := range wire {
		for _, lend := range []bool{false, true} {
			cmds, err := parse([]byte(tt.in), open, lend)
			if got := outcome(cmds, err); got != tt.want {
				t.Errorf("%.60q: got %s, want %s", tt.in, got, tt.want)
			}
		}
	}
}

func TestEverySplitPointGivesTheSame(t *testing.T) {
	for _, tt := range wire {
		if len(tt.in) > 1000 {
			continue
		}
		in := []byte("*1\r\n$1\r\na\r\n" + tt.in)
		whole := outcome(parse(bytes.Clone(in), open, false))
		for i := range len(in) + 1 {
			for j := i; j <= len(in); j++ {
				if got := outcome(parse(bytes.Clone(in), open, (i+j)%2 == 0, i, j-i)); got != whole {
					t.Fatalf("%q cut at %d and %d: got %s, want %s", in, i, j, got, whole)
				}
			}
		}
	}
}

func TestUnauthenticatedBounds(t *testing.T) {
	shut := open
	shut.authed = false
	tests := []struct{ in, want string }{
		{"*11\r\n", "ERR Protocol error: unauthenticated multibulk length"},
		{"*1\r\n$16385\r\n", "ERR Protocol error: unauthenticated bulk length"},
		{"*10\r\n$16384\r\n", ""},
		{"*1048577\r\n", "ERR Protocol error: invalid multibulk length"},
	}
	for _, tt := range tests {
		if got := outcome(parse([]byte(tt.in), shut, false)); got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.in, got, tt.want)
		}
	}
	small := open
	small.bulk = 5
	if got := outcome(parse([]byte("*1\r\n$6\r\nabcdef\r\n"), small, false)); got != "ERR Protocol error: invalid bulk length" {
		t.Errorf("proto-max-bulk-len 5: got %s", got)
	}
}

// TestAnnouncedLengthsCostNothing announces as much as is allowed and sends none of it.
func TestAnnouncedLengthsCostNothing(t *testing.T) {
	for _, in := range []string{"*1048576\r\n", "*1048576\r\n$536870912\r\n", "*1\r\n$536870912\r\n"} {
		p := newParser()
		feed := func(text string) {
			p.lend(make([]byte, lentTest))
			p.end += copy(p.space(p.need()), text)
			if args, err := p.next(open); args != nil || err != nil {
				t.Errorf("%q: got %q, %v", in, args, err)
			}
			p.settle()
		}
		if feed(in); p.bytesHeld() > 1024 {
			t.Errorf("%q: %d bytes are held", in, p.bytesHeld())
		}
		if !strings.Contains(in, "$") {
			continue
		}
		for range 3 { // more than is lent again
			feed(strings.Repeat("x", 30_000))
		}
		if p.space(p.need()); p.bytesHeld() > 256<<10 {
			t.Errorf("%q and 90,000 bytes: %d bytes are held", in, p.bytesHeld())
		}
	}
}

const lentTest = 64 << 10

// TestLargeBulkIsLinear lets an argument arrive in small reads, and looks at what is copied and held.
func TestLargeBulkIsLinear(t *testing.T) {
	const size = 64 << 20
	p := newParser()
	feed := func(b []byte) [][]byte {
		n := copy(p.space(p.need()), b)
		p.end += n
		args, err := p.next(open)
		if err != nil || n < len(b) {
			t.Fatalf("read %d of %d bytes: %v", n, len(b), err)
		}
		return args
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	feed(fmt.Appendf(nil, "*2\r\n$3\r\nSET\r\n$%d\r\n", size))
	piece := bytes.Repeat([]byte("v"), 1024)
	var args [][]byte
	for fed := 0; fed < size; fed += len(piece) {
		for rest := piece; len(rest) > 0; {
			n := copy(p.space(p.need()), rest)
			p.end, rest = p.end+n, rest[n:]
			if args, _ = p.next(open); args != nil {
				t.Fatal("the command is complete too early")
			}
		}
	}
	args = feed([]byte("\r\n"))
	runtime.ReadMemStats(&after)
	if len(args) != 2 || len(args[1]) != size {
		t.Fatalf("got %d arguments", len(args))
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 5*size/2 {
		t.Errorf("%d MB were allocated for an argument of %d MB", got>>20, size>>20)
	}
	if held := p.bytesHeld(); held > 2*size {
		t.Errorf("%d MB are held", held>>20)
	}
	if _, err := p.next(open); err != nil {
		t.Fatal(err)
	}
	p.settle()
	p.forget()
	if held := p.bytesHeld(); held > keepSize+idleArgs*(spanBytes+argsBytes) {
		t.Errorf("%d bytes are held when idle", held)
	}
}

func TestParsingDoesNotAllocate(t *testing.T) {
	in := bytes.Repeat([]byte("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$100\r\n"+strings.Repeat("v", 100)+"\r\n"), 16)
	p, lent := newParser(), make([]byte, lentTest)
	if n := testing.AllocsPerRun(100, func() {
		p.lend(lent)
		p.end = copy(p.data, in)
		count := 0
		for args, err := p.next(open); args != nil || err != nil; args, err = p.next(open) {
			count++
		}
		if p.settle(); count != 16 {
			t.Fatalf("got %d commands", count)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzParser holds the parser against itself, cut anywhere, and against redcon's where both take an input.
func FuzzParser(f *testing.F) {
	for _, tt := range wire {
		if len(tt.in) < 1000 { // larger ones make the fuzzer slow
			f.Add([]byte(tt.in), uint16(3), uint16(7))
		}
	}
	for _, in := range []string{"*2000000000\r\n", "*1\r\n$128000000\r\n", "*1\r\n", "$1 \r\n", "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*"} {
		f.Add([]byte(in), uint16(1), uint16(2))
	}
	f.Fuzz(func(t *testing.T, in []byte, i, j uint16) {
		whole, wholeErr := parse(bytes.Clone(in), open, false)
		a := int(i) % (len(in) + 1)
		b := int(j) % (len(in) + 1 - a)
		for _, lend := range []bool{false, true} {
			if got, want := outcome(parse(bytes.Clone(in), open, lend, a, b)), outcome(whole, wholeErr); got != want {
				t.Fatalf("cut at %d and %d: got %s, want %s", a, a+b, got, want)
			}
		}
		if wholeErr == nil {
			compare(t, in, whole)
		}
	})
}

// compare holds the commands against redcon's, as far as that reads the input as RESP.
func compare(t *testing.T, in []byte, want []string) {
	if bytes.Contains(in, []byte("$-")) { // redcon takes negative lengths, and panics
		return
	}
	for len(in) > 0 && in[0] == '*' && len(want) > 0 {
		count, _ := parseInt(in[1:max(1, bytes.IndexByte(in, '\r'))])
		if count > 1000 {
			return // redcon counts to it
		}
		complete, args, _, rest, err := redcon.ReadNextCommand(in, nil)
		if err != nil || !complete {
			return
		}
		in = rest
		if len(args) == 0 {
			continue
		}
		if got := fmt.Sprintf("%q", args); got != want[0] {
			t.Fatalf("got %s, redcon has %s", want[0], got)
		}
		want = want[1:]
	}
}
