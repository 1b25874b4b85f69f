package changes

import (
	"errors"
	"reflect"
	"testing"

	"shiplog/wal"
)

func someToken(all bool) Token {
	t := Token{All: all, Partitions: []Position{{Partition: 3, Effects: 5, Position: wal.Position{
		Incarnation: wal.Incarnation{1, 2, 255}, Seq: 1 << 40, Epoch: 7, Index: 300, Chain: 1 << 63, CommitMS: 1_700_000_000_000,
	}}}}
	if all {
		t.Partitions = append(t.Partitions, Position{Partition: 200})
	}
	return t
}

func TestTokenRoundTrip(t *testing.T) {
	for _, want := range []Token{someToken(false), someToken(true)} {
		got, err := ParseToken(want.String())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is read as %+v, %v; want %+v", want, got, err, want)
		}
	}
}

func TestTokenOfVersion1(t *testing.T) {
	const text = "sl1AQABAwEC_wAAAAAAAAAAAAAAAACAAAAAAAAAAICAgICAIAesAgWA0JX_vDFwtVBh"
	if got := someToken(false).String(); got != text {
		t.Errorf("a token is %s, want %s", got, text)
	}
}

func TestTokenRefusesEveryFlippedBit(t *testing.T) {
	text := []byte(someToken(true).String())
	for i := range text {
		for bit := range 8 {
			text[i] ^= 1 << bit
			if got, err := ParseToken(string(text)); !errors.Is(err, ErrToken) {
				t.Fatalf("%s was read as %+v, %v", text, got, err)
			}
			text[i] ^= 1 << bit
		}
		if _, err := ParseToken(string(text[:i])); !errors.Is(err, ErrToken) {
			t.Fatalf("%s was read: %v", text[:i], err)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(someToken(false).String())
	f.Add(someToken(true).String())
	f.Add("sl1AQAB")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := ParseToken(text)
		if err != nil {
			if !errors.Is(err, ErrToken) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if token.String() != text {
			t.Fatalf("%q is read as %+v, which is %q", text, token, token)
		}
	})
}

func TestPositionCompare(t *testing.T) {
	at := func(seq wal.Seq, effects int) Position {
		return Position{Position: wal.Position{Seq: seq}, Effects: effects}
	}
	for _, c := range []struct {
		a, b Position
		want int
	}{{at(1, 5), at(2, 0), -1}, {at(2, 1), at(2, 0), 1}, {at(2, 1), at(2, 1), 0}} {
		if got := c.a.Compare(&c.b); got != c.want {
			t.Errorf("%v to %v is %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
