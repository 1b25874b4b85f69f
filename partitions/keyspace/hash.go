package keyspace

import "shiplog/wal"

// Hash is a hash as a command sees it. It is valid as long as the View or Tx that it comes from, and as long as nobody else changes
// the key. A Hash of a key that is not there is empty. A field whose time is over is not there, but for Len.
type Hash struct {
	v     *View
	t     *Tx // nil: for reading
	key   []byte
	h     *head // nil: the key is not there
	top   top
	timed timedFields
}

// flagTimed says in the top of a hash that a field has had a deadline: since 7.4 Redis has an encoding of its own for that.
const flagTimed byte = 1 << 1

// Field is what a hash has at a field.
type Field struct {
	Value []byte // nobody may change it
	At    int64  // when the field expires, Unix milliseconds; 0: never
}

// ReadHash returns the hash at key; not ok when the key holds another type.
func (v *View) ReadHash(key []byte) (s Hash, ok bool) {
	h, ok := v.look(key, TypeHash)
	s = Hash{v: v, key: key}
	if h != nil && ok {
		s.open(h)
	}
	return s, ok
}

// WriteHash returns the hash at key for changing it; not ok when the key holds another type.
func (t *Tx) WriteHash(key []byte) (s Hash, ok bool) {
	h, there := t.settle(key)
	s = Hash{v: &t.View, t: t, key: key}
	if !there {
		return s, true
	}
	if h.value.Type != TypeHash {
		return s, false
	}
	s.open(h)
	return s, true
}

func (s *Hash) open(h *head) {
	s.h, s.top = h, topOfHead(h)
	s.timed = parseTimed(s.top.rest)
}

// encoding is how Redis would keep the hash.
func (s *Hash) encoding() string {
	switch {
	case s.top.flags&flagBig != 0:
		return "hashtable"
	case s.top.flags&flagTimed != 0:
		return "listpackex"
	default:
		return "listpack"
	}
}

// Packed tells whether the hash has its small encoding, which Redis shows as a whole where others are shown in parts.
func (s *Hash) Packed() bool { return s.top.flags&flagBig == 0 }

// There tells whether the key is there. All of its fields may be over.
func (s *Hash) There() bool { return s.h != nil }

// Len returns the number of fields, with those whose time is over and that are not yet removed.
func (s *Hash) Len() int64 { return s.top.count }

// Get returns what the hash has at a field.
func (s *Hash) Get(name []byte) (f Field, ok bool) {
	if s.h == nil {
		return f, false
	}
	f.At = s.deadline(name)
	if f.over(s.v.now) {
		return Field{}, false
	}
	f.Value, ok = s.v.row(s.h, appendMember(make([]byte, 0, 64), name))
	return f, ok
}

// over tells whether the field's time is over, as it does for keys.
func (f *Field) over(now int64) bool { return f.At != 0 && f.At < now }

// Each calls fn with the fields, in no order that means anything, until fn returns false. The name is valid only during the call;
// nobody may change the value.
func (s *Hash) Each(fn func(name, value []byte) bool) {
	if s.h == nil {
		return
	}
	over, lasts := s.overdue(), s.v.elements(s.h).whole
	s.v.eachMember(s.h, func(name, value []byte) bool {
		if over[string(name)] {
			return true
		}
		if !lasts {
			value = clone(value) // it is Pebble's
		}
		return fn(name, value)
	})
}

// Scan calls fn as Each does with the fields from cursor on, looks at count of them or a few more, and returns the cursor to go on with, 0
// at the end. A field that is there from the first call of a walk to its last is shown.
func (s *Hash) Scan(cursor uint64, count int, fn func(name, value []byte)) (next uint64) {
	if s.h == nil {
		return 0
	}
	over := s.overdue()
	return s.v.scanMembers(s.h, cursor, count, func(name, value []byte) {
		if !over[string(name)] {
			fn(name, clone(value))
		}
	})
}

// Walk begins a walk over all fields for a reply that is made piece by piece, and returns how many there are. It is not ok when some
// of them are over: then the hash is to be read at once.
func (s *Hash) Walk() (w *Walk, count int64, ok bool) {
	if s.h == nil || s.timed.someOver(s.v.now) {
		return nil, 0, false
	}
	return s.v.walk(s.h, []byte{areaMember}, areaEnd(areaMember), memberPrefix, false), s.top.count, true
}

// Set gives a field a value and an expiry, 0 for none, and tells whether the field is new. Name and value must stay as they are until
// the unit ends; at must not be over. limits say when Redis would change the encoding.
func (s *Hash) Set(name, value []byte, at int64, limits PackLimits) (fresh bool) {
	old, there := s.settle(name)
	if s.h == nil {
		s.open(s.t.create(s.key, TypeHash))
	}
	if !there {
		s.top.count++
	}
	if s.top.count > limits.Entries || int64(max(len(name), len(value))) > limits.Value {
		s.top.flags |= flagBig
	}
	s.write(wal.Effect{Op: wal.OpHSet, Field: name, Value: value, ExpireAt: at, PrevExpireAt: old.At})
	return !there
}

// Expire makes a field, which is there, expire at the given Unix millisecond, or never when it is 0.
func (s *Hash) Expire(name []byte, at int64) {
	old, there := s.settle(name)
	if there && old.At != at {
		s.write(wal.Effect{Op: wal.OpHExpire, Field: name, ExpireAt: at, PrevExpireAt: old.At})
	}
}

// Remove takes a field out of the hash and returns what it was. The key goes with the last field.
func (s *Hash) Remove(name []byte) (old Field, there bool) {
	if old, there = s.settle(name); there {
		s.remove(name, old.At)
	}
	return old, there
}

func (s *Hash) remove(name []byte, at int64) {
	s.top.count--
	s.write(wal.Effect{Op: wal.OpHDel, Field: name, PrevExpireAt: at})
}

// settle is Get that removes the field if its time is over.
func (s *Hash) settle(name []byte) (f Field, there bool) {
	f, there = s.Get(name)
	if !there && s.h != nil && s.timed.someOver(s.v.now) {
		if at := s.deadline(name); at != 0 {
			s.removeOver(name, at)
		}
	}
	return f, there
}

// write writes an effect after which the hash is as s says, but for the fields that have deadlines.
func (s *Hash) write(e wal.Effect) {
	e.At = s.timed.first
	s.timed = s.retimed(&e)
	var buf [24]byte
	after := s.top
	after.rest = appendTimed(buf[:0], s.timed)
	s.t.element(s.h, e, &after)
	if after.count == 0 {
		*s = Hash{v: s.v, t: s.t, key: s.key}
	}
}

// copyHash makes the key to, which is not there, a copy of the hash at from.
func (t *Tx) copyHash(from *head, to []byte) {
	source := Hash{v: &t.View, t: t, key: []byte(from.key)}
	source.open(from)
	pairs := source.pairs()
	limits := PackLimits{Entries: int64(len(pairs)), Value: 1 << 62}
	if !source.Packed() {
		limits = PackLimits{}
	}
	copied := Hash{v: &t.View, t: t, key: to}
	for _, p := range pairs {
		copied.Set(p.name, p.value, source.deadline(p.name), limits)
	}
}

// mutateHash says what an effect on a hash means for its rows. Nobody counts them, so whether a row is new does not matter.
func mutateHash(e *wal.Effect, to rows, k *rowKeys) {
	sub := k.member(e.Field)
	switch e.Op {
	case wal.OpHSet:
		to.put(sub, e.Value, false)
	case wal.OpHDel:
		to.drop(sub)
	}
	mutateDeadline(e, sub, to)
}
