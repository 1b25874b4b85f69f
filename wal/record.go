package wal

import "time"

// Seq is a record's number in its log: the sequence that JetStream gives its message. The first is 1.
type Seq uint64

// Epoch is a primary's term in a log. The first is 1.
type Epoch uint64

// Incarnation identifies one life of a log: it changes when a log is refounded.
type Incarnation [16]byte

// NodeID is a node's identity: the 20 bytes that CLUSTER MYID shows as 40 hexadecimal digits.
type NodeID [20]byte

// Kind says what a record is for.
type Kind uint8

// The kinds of records. Their numbers are part of the format and never change.
const (
	KindData     Kind = 1 // effects
	KindEpoch    Kind = 2 // a primary's term begins; no body
	KindLease    Kind = 3 // the primary still leads: nothing was written, but something was read; no body
	KindHandover Kind = 4 // the primary's term ends; the body is the heir's NodeID, all zero when any may lead
)

// Part says where a message stands in a record body that is larger than one message.
type Part uint8

// A record that fits into one message is both First and Last. Effects are applied only when the Last
// part has come (I8); parts without their Last are dropped when the epoch changes.
const (
	PartFirst Part = 1 << 0
	PartLast  Part = 1 << 1
)

// Header is what precedes a record's body. Chain is the checksum over Prev, the header and the body,
// and the next record's Prev: it binds the whole log together (I4).
type Header struct {
	Kind        Kind
	Part        Part
	Incarnation Incarnation
	Epoch       Epoch
	Index       uint64 // number of the record in its epoch; the EPOCH record has 0
	Primary     NodeID
	CommitMS    int64 // the primary's clock when it sealed the record, Unix milliseconds
	Prev        uint64
	Chain       uint64
}

// Time returns when the primary sealed the record.
func (h *Header) Time() time.Time { return time.UnixMilli(h.CommitMS) }

// Record is one message of the log. Body aliases the bytes that it was decoded from.
type Record struct {
	Header
	Body []byte
}

// Position says how far a reader has come in a log: the last record it has taken and what the next one
// must continue. The zero Position stands before the first record of an unknown log.
type Position struct {
	Incarnation Incarnation
	Seq         Seq
	Epoch       Epoch
	Index       uint64
	Chain       uint64
	CommitMS    int64
}
