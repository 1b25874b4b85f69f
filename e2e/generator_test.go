package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// shapeOf is one kind of random command, as testdata/random.shapes lists them.
type shapeOf struct {
	weight int
	rule   rule
	words  []string
}

// generator makes random commands. The same source makes the same commands, apart from points in time.
type generator struct {
	rng    *rand.Rand
	shapes []shapeOf
	total  int
}

func newGenerator(t *testing.T, rng *rand.Rand) *generator {
	t.Helper()
	text, err := os.ReadFile("testdata/random.shapes")
	if err != nil {
		t.Fatal(err)
	}
	g := &generator{rng: rng}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		weight, err := strconv.Atoi(words[0])
		if err != nil || len(words) < 3 {
			t.Fatalf("random.shapes: %q", line)
		}
		s := shapeOf{weight: weight, rule: rule{name: words[1]}, words: words[2:]}
		if digits, ok := strings.CutPrefix(words[1], "near"); ok {
			s.rule.name = "near"
			s.rule.near, _ = strconv.ParseInt(digits, 10, 64) // 0 would be stricter, not wrong
		}
		g.shapes = append(g.shapes, s)
		g.total += weight
	}
	return g
}

// next returns a command and how its replies compare. One in thirty is damaged: a word too few, too many, or wrong.
func (g *generator) next() ([]string, rule) {
	n := g.rng.IntN(g.total)
	for _, s := range g.shapes {
		if n -= s.weight; n >= 0 {
			continue
		}
		var words []string
		for _, w := range s.words {
			words = append(words, g.word(w)...)
		}
		if g.rng.IntN(30) == 0 {
			words = g.damage(words)
		}
		return words, s.rule
	}
	panic("the weights do not sum up to the total")
}

// damage never makes a short time to live: what then happened would depend on the servers' speed.
func (g *generator) damage(words []string) []string {
	junk := []string{"", "abc", "nan", "1.5", "-1", "0", "NX", " 1", "9223372036854775808", "a\r\nb"}[g.rng.IntN(10)]
	switch i := g.rng.IntN(len(words)); {
	case i == 0:
		return append(words, junk)
	case g.rng.IntN(2) == 0:
		return words[:len(words)-1]
	default:
		words[i] = junk
		return words
	}
}

// word fills in a placeholder; an option may be two words.
func (g *generator) word(w string) []string {
	switch w {
	case "{o}":
		return g.oneOf([]string{"NX"}, []string{"XX"}, []string{"GET"}, []string{"KEEPTTL"},
			[]string{"EX", g.seconds(1)}, []string{"px", g.seconds(1000)}, []string{"EXAT", g.moment(1)}, []string{"PXAT", g.moment(1000)})
	case "{x}":
		return g.oneOf([]string{"PERSIST"}, []string{"EX", g.seconds(1)}, []string{"PX", g.seconds(1000)},
			[]string{"exat", g.moment(1)}, []string{"PXAT", g.moment(1000)})
	}
	return []string{g.single(w)}
}

func (g *generator) oneOf(choices ...[]string) []string { return choices[g.rng.IntN(len(choices))] }

func (g *generator) single(w string) string {
	switch w {
	case "{k}":
		return []string{"a", "b", "c", "d", "e", "f", "g", "{t}h", "", "\x00\xffbin"}[g.rng.IntN(10)]
	case "{v}":
		return g.value()
	case "{i}":
		return g.integer()
	case "{I}":
		return extremes[g.rng.IntN(len(extremes))]
	case "{n}":
		return strconv.Itoa(g.rng.IntN(60) - 20)
	case "{f}":
		return g.float()
	case "{s}":
		return g.seconds(1)
	case "{ms}":
		return g.seconds(1000)
	case "{at}":
		return g.moment(1)
	case "{atms}":
		return g.moment(1000)
	case "{p}":
		patterns := []string{"*", "?", "[a-d]", "[^a-d]", "", "*h", "{*", "\\a", "[a", "*\xff*"}
		return patterns[g.rng.IntN(len(patterns))]
	case "{c}":
		return []string{"NX", "XX", "GT", "LT", "gt"}[g.rng.IntN(5)]
	}
	return w
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
		return []string{"", "nan", "inf", "-inf", " 1", "1 ", "+1", "01", "1e3", "0x10", "NX", "abc"}[g.rng.IntN(12)]
	default:
		return fmt.Sprintf("v%d", g.rng.IntN(100))
	}
}

// extremes are the integers around which arithmetic breaks, without the small positive ones.
var extremes = [...]string{"0", "-1", "2147483647", "2147483648", "-2147483648", "4294967295", "4294967296",
	"9223372036854775807", "-9223372036854775808", "9223372036854775808", "-9223372036854775809"}

func (g *generator) integer() string {
	if g.rng.IntN(4) == 0 {
		return extremes[g.rng.IntN(len(extremes))]
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
		return []string{"0.1", "-0.1", "3.0e5", "1e17", "1e-10", "-0", "0.3", "1.5"}[g.rng.IntN(8)]
	default:
		return strconv.Itoa(g.rng.IntN(100))
	}
}

// seconds is a time to live of days, so that nothing ends during a run and two are hardly ever equal, or one
// that has ended or is refused.
func (g *generator) seconds(unit int64) string {
	if g.rng.IntN(10) == 0 {
		return []string{"0", "-1", "abc", "9223372036854775807"}[g.rng.IntN(4)]
	}
	return strconv.FormatInt((100_000+g.rng.Int64N(900_000))*unit, 10)
}

// moment is a point in time as far ahead, or one that SET refuses. None has just passed, since redis-server
// counts a key that SET made so until it finds it.
func (g *generator) moment(unit int64) string {
	if g.rng.IntN(10) == 0 {
		return []string{"0", "-1", "abc"}[g.rng.IntN(3)]
	}
	return strconv.FormatInt((time.Now().Unix()+100_000+g.rng.Int64N(900_000))*unit, 10)
}
