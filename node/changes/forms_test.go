package changes

import (
	"bytes"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"

	"shiplog/partitions/slot"
)

func TestJSONRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var one JSON // for all, as a reader has it
	for i := range 300 {
		for _, e := range garbled(r) {
			want := shown(e)
			elsewhere(r, &want)
			text := AppendJSON(nil, &want)
			if same := one.Append(nil, &want); !bytes.Equal(same, text) {
				t.Fatalf("behind others %d times\n got %s\nwant %s", i, same, text)
			}
			if !json.Valid(text) {
				t.Fatalf("not JSON: %s", text)
			}
			got, err := ParseJSON(text)
			if err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			if again := AppendJSON(nil, &got); !bytes.Equal(again, text) {
				t.Fatalf("read and written again\n got %s\nwant %s", again, text)
			}
			got.Effect.Head, want.Effect.Head = nil, nil
			if !sameBytes(&got, &want) {
				t.Fatalf("%s\n got %+v\nwant %+v", text, got, want)
			}
		}
	}
}

// elsewhere moves a change to another place in one respect, or leaves it where the one before it is.
func elsewhere(r *rand.Rand, c *Change) {
	switch r.IntN(6) {
	case 0:
		c.Incarnation[r.IntN(len(c.Incarnation))]++
	case 1:
		c.Sequence++
	case 2:
		c.Epoch++
	case 3:
		c.CommitMS++
	case 4:
		c.Index, c.Unit = r.IntN(1000), r.IntN(1000)
	}
}

// sameBytes compares changes; bytes that are empty and that are not there are the same.
func sameBytes(a, b *Change) bool {
	x, y := *a, *b
	for _, e := range []*Change{&x, &y} {
		for _, b := range []*[]byte{&e.Effect.Key, &e.Effect.Value, &e.Effect.Field, &e.Effect.Who, &e.Effect.To, &e.Effect.Prev} {
			if len(*b) == 0 {
				*b = nil
			}
		}
	}
	return reflect.DeepEqual(x, y)
}

// Every byte, at every place of a text, is plain or is not, as JSON has it.
func TestPlainText(t *testing.T) {
	for length := range 20 {
		for at := range length {
			for c := range 256 {
				text := bytes.Repeat([]byte("~"), length)
				text[at] = byte(c)
				want := c >= ' ' && c < 0x80 && c != '"' && c != '\\'
				if got := plainText(text); got != want {
					t.Fatalf("%q at %d of %d is plain: %v", byte(c), at, length, got)
				}
			}
		}
	}
}

func TestParseJSONRefuses(t *testing.T) {
	c := shown(sample()[0])
	good := string(AppendJSON(nil, &c))
	for _, change := range [][2]string{
		{`"v":1`, `"v":2`}, {`"op":"set"`, `"op":"sett"`}, {`"cause":"client"`, `"cause":"x"`}, {`"key":"k"`, `"koy":"k"`},
		{`"type":"string"`, `"type":"hash"`}, {`"incarnation":"01`, `"incarnation":"`}, {`{"v"`, `["v"`},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if bad == good {
			t.Fatalf("%q is not in %s", change[0], good)
		}
		if c, err := ParseJSON([]byte(bad)); err == nil {
			t.Errorf("%s was read as %+v", bad, c)
		}
	}
}

var update = flag.Bool("update", false, "write the golden files of forms anew")

// TestForms compares every operation in every form with a golden file: version 1 must not change.
func TestForms(t *testing.T) {
	var got bytes.Buffer
	commands := Commands{
		Slots: func(int) slot.Range { return slot.Range{First: 0, Last: slot.Count - 1} },
		NowMS: func() int64 { return 61_000 },
	}
	for _, e := range sample() {
		c := shown(e)
		got.Write(append(AppendJSON(nil, &c), '\n'))
		got.WriteString("  " + strings.ReplaceAll(string(commands.Append(nil, &c)), "\r\n", " ") + "\n")
	}
	const file = "testdata/v1-forms.txt"
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("forms are\n%s\nwant\n%s", got.Bytes(), want)
	}
}

func TestExpiriesAreSentWithRoom(t *testing.T) {
	c := shown(sample()[2])
	for _, test := range []struct {
		now, at int64
		want    string
	}{
		{60_000, 90_000, "90000"},   // in time
		{60_000, 65_000, "70000"},   // ten seconds from now
		{100_000, 90_000, "150000"}, // and the 40 seconds that the reader is behind
		{1000, 0, "11000"},          // a clock behind the primary's
	} {
		c.Effect.ExpireAt = test.at
		w := Commands{NowMS: func() int64 { return test.now }}
		if got := string(w.Append(nil, &c)); !strings.Contains(got, "\r\n"+test.want+"\r\n") {
			t.Errorf("at %d an expiry at %d: %q, want %s", test.now, test.at, got, test.want)
		}
	}
}

func TestFlushOfOnePartition(t *testing.T) {
	c := shown(sample()[4])
	w := Commands{Slots: func(int) slot.Range { return slot.Range{First: 10, Last: 20} }}
	if got := string(w.Append(nil, &c)); !strings.Contains(got, "EVAL") || !strings.HasSuffix(got, "$2\r\n10\r\n$2\r\n20\r\n") {
		t.Errorf("a partition's flush is %q", got)
	}
}
