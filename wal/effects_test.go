package wal

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"shiplog/partitions/slot"
)

func TestEffectsRoundTrip(t *testing.T) {
	want := goldenEffects()
	if got := readAll(t, appendAll(nil, want)); !reflect.DeepEqual(normal(got), normal(want)) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// An effect of the engine after one of a client must not inherit the client's command.
func TestEffectWithoutCommandStaysWithout(t *testing.T) {
	effects := []Effect{
		{Op: OpSet, Cause: CauseClient, Command: "SET", Key: []byte("a"), Value: []byte("1")},
		{Op: OpDel, Cause: CauseExpire, Key: []byte("b")},
	}
	for name, body := range map[string][]byte{
		"each alone": AppendEffect(AppendEffect(nil, &effects[0]), &effects[1]),
		"after":      appendAll(nil, effects),
	} {
		if got := readAll(t, body); got[1].Command != "" {
			t.Errorf("%s: command = %q, want none", name, got[1].Command)
		}
	}
}

func TestEffectReaderRefuses(t *testing.T) {
	sound := goldenEffects()[0]
	body := AppendEffect(nil, &sound)
	edited := func(at int, to byte) []byte {
		b := bytes.Clone(body)
		b[at] = to
		return b
	}
	huge := append(bytes.Clone(body[:9]), 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01)
	for name, c := range map[string]struct {
		body []byte
		want error
	}{
		"operation 0":             {edited(0, 0), ErrNewer},
		"operation 99":            {edited(0, 99), ErrNewer},
		"cause 0":                 {edited(1, 0), ErrNewer},
		"cause 7":                 {edited(1, 7), ErrNewer},
		"unknown mark":            {edited(2, 0x80), ErrNewer},
		"client behind first":     {edited(2, 0x42), ErrNewer},
		"client's name cut":       {edited(2, 0x41)[:9], ErrDamaged},
		"slot 16384":              {edited(3, 0x40), ErrDamaged},
		"name of nothing before":  {edited(5, nameSame), ErrDamaged},
		"name longer than body":   {edited(5, 100), ErrDamaged},
		"key of 2^64-1 bytes":     {huge, ErrDamaged},
		"number over 64 bits":     {append(huge[:len(huge)-1], 0x7F), ErrDamaged},
		"cut in the fixed fields": {body[:3], ErrDamaged},
	} {
		if _, err := readEffects(c.body); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	for n := 1; n < len(body); n++ {
		if _, err := readEffects(body[:n]); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut to %d bytes: got %v, want ErrDamaged", n, err)
		}
	}
}

// A body that announces many different names must not make the reader keep them all.
func TestEffectReaderKeepsFewNames(t *testing.T) {
	var body []byte
	for i := range 3 * internLimit {
		body = AppendEffect(body, &Effect{Op: OpFlush, Cause: CauseFlush, Command: fmt.Sprint("C", i)})
	}
	var r EffectReader
	r.Reset(body)
	var e Effect
	for i := 0; ; i++ {
		more, err := r.Next(&e)
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			break
		}
		if want := fmt.Sprint("C", i); e.Command != want {
			t.Fatalf("command = %q, want %q", e.Command, want)
		}
	}
	if len(r.names) > internLimit {
		t.Errorf("%d names kept, want at most %d", len(r.names), internLimit)
	}
}

// FuzzEffects checks that what decodes is written and read again as the same effects.
func FuzzEffects(f *testing.F) {
	f.Add(appendAll(nil, goldenEffects()))
	f.Add(appendAll(nil, goldenCollectionEffects()))
	f.Add([]byte{1, 1, 3, 0, 0, 1, 0, 0, 0, 0})
	f.Add([]byte{1, 1, 3, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F})
	f.Fuzz(func(t *testing.T, body []byte) {
		want, err := readEffects(body)
		if err != nil {
			return
		}
		got, err := readEffects(appendAll(nil, want))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(normal(got), normal(want)) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

// FuzzEffectFields checks that an effect of any content survives.
func FuzzEffectFields(f *testing.F) {
	f.Add("SET", []byte("key"), []byte("value"), int64(1), int64(2))
	f.Add("", []byte{}, []byte{0xFF}, int64(-1), int64(1)<<62)
	f.Fuzz(func(t *testing.T, command string, key, value []byte, expire, previous int64) {
		effects := []Effect{
			{Op: OpSet, Cause: CauseClient, Slot: slot.Of(key), Command: command, Key: key, Value: value, ExpireAt: expire, PrevExpireAt: previous},
			{Op: OpExpire, Cause: CauseScript, Command: command, Key: value, ExpireAt: previous, PrevExpireAt: expire},
			{Op: OpDel, Cause: CauseEvict, Key: key, PrevExpireAt: previous},
		}
		if got := readAll(t, appendAll(nil, effects)); !reflect.DeepEqual(normal(got), normal(effects)) {
			t.Errorf("got %+v, want %+v", got, effects)
		}
	})
}

func BenchmarkAppendEffect(b *testing.B) {
	e := Effect{Op: OpSet, Cause: CauseClient, Marks: MarkFirst | MarkLast, Slot: 1, Command: "SET", Key: []byte("key:000000001234"), Value: make([]byte, 64)}
	var dst []byte
	for b.Loop() {
		dst = AppendEffectAfter(dst[:0], &e, &e)
	}
	b.SetBytes(int64(len(dst)))
}

func BenchmarkEffectReader(b *testing.B) {
	e := Effect{Op: OpSet, Cause: CauseClient, Marks: MarkFirst | MarkLast, Slot: 1, Command: "SET", Key: []byte("key:000000001234"), Value: make([]byte, 64)}
	body := AppendEffect(nil, &e)
	for range 99 {
		body = AppendEffectAfter(body, &e, &e)
	}
	var r EffectReader
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		r.Reset(body)
		for more, err := true, error(nil); more; {
			if more, err = r.Next(&e); err != nil {
				b.Fatal(err)
			}
		}
	}
}
