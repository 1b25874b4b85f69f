package commands

import (
	"math"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// hashTakeRows are the commands that do two things to fields at once.
func hashTakeRows(limits func() keyspace.PackLimits) []Row {
	return []Row{
		{Name: "hgetdel", Since: "8.0.0", Arity: -5, Flags: FlagWrite | FlagFast,
			Summary:    "Returns the value of a field and deletes it from the hash.",
			Syntax:     "key:key FIELDS=fields(numfields:integer field*)",
			Complexity: "O(N) where N is the number of specified fields",
			Keys:       oneKey("RW access delete"),
			Write:      hgetDel},
		{Name: "hgetex", Since: "8.0.0", Arity: -5, Flags: FlagWrite | FlagFast,
			Summary:    "Get the value of one or more fields of a given hash key, and optionally set their expiration.",
			Syntax:     "key:key expiration(EX=seconds:integer|PX=milliseconds:integer|EXAT=unix-time-seconds:unix-time|PXAT=unix-time-milliseconds:unix-time|PERSIST)? FIELDS=fields(numfields:integer field*)",
			Complexity: "O(N) where N is the number of specified fields",
			Keys:       []KeySpec{{Flags: "RW access update", Notes: "RW and UPDATE because it changes the TTL", Index: 1, Step: 1}},
			Write:      hgetEx},
		{Name: "hsetex", Since: "8.0.0", Arity: -6, Flags: FlagWrite | FlagDenyOOM | FlagFast,
			Summary:    "Set the value of one or more fields of a given hash key, and optionally set their expiration.",
			Syntax:     "key:key condition(FNX|FXX)? expiration(EX=seconds:integer|PX=milliseconds:integer|EXAT=unix-time-seconds:unix-time|PXAT=unix-time-milliseconds:unix-time|KEEPTTL)? FIELDS=fields(numfields:integer data(field value)*)",
			Complexity: "O(N) where N is the number of fields being set.",
			Keys:       oneKey("RW update"),
			Write:      hsetEx(limits)},
	}
}

// HGETDEL key FIELDS numfields field [field ...]
func hgetDel(tx *keyspace.Tx, a Args) reply.Reply {
	if _, refusal := readHash(&tx.View, a[1]); refusal != nil {
		return *refusal
	}
	fields, refusal := parseFields(a[2:], "ERR Number of fields must be a positive integer")
	if refusal != nil {
		return *refusal
	}
	s, _ := writeHash(tx, a[1])
	elems := make([]reply.Reply, len(fields))
	for i, name := range fields {
		elems[i] = fieldOrNull(s.Remove(name))
	}
	return reply.Array(elems...)
}

// fieldOptions are the options of HGETEX and HSETEX.
type fieldOptions struct {
	absent  bool // FNX: only if none of the fields is there
	present bool // FXX: only if all are
	timed   bool // expire at the time at
	at      int64
	other   bool // HGETEX: PERSIST; HSETEX: KEEPTTL
	fields  Args
}

// fieldCommand says what is different in the options of HGETEX and HSETEX.
type fieldCommand struct {
	name  string
	other string // the option instead of a time
	only  string // refuses several
	sets  bool   // a value follows each field
}

func (c *fieldCommand) parse(words Args, now int64) (o fieldOptions, refusal *reply.Reply) {
	for i := 0; i < len(words); i++ {
		word := words[i]
		switch {
		case is(word, "fields"):
			o.fields, refusal = c.parseFields(words[i+1:])
			return o, refusal
		case is(word, c.other):
			if o.timed || o.other {
				return o, refuse(reply.Error(c.only))
			}
			o.other = true
		case c.sets && (is(word, "fnx") || is(word, "fxx")):
			if o.absent || o.present {
				return o, refuse(reply.Error("ERR Only one of FXX or FNX arguments can be specified"))
			}
			o.absent = is(word, "fnx")
			o.present = !o.absent
		default:
			if refusal = c.parseTime(&o, words[i:], now); refusal != nil {
				return o, refusal
			}
			i++
		}
	}
	return o, refuse(reply.WrongArity(c.name))
}

// parseTime reads the time option that words begin with.
func (c *fieldCommand) parseTime(o *fieldOptions, words Args, now int64) (refusal *reply.Reply) {
	unit, base := second, now
	switch word := words[0]; {
	case is(word, "ex"):
	case is(word, "px"):
		unit = millisecond
	case is(word, "exat"):
		base = 0
	case is(word, "pxat"):
		unit, base = millisecond, 0
	default:
		return refuse(reply.Errorf("ERR unknown argument: %s", word))
	}
	switch {
	case o.timed || o.other:
		return refuse(reply.Error(c.only))
	case len(words) < 2:
		return refuse(reply.Error("ERR missing expire time"))
	}
	o.timed = true
	o.at, refusal = fieldDeadline(words[1], unit, base, c.name)
	return refusal
}

// parseFields reads what stands behind FIELDS.
func (c *fieldCommand) parseFields(words Args) (fields Args, refusal *reply.Reply) {
	each := 1
	if c.sets {
		each = 2
	}
	if len(words) < 1+each {
		return nil, refuse(reply.WrongArity(c.name))
	}
	n, ok := parseInt(words[0])
	switch {
	case !ok || n < 1 || n > math.MaxInt32:
		return nil, refuse(reply.Error("ERR invalid number of fields"))
	case int64(len(words)-1) != n*int64(each):
		return nil, refuse(reply.WrongArity(c.name))
	}
	return words[1:], nil
}

// HGETEX key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST] FIELDS numfields field [field ...]
func hgetEx(tx *keyspace.Tx, a Args) reply.Reply {
	c := fieldCommand{name: "hgetex", other: "persist", only: "ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified"}
	if _, refusal := readHash(&tx.View, a[1]); refusal != nil {
		return *refusal
	}
	o, refusal := c.parse(a[2:], tx.Now())
	if refusal != nil {
		return *refusal
	}
	s, _ := writeHash(tx, a[1])
	elems := make([]reply.Reply, len(o.fields))
	for i, name := range o.fields {
		f, there := s.Get(name)
		elems[i] = fieldOrNull(f, there)
		switch {
		case !there:
		case o.timed:
			expireField(tx, &s, name, o.at)
		case o.other:
			s.Expire(name, 0)
		}
	}
	return reply.Array(elems...)
}

// HSETEX key [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL] FIELDS numfields field value [field value ...]
func hsetEx(limits func() keyspace.PackLimits) func(*keyspace.Tx, Args) reply.Reply {
	c := fieldCommand{name: "hsetex", other: "keepttl", sets: true,
		only: "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified"}
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		o, refusal := c.parse(a[2:], tx.Now())
		if refusal != nil {
			return *refusal
		}
		s, refusal := writeHash(tx, a[1])
		if refusal != nil {
			return *refusal
		}
		if !o.holds(&s) {
			return reply.Int(0)
		}
		for i := 0; i < len(o.fields); i += 2 {
			o.set(tx, &s, o.fields[i], o.fields[i+1], limits())
		}
		return reply.Int(1)
	}
}

// holds tells whether the condition of HSETEX holds.
func (o *fieldOptions) holds(s *keyspace.Hash) bool {
	if !o.absent && !o.present {
		return true
	}
	for i := 0; i < len(o.fields); i += 2 {
		if _, there := s.Get(o.fields[i]); there != o.present {
			return false
		}
	}
	return true
}

// set sets one field. If its time is over at once, it is removed.
func (o *fieldOptions) set(tx *keyspace.Tx, s *keyspace.Hash, name, value []byte, limits keyspace.PackLimits) {
	at := int64(0)
	switch {
	case o.timed && o.at <= tx.Now():
		s.Remove(name)
		return
	case o.timed:
		at = o.at
	case o.other:
		old, _ := s.Get(name)
		at = old.At
	}
	s.Set(name, value, at, limits)
}
