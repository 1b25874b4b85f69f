package commands

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

func TestParseInt(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"0", 0, true}, {"7", 7, true}, {"-7", -7, true}, {"10", 10, true},
		{"9223372036854775807", math.MaxInt64, true}, {"-9223372036854775808", math.MinInt64, true},
		{"9223372036854775808", 0, false}, {"-9223372036854775809", 0, false}, {"18446744073709551616", 0, false},
		{"99999999999999999999", 0, false}, {"", 0, false}, {"-", 0, false}, {"+1", 0, false}, {"-0", 0, false},
		{"00", 0, false}, {"01", 0, false}, {"-01", 0, false}, {" 1", 0, false}, {"1 ", 0, false}, {"1.0", 0, false},
		{"1e3", 0, false}, {"0x1", 0, false}, {"1\x00", 0, false}, {"--1", 0, false}, {"1-", 0, false},
	} {
		if got, ok := parseInt([]byte(c.text)); got != c.want || ok != c.ok {
			t.Errorf("parseInt(%q) = %d, %v, want %d, %v", c.text, got, ok, c.want, c.ok)
		}
	}
}

func TestParseIntReadsWhatIsWritten(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		want := int64(random.Uint64()) >> random.IntN(64)
		if got, ok := parseInt(strconv.AppendInt(nil, want, 10)); !ok || got != want {
			t.Fatalf("parseInt(%d) = %d, %v", want, got, ok)
		}
	}
}

func TestParseCursor(t *testing.T) {
	for _, c := range []struct {
		text string
		want uint64
		ok   bool
	}{
		{"0", 0, true}, {"007", 7, true}, {"", 0, true}, {"+5", 5, true}, {"-1", math.MaxUint64, true},
		{"18446744073709551615", math.MaxUint64, true}, {"18446744073709551616", 0, false},
		{"-18446744073709551615", 1, true}, {"-18446744073709551616", 0, false},
		{"-", 0, false}, {"+", 0, false}, {" 1", 0, false}, {"1 ", 0, false}, {"0x1", 0, false}, {"a", 0, false},
	} {
		if got, ok := parseCursor([]byte(c.text)); ok != c.ok || ok && got != c.want {
			t.Errorf("parseCursor(%q) = %d, %v, want %d, %v", c.text, got, ok, c.want, c.ok)
		}
	}
}

func TestMoment(t *testing.T) {
	for _, c := range []struct {
		n, unit, base, want int64
		ok                  bool
	}{
		{5, second, 1000, 6000, true},
		{5, millisecond, 1000, 1005, true},
		{-5, second, 1000, -4000, true},
		{math.MaxInt64, millisecond, 0, math.MaxInt64, true},
		{math.MaxInt64, millisecond, 1, 0, false},
		{math.MaxInt64 / 1000, second, 807, math.MaxInt64, true},
		{math.MaxInt64 / 1000, second, 808, 0, false},
		{math.MaxInt64/1000 + 1, second, 0, 0, false},
		{math.MinInt64 / 1000, second, 0, math.MinInt64 / 1000 * 1000, true},
		{math.MinInt64/1000 - 1, second, 0, 0, false},
		{math.MinInt64, millisecond, 1, math.MinInt64 + 1, true},
	} {
		if got, ok := moment(c.n, c.unit, c.base); got != c.want || ok != c.ok {
			t.Errorf("moment(%d, %d, %d) = %d, %v, want %d, %v", c.n, c.unit, c.base, got, ok, c.want, c.ok)
		}
	}
}
