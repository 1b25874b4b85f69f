package commands

import (
	"bufio"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestAddFloatsAsRedis adds what a redis-server on x86-64 added: each line is a value, an increment, and what INCRBYFLOAT made of
// them.
func TestAddFloatsAsRedis(t *testing.T) {
	file, err := os.Open("testdata/strings_incrbyfloat.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := 0
	for scanner := bufio.NewScanner(file); scanner.Scan(); lines++ {
		value, rest, _ := strings.Cut(scanner.Text(), " ")
		increment, want, _ := strings.Cut(rest, " ")
		if got := sumText(value, increment); got != want {
			t.Errorf("%s + %s = %s, want %s", value, increment, got, want)
		}
	}
	if lines < 500 {
		t.Errorf("only %d lines", lines)
	}
}

func sumText(value, increment string) string {
	x, ok := parseFloat([]byte(value))
	y, okY := parseFloat([]byte(increment))
	if !ok || !okY {
		return "invalid"
	}
	sum, ok := addFloats(x, y)
	if !ok {
		return "infinite"
	}
	return string(formatFloat(sum))
}

func TestParseFloat(t *testing.T) {
	for _, c := range []struct {
		text, want string
		ok         bool
	}{
		{"1", "1", true}, {"+1", "1", true}, {"-1.50", "-1.5", true}, {".5", "0.5", true}, {"5.", "5", true},
		{"1e2", "100", true}, {"1E+2", "100", true}, {"1e-2", "0.01", true}, {"0x10", "16", true}, {"0X1.8P1", "3", true},
		{"-0x.8p-1", "-0.25", true}, {"inf", "+Inf", true}, {"-INFINITY", "-Inf", true}, {"-0", "0", true},
		{"1e-4950", "0", true}, {"0e99999999999", "0", true}, {"0." + strings.Repeat("0", 4000) + "1e4001", "1", true},
		{strings.Repeat("1", 5119), "", false}, {"1." + strings.Repeat("0", 5117), "1", true}, {"1." + strings.Repeat("0", 5118), "", false},
		{"1e4932", "", true}, {"1.2e4932", "", false}, {"1e-4951", "", false}, {"1e99999999999", "", false}, {"1e-99999999999", "", false},
		{"", "", false}, {".", "", false}, {"-", "", false}, {"1e", "", false}, {"1e+", "", false}, {"e1", "", false}, {"0x", "", false},
		{"0x1p", "", false}, {"0x1p99999", "", false}, {"1p5", "", false}, {" 1", "", false}, {"1 ", "", false}, {"1_0", "", false},
		{"1.2.3", "", false}, {"--1", "", false}, {"nan", "", false}, {"infi", "", false}, {"1\x00", "", false},
	} {
		got, ok := parseFloat([]byte(c.text))
		if ok != c.ok {
			t.Errorf("parseFloat(%.40q) ok = %v, want %v", c.text, ok, c.ok)
		}
		if !ok || c.want == "" {
			continue
		}
		if text := string(formatFloat(got)); text != c.want {
			t.Errorf("parseFloat(%.40q) = %s, want %s", c.text, text, c.want)
		}
	}
}

// TestFloatsThatFitADouble writes numbers that have few enough digits for both ways to be exact.
func TestFloatsThatFitADouble(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		number := math.Ldexp(float64(int32(random.Uint32())), -1-random.IntN(16))
		want := strconv.FormatFloat(number, 'f', 16, 64)
		x, ok := parseFloat([]byte(want))
		if !ok {
			t.Fatalf("parseFloat(%s) is not ok", want)
		}
		want = strings.TrimSuffix(strings.TrimRight(want, "0"), ".")
		if got := string(formatFloat(x)); got != want {
			t.Fatalf("parseFloat of %s = %s", want, got)
		}
	}
}
