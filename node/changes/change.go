package changes

import (
	"shiplog/partitions/slot"
	"shiplog/wal"
)

// Change is an effect as a reader sees it: one fact, with where it stands. Its Effect, and the slices in it, belong to the body that it
// comes from: they stay as they are, and are not to be changed.
type Change struct {
	Partition   int
	Incarnation wal.Incarnation
	Sequence    wal.Seq // of the record in which its body begins
	Index       int     // among the effects of the body, from 0
	Unit        int     // the Index of the first effect of its unit
	Epoch       wal.Epoch
	CommitMS    int64  // the primary's clock when it sealed the record, Unix milliseconds
	Snapshot    bool   // no effect but a part of a state (FORMAT.md)
	Client      []byte // what the client whose unit it is calls itself, if the log says it
	Effect      wal.Effect
}

// First and Last tell whether the change is the first, the last of its unit.
func (c *Change) First() bool { return c.Effect.Marks&wal.MarkFirst != 0 }

// Last tells whether the change is the last of its unit.
func (c *Change) Last() bool { return c.Effect.Marks&wal.MarkLast != 0 }

// Op is the operation's name.
func (c *Change) Op() string { return c.Effect.Op.String() }

// Slot is the hash slot of the key.
func (c *Change) Slot() slot.ID { return c.Effect.Slot }

// The types of changes. What is done to a key as a whole does not say what kind of collection it was.
const (
	TypeString     = "string"
	TypeHash       = "hash"
	TypeList       = "list"
	TypeSet        = "set"
	TypeZSet       = "zset"
	TypeStream     = "stream"
	TypeCollection = "collection" // del, expire, persist, rename of any but a string
	TypeAll        = "all"        // flush
)

// Type is the type of the value that the change is about.
func (c *Change) Type() string { return typeOf(&c.Effect) }

func typeOf(e *wal.Effect) string {
	switch op := e.Op; {
	case op == wal.OpFlush:
		return TypeAll
	case op == wal.OpRename || e.Marks&wal.MarkObject != 0:
		return TypeCollection
	case op <= wal.OpPersist:
		return TypeString
	case op <= wal.OpHExpire:
		return TypeHash
	case op <= wal.OpSRem:
		return TypeSet
	case op <= wal.OpZRem:
		return TypeZSet
	case op <= wal.OpLRem:
		return TypeList
	default:
		return TypeStream
	}
}

// causeOf names a cause.
func causeOf(c wal.Cause) string {
	switch c {
	case wal.CauseClient:
		return "client"
	case wal.CauseExpire:
		return "expire"
	case wal.CauseEvict:
		return "evict"
	case wal.CauseFlush:
		return "flush"
	case wal.CauseScript:
		return "script"
	default:
		return "migrate"
	}
}
