package keyspace

import (
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"shiplog/wal"
)

// TestUnitIsMarked has units of one effect and of several, on whole keys and on collections in any order, undone ones between them: the first
// effect of each in the record, and no other, says that a unit begins, and the last that it ends. Readers of the log know units by that (I8).
func TestUnitIsMarked(t *testing.T) {
	r := newRig(t, vfs.NewMem())
	defer r.store.Close()
	push := func(tx *Tx, key string) {
		l, _ := tx.WriteList([]byte(key))
		l.Push(Left, []byte("x"))
	}
	set := func(tx *Tx) { tx.Set([]byte("s"), []byte("v"), 0, false) }
	units := []func(tx *Tx){
		set,
		func(tx *Tx) { push(tx, "l") },
		func(tx *Tx) { set(tx); push(tx, "l"); set(tx) },
		func(tx *Tx) { push(tx, "l"); push(tx, "l"); push(tx, "m") },
		func(tx *Tx) { push(tx, "l"); tx.Delete([]byte("l")) },
		func(tx *Tx) { push(tx, "n"); l, _ := tx.WriteList([]byte("n")); l.Pop(Left) }, // the list is gone with it
	}
	var want []int
	for _, unit := range units {
		r.unit(func(tx *Tx) bool { push(tx, "l"); set(tx); return false })
		r.unit(func(tx *Tx) bool { unit(tx); want = append(want, tx.Effects()); return true })
	}
	var got []int
	var reader wal.EffectReader
	reader.Reset(r.body)
	for inside := 0; ; {
		var e wal.Effect
		ok, err := reader.Next(&e)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		if begins := e.Marks&wal.MarkFirst != 0; begins != (inside == 0) {
			t.Errorf("effect %d of unit %d begins a unit: %t", inside, len(got), begins)
		}
		if inside++; e.Marks&wal.MarkLast != 0 {
			got, inside = append(got, inside), 0
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("units of %v effects are in the record, want %v", got, want)
	}
}
