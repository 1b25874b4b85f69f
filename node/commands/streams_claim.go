package commands

import (
	"math"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// streamClaimRows are the commands that make entries pending for another consumer.
func streamClaimRows() []Row {
	return []Row{
		{Name: "xautoclaim", Since: "6.2.0", Arity: -6, Flags: FlagWrite | FlagFast,
			Summary:    "Changes (or acquires) ownership of messages in a consumer group, as if the messages were delivered to the specified consumer.",
			Syntax:     "key:key group consumer min-idle-time start COUNT=count:integer? JUSTID?",
			Complexity: "O(1) if COUNT is small.",
			Tips:       []string{"nondeterministic_output"},
			Keys:       oneKey("RW delete"),
			History:    []Change{{"7.0.0", "Added an element to the reply array, containing deleted entries the command cleared from the PEL"}},
			Write:      xautoclaim},
		{Name: "xclaim", Since: "5.0.0", Arity: -6, Flags: FlagWrite | FlagFast,
			Summary:    "Changes (or acquires) ownership of a message in a consumer group, as if the message was delivered to the specified consumer.",
			Syntax:     "key:key group consumer min-idle-time id* IDLE=ms:integer? TIME=unix-time-milliseconds:unix-time? RETRYCOUNT=count:integer? FORCE? JUSTID? LASTID=id?",
			Complexity: "O(log N) with N being the number of messages in the PEL of the consumer group.",
			Tips:       []string{"nondeterministic_output"},
			Keys:       oneKey("RW update"),
			Write:      xclaim},
	}
}

// XCLAIM key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-milliseconds] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID id]
func xclaim(tx *keyspace.Tx, a Args) reply.Reply {
	s, refusal := openStream(tx, a[1])
	if refusal != nil {
		return *refusal
	}
	c := keyspace.Claim{Consumer: a[3], At: math.MinInt64, Count: -1}
	var ok bool
	if c.Group, ok = s.Group(a[2]); !ok {
		return *noKeyOrGroup(a[1], a[2])
	}
	if c.MinIdle, ok = parseInt(a[4]); !ok {
		return reply.Error("ERR Invalid min-idle-time argument for XCLAIM")
	}
	c.MinIdle = max(c.MinIdle, 0)
	ids, words := leadingIDs(a[5:])
	if refusal := readClaim(&c, words, tx.Now()); refusal != nil {
		return *refusal
	}
	return entriesReply(s.Claim(&c, ids), c.JustID)
}

// leadingIDs reads the words that are ids, and returns those behind them.
func leadingIDs(words Args) (ids []keyspace.StreamID, rest Args) {
	for len(words) > 0 {
		id, refusal := strictID(words[0])
		if refusal != nil {
			break
		}
		ids, words = append(ids, id), words[1:]
	}
	return ids, words
}

// readClaim reads the options of XCLAIM. A time of delivery that cannot be is now.
func readClaim(c *keyspace.Claim, words Args, now int64) (refusal *reply.Reply) {
	at := int64(-1)
	for ; len(words) > 0 && refusal == nil; words = words[1:] {
		switch more := len(words) > 1; {
		case is(words[0], "force"):
			c.Force = true
			continue
		case is(words[0], "justid"):
			c.JustID = true
			continue
		case more && is(words[0], "idle"):
			at, refusal = claimNumber(words[1], "IDLE")
			at = now - at
		case more && is(words[0], "time"):
			at, refusal = claimNumber(words[1], "TIME")
		case more && is(words[0], "retrycount"):
			c.Count, refusal = claimNumber(words[1], "RETRYCOUNT")
		case more && is(words[0], "lastid"):
			c.LastID, refusal = strictID(words[1])
		default:
			return refuse(reply.Errorf("ERR Unrecognized XCLAIM option '%s'", cString(words[0], len(words[0]))))
		}
		words = words[1:]
	}
	if c.At = at; at < 0 || at > now {
		c.At = now
	}
	return refusal
}

func claimNumber(word []byte, option string) (int64, *reply.Reply) {
	n, ok := parseInt(word)
	if !ok {
		return 0, refuse(reply.Errorf("ERR Invalid %s option argument for XCLAIM", option))
	}
	return n, nil
}

// How many entries XAUTOCLAIM claims when it is not told, and at most.
const (
	claimSome = 100
	claimMost = math.MaxInt64 / 16
)

// XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID]
func xautoclaim(tx *keyspace.Tx, a Args) reply.Reply {
	c := keyspace.Claim{Consumer: a[3], At: tx.Now(), Count: -1}
	var ok bool
	if c.MinIdle, ok = parseInt(a[4]); !ok {
		return reply.Error("ERR Invalid min-idle-time argument for XAUTOCLAIM")
	}
	c.MinIdle = max(c.MinIdle, 0)
	from, refusal := startID(a[5])
	if refusal != nil {
		return *refusal
	}
	count, refusal := readAutoClaim(&c, a[6:])
	if refusal != nil {
		return *refusal
	}
	s, refusal := openStream(tx, a[1])
	if refusal != nil {
		return *refusal
	}
	if c.Group, ok = s.Group(a[2]); !ok {
		return *noKeyOrGroup(a[1], a[2])
	}
	out := s.ClaimSome(&c, from, count)
	deleted := make([]reply.Reply, len(out.Deleted))
	for i, id := range out.Deleted {
		deleted[i] = idReply(id)
	}
	return reply.Array(idReply(out.Next), entriesReply(out.Entries, c.JustID), reply.Array(deleted...))
}

// readAutoClaim reads the options of XAUTOCLAIM.
func readAutoClaim(c *keyspace.Claim, words Args) (count int64, refusal *reply.Reply) {
	count = claimSome
	for ; len(words) > 0; words = words[1:] {
		switch {
		case len(words) > 1 && is(words[0], "count"):
			n, ok := parseInt(words[1])
			if !ok || n < 1 || n > claimMost {
				return 0, refuse(reply.Error("ERR COUNT must be > 0"))
			}
			count, words = n, words[1:]
		case is(words[0], "justid"):
			c.JustID = true
		default:
			return 0, refuse(reply.Syntax())
		}
	}
	return count, nil
}
