package changes

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"testing/synctest"

	"shiplog/wal"
)

// named appends a unit of n effects by a client that calls itself name.
func named(body []byte, name string, n int) []byte {
	for i := range n {
		e := wal.Effect{Op: wal.OpSAdd, Cause: wal.CauseClient, Command: "SADD", Key: []byte("s"), Field: fmt.Append(nil, name, i)}
		if i == 0 {
			e.Marks |= wal.MarkFirst
			if e.Client = []byte(name); name != "" {
				e.Marks |= wal.MarkClient
			}
		}
		if i == n-1 {
			e.Marks |= wal.MarkLast
		}
		body = wal.AppendEffect(body, &e)
	}
	return body
}

// The log has a client's name once for a unit; every change of the unit has it, and none of the next, wherever reading begins.
func TestClientOfAUnit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t)
		f := feedsOf(t, s)
		begin := Token{Partitions: []Position{{Position: s.Reached()}}}
		s.put(&s.header, wal.KindData, wholePart, named(named(named(nil, "a", 3), "", 2), "b", 1))
		want := []string{"a", "a", "a", "", "", "b"}
		for from := 1; from < len(want); from++ {
			r := f.Open(begin, Filter{})
			var got []string
			for len(got) < len(want) {
				idle, err := r.Read(t.Context(), plenty(), func(c *Change) bool {
					got = append(got, string(c.Client))
					return len(got) != from
				})
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case idle:
					r.Wait(t.Context())
				case len(got) == from: // another reader goes on
					token := r.Token()
					r.Close()
					r = f.Open(token, Filter{})
				}
			}
			r.Close()
			if !slices.Equal(got, want) {
				t.Errorf("read on from change %d the clients are %q, want %q", from, got, want)
			}
		}
	})
}

// The envelope with a client's name is golden too, and is read as it is written.
func TestClientInJSON(t *testing.T) {
	c := shown(sample()[0])
	c.Client = []byte("billing-7")
	text := AppendJSON(nil, &c)
	want, err := os.ReadFile("testdata/v1-client.json")
	if err != nil {
		t.Fatal(err)
	}
	if string(text)+"\n" != string(want) {
		t.Errorf("a change with a client is\n%s\nwant\n%s", text, want)
	}
	if got, err := ParseJSON(text); err != nil || string(got.Client) != "billing-7" || string(AppendJSON(nil, &got)) != string(text) {
		t.Errorf("read it is %+v, %v", got, err)
	}
}
