package commands

import (
	"math"

	"shiplog/node/reply"
)

// Milliseconds in the units that lifetimes are given in.
const (
	millisecond int64 = 1
	second      int64 = 1000
)

// parseInt reads a 64-bit integer as strictly as Redis does: an optional '-' and digits, no other sign, no
// leading zero, no space, no "-0". It does not allocate.
func parseInt(b []byte) (n int64, ok bool) {
	digits := b
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		digits = b[1:]
	}
	if len(digits) == 0 || digits[0] == '0' && len(b) > 1 {
		return 0, false
	}
	limit := uint64(math.MaxInt64)
	if negative {
		limit++
	}
	magnitude := uint64(0)
	for _, c := range digits {
		d := uint64(c) - '0'
		if d > 9 || magnitude > (limit-d)/10 {
			return 0, false
		}
		magnitude = magnitude*10 + d
	}
	if negative {
		return int64(-magnitude), true
	}
	return int64(magnitude), true
}

// parseInt32 reads an integer that Redis keeps in a C int: the number of a database.
func parseInt32(b []byte) (int32, *reply.Reply) {
	n, ok := parseInt(b)
	if !ok {
		return 0, refuse(reply.NotInteger())
	}
	if n < math.MinInt32 || n > math.MaxInt32 {
		return 0, refuse(reply.Errorf("ERR value is out of range, value must between %d and %d", math.MinInt32, math.MaxInt32))
	}
	return int32(n), nil
}

// parseDB reads the number of a database, of which there is only 0.
func parseDB(b []byte) *reply.Reply {
	n, refusal := parseInt32(b)
	if refusal == nil && n != 0 {
		refusal = refuse(reply.Error("ERR DB index is out of range"))
	}
	return refusal
}

// refuse makes a reply a refusal: what a function that checks arguments returns instead of nil.
func refuse(r reply.Reply) *reply.Reply { return &r }

// lifetime is what EX, PX, EXAT or PXAT asked for; the zero lifetime is none.
type lifetime struct {
	given    bool
	absolute bool
	unit     int64
	count    []byte
}

// read takes the option that words begins with and its value, and tells whether it could: only the last of equal
// options counts, different ones exclude each other.
func (l *lifetime) read(words Args) bool {
	if len(words) < 2 {
		return false
	}
	next := lifetime{given: true, count: words[1]}
	switch {
	case is(words[0], "ex"):
		next.unit = second
	case is(words[0], "px"):
		next.unit = millisecond
	case is(words[0], "exat"):
		next.unit, next.absolute = second, true
	case is(words[0], "pxat"):
		next.unit, next.absolute = millisecond, true
	default:
		return false
	}
	if l.given && (l.unit != next.unit || l.absolute != next.absolute) {
		return false
	}
	*l = next
	return true
}

// deadline returns when a key that is set at now expires, in Unix milliseconds, 0 for never. command is the name in
// the refusal.
func (l *lifetime) deadline(now int64, command string) (at int64, refusal *reply.Reply) {
	if !l.given {
		return 0, nil
	}
	n, ok := parseInt(l.count)
	if !ok {
		return 0, refuse(reply.NotInteger())
	}
	if l.absolute {
		now = 0
	}
	at, ok = moment(n, l.unit, now)
	if !ok || n <= 0 {
		return 0, refuse(invalidExpire(command))
	}
	return at, nil
}

// moment returns the Unix millisecond that is n units after base, unless it cannot be expressed.
func moment(n, unit, base int64) (at int64, ok bool) {
	if n > math.MaxInt64/unit || n < math.MinInt64/unit || n*unit > math.MaxInt64-base {
		return 0, false
	}
	return n*unit + base, true
}

// invalidExpire answers a time that a key cannot expire at.
func invalidExpire(command string) reply.Reply {
	return reply.Errorf("ERR invalid expire time in '%s' command", command)
}

// parseCursor reads a cursor of SCAN as C's strtoul does: nothing is 0, and a sign is allowed and wraps around.
func parseCursor(b []byte) (cursor uint64, ok bool) {
	digits := b
	signed := len(b) > 0 && (b[0] == '-' || b[0] == '+')
	if signed {
		digits = b[1:]
	}
	if signed && len(digits) == 0 {
		return 0, false
	}
	for _, c := range digits {
		d := uint64(c) - '0'
		if d > 9 || cursor > (math.MaxUint64-d)/10 {
			return 0, false
		}
		cursor = cursor*10 + d
	}
	if signed && b[0] == '-' {
		cursor = -cursor
	}
	return cursor, true
}
