package commands

import (
	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// stringSetRows are the commands that set one string as a whole.
func stringSetRows() []Row {
	return []Row{
		{Name: "getdel", Since: "6.2.0", Arity: 2, Flags: FlagWrite | FlagFast,
			Summary:    "Get the value of a key and delete the key",
			Syntax:     "key:key",
			Complexity: "O(1)",
			Keys:       oneKey("RW access delete"),
			Write:      getDel},
		{Name: "getex", Since: "6.2.0", Arity: -2, Flags: FlagWrite | FlagFast,
			Summary:    "Get the value of a key and optionally set its expiration",
			Syntax:     "key:key expiration(EX=seconds:integer|PX=milliseconds:integer|EXAT=unix-time-seconds:unix-time|PXAT=unix-time-milliseconds:unix-time|PERSIST)?",
			Complexity: "O(1)",
			Keys:       []KeySpec{{Flags: "RW access update", Notes: "RW and UPDATE because it changes the TTL", Index: 1, Step: 1}},
			Write:      getEx},
		{Name: "getset", Since: "1.0.0", Arity: 3, Flags: FlagWrite | FlagDenyOOM | FlagFast,
			Summary:    "Set the string value of a key and return its old value",
			Syntax:     "key:key value",
			Complexity: "O(1)",
			Deprecated: Deprecation{Since: "6.2.0", ReplacedBy: "`SET` with the `!GET` argument"},
			Keys:       oneKey("RW access update"),
			Write:      getSet},
		{Name: "psetex", Since: "2.6.0", Arity: 4, Flags: FlagWrite | FlagDenyOOM,
			Summary:    "Set the value and expiration in milliseconds of a key",
			Syntax:     "key:key milliseconds:integer value",
			Complexity: "O(1)",
			Keys:       oneKey("OW update"),
			Write:      setFor("psetex", millisecond)},
		{Name: "set", Since: "1.0.0", Arity: -3, Flags: FlagWrite | FlagDenyOOM,
			Summary:    "Set the string value of a key",
			Syntax:     "key:key value condition(NX|XX|IFEQ=ifeq-value~8.4.0|IFNE=ifne-value~8.4.0|IFDEQ=ifdeq-digest~8.4.0|IFDNE=ifdne-digest~8.4.0)?~2.6.12 GET?~6.2.0 expiration(EX=seconds:integer~2.6.12|PX=milliseconds:integer~2.6.12|EXAT=unix-time-seconds:unix-time~6.2.0|PXAT=unix-time-milliseconds:unix-time~6.2.0|KEEPTTL~6.0.0)?",
			Complexity: "O(1)",
			History:    []Change{{"2.6.12", "Added the `EX`, `PX`, `NX` and `XX` options."}, {"6.0.0", "Added the `KEEPTTL` option."}, {"6.2.0", "Added the `GET`, `EXAT` and `PXAT` option."}, {"7.0.0", "Allowed the `NX` and `GET` options to be used together."}, {"8.4.0", "Added 'IFEQ', 'IFNE', 'IFDEQ', 'IFDNE' options."}},
			Keys:       []KeySpec{{Flags: "RW access update variable_flags", Notes: "RW and ACCESS due to the optional `GET` argument", Index: 1, Step: 1}},
			Write:      set},
		{Name: "setex", Since: "2.0.0", Arity: 4, Flags: FlagWrite | FlagDenyOOM,
			Summary:    "Set the value and expiration of a key",
			Syntax:     "key:key seconds:integer value",
			Complexity: "O(1)",
			Keys:       oneKey("OW update"),
			Write:      setFor("setex", second)},
		{Name: "setnx", Since: "1.0.0", Arity: 3, Flags: FlagWrite | FlagDenyOOM | FlagFast,
			Summary:    "Set the value of a key, only if the key does not exist",
			Syntax:     "key:key value",
			Complexity: "O(1)",
			Keys:       oneKey("OW insert"),
			Write:      setNX},
	}
}

// setOptions are the options of SET.
type setOptions struct {
	absent     bool // NX: only if the key is not there
	present    bool // XX: only if it is
	comparison comparison
	returnOld  bool
	keepTTL    bool
	life       lifetime
}

func parseSet(words Args) (o setOptions, ok bool) {
	for i := 0; i < len(words); i++ {
		switch word := words[i]; {
		case is(word, "nx") && !o.present && !o.comparison.given:
			o.absent = true
		case is(word, "xx") && !o.absent && !o.comparison.given:
			o.present = true
		case !o.absent && !o.present && o.comparison.read(words[i:]):
			i++
		case is(word, "get"):
			o.returnOld = true
		case is(word, "keepttl") && !o.life.given:
			o.keepTTL = true
		case !o.keepTTL && o.life.read(words[i:]):
			i++
		default:
			return o, false
		}
	}
	return o, true
}

// holds tells whether the condition holds for what the key holds now. A key that is not there differs from everything.
func (o *setOptions) holds(old keyspace.Value, found bool) (holds bool, refusal *reply.Reply) {
	switch {
	case o.absent:
		return !found, nil
	case o.present:
		return found, nil
	case !o.comparison.given:
		return true, nil
	case !found:
		return !o.comparison.equal, nil
	case old.Type != keyspace.TypeString:
		return false, refuse(reply.WrongType())
	default:
		return o.comparison.holds(old.Data)
	}
}

// SET key value [NX | XX | IFEQ value | IFNE value | IFDEQ digest | IFDNE digest] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]
func set(tx *keyspace.Tx, a Args) reply.Reply {
	o, ok := parseSet(a[3:])
	if !ok {
		return reply.Syntax()
	}
	at, refusal := o.life.deadline(tx.Now(), "set")
	if refusal != nil {
		return *refusal
	}
	answer := reply.OK()
	if len(a) > 3 {
		old, found := tx.Get(a[1])
		if o.returnOld && found && old.Type != keyspace.TypeString {
			return reply.WrongType()
		}
		if o.returnOld {
			answer = bulkOrNull(old, found)
		}
		holds, refusal := o.holds(old, found)
		switch {
		case refusal != nil:
			return *refusal
		case !holds:
			return notSet(o.returnOld, answer)
		}
		if o.keepTTL {
			at = old.ExpireAt
		}
	}
	put(tx, a[1], a[2], at)
	return answer
}

// notSet answers a SET whose condition does not hold.
func notSet(returnOld bool, old reply.Reply) reply.Reply {
	if returnOld {
		return old
	}
	return reply.Null()
}

// SETEX key seconds value
// PSETEX key milliseconds value
func setFor(command string, unit int64) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		life := lifetime{given: true, unit: unit, count: a[2]}
		at, refusal := life.deadline(tx.Now(), command)
		if refusal != nil {
			return *refusal
		}
		put(tx, a[1], a[3], at)
		return reply.OK()
	}
}

// SETNX key value
func setNX(tx *keyspace.Tx, a Args) reply.Reply {
	if _, found := tx.Get(a[1]); found {
		return reply.Int(0)
	}
	put(tx, a[1], a[2], 0)
	return reply.Int(1)
}

// GETSET key value
func getSet(tx *keyspace.Tx, a Args) reply.Reply {
	old, found, refusal := lookString(&tx.View, a[1])
	if refusal != nil {
		return *refusal
	}
	put(tx, a[1], a[2], 0)
	return bulkOrNull(old, found)
}

// GETDEL key
func getDel(tx *keyspace.Tx, a Args) reply.Reply {
	old, found, refusal := lookString(&tx.View, a[1])
	if refusal != nil {
		return *refusal
	}
	if found {
		tx.Delete(a[1])
	}
	return bulkOrNull(old, found)
}

// parseGetEx reads the options of GETEX.
func parseGetEx(words Args) (life lifetime, persist, ok bool) {
	for i := 0; i < len(words); i++ {
		switch {
		case is(words[i], "persist") && !life.given:
			persist = true
		case !persist && life.read(words[i:]):
			i++
		default:
			return life, persist, false
		}
	}
	return life, persist, true
}

// GETEX key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]
func getEx(tx *keyspace.Tx, a Args) reply.Reply {
	life, persist, ok := parseGetEx(a[2:])
	if !ok {
		return reply.Syntax()
	}
	s, found, refusal := lookString(&tx.View, a[1])
	if refusal != nil {
		return *refusal
	}
	if !found {
		return reply.Null()
	}
	at, refusal := life.deadline(tx.Now(), "getex")
	if refusal != nil {
		return *refusal
	}
	switch {
	case life.given:
		expireAt(tx, a[1], at)
	case persist:
		tx.Persist(a[1])
	}
	return reply.Bulk(s.Data)
}
