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
)

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
)

// Effect is one fact inside a record: what changed, where and why. Everything in it is resolved, so
// that applying it needs no clock, no random number and no command code (I7).
//
// Times are Unix milliseconds; 0 means "none". PrevExpireAt is the expiry that the key had before the
// effect: it lets an index of expiries be kept without reading the state. Command is the upper-case
// name of the command that caused the unit, empty when the engine itself did.
//
// Key and Value of a decoded effect alias the bytes that it was decoded from.
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
}
