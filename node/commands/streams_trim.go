package commands

import (
	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// streamTrimRows are the commands that only trim.
func streamTrimRows(limits func() keyspace.Limits) []Row {
	return []Row{
		{Name: "xtrim", Since: "5.0.0", Arity: -4, Flags: FlagWrite,
			Summary:    "Trims the stream to (approximately if '~' is passed) a certain size",
			Syntax:     `key:key trim(strategy(MAXLEN|MINID~6.2.0) operator("="=equal:pure-token|"~"=approximately:pure-token)? threshold LIMIT=count:integer?~6.2.0) condition(KEEPREF|DELREF|ACKED)?~8.2.0`,
			Complexity: "O(N), with N being the number of evicted entries. Constant times are very small however, since entries are organized in macro nodes containing multiple entries that can be released with a single deallocation.",
			Tips:       []string{"nondeterministic_output"},
			Keys:       oneKey("RW delete"),
			History: []Change{
				{"6.2.0", "Added the `MINID` trimming strategy and the `LIMIT` option."},
				{"8.2.0", "Added the `KEEPREF`, `DELREF` and `ACKED` options."}},
			Write: func(tx *keyspace.Tx, a Args) reply.Reply { return xtrim(tx, a, limits().Stream) }},
	}
}

// adding is what XADD and XTRIM are told before the fields.
type adding struct {
	noMake  bool
	trims   bool
	trim    keyspace.Trim
	limited bool
	given   bool // an id, and not '*'
	auto    bool // its sequence number is not
	id      keyspace.StreamID
	rest    int // where the fields begin
}

// XTRIM key <MAXLEN | MINID> [= | ~] threshold [LIMIT count] [KEEPREF | DELREF | ACKED]
func xtrim(tx *keyspace.Tx, a Args, limits keyspace.NodeLimits) reply.Reply {
	o := adding{}
	if refusal := o.options(a, false); refusal != nil {
		return *refusal
	}
	if refusal := o.settle(false, limits); refusal != nil {
		return *refusal
	}
	s, refusal := openStream(tx, a[1])
	if refusal != nil {
		return *refusal
	}
	return reply.Int(s.Trim(o.trim))
}

// readAdding reads the words of XADD up to its fields.
func readAdding(a Args, limits keyspace.NodeLimits) (o adding, refusal *reply.Reply) {
	if refusal = o.options(a, true); refusal != nil {
		return o, refusal
	}
	return o, o.settle(true, limits)
}

// options reads the options and, for XADD, the id.
func (o *adding) options(a Args, xadd bool) (refusal *reply.Reply) {
	i := 2
	for ; i < len(a) && refusal == nil; i++ {
		more := i+1 < len(a)
		switch {
		case xadd && string(a[i]) == "*":
			o.rest = i + 1
			return nil
		case more && (is(a[i], "maxlen") || is(a[i], "minid")):
			i, refusal = o.strategy(a, i)
		case more && is(a[i], "limit"):
			i++
			refusal = o.limit(a[i])
		case xadd && is(a[i], "nomkstream"):
			o.noMake = true
		case o.refs(a[i]):
		case xadd:
			o.rest = i + 1
			return o.entry(a[i])
		default:
			return refuse(reply.Syntax())
		}
	}
	o.rest = i + 1
	return refusal
}

// refs tells whether a word says what becomes of what is pending, and reads it.
func (o *adding) refs(word []byte) bool {
	switch {
	case is(word, "keepref"):
		o.trim.Refs = keyspace.KeepRefs
	case is(word, "delref"):
		o.trim.Refs = keyspace.DropRefs
	case is(word, "acked"):
		o.trim.Refs = keyspace.AckedOnly
	default:
		return false
	}
	return true
}

// entry reads the id of the new entry.
func (o *adding) entry(word []byte) *reply.Reply {
	var ok bool
	if o.id, o.auto, ok = parseStreamID(word, 0); !ok {
		return invalidID()
	}
	o.given = true
	return nil
}

// strategy reads what stands behind MAXLEN or MINID, the i-th word, and returns the index of its last word.
func (o *adding) strategy(a Args, i int) (int, *reply.Reply) {
	if o.trims {
		return i, refuse(reply.Error("ERR syntax error, MAXLEN and MINID options at the same time are not compatible"))
	}
	o.trims, o.trim.ByID, o.trim.Approx = true, is(a[i], "minid"), false
	if next := string(a[i+1]); i+2 < len(a) && (next == "~" || next == "=") {
		o.trim.Approx = next == "~"
		i++
	}
	i++
	if o.trim.ByID {
		var refusal *reply.Reply
		o.trim.MinID, refusal = strictID(a[i])
		return i, refusal
	}
	n, ok := parseInt(a[i])
	switch o.trim.MaxLen = n; {
	case !ok:
		return i, refuse(reply.NotInteger())
	case n < 0:
		return i, refuse(reply.Error("ERR The MAXLEN argument must be >= 0."))
	}
	return i, nil
}

// limit reads what stands behind LIMIT.
func (o *adding) limit(word []byte) *reply.Reply {
	n, ok := parseInt(word)
	switch {
	case !ok:
		return refuse(reply.NotInteger())
	case n < 0:
		return refuse(reply.Error("ERR The LIMIT argument must be >= 0."))
	}
	o.limited, o.trim.Limit = true, n
	return nil
}

// How much inexact trimming removes at most when it is not told: so many nodes, so many entries if nodes have no limit, and never
// more than so many, as in Redis.
const (
	trimNodes   = 100
	trimEntries = 10_000
	trimMost    = 1_000_000
)

// settle sees whether the options go together, and sets the limit that is not given.
func (o *adding) settle(xadd bool, limits keyspace.NodeLimits) *reply.Reply {
	switch {
	case o.trim.Limit != 0 && !o.trims:
		return refuse(reply.Error("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"))
	case !xadd && !o.trims:
		return refuse(reply.Error("ERR syntax error, XTRIM must be called with a trimming strategy"))
	case o.limited && !o.trim.Approx:
		return refuse(reply.Error("ERR syntax error, LIMIT cannot be used without the special ~ option"))
	case o.limited || !o.trim.Approx:
		return nil
	case limits.Entries <= 0:
		o.trim.Limit = trimEntries
	default:
		o.trim.Limit = min(trimNodes*min(limits.Entries, trimMost), trimMost)
	}
	return nil
}
