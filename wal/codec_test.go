package wal

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
)

// goldenHeader is the header of the golden data record.
func goldenHeader() Header {
	return Header{
		Kind:        KindData,
		Part:        PartFirst | PartLast,
		Incarnation: Incarnation{0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF},
		Epoch:       7,
		Index:       42,
		Primary:     NodeID([]byte("primary-of-the-log-1")),
		CommitMS:    1_700_000_000_123,
		Prev:        0x0123456789ABCDEF,
	}
}

// goldenEffects has every operation and cause, and every way to write a command name.
func goldenEffects() []Effect {
	return []Effect{
		{Op: OpSet, Cause: CauseClient, Marks: MarkFirst | MarkLast | MarkCreated, Slot: 12182, Command: "SET", Key: []byte("foo"), Value: []byte("bar")},
		{Op: OpSet, Cause: CauseClient, Marks: MarkFirst | MarkLast | MarkRaw, Slot: 12182, Command: "SET", Key: []byte("foo"), Value: []byte("baz"), ExpireAt: 1_700_000_060_000, PrevExpireAt: 1_700_000_000_500},
		{Op: OpExpire, Cause: CauseScript, Marks: MarkFirst, Slot: 1, Command: "EVAL", Key: []byte("k"), ExpireAt: 9, PrevExpireAt: 8},
		{Op: OpPersist, Cause: CauseScript, Marks: MarkLast | MarkRename, Slot: 1, Command: "EVAL", Key: []byte("k"), PrevExpireAt: 9},
		{Op: OpDel, Cause: CauseExpire, Marks: MarkFirst | MarkLast, Slot: 16383, Key: []byte{}, PrevExpireAt: 5},
		{Op: OpDel, Cause: CauseEvict, Marks: MarkFirst | MarkLast, Slot: 0, Key: []byte("x")},
		{Op: OpDel, Cause: CauseMigrate, Marks: MarkFirst | MarkLast, Slot: 0, Command: "MIGRATE", Key: []byte("y")},
		{Op: OpFlush, Cause: CauseFlush, Marks: MarkFirst | MarkLast, Command: "FLUSHALL"},
	}
}

// goldenTextEffects has the mark that came after the first golden file was written.
func goldenTextEffects() []Effect {
	return []Effect{{Op: OpSet, Cause: CauseClient, Marks: MarkFirst | MarkLast | MarkCreated | MarkText, Slot: 12182,
		Command: "INCRBYFLOAT", Key: []byte("foo"), Value: []byte("3")}}
}

// goldenClientEffects have the mark that came after that: two units of a client with a name, the first of two effects, and one without.
func goldenClientEffects() []Effect {
	named := Rare{Client: []byte("billing-7")}
	return []Effect{
		{Op: OpSet, Cause: CauseClient, Marks: MarkFirst | MarkCreated | MarkClient, Slot: 12182, Command: "MSET", Key: []byte("foo"), Value: []byte("1"), Rare: named},
		{Op: OpSet, Cause: CauseClient, Marks: MarkLast | MarkCreated, Slot: 5061, Command: "MSET", Key: []byte("bar"), Value: []byte("2")},
		{Op: OpDel, Cause: CauseClient, Marks: MarkFirst | MarkLast | MarkClient, Slot: 12182, Command: "DEL", Key: []byte("foo"), Rare: named},
		{Op: OpDel, Cause: CauseClient, Marks: MarkFirst | MarkLast, Slot: 5061, Command: "DEL", Key: []byte("bar")},
	}
}

func appendAll(dst []byte, effects []Effect) []byte {
	for i := range effects {
		if i == 0 {
			dst = AppendEffect(dst, &effects[i])
			continue
		}
		dst = AppendEffectAfter(dst, &effects[i-1], &effects[i])
	}
	return dst
}

func readAll(t testing.TB, body []byte) []Effect {
	t.Helper()
	effects, err := readEffects(body)
	if err != nil {
		t.Fatal(err)
	}
	return effects
}

func readEffects(body []byte) (effects []Effect, err error) {
	var r EffectReader
	r.Reset(body)
	for {
		var e Effect
		more, err := r.Next(&e)
		if err != nil || !more {
			return effects, err
		}
		effects = append(effects, e)
	}
}

func message(h Header, body []byte) []byte {
	b := append(make([]byte, HeaderSize), body...)
	SealRecord(b, &h)
	return b
}

func golden(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The golden files were written once for version 1. They must decode for ever, and version 1 must
// still be written as they are.
func TestGoldenDataRecords(t *testing.T) {
	for name, effects := range map[string][]Effect{"v1-data.hex": goldenEffects(), "v1-text.hex": goldenTextEffects(),
		"v1-collections.hex": goldenCollectionEffects(), "v1-client.hex": goldenClientEffects()} {
		want := goldenHeader()
		b := append(make([]byte, HeaderSize), appendAll(nil, effects)...)
		SealRecord(b, &want)
		file := golden(t, name)
		if !bytes.Equal(b, file) {
			t.Errorf("sealed record differs from %s:\n got %x\nwant %x", name, b, file)
		}
		got, err := DecodeRecord(file)
		if err != nil {
			t.Fatal(err)
		}
		if got.Header != want {
			t.Errorf("%s: header = %+v, want %+v", name, got.Header, want)
		}
		if got := readAll(t, got.Body); !reflect.DeepEqual(normal(got), normal(effects)) {
			t.Errorf("%s: effects = %+v, want %+v", name, got, effects)
		}
	}
}

func TestGoldenEpochRecord(t *testing.T) {
	want := goldenHeader()
	want.Kind, want.Index = KindEpoch, 0
	b := message(want, nil)
	file := golden(t, "v1-epoch.hex")
	if !bytes.Equal(b, file) {
		t.Errorf("sealed record differs from the golden one:\n got %x\nwant %x", b, file)
	}
	got, err := DecodeRecord(file)
	if err != nil || got.Kind != KindEpoch || got.Epoch != 7 || len(got.Body) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// The records that carry no effects: LEASE and HANDOVER.
func TestGoldenTermRecords(t *testing.T) {
	heir := NodeID([]byte("the-heir-of-the-log1"))
	for name, c := range map[string]struct {
		kind Kind
		body []byte
	}{
		"v1-lease.hex":    {KindLease, nil},
		"v1-handover.hex": {KindHandover, heir[:]},
	} {
		h := goldenHeader()
		h.Kind = c.kind
		b := message(h, c.body)
		file := golden(t, name)
		if !bytes.Equal(b, file) {
			t.Errorf("%s: sealed record differs from the golden one:\n got %x\nwant %x", name, b, file)
		}
		got, err := DecodeRecord(file)
		if err != nil || got.Kind != c.kind {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
		if named, handover := got.Heir(); handover != (c.kind == KindHandover) || handover && named != heir {
			t.Errorf("%s: heir is %q, %t", name, named, handover)
		}
	}
}

// normal makes absent and empty byte slices equal: the format does not tell them apart.
func normal(effects []Effect) []Effect {
	out := append([]Effect(nil), effects...)
	for i := range out {
		if len(out[i].Key) == 0 {
			out[i].Key = nil
		}
		if len(out[i].Value) == 0 {
			out[i].Value = nil
		}
	}
	return out
}

func TestDecodeRecordRefuses(t *testing.T) {
	sound := goldenHeader()
	with := func(change func(h *Header)) []byte {
		h := sound
		change(&h)
		return message(h, []byte("body"))
	}
	edited := func(at int, to byte) []byte { // edited bytes with a right checksum
		b := message(sound, []byte("body"))
		b[at] = to
		sum := checksum(b)
		for i := range 8 {
			b[offChain+i] = byte(sum >> (56 - 8*i))
		}
		return b
	}
	whole := message(sound, []byte("body"))
	for name, c := range map[string]struct {
		message []byte
		want    error
	}{
		"nothing":        {nil, ErrNotRecord},
		"text":           {[]byte("hello"), ErrNotRecord},
		"version 0":      {edited(offVersion, 0), ErrNotRecord},
		"version 2":      {edited(offVersion, 2), ErrNewer},
		"short newer":    {[]byte("SL\x02"), ErrNewer},
		"cut header":     {whole[:HeaderSize-1], ErrDamaged},
		"cut body":       {whole[:len(whole)-1], ErrDamaged},
		"longer":         {append(bytes.Clone(whole), 0), ErrDamaged},
		"kind 0":         {with(func(h *Header) { h.Kind = 0 }), ErrNewer},
		"kind 5":         {with(func(h *Header) { h.Kind = 5 }), ErrNewer},
		"lease and body": {with(func(h *Header) { h.Kind = KindLease }), ErrDamaged},
		"short heir":     {with(func(h *Header) { h.Kind = KindHandover }), ErrDamaged},
		"lease in parts": {message(Header{Kind: KindLease, Part: PartFirst, Epoch: 1, Index: 1}, nil), ErrDamaged},
		"part 4":         {with(func(h *Header) { h.Part = 4 }), ErrNewer},
		"reserved":       {edited(offReserved+1, 1), ErrNewer},
		"epoch 0":        {with(func(h *Header) { h.Epoch = 0 }), ErrDamaged},
		"data index 0":   {with(func(h *Header) { h.Index = 0 }), ErrDamaged},
		"epoch index 1":  {with(func(h *Header) { h.Kind = KindEpoch; h.Index = 1 }), ErrDamaged},
		"epoch and body": {with(func(h *Header) { h.Kind = KindEpoch; h.Index = 0 }), ErrDamaged},
	} {
		if _, err := DecodeRecord(c.message); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

// Every single flipped bit is found.
func TestDecodeRecordFindsEveryFlippedBit(t *testing.T) {
	whole := message(goldenHeader(), []byte("body"))
	for bit := range len(whole) * 8 {
		b := bytes.Clone(whole)
		b[bit/8] ^= 1 << (bit % 8)
		if _, err := DecodeRecord(b); err == nil {
			t.Errorf("bit %d flipped: decoded", bit)
		}
	}
}

func TestDecodeRecordAllocatesNothing(t *testing.T) {
	b := message(goldenHeader(), appendAll(nil, goldenEffects()))
	var r EffectReader
	var e Effect
	decode := func() {
		record, err := DecodeRecord(b)
		if err != nil {
			t.Fatal(err)
		}
		r.Reset(record.Body)
		for more := true; more; {
			if more, err = r.Next(&e); err != nil {
				t.Fatal(err)
			}
		}
	}
	decode()
	if got := testing.AllocsPerRun(100, decode); got != 0 {
		t.Errorf("decoding allocates %v times, want 0", got)
	}
	h := goldenHeader()
	if got := testing.AllocsPerRun(100, func() { SealRecord(b, &h) }); got != 0 {
		t.Errorf("sealing allocates %v times, want 0", got)
	}
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add(message(goldenHeader(), appendAll(nil, goldenEffects())))
	f.Add(golden(f, "v1-epoch.hex"))
	f.Add([]byte("SL\x01"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeRecord(b)
		if err != nil {
			return
		}
		if again := message(r.Header, r.Body); !bytes.Equal(again, b) {
			t.Errorf("sealed again: %x, want %x", again, b)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	for _, size := range []int{100, 16 << 10} {
		b.Run(byteCount(size), func(b *testing.B) {
			buf, h := make([]byte, HeaderSize+size), goldenHeader()
			b.SetBytes(int64(len(buf)))
			for b.Loop() {
				SealRecord(buf, &h)
			}
		})
	}
}

func BenchmarkDecodeRecord(b *testing.B) {
	for _, size := range []int{100, 16 << 10} {
		b.Run(byteCount(size), func(b *testing.B) {
			buf := message(goldenHeader(), make([]byte, size))
			b.SetBytes(int64(len(buf)))
			for b.Loop() {
				if _, err := DecodeRecord(buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func byteCount(n int) string { return fmt.Sprintf("%dB", n) }
