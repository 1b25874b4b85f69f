package slot

import "testing"

// The values are those of CLUSTER KEYSLOT of redis-server 7.0.15; 0x31C3 is the check value of the
// Redis Cluster specification.
func TestOf(t *testing.T) {
	for key, want := range map[string]ID{
		"":                     0,
		"123456789":            0x31C3,
		"foo":                  12182,
		"{user1000}.following": Of([]byte("user1000")),
		"foo{}{bar}":           Of([]byte("foo{}{bar}")),
		"foo{{bar}}zap":        Of([]byte("{bar")),
		"foo{bar}{zap}":        Of([]byte("bar")),
		"foo{bar":              Of([]byte("foo{bar")),
	} {
		if got := Of([]byte(key)); got != want {
			t.Errorf("Of(%q) = %d, want %d", key, got, want)
		}
	}
}

func TestHashTag(t *testing.T) {
	for key, want := range map[string]string{
		"a": "a", "{b}c": "b", "a{}{b}": "a{}{b}", "a{{b}}": "{b", "}{a}": "a", "{": "{",
	} {
		if got := HashTag([]byte(key)); string(got) != want {
			t.Errorf("HashTag(%q) = %q, want %q", key, got, want)
		}
	}
}
