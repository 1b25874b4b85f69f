package shipper

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"shiplog/wal"
)

func someStored() *Stored {
	return &Stored{
		Manifest: someManifest(SHA256), Taken: time.UnixMilli(1700000001234), By: wal.NodeID{8, 9}, First: 7168, Last: 8191, Partitions: 16,
	}
}

// TestGoldenStored holds that what is stored today is read for ever.
func TestGoldenStored(t *testing.T) {
	golden, err := os.ReadFile(filepath.Join("testdata", "v1-stored.hex"))
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := EncodeStored(someStored())
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(encoded); got != strings.TrimSpace(string(golden)) {
		t.Errorf("it is written as\n%s, want\n%s", got, golden)
	}
	data, err := hex.DecodeString(strings.TrimSpace(string(golden)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeStored(data)
	if err != nil || !reflect.DeepEqual(got, someStored()) {
		t.Errorf("got %+v, %v; want %+v", got, err, someStored())
	}
	for i := range data {
		damaged := bytes.Clone(data)
		damaged[i] ^= 0x10
		if _, err := DecodeStored(damaged); !errors.Is(err, ErrStored) {
			t.Errorf("byte %d changed: %v, want %v", i, err, ErrStored)
		}
	}
}

// storedRefused are changes of a stored snapshot that no program may take.
func storedRefused() map[string]func(*Stored) {
	return map[string]func(*Stored){
		"other sums":           func(s *Stored) { s.Sums = XXH3128 },
		"slots turned round":   func(s *Stored) { s.First, s.Last = s.Last, s.First },
		"slots beyond all":     func(s *Stored) { s.Last = 16384 },
		"of fewer partitions":  func(s *Stored) { s.Partitions = 7 },
		"of too many":          func(s *Stored) { s.Partitions = 16385 },
		"a name with a folder": func(s *Stored) { s.Files[0].Name = "../../etc/x" },
		"an absolute name":     func(s *Stored) { s.Files[0].Name = "/etc/x" },
		"a negative size":      func(s *Stored) { s.Files[0].Size = -1 },
		"a huge size":          func(s *Stored) { s.Files[0].Size = 1 << 62 },
	}
}

func TestStoredRefuses(t *testing.T) {
	for name, change := range storedRefused() {
		s := someStored()
		change(s)
		if _, err := EncodeStored(s); !errors.Is(err, ErrStored) && !errors.Is(err, ErrManifest) {
			t.Errorf("%s: %v, want %v", name, err, ErrStored)
		}
	}
}

// resealed puts the right sums on a stored snapshot and on the manifest within, so that their rules are reached.
func resealed(data []byte) []byte {
	if len(data) < storedHead+2*sha256.Size {
		return data
	}
	data = bytes.Clone(data)
	copy(data[storedHead:], sealed(data[storedHead:len(data)-sha256.Size]))
	return sealed(data)
}

func FuzzStored(f *testing.F) {
	encoded, err := EncodeStored(someStored())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encoded, true)
	f.Add(bytes.Replace(encoded, []byte("000005.sst"), []byte("../../.sst"), 1), true)
	f.Add(bytes.Replace(encoded, []byte("000005.sst"), []byte("0000\x0005sst"), 1), true)
	f.Add(encoded[:storedHead], true)
	f.Add([]byte(storedMagic), false)
	f.Fuzz(func(t *testing.T, data []byte, seal bool) {
		if seal && len(data) < maxStored {
			data = resealed(data)
		}
		s, err := DecodeStored(data)
		if err != nil {
			if !errors.Is(err, ErrStored) {
				t.Errorf("error %v does not wrap %v", err, ErrStored)
			}
			return
		}
		for _, file := range s.Files {
			if filepath.Base(file.Name) != file.Name || strings.HasPrefix(file.Name, ".") || file.Size < 0 {
				t.Errorf("a file %q of %d bytes was let in", file.Name, file.Size)
			}
			if name := object(file.Sum); !filepath.IsLocal(name) || len(name) != len(objectsDir)+4+64 {
				t.Errorf("a file lies at %q", name)
			}
		}
		if name := nameOfStored(s.Position); !isStoredName(name) {
			t.Errorf("its name would be %q", name)
		}
		again, err := EncodeStored(s)
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("read and written again it is other bytes (%v)", err)
		}
	})
}

// storedAt is a stored snapshot of a life at a sequence.
func storedAt(life byte, seq wal.Seq) *Stored {
	return &Stored{Manifest: &Manifest{Copied: Copied{Position: wal.Position{Incarnation: wal.Incarnation{life}, Seq: seq}}}}
}

func TestFitting(t *testing.T) {
	all := []*Stored{storedAt(1, 100), storedAt(1, 300), storedAt(1, 200), storedAt(2, 250), storedAt(1, 0)}
	for _, tt := range []struct {
		name string
		life byte
		log  wal.Bounds
		seqs string
	}{
		{"the newest first", 1, wal.Bounds{First: 1, Last: 1000}, "[300 200 100]"},
		{"not what the log was trimmed beyond", 1, wal.Bounds{First: 202, Last: 1000}, "[300]"},
		{"what comes next is there", 1, wal.Bounds{First: 201, Last: 1000}, "[300 200]"},
		{"not what the log does not have", 1, wal.Bounds{First: 1, Last: 299}, "[200 100]"},
		{"of this life only", 2, wal.Bounds{First: 1, Last: 1000}, "[250]"},
		{"none of another life", 3, wal.Bounds{First: 1, Last: 1000}, "[]"},
		{"all were trimmed away", 1, wal.Bounds{First: 302, Last: 1000}, "[]"},
		{"an empty log", 1, wal.Bounds{First: 1, Last: 0}, "[]"},
	} {
		seqs := []wal.Seq{}
		for _, s := range Fitting(all, wal.Incarnation{tt.life}, tt.log) {
			seqs = append(seqs, s.Position.Seq)
		}
		if got := fmt.Sprint(seqs); got != tt.seqs {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.seqs)
		}
	}
}

// FuzzFitting holds that what fits can be tailed from, and that the newest comes first.
func FuzzFitting(f *testing.F) {
	f.Add(uint64(5), uint64(9), uint64(4), uint64(7), uint64(9), byte(1))
	f.Add(uint64(0), uint64(0), uint64(0), ^uint64(0), uint64(1), byte(0))
	f.Fuzz(func(t *testing.T, first, last, a, b, c uint64, life byte) {
		all := []*Stored{storedAt(life, wal.Seq(a)), storedAt(1, wal.Seq(b)), storedAt(0, wal.Seq(c))}
		log := wal.Bounds{First: wal.Seq(first), Last: wal.Seq(last)}
		before := ^wal.Seq(0)
		for _, s := range Fitting(all, wal.Incarnation{life}, log) {
			p := s.Position
			if p.Incarnation[0] != life || p.Seq > log.Last || p.Seq == 0 || p.Seq+1 < log.First || p.Seq > before {
				t.Errorf("%d of life %d after %d fits %d to %d of life %d", p.Seq, p.Incarnation[0], before, first, last, life)
			}
			before = p.Seq
		}
	})
}

func TestSuperseded(t *testing.T) {
	all := []*Stored{storedAt(1, 100), storedAt(1, 300), storedAt(1, 200), storedAt(2, 50)}
	for keep, want := range map[int]int{-1: 2, 0: 2, 1: 2, 2: 1, 3: 0, 4: 0} {
		old := superseded(all, wal.Incarnation{1}, keep)
		if len(old) != want || want > 0 && old[len(old)-1].Position.Seq != 100 {
			t.Errorf("of three, %d kept: %d are given up, want %d", keep, len(old), want)
		}
	}
}
