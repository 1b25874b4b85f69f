package wal

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/cespare/xxhash/v2"
)

// HeaderSize is the number of bytes that precede a record's body in its message.
const HeaderSize = 88

// MaxMessage is the largest message that a Log must take, header included.
const MaxMessage = 8<<20 - 4096

// version is the format that this code writes, and the newest that it reads.
const version = 1

// Where the header's fields stand (FORMAT.md). All numbers are big-endian.
const (
	offMagic       = 0 // "SL"
	offVersion     = 2
	offKind        = 3
	offPart        = 4
	offReserved    = 5 // three zero bytes
	offIncarnation = 8
	offEpoch       = 24
	offIndex       = 32
	offCommit      = 40
	offPrimary     = 48
	offBodyLength  = 68
	offPrev        = 72
	offChain       = 80
)

// SealRecord makes the message of a record in place: buf is HeaderSize bytes of any content followed
// by the body. It writes the header h, computes the chain over it and the body, and sets h.Chain to
// it. Two calls with the same h and body make the same bytes. It keeps nothing.
func SealRecord(buf []byte, h *Header) {
	if len(buf) < HeaderSize || len(buf)-HeaderSize > math.MaxUint32 {
		panic("wal: a record needs room for its header and a body below 4 GiB")
	}
	b := buf[:HeaderSize]
	b[offMagic], b[offMagic+1], b[offVersion] = 'S', 'L', version
	b[offKind], b[offPart] = byte(h.Kind), byte(h.Part)
	clear(b[offReserved:offIncarnation])
	copy(b[offIncarnation:], h.Incarnation[:])
	binary.BigEndian.PutUint64(b[offEpoch:], uint64(h.Epoch))
	binary.BigEndian.PutUint64(b[offIndex:], h.Index)
	binary.BigEndian.PutUint64(b[offCommit:], uint64(h.CommitMS))
	copy(b[offPrimary:], h.Primary[:])
	binary.BigEndian.PutUint32(b[offBodyLength:], uint32(len(buf)-HeaderSize))
	binary.BigEndian.PutUint64(b[offPrev:], h.Prev)
	h.Chain = checksum(buf)
	binary.BigEndian.PutUint64(b[offChain:], h.Chain)
}

// DecodeRecord reads the message b. It verifies all that a record says about itself: magic, version,
// length, chain over header and body, and that its fields are ones that this version knows. Whether it
// follows the record before it is Position.Next's question. The error is ErrNotRecord, ErrNewer or
// ErrDamaged. The record's body aliases b; nothing is allocated.
func DecodeRecord(b []byte) (Record, error) {
	if len(b) < 3 || b[offMagic] != 'S' || b[offMagic+1] != 'L' || b[offVersion] == 0 {
		return Record{}, ErrNotRecord
	}
	if b[offVersion] > version {
		return Record{}, fmt.Errorf("%w: format %d, this reads up to %d", ErrNewer, b[offVersion], version)
	}
	if len(b) < HeaderSize {
		return Record{}, fmt.Errorf("%w: %d bytes are less than a header", ErrDamaged, len(b))
	}
	if n := binary.BigEndian.Uint32(b[offBodyLength:]); uint64(n) != uint64(len(b)-HeaderSize) {
		return Record{}, fmt.Errorf("%w: body of %d bytes instead of %d", ErrDamaged, len(b)-HeaderSize, n)
	}
	r := Record{Header: header(b), Body: b[HeaderSize:]}
	if sum := checksum(b); sum != r.Chain {
		return Record{}, fmt.Errorf("%w: chain is %016x, should be %016x", ErrDamaged, r.Chain, sum)
	}
	if err := r.check(b); err != nil {
		return Record{}, err
	}
	return r, nil
}

// header reads the fields of a message of at least HeaderSize bytes.
func header(b []byte) Header {
	return Header{
		Kind:        Kind(b[offKind]),
		Part:        Part(b[offPart]),
		Incarnation: Incarnation(b[offIncarnation:offEpoch]),
		Epoch:       Epoch(binary.BigEndian.Uint64(b[offEpoch:])),
		Index:       binary.BigEndian.Uint64(b[offIndex:]),
		CommitMS:    int64(binary.BigEndian.Uint64(b[offCommit:])),
		Primary:     NodeID(b[offPrimary:offBodyLength]),
		Prev:        binary.BigEndian.Uint64(b[offPrev:]),
		Chain:       binary.BigEndian.Uint64(b[offChain:]),
	}
}

// check judges the fields of a record whose bytes are intact: what is unknown was written by a newer
// version.
func (r *Record) check(b []byte) error {
	switch {
	case r.Kind < KindData || r.Kind > KindHandover:
		return fmt.Errorf("%w: kind %d", ErrNewer, r.Kind)
	case r.Part&^(PartFirst|PartLast) != 0 || b[offReserved]|b[offReserved+1]|b[offReserved+2] != 0:
		return fmt.Errorf("%w: unknown marks", ErrNewer)
	case r.Epoch == 0:
		return fmt.Errorf("%w: epoch 0", ErrDamaged)
	case r.Kind == KindEpoch && (r.Index != 0 || len(r.Body) != 0 || r.Part != PartFirst|PartLast):
		return fmt.Errorf("%w: an EPOCH record with index %d, part %d and %d bytes", ErrDamaged, r.Index, r.Part, len(r.Body))
	case r.Kind != KindEpoch && r.Index == 0:
		return fmt.Errorf("%w: index 0 is the EPOCH record's", ErrDamaged)
	case r.Kind == KindLease && (len(r.Body) != 0 || r.Part != PartFirst|PartLast):
		return fmt.Errorf("%w: a LEASE record with part %d and %d bytes", ErrDamaged, r.Part, len(r.Body))
	case r.Kind == KindHandover && (len(r.Body) != len(NodeID{}) || r.Part != PartFirst|PartLast):
		return fmt.Errorf("%w: a HANDOVER record with part %d and %d bytes", ErrDamaged, r.Part, len(r.Body))
	}
	return nil
}

// Heir returns whom a HANDOVER record names, the zero NodeID when any node may lead, and whether r is such a record.
func (r *Record) Heir() (heir NodeID, handover bool) {
	if r.Kind != KindHandover {
		return heir, false
	}
	return NodeID(r.Body), true
}

// checksum is the chain of the message b: XXH64 of the header before the chain field, and the body.
// The previous record's chain is among those bytes, so it stands for all records before this one.
func checksum(b []byte) uint64 {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.Write(b[:offChain])
	_, _ = d.Write(b[HeaderSize:])
	return d.Sum64()
}
