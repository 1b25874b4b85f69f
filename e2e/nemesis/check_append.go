package nemesis

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// opAppend appends Arg, a token that ends in a semicolon and is never appended twice, to a key.
const opAppend = "APPEND"

// CheckAppends judges APPEND and GET on keys whose whole content shows every append in order. All reads of a key
// must be prefixes of its longest one; no token may be there twice, or without having been sent, or after its
// APPEND was refused; none that was acknowledged may be missing from a read that began afterwards; and neither
// tokens nor reads may contradict real time. The last operation on each key is a read.
func CheckAppends(ops []Op) Verdict {
	var v Verdict
	keys, histories := byKey(ops)
	for _, key := range keys {
		checkAppendKey(&v, key, histories[key])
	}
	return v
}

// appends is one key's history, taken apart.
type appends struct {
	key      string
	longer   string // the longest read
	sent     map[string]Op
	reads    []Op
	place    map[string]int // of a token in the longest read, its end in bytes
	complete bool           // the last read began after all else: what it lacks is lost
}

func checkAppendKey(v *Verdict, key string, ops []Op) {
	v.Checked += len(ops)
	a := appends{key: key, sent: make(map[string]Op), place: make(map[string]int)}
	for _, op := range ops {
		if op.Name == opAppend {
			a.sent[op.Arg] = op
			continue
		}
		if op.Outcome == OK {
			a.reads = append(a.reads, op)
			if len(op.Reply.Text) > len(a.longer) {
				a.longer = op.Reply.Text
			}
		}
	}
	if last := ops[len(ops)-1]; last.Name == opGet && last.Outcome == OK {
		a.complete = true
	} else {
		v.fault(&v.Undecided, "%s: there is no last read: %v", key, last)
	}
	a.checkTokens(v)
	a.checkPrefixes(v)
	a.checkFloors(v)
	a.checkReplies(v)
}

// checkTokens looks at the tokens of the longest read, one after the other.
func (a *appends) checkTokens(v *Verdict) {
	var latest time.Duration // the latest call of any token so far
	end := 0
	for _, token := range tokens(a.longer) {
		end += len(token)
		if _, twice := a.place[token]; twice {
			v.fault(&v.Duplicated, "%s: token %s is there twice", a.key, token)
			continue
		}
		a.place[token] = end
		op, known := a.sent[token]
		switch {
		case !known:
			v.fault(&v.Illegal, "%s: token %q was never sent", a.key, token)
			continue
		case op.Outcome == Failed:
			v.fault(&v.Illegal, "%s: a refused token is there: %v", a.key, op)
		case op.Outcome == OK && op.Return < latest:
			v.fault(&v.Illegal, "%s: token stands after one that was sent later: %v", a.key, op)
		}
		latest = max(latest, op.Call)
	}
}

// tokens splits a value after each semicolon.
func tokens(value string) []string {
	all := strings.SplitAfter(value, ";")
	if all[len(all)-1] == "" {
		all = all[:len(all)-1]
	}
	return all
}

// checkPrefixes holds every read against the longest.
func (a *appends) checkPrefixes(v *Verdict) {
	for _, read := range a.reads {
		if text := read.Reply.Text; !strings.HasPrefix(a.longer, text) {
			v.fault(&v.Illegal, "%s: a read is no prefix of the longest (%d bytes): %v", a.key, len(a.longer), read)
		} else if text != "" && !strings.HasSuffix(text, ";") {
			v.fault(&v.Illegal, "%s: a read ends within a token: %v", a.key, read)
		}
	}
}

// floor is a length that the key had reached for certain at a time.
type floor struct {
	at     time.Duration
	length int
	token  string // whose append reached it, "" for a read
}

// checkFloors holds that no read is shorter than what was acknowledged or read before it began. Where the last
// read lacks an acknowledged token, that is lost; where another read does, that is stale.
func (a *appends) checkFloors(v *Verdict) {
	floors := a.floors(v)
	byCall := slices.Clone(a.reads)
	slices.SortStableFunc(byCall, func(x, y Op) int { return cmp.Compare(x.Call, y.Call) })
	var reached floor
	for i, read := range byCall {
		for len(floors) > 0 && floors[0].at < read.Call {
			if floors[0].length > reached.length {
				reached = floors[0]
			}
			floors = floors[1:]
		}
		if len(read.Reply.Text) >= reached.length {
			continue
		}
		kind := &v.Stale
		if i == len(byCall)-1 && a.complete {
			kind = &v.Lost
		}
		v.fault(kind, "%s: %d bytes were there at %v (token %q): %v", a.key, reached.length, reached.at, reached.token, read)
	}
}

// floors lists the lengths that were reached, in the order of time, and counts the acknowledged tokens that no
// read shows.
func (a *appends) floors(v *Verdict) []floor {
	var floors []floor
	for token, op := range a.sent {
		if op.Outcome != OK {
			continue
		}
		place, there := a.place[token]
		if !there && a.complete {
			v.fault(&v.Lost, "%s: acknowledged, and not there: %v", a.key, op)
		}
		if !there {
			continue
		}
		floors = append(floors, floor{op.Return, place, token})
	}
	for _, read := range a.reads {
		floors = append(floors, floor{read.Return, len(read.Reply.Text), ""})
	}
	slices.SortFunc(floors, func(x, y floor) int { return cmp.Compare(x.at, y.at) })
	return floors
}

// checkReplies holds the length that each APPEND replied against its token's place, and each read against the
// tokens that had not been sent yet.
func (a *appends) checkReplies(v *Verdict) {
	for token, op := range a.sent {
		place, there := a.place[token]
		if op.Outcome == Unknown && a.complete {
			v.resolved(there)
		}
		if op.Outcome != OK || !there {
			continue
		}
		if n, err := op.Reply.Int(); err != nil || n != int64(place) {
			v.fault(&v.Illegal, "%s: the token ends at %d: %v", a.key, place, op)
		}
	}
	for _, read := range a.reads {
		all := tokens(read.Reply.Text)
		if len(all) == 0 {
			continue
		}
		if op, known := a.sent[all[len(all)-1]]; known && op.Call > read.Return {
			v.fault(&v.Illegal, "%s: read before it was sent (%v): %v", a.key, op, read)
		}
	}
}
