package shipper

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"shiplog/wal"
)

func someManifest(sums Sums) *Manifest {
	return &Manifest{
		ID: SnapshotID{1, 2, 3}, Partition: 7, Sums: sums,
		Copied: Copied{
			Position: wal.Position{Incarnation: wal.Incarnation{9}, Seq: 1000, Epoch: 3, Index: 12, Chain: 0xABCDEF, CommitMS: 1700000000000},
			Rows:     2, Engine: 24,
		},
		Files: []File{{Name: "000005.sst", Size: 4096, Sum: Sum{4}}, {Name: "MANIFEST-000001", Size: 0, Sum: Sum{5}}},
	}
}

// TestGoldenManifest holds that every version is read for ever.
func TestGoldenManifest(t *testing.T) {
	for _, sums := range []Sums{SHA256, XXH3128} {
		golden, err := os.ReadFile(filepath.Join("testdata", fmt.Sprintf("v%d-manifest.hex", sums)))
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := EncodeManifest(someManifest(sums))
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(encoded); got != strings.TrimSpace(string(golden)) {
			t.Errorf("version %d is written as\n%s, want\n%s", sums, got, golden)
		}
		data, err := hex.DecodeString(strings.TrimSpace(string(golden)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeManifest(data)
		if err != nil || !reflect.DeepEqual(got, someManifest(sums)) {
			t.Errorf("version %d: got %+v, %v; want %+v", sums, got, err, someManifest(sums))
		}
		for i := range data {
			damaged := bytes.Clone(data)
			damaged[i] ^= 0x10
			if _, err := DecodeManifest(damaged); !errors.Is(err, ErrManifest) {
				t.Errorf("version %d, byte %d changed: %v, want %v", sums, i, err, ErrManifest)
			}
		}
	}
}

// TestSums holds both sums to what others compute: the SHA-256 of FIPS 180-4's example, and what xxhsum -H128 says.
func TestSums(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	for sums, want := range map[Sums]string{
		SHA256:  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		XXH3128: "06b05ab6733a618578af5f94892f3950" + strings.Repeat("0", 32),
	} {
		if got, err := sums.of(path); err != nil || hex.EncodeToString(got[:]) != want {
			t.Errorf("sums %d: got %x, %v; want %s", sums, got, err, want)
		}
	}
}

func TestManifestRefuses(t *testing.T) {
	for name, change := range map[string]func(*Manifest){
		"unknown sums":         func(m *Manifest) { m.Sums = 3 },
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
		m := someManifest(XXH3128)
		change(m)
		if _, err := EncodeManifest(m); !errors.Is(err, ErrManifest) {
			t.Errorf("%s: %v, want %v", name, err, ErrManifest)
		}
	}
}

func FuzzManifest(f *testing.F) {
	encoded, err := EncodeManifest(someManifest(XXH3128))
	if err != nil {
		f.Fatal(err)
	}
	older, err := EncodeManifest(someManifest(SHA256))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encoded, true)
	f.Add(older, true)
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
	f.Add(appendAnswer(nil, []byte("piece"), nil))
	f.Add(appendAnswer(nil, nil, errors.New("no")))
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
		if _, err := decodeAnswer(appendAnswer(nil, []byte("x"), want)); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	if body, err := decodeAnswer(appendAnswer(nil, []byte("x"), nil)); err != nil || string(body) != "x" {
		t.Errorf("got %q, %v", body, err)
	}
}
