package commands

import (
	"math"
	"testing"
)

// TestScanDouble reads what C's strtod reads.
func TestScanDouble(t *testing.T) {
	for _, tt := range []struct {
		text string
		want float64
		n    int
		lost bool
	}{
		{"", 0, 0, false}, {"abc", 0, 0, false}, {" ", 0, 0, false}, {"-", 0, 0, false}, {".", 0, 0, false}, {"e5", 0, 0, false},
		{"1", 1, 1, false}, {" +1.5x", 1.5, 5, false}, {".5", 0.5, 2, false}, {"5.", 5, 2, false}, {"1e", 1, 1, false},
		{"1e+", 1, 1, false}, {"1E-2", 0.01, 4, false}, {"1.2.3", 1.2, 3, false}, {"1_000", 1, 1, false},
		{"0x", 0, 1, false}, {"0xg", 0, 1, false}, {"0x10", 16, 4, false}, {"-0x.8p1", -1, 7, false}, {"0x1p", 1, 3, false},
		{"0x1p4", 16, 5, false}, {"inf", math.Inf(1), 3, false}, {"-INFINITY", math.Inf(-1), 9, false}, {"infinit", math.Inf(1), 3, false},
		{"1e400", math.Inf(1), 5, true}, {"-1e400", math.Inf(-1), 6, true}, {"1e-400", 0, 6, true}, {"0e-400", 0, 6, false},
		{"0x0p-5000", 0, 9, false}, {"0x1p-5000", 0, 9, true}, {"1\x00", 1, 1, false},
	} {
		got, n, lost := scanDouble([]byte(tt.text))
		if got != tt.want || n != tt.n || lost != tt.lost {
			t.Errorf("%q is %v, %d characters (%v), want %v, %d (%v)", tt.text, got, n, lost, tt.want, tt.n, tt.lost)
		}
	}
	if x, _, _ := scanDouble([]byte("nan")); !math.IsNaN(x) {
		t.Errorf("nan is %v", x)
	}
}

// TestParseDouble holds what Redis refuses of what strtod reads.
func TestParseDouble(t *testing.T) {
	for _, text := range []string{"", " 1", "1 ", "nan", "1e400", "1e-400", "1x", "\t1", "1\x00"} {
		if x, ok := parseDouble([]byte(text)); ok {
			t.Errorf("%q is taken for %v", text, x)
		}
	}
	if x, ok := parseDouble([]byte("-inf")); !ok || !math.IsInf(x, -1) {
		t.Errorf("-inf is %v (%v)", x, ok)
	}
}
