package keyspace

import (
	"shiplog/partitions/slot"
	"shiplog/wal"
)

// Tx is a View that may also write: it carries one unit (I8). What it is told becomes visible to the
// commands after it at once and becomes effects in the open record; nothing reaches Pebble from here (I1).
// Keys and values given to a Tx are copied.
type Tx struct {
	View
	causer
	unitBody
	cause   wal.Cause
	effects int
	undo    []undo
	counts  counts // before the unit
	flushed uint64 // before the unit
	newest  uint64 // before the unit
	unit    uint64 // number of the unit
	created bool   // the next effect is the first on a collection that has just been made
	keyed   *head  // of key
	key     []byte // of the collection that was changed last
	room    txRoom
	origin  uint64 // who causes the unit: a session's id, 0 for the engine
	hushed  bool   // what is written now is no news to those who watch, await or track the key
}

// causer is who causes a unit.
type causer struct {
	command string
	client  []byte // what it calls itself, if that goes into the log
}

// unitBody is the effects of a unit, as they go into the open record.
type unitBody struct {
	out     *[]byte    // body of the open record
	start   int        // length of the body before this unit
	last    int        // where the newest effect that is encoded begins in the body
	pending wal.Effect // on a collection, not encoded yet; without Op: none
	topped  bool       // pending, or an effect after it on the same collection, is to carry top
	top     Value
}

// txRoom is memory that a Tx uses for one effect after another.
type txRoom struct {
	sink   overlay
	keys   rowKeys
	header []byte
	top    []byte
	unit   []byte // what effects of this unit consist of, handed out in pieces
}

// keptUnit is the largest room for the pieces of effects that is used again for another unit.
const keptUnit = 64 << 10

// piece returns what fill appends. It stays as it is until the unit ends.
func (t *Tx) piece(fill func(dst []byte) []byte) []byte {
	at := len(t.room.unit)
	t.room.unit = fill(t.room.unit) // what was handed out before stays where it is, whether this moves or not
	return t.room.unit[at:len(t.room.unit):len(t.room.unit)]
}

// reset empties the room for the next unit.
func (r *txRoom) reset() {
	r.sink = overlay{}
	if r.unit = r.unit[:0]; cap(r.unit) > keptUnit {
		r.unit = nil
	}
}

// undo is what a head was before the unit changed it; one of its rows; or a whole hot set, for a flush.
type undo struct {
	head     *head
	value    Value
	exists   bool
	record   uint64
	elements *elements
	hot      *hotSet

	isRow bool
	sub   string
	row   element
	had   bool // row was in memory
	whole bool // the collection was whole in memory
}

// SetCommand names the command whose effects follow: its upper-case name goes into the log.
func (t *Tx) SetCommand(name string) { t.command = name }

// SetClient has the name of the client that causes the unit put into the log, before the unit's first effect. name is not changed until the unit
// has ended.
func (t *Tx) SetClient(name []byte) { t.client = name }

// SetScripted says whether a script causes the effects that follow, or the client itself.
func (t *Tx) SetScripted(scripted bool) {
	if t.cause = wal.CauseClient; scripted {
		t.cause = wal.CauseScript
	}
}

// Set makes key hold the string data until expireAt (Unix milliseconds, 0 for ever), whatever it held
// before. raw marks a string that was made in place. expireAt must not lie in the past: that is a Delete.
func (t *Tx) Set(key, data []byte, expireAt int64, raw bool) {
	t.set(key, Value{Type: TypeString, Raw: raw, ExpireAt: expireAt, Data: clone(data)}, 0)
}

// SetValue makes key hold a copy of value, whatever it held before. value's time must not be over.
func (t *Tx) SetValue(key []byte, value Value) {
	value.Data = clone(value.Data)
	t.set(key, value, 0)
}

// Delete removes key and tells whether it was there.
func (t *Tx) Delete(key []byte) bool {
	return t.remove(key, t.cause, 0)
}

// Expire makes key expire at the given Unix millisecond, which must be in the future; it tells whether
// the key is there.
func (t *Tx) Expire(key []byte, at int64) bool {
	h, ok := t.settle(key)
	if !ok {
		return false
	}
	prev := h.value.ExpireAt
	value := h.value
	value.ExpireAt = at
	t.write(h, value, true, h.elements)
	e := ofObject(h, wal.Effect{Op: wal.OpExpire, Cause: t.cause, Key: key, ExpireAt: at, PrevExpireAt: prev})
	t.emit(&e)
	return true
}

// Persist takes key's expiry away and tells whether it had one.
func (t *Tx) Persist(key []byte) bool {
	h, ok := t.settle(key)
	if !ok || h.value.ExpireAt == 0 {
		return false
	}
	prev := h.value.ExpireAt
	value := h.value
	value.ExpireAt = 0
	t.write(h, value, true, h.elements)
	e := ofObject(h, wal.Effect{Op: wal.OpPersist, Cause: t.cause, Key: key, PrevExpireAt: prev})
	t.emit(&e)
	return true
}

// Rename moves what from holds, with its expiry, to the key to, and tells whether from was there. What
// to held before is gone. from and to may be the same key: then nothing changes.
func (t *Tx) Rename(from, to []byte) bool {
	h, ok := t.settle(from)
	if !ok {
		return false
	}
	if string(from) == string(to) {
		return true
	}
	if h.value.object() != 0 {
		t.renameObject(h, from, to)
		return true
	}
	value := h.value
	t.remove(from, t.cause, wal.MarkRename)
	t.set(to, value, wal.MarkRename)
	return true
}

// Copy makes the key to, which must be another one, hold what from holds, with its expiry, and tells whether from was there. What to
// held before is gone.
func (t *Tx) Copy(from, to []byte) bool {
	h, ok := t.settle(from)
	if !ok {
		return false
	}
	if h.value.object() == 0 {
		t.set(to, h.value, 0)
		return true
	}
	t.remove(to, t.cause, 0)
	switch h.value.Type {
	case TypeList:
		t.copyList(h, to)
	case TypeSet:
		t.copySet(h, to)
	case TypeZSet:
		t.copyZSet(h, to)
	case TypeHash:
		t.copyHash(h, to)
	default:
		t.copyStream(h, to)
	}
	if at := h.value.ExpireAt; at != 0 {
		t.Expire(to, at)
	}
	return true
}

// renameObject moves a collection to another key. Its rows stay where they are.
func (t *Tx) renameObject(h *head, from, to []byte) {
	t.remove(to, t.cause, 0)
	if t.removeOverdue(h); !h.exists {
		return
	}
	value, m := h.value, h.elements
	t.write(h, Value{}, false, nil)
	t.write(t.slot(to), value, true, m)
	t.emit(&wal.Effect{Op: wal.OpRename, Cause: t.cause, Marks: wal.MarkRename, Key: from, PrevExpireAt: value.ExpireAt,
		Whole: wal.Whole{Object: value.object(), Head: appendHeader(nil, &value), To: to}})
}

// Flush removes every key of the partition.
func (t *Tx) Flush() {
	s := t.store
	t.touchWatched()
	t.undo = append(t.undo, undo{hot: s.hot})
	s.hot = newHotSet(s.hot.limit, &s.applied)
	s.flushed = s.open
	s.counts.flush()
	t.dependOn(s.open)
	if s.emptied != nil {
		s.emptied()
	}
	t.emit(&wal.Effect{Op: wal.OpFlush, Cause: wal.CauseFlush})
}

// RemoveExpired removes key if its time is over, as an effect caused by expiry, and tells whether it did.
func (t *Tx) RemoveExpired(key []byte) bool {
	h := t.head(key)
	if h == nil || !h.exists || !h.value.expired(t.now) {
		return false
	}
	t.drop(h, key, wal.CauseExpire, 0)
	return true
}

// SetOrigin names the session that causes the unit, for those who are told which keys change.
func (t *Tx) SetOrigin(session uint64) { t.origin = session }

// Touch tells those who watch, await or track key that it has changed, as Redis does, where it stays as it is and nothing is written.
func (t *Tx) Touch(key []byte) {
	_, there := t.Peek(key)
	t.store.touch(string(key), there, t.origin)
}

// Effects returns how many effects the unit has so far.
func (t *Tx) Effects() int { return t.effects }

// Size returns about how many bytes the unit takes in the log so far.
func (t *Tx) Size() int {
	size := len(*t.out) - t.start
	if t.pending.Op != 0 {
		size += len(t.pending.Key) + len(t.pending.Value)
	}
	return size
}

// settle returns key's head, nil if there is none in memory, and whether the key is there, after removing it if its time is over.
func (t *Tx) settle(key []byte) (h *head, there bool) {
	h = t.head(key)
	if h == nil || !h.exists {
		return h, false
	}
	if h.value.expired(t.now) {
		t.drop(h, key, wal.CauseExpire, 0)
		return h, false
	}
	return h, true
}

// set writes value, a string, to key and emits the effect. value.Data is kept.
func (t *Tx) set(key []byte, value Value, marks wal.Marks) {
	h, there := t.settle(key)
	if there && h.value.object() != 0 {
		t.drop(h, key, t.cause, marks&wal.MarkRename)
		there = false
	}
	prev := int64(0)
	if there {
		prev = h.value.ExpireAt
	} else {
		marks |= wal.MarkCreated
		if h == nil {
			h = t.store.hot.add(key, Value{}, false)
		}
	}
	if value.Raw {
		marks |= wal.MarkRaw
	}
	if value.Text {
		marks |= wal.MarkText
	}
	t.write(h, value, true, nil)
	t.emit(&wal.Effect{Op: wal.OpSet, Cause: t.cause, Marks: marks, Key: key, Value: value.Data,
		ExpireAt: value.ExpireAt, PrevExpireAt: prev})
}

// remove deletes key if it is there.
func (t *Tx) remove(key []byte, cause wal.Cause, marks wal.Marks) bool {
	h, ok := t.settle(key)
	if ok {
		t.drop(h, key, cause, marks)
	}
	return ok
}

// drop deletes what h holds.
func (t *Tx) drop(h *head, key []byte, cause wal.Cause, marks wal.Marks) {
	prev := h.value.ExpireAt
	if cause == wal.CauseExpire {
		t.store.tally.Expired++
	}
	e := ofObject(h, wal.Effect{Op: wal.OpDel, Cause: cause, Marks: marks, Key: key, PrevExpireAt: prev})
	t.write(h, Value{}, false, nil)
	t.emit(&e)
}

// slot returns the head to write key into; the key is not there.
func (t *Tx) slot(key []byte) *head {
	if h := t.store.hot.find(key); h != nil {
		return h
	}
	return t.store.hot.add(key, Value{}, false)
}

// write changes a head and keeps what is needed to undo it.
func (t *Tx) write(h *head, value Value, exists bool, m *elements) {
	s := t.store
	t.undo = append(t.undo, undo{head: h, value: h.value, exists: h.exists, record: h.record, elements: h.elements})
	s.counts.change(h.exists, h.value.ExpireAt != 0, -1)
	s.counts.change(exists, value.ExpireAt != 0, +1)
	h.used, h.unit = t.now, t.unit
	s.hot.write(h, value, exists, m, s.open)
	if !t.hushed {
		s.touch(h.key, exists, t.origin)
	}
	t.dependOn(s.open)
}

// emit adds an effect to the unit. One on a collection is encoded only when the next one is known. It keeps nothing of e but the slices
// of such a one.
func (t *Tx) emit(e *wal.Effect) {
	t.settlePending(e)
	if t.effects == 0 {
		e.Marks |= wal.MarkFirst
		if len(t.client) > 0 {
			e.Marks |= wal.MarkClient
			e.Client = t.client
		}
	}
	if e.Op != wal.OpFlush {
		e.Slot = slot.Of(e.Key)
	}
	e.Command = t.command
	if e.Op.Collection() {
		t.pending = *e
	} else {
		t.encode(e)
	}
	t.store.newest = t.store.open
	t.effects++
}

func (t *Tx) encode(e *wal.Effect) {
	t.last = len(*t.out)
	*t.out = wal.AppendEffect(*t.out, e)
}

// settlePending encodes the pending effect, if there is one, which next follows if it is not nil. If next says what becomes of the same
// collection, the pending one need not.
func (t *Tx) settlePending(next *wal.Effect) {
	if t.pending.Op == 0 {
		return
	}
	if t.topped && (next == nil || !next.Op.Collection() || next.Object != t.pending.Object || t.pending.Op == wal.OpXSetID) {
		t.room.header = appendHeader(t.room.header[:0], &t.top) // encoded at once
		t.pending.Head = t.room.header
		t.topped = false
	}
	t.encode(&t.pending)
	t.pending.Op = 0
}

// Commit ends the unit: its effects now stand whole in the open record.
func (t *Tx) Commit() {
	if t.effects > 0 {
		t.settlePending(nil)
		wal.MarkEffectLast((*t.out)[t.last:])
	}
	t.release()
}

// release forgets what the unit held, so that the Tx can be used again.
func (t *Tx) release() {
	clear(t.undo)
	t.undo = t.undo[:0]
	t.pending, t.top, t.topped, t.created = wal.Effect{}, Value{}, false, false
	t.keyed, t.key = nil, nil
	t.room.reset()
	t.store.hot.spot.elements = nil
}

// Rollback undoes the whole unit, newest change first, and takes its effects out of the open record.
func (t *Tx) Rollback() {
	t.undoTo(0)
	s := t.store
	s.counts, s.flushed, s.newest = t.counts, t.flushed, t.newest
	*t.out = (*t.out)[:t.start]
	t.effects = 0
	t.release()
}

// undoTo undoes what was done since the first so many steps, newest change first.
func (t *Tx) undoTo(steps int) {
	s := t.store
	for i := len(t.undo) - 1; i >= steps; i-- {
		u := &t.undo[i]
		if u.isRow {
			t.undoRow(u)
			continue
		}
		if u.hot != nil {
			s.hot = u.hot
			continue
		}
		s.hot.write(u.head, u.value, u.exists, u.elements, u.record)
		u.head.unit = 0
		if u.head.stub {
			s.hot.forget(u.head)
		}
	}
}

// Savepoint is a moment within a unit.
type Savepoint struct {
	undo, out, last, effects int
	counts                   counts
	flushed, newest          uint64
}

// Save returns a moment that RollbackTo can go back to, before the unit ends.
func (t *Tx) Save() Savepoint {
	t.settlePending(nil)
	s := t.store
	s.units++
	t.unit = s.units // what has changed before it is kept once more when it changes again
	return Savepoint{undo: len(t.undo), out: len(*t.out), last: t.last, effects: t.effects, counts: s.counts, flushed: s.flushed, newest: s.newest}
}

// RollbackTo undoes what the unit has done since the moment p. Moments after p are no more.
func (t *Tx) RollbackTo(p Savepoint) {
	t.undoTo(p.undo)
	clear(t.undo[p.undo:])
	t.undo = t.undo[:p.undo]
	s := t.store
	s.counts, s.flushed, s.newest = p.counts, p.flushed, p.newest
	t.seen = min(t.seen, s.newest) // what is undone now need not be waited for
	*t.out = (*t.out)[:p.out]
	t.last, t.effects = p.last, p.effects
	t.pending, t.top, t.topped, t.created = wal.Effect{}, Value{}, false, false
	t.keyed, t.key = nil, nil
	s.hot.spot.elements = nil
}

// clone copies b; the copy of nothing is an empty slice.
func clone(b []byte) []byte {
	return append(make([]byte, 0, len(b)), b...)
}
