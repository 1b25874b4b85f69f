package commands

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"*", "", true}, {"**", "", false}, {"", "", true}, {"", "a", false}, {"a", "", false},
		{"*", "anything", true}, {"h?llo", "hello", true}, {"h?llo", "hllo", false}, {"h*llo", "heeeello", true},
		{"h[ae]llo", "hallo", true}, {"h[ae]llo", "hillo", false}, {"h[^e]llo", "hello", false},
		{"h[^e]llo", "hbllo", true}, {"h[a-c]llo", "hbllo", true}, {"h[c-a]llo", "hbllo", true},
		{"h[a-c]llo", "hdllo", false}, {`h\*llo`, "h*llo", true}, {`h\*llo`, "hello", false},
		{`a\`, `a\`, true}, {`[\]]`, "]", true}, {"[abc", "c", true}, {"[abc", "d", false}, {"[", "[", false},
		{"[^", "x", true}, {"a*b*c", "aXbYbZc", true}, {"a*b*c", "aXbYbZ", false}, {"*a*", "bab", true},
		{"[a-", "-", true}, {"*[0-9]", "key:7", true}, {"user:*:name", "user:1:name", true}, {"A", "a", false},
	} {
		if got := Match([]byte(c.pattern), []byte(c.text), false); got != c.want {
			t.Errorf("Match(%q, %q) = %v, want %v", c.pattern, c.text, got, c.want)
		}
	}
	if !Match([]byte("H[A-C]*"), []byte("hbX"), true) {
		t.Error("the case of letters counts although it should not")
	}
}

// TestMatchIsCheap matches the patterns that keep Redis's recursive matcher busy for years.
func TestMatchIsCheap(t *testing.T) {
	text := []byte(strings.Repeat("a", 100_000))
	pattern := []byte(strings.Repeat("*a", 1000) + "*b")
	start := time.Now()
	if Match(pattern, text, false) {
		t.Error("matched")
	}
	if took := time.Since(start); took > 500*time.Millisecond {
		t.Errorf("took %v", took)
	}
}

// FuzzMatch compares with a matcher that is slow and plain, on short inputs without classes and escapes.
func FuzzMatch(f *testing.F) {
	f.Add([]byte("a*b?c"), []byte("aXXbYc"))
	f.Add([]byte("[a-z\\"), []byte("q"))
	f.Fuzz(func(t *testing.T, pattern, text []byte) {
		got := Match(pattern, text, false)
		if len(pattern) > 12 || len(text) > 12 || len(text) == 0 || bytes.ContainsAny(pattern, `[\`) {
			return
		}
		if want := plainMatch(pattern, text); got != want {
			t.Errorf("Match(%q, %q) = %v, want %v", pattern, text, got, want)
		}
	})
}

func plainMatch(pattern, text []byte) bool {
	switch {
	case len(pattern) == 0:
		return len(text) == 0
	case pattern[0] == '*':
		return plainMatch(pattern[1:], text) || len(text) > 0 && plainMatch(pattern, text[1:])
	default:
		return len(text) > 0 && (pattern[0] == '?' || pattern[0] == text[0]) && plainMatch(pattern[1:], text[1:])
	}
}
