package nemesis

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// What wal/FORMAT.md says of records, read anew from that page: this reader shares no code with the product.
const (
	recordHeader  = 88
	recordData    = 1
	recordEpoch   = 2
	partFirst     = 1
	partLast      = 2
	effectSet     = 1
	effectDel     = 2
	effectExpire  = 3
	effectPersist = 4
	effectFlush   = 5
	markFirst     = 1
	markLast      = 2
)

var errRecord = errors.New("not a record as FORMAT.md has it")

// logRecord is one record.
type logRecord struct {
	kind, part   byte
	incarnation  [16]byte
	epoch, index uint64
	prev, chain  uint64
	body         []byte
}

func parseRecord(b []byte) (r logRecord, err error) {
	if len(b) < recordHeader || string(b[:3]) != "SL\x01" || int(binary.BigEndian.Uint32(b[68:])) != len(b)-recordHeader {
		return r, fmt.Errorf("%w: %d bytes that begin with %x", errRecord, len(b), b[:min(8, len(b))])
	}
	return logRecord{
		kind: b[3], part: b[4], incarnation: [16]byte(b[8:24]), epoch: binary.BigEndian.Uint64(b[24:]), index: binary.BigEndian.Uint64(b[32:]),
		prev: binary.BigEndian.Uint64(b[72:]), chain: binary.BigEndian.Uint64(b[80:]), body: b[recordHeader:],
	}, nil
}

// logEffect is one fact of a body.
type logEffect struct {
	op, marks  byte
	slot       int
	key, value string
}

// bodyReader takes a body apart.
type bodyReader struct {
	rest   []byte
	broken bool
}

func (r *bodyReader) take(n uint64) []byte {
	if r.broken || n > uint64(len(r.rest)) {
		r.broken = true
		return make([]byte, min(n, 8))
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *bodyReader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.broken = true
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// parseEffects reads a whole body.
func parseEffects(body []byte) ([]logEffect, error) {
	var all []logEffect
	r := bodyReader{rest: body}
	for len(r.rest) > 0 && !r.broken {
		fixed := r.take(5)
		e := logEffect{op: fixed[0], marks: fixed[2], slot: int(binary.BigEndian.Uint16(fixed[3:]))}
		if n := r.number(); n > 1 {
			r.take(n - 1) // the command's name
		}
		if e.op != effectFlush {
			e.key = string(r.take(r.number()))
			r.number() // when it would have expired
		}
		if e.op == effectSet || e.op == effectExpire {
			r.number() // when it expires
		}
		if e.op == effectSet {
			e.value = string(r.take(r.number()))
		}
		all = append(all, e)
	}
	if r.broken {
		return nil, fmt.Errorf("%w: a body of %d bytes", errRecord, len(body))
	}
	return all, nil
}
