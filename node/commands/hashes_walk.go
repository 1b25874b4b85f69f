package commands

import (
	"slices"
	"strconv"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// hashWalkRows are the commands that read many fields, or any.
func hashWalkRows() []Row {
	return []Row{
		{Name: "hgetall", Since: "2.0.0", Arity: 2, Flags: FlagReadonly,
			Summary:    "Get all the fields and values in a hash",
			Syntax:     "key:key",
			Complexity: "O(N) where N is the size of the hash.",
			Tips:       []string{"nondeterministic_output_order"},
			Keys:       oneKey("RO access"),
			Read:       allFields(reply.KindMap, true, true)},
		{Name: "hkeys", Since: "2.0.0", Arity: 2, Flags: FlagReadonly,
			Summary:    "Get all the fields in a hash",
			Syntax:     "key:key",
			Complexity: "O(N) where N is the size of the hash.",
			Tips:       []string{"nondeterministic_output_order"},
			Keys:       oneKey("RO access"),
			Read:       allFields(reply.KindArray, true, false)},
		{Name: "hrandfield", Since: "6.2.0", Arity: -2, Flags: FlagReadonly,
			Summary:    "Get one or multiple random fields from a hash",
			Syntax:     "key:key options(count:integer WITHVALUES?)?",
			Complexity: "O(N) where N is the number of fields returned",
			Tips:       []string{"nondeterministic_output"},
			Keys:       oneKey("RO access"),
			Read:       hrandfield},
		{Name: "hscan", Since: "2.8.0", Arity: -3, Flags: FlagReadonly,
			Summary:    "Incrementally iterate hash fields and associated values",
			Syntax:     "key:key cursor:integer MATCH=pattern:pattern? COUNT=count:integer? NOVALUES?~7.4.0",
			Complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection..",
			Tips:       []string{"nondeterministic_output"},
			Keys:       oneKey("RO access"),
			Read:       hscan},
		{Name: "hvals", Since: "2.0.0", Arity: 2, Flags: FlagReadonly,
			Summary:    "Get all the values in a hash",
			Syntax:     "key:key",
			Complexity: "O(N) where N is the size of the hash.",
			Tips:       []string{"nondeterministic_output_order"},
			Keys:       oneKey("RO access"),
			Read:       allFields(reply.KindArray, false, true)},
	}
}

// fieldList gathers fields and their values, or one of the two.
type fieldList struct {
	names, values bool
	elems         []reply.Reply
	room          room // for names
}

// namesAtOnce is how many bytes of names get their memory together.
const namesAtOnce = 2048

// add takes a field. The name is copied; the value must stay as it is.
func (l *fieldList) add(name, value []byte) {
	if l.names {
		l.elems = append(l.elems, reply.Bulk(l.room.keep(name)))
	}
	if l.values {
		l.elems = append(l.elems, reply.Bulk(value))
	}
}

// room is memory for copies of names.
type room []byte

// keep returns a copy of a name.
func (r *room) keep(name []byte) []byte {
	if cap(*r)-len(*r) < len(name) {
		*r = make([]byte, 0, max(namesAtOnce, len(name)))
	}
	begin := len(*r)
	*r = append(*r, name...)
	return (*r)[begin:len(*r):len(*r)]
}

// HGETALL key
// HKEYS key
// HVALS key
func allFields(kind reply.Kind, names, values bool) func(*keyspace.View, Args) reply.Reply {
	var bulk func([]byte) reply.Reply
	if values {
		bulk = reply.Bulk
	}
	return func(v *keyspace.View, a Args) reply.Reply {
		s, refusal := readHash(v, a[1])
		if refusal != nil {
			return *refusal
		}
		if s.Len() >= feedFrom {
			if walk, count, ok := s.Walk(); ok {
				return feedOf(kind, walk, count, names, bulk)
			}
		}
		elems := reply.NewWords(2 * s.Len())
		s.Each(func(name, value []byte) bool {
			if names {
				elems.AddCopy(name)
			}
			if values {
				elems.Add(value)
			}
			return true
		})
		return elems.Reply(kind)
	}
}

// HRANDFIELD key [count [WITHVALUES]]
func hrandfield(v *keyspace.View, a Args) reply.Reply {
	n, values, refusal := parseRandField(a[2:])
	if refusal != nil {
		return *refusal
	}
	s, refusal := readHash(v, a[1])
	if refusal == nil {
		refusal = tooMany(n, s.Len())
	}
	if refusal != nil {
		return *refusal
	}
	var l drawn
	if n < 0 || len(a) == 2 {
		s.Draw(max(n, -n), l.add)
	} else {
		s.Sample(n, l.add)
	}
	switch {
	case values:
		return l.pairs()
	case len(a) > 2:
		return wordsReply(reply.KindArray, l.names)
	default:
		return oneOrNull(l.names)
	}
}

// drawn are fields that were chosen at random. They may be more than there are.
type drawn struct {
	names, values [][]byte
	room          room // for names
}

// add takes a field. The name is copied; the value must stay as it is.
func (d *drawn) add(name, value []byte) {
	d.names, d.values = append(d.names, d.room.keep(name)), append(d.values, value)
}

// pairs shows the fields with their values.
func (d *drawn) pairs() reply.Reply {
	if len(d.names) >= feedFrom {
		return listReply(reply.KindPairs, len(d.names), func(i int) reply.Reply {
			return reply.Pair(reply.Bulk(d.names[i]), reply.Bulk(d.values[i]))
		})
	}
	elems := make([]reply.Reply, 0, 2*len(d.names))
	for i, name := range d.names {
		elems = append(elems, reply.Bulk(name), reply.Bulk(d.values[i]))
	}
	return reply.Pairs(elems...)
}

// parseRandField reads how many fields are wanted, less than 0 when each of them may come more than once.
func parseRandField(words Args) (n int64, values bool, refusal *reply.Reply) {
	if len(words) == 0 {
		return 1, false, nil
	}
	n, refusal = parseDraws(words[0])
	values = len(words) == 2 && is(words[1], "withvalues")
	switch {
	case refusal != nil:
	case len(words) > 1 && !values:
		refusal = refuse(reply.Syntax())
	case values && n > mostPairs:
		refusal = refuse(reply.Error("ERR value is out of range"))
	}
	return n, values, refusal
}

// mostPairs is how many fields with values Redis lets a client ask for.
const mostPairs = 1<<62 - 1

// HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES]
//
// A hash that has its small encoding is shown as a whole, wherever the cursor stands.
func hscan(v *keyspace.View, a Args) reply.Reply {
	cursor, ok := parseCursor(a[2])
	if !ok {
		return reply.Error("ERR invalid cursor")
	}
	s, refusal := readHash(v, a[1])
	if refusal != nil {
		return *refusal
	}
	if !s.There() {
		return reply.Array(reply.BulkString("0"), reply.Array())
	}
	words, bare := withoutValues(a[3:])
	o, refusal := parseScan(words)
	if refusal == nil && o.typed {
		refusal = refuse(reply.Syntax())
	}
	if refusal != nil {
		return *refusal
	}
	l, count := fieldList{names: true, values: !bare}, o.count
	if s.Packed() {
		cursor, count = 0, s.Len()
	}
	next := s.Scan(cursor, int(count), func(name, value []byte) {
		if o.matches(name) {
			l.add(name, value)
		}
	})
	return reply.Array(reply.BulkString(strconv.FormatUint(next, 10)), reply.Array(l.elems...))
}

// withoutValues takes NOVALUES out of HSCAN's options, where it stands in an option's place.
func withoutValues(words Args) (rest Args, found bool) {
	for i := 0; i < len(words); i += 2 {
		if is(words[i], "novalues") {
			rest, _ = withoutValues(words[i+1:])
			return slices.Concat(words[:i], rest), true
		}
	}
	return words, false
}
