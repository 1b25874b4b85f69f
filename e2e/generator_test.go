package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// shapeOf is one kind of random command, as the files of testdata/random list them.
type shapeOf struct {
	group  string // the file's name
	weight int
	whole  bool // never damaged
	rule   rule
	words  []string
}

// generator makes random commands. The same source makes the same commands, apart from points in time.
type generator struct {
	rng    *rand.Rand
	shapes []shapeOf
	total  int
	serial int    // of the newest stream entry
	tag    string // stands before every key
}

// shapeFiles are the groups of random commands.
func shapeFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/random/*.shapes")
	if err != nil || len(files) == 0 {
		t.Fatalf("no shapes: %v", err)
	}
	return files
}

// newGenerator returns one that makes the commands of the files, all alike by their weights.
func newGenerator(t *testing.T, rng *rand.Rand, files ...string) *generator {
	t.Helper()
	g := &generator{rng: rng}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		group := strings.TrimSuffix(filepath.Base(file), ".shapes")
		for line := range strings.Lines(string(text)) {
			words := strings.Fields(line)
			if len(words) == 0 || words[0] == "#" {
				continue
			}
			s, err := parseShape(group, words)
			if err != nil {
				t.Fatalf("%s: %q: %v", file, line, err)
			}
			g.shapes = append(g.shapes, s)
			g.total += s.weight
		}
	}
	return g
}

// parseShape reads a line: weight, rule and words.
func parseShape(group string, words []string) (shapeOf, error) {
	if len(words) < 3 {
		return shapeOf{}, fmt.Errorf("want a weight, a rule and a command")
	}
	digits, whole := strings.CutSuffix(words[0], "!")
	weight, err := strconv.Atoi(digits)
	if err != nil {
		return shapeOf{}, err
	}
	s := shapeOf{group: group, weight: weight, whole: whole, rule: rule{name: words[1]}, words: words[2:]}
	if digits, ok := strings.CutPrefix(words[1], "near"); ok {
		s.rule.name = "near"
		s.rule.near, err = strconv.ParseInt(digits, 10, 64)
	}
	return s, err
}

// next returns a command and how its replies compare. One in thirty is damaged: a word too few, too many, or wrong.
func (g *generator) next() ([]string, rule) {
	n := g.rng.IntN(g.total)
	for i := range g.shapes {
		s := &g.shapes[i]
		if n -= s.weight; n >= 0 {
			continue
		}
		var words []string
		for _, w := range s.words {
			words = append(words, g.word(s.group, w)...)
		}
		if g.rng.IntN(30) == 0 && !s.whole {
			words = g.damage(words)
		}
		return words, s.rule
	}
	panic("the weights do not sum up to the total")
}

// damage never makes a short time to live: what then happened would depend on the servers' speed. A word in the place of a
// key, or behind one, gets the tag.
func (g *generator) damage(words []string) []string {
	junk := g.pick("", "abc", "nan", "1.5", "-1", "0", "NX", " 1", "9223372036854775808", "a\r\nb")
	switch i := g.rng.IntN(len(words)); {
	case i == 0:
		return append(words, g.like(words[len(words)-1], junk))
	case g.rng.IntN(2) == 0:
		return words[:len(words)-1]
	default:
		words[i] = g.like(words[i], junk)
		return words
	}
}

// like puts the tag before a word where another has it.
func (g *generator) like(other, word string) string {
	if strings.HasPrefix(other, g.tag) {
		return g.tag + word
	}
	return word
}

// word fills in the placeholders of a word; an option may be two words.
func (g *generator) word(group, w string) []string {
	switch w {
	case "{o}": // SET's options
		return g.oneOf([]string{"NX"}, []string{"XX"}, []string{"GET"}, []string{"KEEPTTL"},
			[]string{"EX", g.seconds(1)}, []string{"px", g.seconds(1000)}, []string{"EXAT", g.moment(1)}, []string{"PXAT", g.moment(1000)})
	case "{x}": // GETEX's options
		return g.oneOf([]string{"PERSIST"}, []string{"EX", g.seconds(1)}, []string{"PX", g.seconds(1000)},
			[]string{"exat", g.moment(1)}, []string{"PXAT", g.moment(1000)})
	case "{trim}": // a stream's limit
		return g.oneOf([]string{"MAXLEN", g.most()}, []string{"MAXLEN", "=", g.most()}, []string{"MAXLEN", g.most()}, []string{"MINID", g.entry()})
	}
	begin := strings.IndexByte(w, '{')
	end := strings.IndexByte(w, '}')
	if begin < 0 || end < begin || w == "{}" {
		return []string{w}
	}
	text := w[:begin] + g.single(group, w[begin:end+1]) + w[end+1:]
	if isKey(w[:begin], w[begin:end+1]) {
		text = g.tag + text
	}
	return []string{text}
}

// isKey tells whether a placeholder and what is written before it make a key.
func isKey(before, placeholder string) bool {
	switch before {
	case "bm", "hll", "dist", "w_", "n_", "h_": // the keys that groups write by their names
		return true
	}
	return placeholder == "{k}" || placeholder == "{k2}"
}

func (g *generator) oneOf(choices ...[]string) []string { return choices[g.rng.IntN(len(choices))] }

func (g *generator) pick(choices ...string) string { return choices[g.rng.IntN(len(choices))] }

// single is what stands for a placeholder of one word.
func (g *generator) single(group, w string) string {
	switch w {
	case "{k}":
		return g.key(group)
	case "{k2}": // a key of the group that no other command of it writes: its values stay of one kind
		return group + ":pure" + g.pick("0", "1")
	case "{v}":
		if group == "lists" || group == "sort" { // SORT ALPHA in redis-server sees a string up to its first zero
			return strings.ReplaceAll(g.value(), "\x00", "\x01")
		}
		return g.value()
	case "{m}":
		return g.member()
	case "{i}":
		return g.integer()
	case "{I}":
		return g.pick(extremes[:]...)
	case "{n}": // an offset or a count
		return strconv.Itoa(g.rng.IntN(60) - 20)
	case "{c}": // EXPIRE's condition
		return g.pick("NX", "XX", "GT", "LT", "gt")
	case "{p}":
		return g.pick("*", "?", "[a-d]", "[^a-d]", "", "*h", "{*", "\\a", "[a", "*\xff*")
	case "{few}":
		return g.small()
	case "{most}":
		return g.most()
	}
	if text, ok := g.number(w); ok {
		return text
	}
	return g.ofType(w)
}

// number is a placeholder for a float, a time to live or a point in time.
func (g *generator) number(w string) (string, bool) {
	switch w {
	case "{f}":
		return g.float(), true
	case "{s}":
		return g.seconds(1), true
	case "{ms}":
		return g.seconds(1000), true
	case "{at}":
		return g.moment(1), true
	case "{atms}":
		return g.moment(1000), true
	case "{lon}":
		return strconv.FormatFloat(g.rng.Float64()*400-200, 'f', 4, 64), true // a tenth is refused
	case "{lat}":
		return strconv.FormatFloat(g.rng.Float64()*180-90, 'f', 4, 64), true
	case "{far}":
		return strconv.Itoa(g.rng.IntN(20_000)), true
	}
	return "", false
}

// ofType is a placeholder that belongs to one type of value; what is none stands for itself.
func (g *generator) ofType(w string) string {
	switch w {
	case "{score}":
		return g.score()
	case "{weight}":
		return g.pick("1", "2", "0.5", "0", "3")
	case "{bound}":
		return g.pick("(", "", "", "") + g.score()
	case "{from}": // bounds of scores that can be read
		return g.pick("-inf", "(-10", "0", "(0", "2", "1.5", "(2", "5")
	case "{to}":
		return g.pick("+inf", "(10", "0", "(5", "2", "7.25", "(2", "5")
	case "{lex}":
		return g.pick("-", "+", "[", "(", "[a", "(a", "[c", "(c", "[e", "(1", "[\xff")
	case "{agg}":
		return g.pick("SUM", "MIN", "max")
	case "{end}":
		return g.pick("LEFT", "RIGHT", "left")
	case "{side}":
		return g.pick("BEFORE", "AFTER")
	case "{minmax}":
		return g.pick("MIN", "MAX")
	case "{order}":
		return g.pick("ASC", "DESC")
	case "{unit}":
		return g.pick("m", "km", "mi", "ft", "km", "km")
	case "{id}": // greater than all before, or hardly
		g.serial++
		return fmt.Sprintf("%d-%d", g.serial/3+1, g.serial%3)
	case "{tick}": // the first half of such an id
		g.serial += 3
		return strconv.Itoa(g.serial/3 + 1)
	case "{old}":
		return g.entry()
	case "{group}":
		return g.pick("g1", "g2", "g2", "g3")
	case "{who}":
		return g.pick("alice", "bob", "carol")
	}
	return w
}

// key is one of few: mostly of the group's own, so that types collide sometimes and not most of the time.
func (g *generator) key(group string) string {
	if group == "strings" || g.rng.IntN(12) == 0 {
		return g.pick("a", "b", "c", "d", "e", "f", "g", "{t}h", "", "\x00\xffbin")
	}
	return group + strconv.Itoa(g.rng.IntN(4))
}

// member is an element, a field or a member: one of few, among them integers in all forms.
func (g *generator) member() string {
	switch g.rng.IntN(12) {
	case 0:
		return g.pick("", "\xff\xfe", "01", "-1", "1.5", "9223372036854775807", "9223372036854775808", strings.Repeat("x", 64))
	case 1, 2, 3:
		return strconv.Itoa(g.rng.IntN(12))
	default:
		return g.pick("a", "b", "c", "d", "e", "f")
	}
}

// score is one whose sums are exact in any order.
func (g *generator) score() string {
	switch g.rng.IntN(12) {
	case 0:
		return g.pick("inf", "-inf", "1e3", "-2.25", "1024", "4294967296", "0.125")
	case 1, 2:
		return strconv.FormatFloat(float64(g.rng.IntN(80))/4-10, 'f', -1, 64)
	default:
		return strconv.Itoa(g.rng.IntN(10))
	}
}

// small is a small count, often nothing or everything.
func (g *generator) small() string { return g.pick("0", "1", "2", "3", "5", "10", "100") }

// most is a length that is seldom short.
func (g *generator) most() string {
	if g.rng.IntN(15) == 0 {
		return g.small()
	}
	return strconv.Itoa(50 + g.rng.IntN(200))
}

// entry is the id of an entry that a stream may hold, or nearly.
func (g *generator) entry() string {
	serial := max(0, g.serial-g.rng.IntN([]int{60, 60, 600}[g.rng.IntN(3)]))
	return fmt.Sprintf("%d-%d", serial/3+1, serial%3)
}

func (g *generator) value() string {
	switch g.rng.IntN(8) {
	case 0, 1:
		return strconv.Itoa(g.rng.IntN(2000) - 1000)
	case 2:
		return g.integer()
	case 3:
		return g.float()
	case 4:
		return strings.Repeat(string(rune('a'+g.rng.IntN(4))), g.rng.IntN(60))
	case 5:
		b := make([]byte, g.rng.IntN(20))
		for i := range b {
			b[i] = byte(g.rng.Uint32())
		}
		return string(b)
	case 6:
		return g.pick("", "nan", "inf", "-inf", " 1", "1 ", "+1", "01", "1e3", "0x10", "NX", "abc")
	default:
		return fmt.Sprintf("v%d", g.rng.IntN(100))
	}
}

// extremes are the integers around which arithmetic breaks, without the small positive ones.
var extremes = [...]string{"0", "-1", "2147483647", "2147483648", "-2147483648", "4294967295", "4294967296",
	"9223372036854775807", "-9223372036854775808", "9223372036854775808", "-9223372036854775809"}

func (g *generator) integer() string {
	if g.rng.IntN(4) == 0 {
		return g.pick(extremes[:]...)
	}
	return strconv.Itoa(g.rng.IntN(200) - 100)
}

func (g *generator) float() string {
	switch g.rng.IntN(4) {
	case 0:
		return strconv.FormatFloat(g.rng.NormFloat64()*100, 'f', g.rng.IntN(12), 64)
	case 1:
		return strconv.FormatFloat(g.rng.NormFloat64(), 'e', g.rng.IntN(6), 64)
	case 2:
		return g.pick("0.1", "-0.1", "3.0e5", "1e17", "1e-10", "-0", "0.3", "1.5")
	default:
		return strconv.Itoa(g.rng.IntN(100))
	}
}

// seconds is a time to live of days, so that nothing ends during a run and two are hardly ever equal, or one
// that has ended or is refused.
func (g *generator) seconds(unit int64) string {
	if g.rng.IntN(10) == 0 {
		return g.pick("0", "-1", "abc", "9223372036854775807")
	}
	return strconv.FormatInt((100_000+g.rng.Int64N(900_000))*unit, 10)
}

// moment is a point in time as far ahead, or one that SET refuses. None has just passed, since redis-server
// counts a key that SET made so until it finds it.
func (g *generator) moment(unit int64) string {
	if g.rng.IntN(10) == 0 {
		return g.pick("0", "-1", "abc")
	}
	return strconv.FormatInt((time.Now().Unix()+100_000+g.rng.Int64N(900_000))*unit, 10)
}
