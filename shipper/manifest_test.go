package shipper

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"shiplog/wal"
)

func someManifest() *Manifest {
	return &Manifest{
		ID: SnapshotID{1, 2, 3}, Partition: 7,
		Copied: Copied{
			Position: wal.Position{Incarnation: wal.Incarnation{9}, Seq: 1000, Epoch: 3, Index: 12, Chain: 0xABCDEF, CommitMS: 1700000000000},
			Rows:     2, Engine: 24,
		},
		Files: []File{{Name: "000005.sst", Size: 4096, Sum: Sum{4}}, {Name: "MANIFEST-000001", Size: 0, Sum: Sum{5}}},
	}
}

// TestGoldenManifest holds that version 1 is read for ever.
func TestGoldenManifest(t *testing.T) {
	golden, err := os.ReadFile(filepath.Join("testdata", "v1-manifest.hex"))
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := EncodeManifest(someManifest())
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(encoded); got != strings.TrimSpace(string(golden)) {
		t.Errorf("version 1 is written as\n%s, want\n%s", got, golden)
	}
	data, err := hex.DecodeString(strings.TrimSpace(string(golden)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeManifest(data)
	if err != nil || !reflect.DeepEqual(got, someManifest()) {
		t.Errorf("got %+v, %v; want %+v", got, err, someManifest())
	}
	for i := range data {
		damaged := bytes.Clone(data)
		damaged[i] ^= 0x10
		if _, err := DecodeManifest(damaged); !errors.Is(err, ErrManifest) {
			t.Errorf("byte %d changed: %v, want %v", i, err, ErrManifest)
		}
	}
}

func TestManifestRefuses(t *testing.T) {
	for name, change := range map[string]func(*Manifest){
		"no files":             func(m *Manifest) { m.Files = nil },
		"a name with a folder": func(m *Manifest) { m.Files[0].Name = "../x" },
		"a hidden name":        func(m *Manifest) { m.Files[0].Name = ".x" },
		"no name":              func(m *Manifest) { m.Files[0].Name = "" },
		"a name twice":         func(m *Manifest) { m.Files[0].Name = m.Files[1].Name },
		"out of order":         func(m *Manifest) { m.Files[0], m.Files[1] = m.Files[1], m.Files[0] },
		"a name of ours":       func(m *Manifest) { m.Files[1].Name = manifestName },
		"a part":               func(m *Manifest) { m.Files[0].Name += partial },
		"a negative size":      func(m *Manifest) { m.Files[0].Size = -1 },
		"sizes beyond sense":   func(m *Manifest) { m.Files[0].Size, m.Files[1].Size = maxBytes, 1 },
		"no such partition":    func(m *Manifest) { m.Partition = maxPartitions },
		"a long name":          func(m *Manifest) { m.Files[1].Name = strings.Repeat("x", maxName+1) },
	} {
		m := someManifest()
		change(m)
		if _, err := EncodeManifest(m); !errors.Is(err, ErrManifest) {
			t.Errorf("%s: %v, want %v", name, err, ErrManifest)
		}
	}
}

func FuzzManifest(f *testing.F) {
	encoded, err := EncodeManifest(someManifest())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encoded, true)
	f.Add(encoded[:manifestHead], true)
	f.Add([]byte(manifestMagic), false)
	f.Fuzz(func(t *testing.T, data []byte, seal bool) {
		if seal && len(data) < maxManifest { // beyond the sum, where the rules are
			data = sealed(data)
		}
		m, err := DecodeManifest(data)
		if err != nil {
			if !errors.Is(err, ErrManifest) {
				t.Errorf("error %v does not wrap %v", err, ErrManifest)
			}
			return
		}
		again, err := EncodeManifest(m)
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("read and written again it is other bytes (%v)", err)
		}
	})
}

func FuzzExchange(f *testing.F) {
	f.Add((&request{kind: askOffer, partition: 3, above: 9}).encode())
	f.Add((&request{kind: askRead, partition: 3, id: SnapshotID{1}, file: 2, offset: 5, length: 7}).encode())
	f.Add(encodeAnswer([]byte("piece"), nil))
	f.Add(encodeAnswer(nil, errors.New("no")))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := decodeRequest(data); err == nil {
			if !bytes.Equal(r.encode(), data) {
				t.Errorf("request %+v is written as other bytes", r)
			}
		} else if !errors.Is(err, ErrExchange) {
			t.Errorf("request: %v does not wrap %v", err, ErrExchange)
		}
		_, err := decodeAnswer(data)
		known := false
		for _, want := range []error{nil, ErrExchange, ErrTaking, ErrGone, ErrUnable} {
			known = known || errors.Is(err, want)
		}
		if !known {
			t.Errorf("answer: %v is no error of an exchange", err)
		}
	})
}

func TestExchange(t *testing.T) {
	for _, r := range []request{
		{kind: askOffer, partition: 16383, above: 1 << 60},
		{kind: askRead, partition: 1, id: SnapshotID{7}, file: 31, offset: 1 << 40, length: maxPiece},
	} {
		if got, err := decodeRequest(r.encode()); err != nil || got != r {
			t.Errorf("got %+v, %v; want %+v", got, err, r)
		}
	}
	for _, bad := range []request{
		{kind: 3}, {kind: askOffer, partition: maxPartitions}, {kind: askRead, length: 0}, {kind: askRead, length: maxPiece + 1},
		{kind: askRead, length: 1, offset: -1}, {kind: askRead, length: 1, file: maxFiles},
	} {
		if _, err := decodeRequest(bad.encode()); !errors.Is(err, ErrExchange) {
			t.Errorf("%+v: %v, want %v", bad, err, ErrExchange)
		}
	}
	for _, want := range []error{ErrTaking, ErrGone, ErrUnable} {
		if _, err := decodeAnswer(encodeAnswer([]byte("x"), want)); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	if body, err := decodeAnswer(encodeAnswer([]byte("x"), nil)); err != nil || string(body) != "x" {
		t.Errorf("got %q, %v", body, err)
	}
}
