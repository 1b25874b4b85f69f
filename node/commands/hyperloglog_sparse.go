package commands

import (
	"bytes"
	"fmt"
	"slices"
)

// run is a number of registers that are equal. A sparse sketch is a row of runs that has 16,384 registers in all. Each is one
// of
//
//	00llllll            1 to 64 registers are 0: l+1
//	01llllll llllllll   1 to 16,384 registers are 0: l+1
//	1vvvvvll            1 to 4 registers, l+1, are 1 to 32: v+1
type run struct {
	rank   byte
	length int
	size   int // of its bytes
}

// What the kinds of runs can say at most.
const (
	longestShortZero = 64
	longestRank      = 4
	highestRank      = 32
)

// readRun reads the run that b begins with. There must be a byte; a second that is missing is 0.
func readRun(b []byte) run {
	first := b[0]
	switch {
	case first&0x80 != 0:
		return run{rank: first>>2&31 + 1, length: int(first&3) + 1, size: 1}
	case first&0x40 == 0:
		return run{length: int(first&63) + 1, size: 1}
	case len(b) == 1:
		return run{length: int(first&63)<<8 + 1, size: 2}
	default:
		return run{length: int(first&63)<<8 + int(b[1]) + 1, size: 2}
	}
}

// appendRun appends r, in the shortest way, if it has any registers.
func appendRun(b []byte, r run) []byte {
	length := r.length - 1
	switch {
	case length < 0:
		return b
	case r.rank > 0:
		return append(b, 0x80|(r.rank-1)<<2|byte(length))
	case r.length <= longestShortZero:
		return append(b, byte(length))
	default:
		return append(b, 0x40|byte(length>>8), byte(length))
	}
}

// eachRun calls fn for every run of a sparse sketch, until it returns false.
func (s sketch) eachRun(fn func(r run) bool) {
	for b := s[registersAt:]; len(b) > 0; {
		r := readRun(b)
		if !fn(r) {
			return
		}
		b = b[min(r.size, len(b)):]
	}
}

// mergeSparse is mergeInto for a sparse sketch.
func (s sketch) mergeSparse(into *registers) bool {
	at := 0
	s.eachRun(func(r run) bool {
		begin := at
		at += r.length
		if at > registerCount {
			return false
		}
		for i := begin; r.rank > 0 && i < at; i++ {
			into[i] = max(into[i], r.rank)
		}
		return true
	})
	return at == registerCount
}

// sparseCounts counts the registers of a sparse sketch; false when they make no sense.
func (s sketch) sparseCounts() (h rankCounts, ok bool) {
	total := 0
	s.eachRun(func(r run) bool {
		h[r.rank] += r.length
		total += r.length
		return true
	})
	return h, total == registerCount
}

// describe writes the runs of a sparse sketch as PFDEBUG DECODE shows them.
func (s sketch) describe() []byte {
	var out []byte
	s.eachRun(func(r run) bool {
		switch {
		case r.rank > 0:
			out = fmt.Appendf(out, "v:%d,%d ", r.rank, r.length)
		case r.size == 1:
			out = fmt.Appendf(out, "z:%d ", r.length)
		default:
			out = fmt.Appendf(out, "Z:%d ", r.length)
		}
		return true
	})
	return bytes.TrimSuffix(out, []byte(" "))
}

// runPlace is where a run stands.
type runPlace struct {
	at     int // the run's first byte in the sketch
	before int // the first byte of the run before it, or its own
	first  int // the run's first register
}

// locate finds the run that has a register, and the place of the one before it. It begins at from, which must not be behind.
func (s sketch) locate(register int, from runPlace) (p, last runPlace, r run, ok bool) {
	p, last = from, from
	for p.at < len(s) {
		r = readRun(s[p.at:])
		if register < p.first+r.length {
			return p, last, r, p.at+r.size <= len(s)
		}
		last = p
		p = runPlace{at: p.at + r.size, before: p.at, first: p.first + r.length}
	}
	return p, last, r, false
}

// raiseSparse is raise for a sparse sketch. It divides runs, and joins them again, as Redis does, so that the same elements in the
// same order make the same bytes.
func (e *sketchEdit) raiseSparse(register int, rank byte) bool {
	if rank > highestRank {
		return e.raisePromoted(register, rank)
	}
	if register < e.near.first || e.near.at == 0 {
		e.near = runPlace{at: registersAt, before: registersAt}
	}
	p, last, old, ok := e.data.locate(register, e.near)
	if !ok || old.rank >= rank {
		return ok
	}
	e.near = last
	var buf [5]byte
	runs := appendRun(buf[:0], run{rank: old.rank, length: register - p.first})
	runs = appendRun(runs, run{rank: rank, length: 1})
	runs = appendRun(runs, run{rank: old.rank, length: p.first + old.length - 1 - register})
	if more := len(runs) - old.size; more > 0 && int64(len(e.data)+more) > e.maxSparse {
		return e.raisePromoted(register, rank)
	}
	e.change()
	e.data = slices.Replace(e.data, p.at, p.at+old.size, runs...)
	e.data = e.data.join(p.before)
	return true
}

// raisePromoted is raise for a sparse sketch that must become dense.
func (e *sketchEdit) raisePromoted(register int, rank byte) bool {
	if !e.promote() {
		return false
	}
	e.data.setDense(register, max(rank, e.data.denseRegister(register)))
	return true
}

// joinedRuns is how many runs Redis looks at to join them after a change.
const joinedRuns = 5

// join makes one of neighbouring runs of the same rank, from the run at the byte at on: as many as one change can
// have divided. Runs of zeros stay.
func (s sketch) join(at int) sketch {
	for looks := joinedRuns; at < len(s) && looks > 0; looks-- {
		r := readRun(s[at:])
		if at += r.size; r.rank == 0 || at >= len(s) {
			continue
		}
		next := readRun(s[at:])
		if next.rank == r.rank && r.length+next.length <= longestRank {
			at--
			appendRun(s[at:at], run{rank: r.rank, length: r.length + next.length})
			s = slices.Delete(s, at+1, at+2)
		}
	}
	return s
}
