package wal

import "shiplog/partitions/slot"

// Op says what an effect does to its key.
type Op uint8

// The operations. Their numbers are part of the format (FORMAT.md) and never change.
const (
	OpSet     Op = 1 // the key is now this string, with this expiry
	OpDel     Op = 2 // the key is gone
	OpExpire  Op = 3 // the key now expires at ExpireAt
	OpPersist Op = 4 // the key no longer expires
	OpFlush   Op = 5 // every key of the partition is gone

	OpHSet    Op = 6 // the hash's Field is now Value, with this expiry
	OpHDel    Op = 7 // the hash's Field is gone
	OpHExpire Op = 8 // the hash's Field now expires at ExpireAt, 0: never

	OpSAdd Op = 9  // the set now has Field
	OpSRem Op = 10 // the set no longer has Field
	OpZAdd Op = 11 // the sorted set's Field now has Score
	OpZRem Op = 12 // the sorted set no longer has Field

	OpLPush   Op = 13 // Value is the list's new first element
	OpRPush   Op = 14 // Value is the list's new last element
	OpLPop    Op = 15 // the first Count elements are gone
	OpRPop    Op = 16 // the last Count elements are gone
	OpLSet    Op = 17 // the element at Index is now Value
	OpLInsert Op = 18 // Value is a new element, and stands at Index
	OpLRem    Op = 19 // the element at Index is gone

	OpXAdd        Op = 20 // the stream has a new entry ID with the fields and values that Value holds (StreamFields)
	OpXDel        Op = 21 // the entry ID is gone
	OpXTrim       Op = 22 // the Count oldest entries are gone; ID was the last of them
	OpXGroup      Op = 23 // the group Field is there; it has delivered up to ID, Index entries by its count (-1: not known)
	OpXUngroup    Op = 24 // the group Field is gone, with all that it knew
	OpXConsumer   Op = 25 // the group's consumer Who is there; last seen At, last active at Active
	OpXUnconsumer Op = 26 // the group's consumer Who is gone, for whom nothing is pending any more
	OpXPend       Op = 27 // the entry ID is pending for Who of the group, delivered At, Count times; Index says for whom before
	OpXAck        Op = 28 // the entry ID, pending for Who, is no longer pending in the group
	OpXSetID      Op = 29 // nothing but what Head says

	OpRename Op = 30 // the collection, with its expiry, is now at the key To
)

// opLast is the highest operation that version 1 has so far.
const opLast = OpRename

// String is the operation's name in FORMAT.md.
func (o Op) String() string {
	return nameOf(int(o), "set", "del", "expire", "persist", "flush",
		"hset", "hdel", "hexpire", "sadd", "srem", "zadd", "zrem",
		"lpush", "rpush", "lpop", "rpop", "lset", "linsert", "lrem",
		"xadd", "xdel", "xtrim", "xgroup", "xungroup", "xconsumer", "xunconsumer", "xpend", "xack", "xsetid", "rename")
}

// Collection tells whether the operation changes a collection's elements.
func (o Op) Collection() bool { return o >= OpHSet && o <= OpXSetID }

// Cause says why an effect happened.
type Cause uint8

// The causes. Their numbers are part of the format and never change.
const (
	CauseClient  Cause = 1
	CauseExpire  Cause = 2
	CauseEvict   Cause = 3
	CauseFlush   Cause = 4
	CauseScript  Cause = 5
	CauseMigrate Cause = 6
)

// Marks are the yes-or-no facts of an effect.
type Marks uint8

// The marks. Their bits are part of the format and never change.
const (
	MarkFirst   Marks = 1 << 0 // first effect of its unit
	MarkLast    Marks = 1 << 1 // last effect of its unit
	MarkCreated Marks = 1 << 2 // the key did not exist before this effect
	MarkRename  Marks = 1 << 3 // one half of a rename
	MarkRaw     Marks = 1 << 4 // the string was made in place (APPEND, SETRANGE): encoding "raw"
	MarkText    Marks = 1 << 5 // the string is text even where it looks like an integer (INCRBYFLOAT): encoding "embstr"
	MarkClient  Marks = 1 << 6 // Client names the client whose unit it is; only with MarkFirst
	MarkObject  Marks = 1 << 7 // the key was a collection: Object says which (OpDel, OpExpire, OpPersist)
)

// Effect is one fact inside a record: what changed, where and why. Everything in it is resolved, so
// that applying it needs no clock, no random number and no command code (I7).
//
// Times are Unix milliseconds; 0 means "none". PrevExpireAt is the expiry that the key had before the
// effect: it lets an index of expiries be kept without reading the state. Command is the upper-case
// name of the command that caused the unit, empty when the engine itself did.
//
// An effect on a collection names its elements by what a client knows of them: fields, members with their scores, places
// counted from the list's ends, entries' ids. What only the engine needs is Object, which collection it is; Place, where
// an element of a list is stored; and Head, what is kept of the collection as a whole after the effect. Head is empty when the effect
// leaves that as it was, or when a later effect on the same key in the same unit says it.
//
// In effects on a hash's fields the two expiries are the field's, and At is the earliest of all its fields before the effect: it lets an
// index of hashes by what expires first be kept without reading the state.
//
// The slices of a decoded effect alias the bytes that it was decoded from.
type Effect struct {
	Op           Op
	Cause        Cause
	Marks        Marks
	Slot         slot.ID
	Command      string
	Key          []byte
	Value        []byte
	ExpireAt     int64
	PrevExpireAt int64

	Whole
	Field []byte // a field, a member, a group
	Who   []byte // a consumer
	Place []byte
	Score float64
	Prev  []byte // the score before as 8 bytes, big-endian IEEE 754; empty: the member is new
	Index int64
	Count int64
	At    int64
	ID    StreamID
	Rare
}

// Rare is what few effects have.
type Rare struct {
	Client []byte // with MarkClient: what the client calls itself (CLIENT SETNAME)
	Active int64  // with OpXConsumer
}

// Whole is what an effect says of the collection as a whole.
type Whole struct {
	Object uint64 // its home slot << 48 | its number in the partition
	Head   []byte
	To     []byte // the key that it has moved to
}
