package commands

import (
	"time"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// streamReadRows are the commands that read what comes behind an id, and may wait for it.
func streamReadRows() []Row {
	return []Row{
		{Name: "xread", Since: "5.0.0", Arity: -4, Flags: FlagReadonly | FlagBlocking | FlagMovableKeys,
			Summary:    "Return never seen elements in multiple streams, with IDs greater than the ones reported by the caller for each stream. Can block.",
			Syntax:     "COUNT=count:integer? BLOCK=milliseconds:integer? STREAMS=streams(key:key* id*)",
			Complexity: "For each stream mentioned: O(N) with N being the number of elements being returned, it means that XREAD-ing with a fixed COUNT is O(1). Note that when the BLOCK option is used, XADD will pay O(M) time in order to serve the M clients blocked on the stream getting new data.",
			Keys:       []KeySpec{{Flags: "RO access", Keyword: "STREAMS", From: 1, Last: -1, Step: 1, Limit: 2}},
			Wait:       Waiting{Blocks: blockOnStreams},
			Read:       xread},
		{Name: "xreadgroup", Since: "5.0.0", Arity: -7, Flags: FlagWrite | FlagBlocking | FlagMovableKeys | FlagRetryErrors,
			Summary:    "Return new entries from a stream using a consumer group, or access the history of the pending entries for a given consumer. Can block.",
			Syntax:     "GROUP=group_consumer(group consumer) COUNT=count:integer? BLOCK=milliseconds:integer? CLAIM=min-idle-time:integer?~8.4.0 NOACK? STREAMS=streams(key:key* id*)",
			Complexity: "For each stream mentioned: O(M) with M being the number of elements returned. If M is constant (e.g. always asking for the first 10 elements with COUNT), you can consider it O(1). On the other side when XREADGROUP blocks, XADD will pay the O(N) time in order to serve the N clients blocked on the stream getting new data.",
			Keys:       []KeySpec{{Flags: "RO access", Keyword: "STREAMS", From: 4, Last: -1, Step: 1, Limit: 2}},
			Wait:       Waiting{Blocks: blockOnStreams, Ripens: claimable},
			Write:      xreadgroup},
	}
}

// reading is what XREAD and XREADGROUP are told.
type reading struct {
	ofGroup         bool // XREADGROUP
	group, consumer []byte
	timeout         time.Duration // negative: it does not wait
	count           int64         // 0: all
	noAck           bool
	claims          bool // CLAIM
	minIdle         int64
	keys, ids       Args
}

// blockOnStreams says how long XREAD or XREADGROUP waits.
func blockOnStreams(a Args) (time.Duration, *reply.Reply) {
	o, refusal := readReading(a)
	return o.timeout, refusal
}

// readReading reads the words of XREAD or XREADGROUP.
func readReading(a Args) (o reading, refusal *reply.Reply) {
	o = reading{timeout: -1, ofGroup: len(a[0]) == len("xreadgroup")}
	for i := 1; i < len(a) && refusal == nil && o.keys == nil; i++ {
		more := len(a) - i - 1
		switch {
		case more > 0 && is(a[i], "claim"):
			i++
			refusal = o.claim(a[i])
		case more > 0 && is(a[i], "block"):
			i++
			o.timeout, refusal = blockMillis(a[i])
		case more > 0 && is(a[i], "count"):
			i++
			n, ok := parseInt(a[i])
			if o.count = max(n, 0); !ok {
				refusal = refuse(reply.NotInteger())
			}
		case more > 0 && is(a[i], "streams"):
			refusal = o.streams(a[i+1:])
		case more > 1 && is(a[i], "group"):
			o.group, o.consumer = a[i+1], a[i+2]
			i += 2
			refusal = o.groupOnly("GROUP")
		case is(a[i], "noack"):
			o.noAck = true
			refusal = o.groupOnly("NOACK")
		default:
			refusal = refuse(reply.Syntax())
		}
	}
	switch {
	case refusal != nil:
	case o.keys == nil:
		refusal = refuse(reply.Syntax())
	case o.ofGroup && o.group == nil:
		refusal = refuse(reply.Error("ERR Missing GROUP option for XREADGROUP"))
	}
	return o, refusal
}

// groupOnly refuses an option of XREADGROUP that XREAD is given.
func (o *reading) groupOnly(option string) *reply.Reply {
	if o.ofGroup {
		return nil
	}
	return refuse(reply.Errorf("ERR The %s option is only supported by XREADGROUP. You called XREAD instead.", option))
}

// claim reads what stands behind CLAIM.
func (o *reading) claim(word []byte) *reply.Reply {
	n, ok := parseInt(word)
	switch o.claims, o.minIdle = true, n; {
	case !ok:
		return refuse(reply.Error("ERR min-idle-time is not an integer or out of range"))
	case n < 0:
		return refuse(reply.Error("ERR min-idle-time must be a positive integer"))
	}
	return o.groupOnly("CLAIM")
}

// streams takes the words behind STREAMS: the keys, and as many ids.
func (o *reading) streams(words Args) *reply.Reply {
	if len(words)%2 == 1 {
		return refuse(reply.Error("ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified."))
	}
	o.keys, o.ids = words[:len(words)/2], words[len(words)/2:]
	return nil
}

// XREAD [COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]
func xread(v *keyspace.View, a Args) reply.Reply {
	o, refusal := readReading(a)
	if refusal != nil {
		return *refusal
	}
	var found []reply.Reply
	for i, key := range o.keys {
		s, refusal := lookStream(v, key)
		if refusal != nil {
			return *refusal
		}
		from, refusal := o.resolve(v, &s, i)
		if refusal != nil {
			return *refusal
		}
		if entries := entriesBehind(&s, from, o.count); len(entries) > 0 {
			found = append(found, reply.Bulk(key), entriesReply(entries, false))
		}
	}
	if len(found) == 0 {
		return reply.NullArray()
	}
	return reply.PairMap(found...)
}

// resolve returns the id behind which XREAD reads the i-th stream. What "$" and "+" mean is said in their place: a command that
// waits means by them what they meant when it came. A View that does not know that yet will ask again.
func (o *reading) resolve(v *keyspace.View, s *keyspace.Stream, i int) (id keyspace.StreamID, refusal *reply.Reply) {
	switch string(o.ids[i]) {
	case "$":
		id = s.LastID()
	case "+": // the last entry, if there is one (Redis 7.4)
		if id = s.LastID(); s.Len() > 0 {
			id, _ = s.TopID().Before()
		}
	case ">":
		return id, refuse(reply.Error("ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."))
	default:
		return strictID(o.ids[i])
	}
	if len(v.Cold()) == 0 && o.timeout >= 0 {
		o.ids[i] = []byte(id.String())
	}
	return id, nil
}

// entriesBehind returns at most count entries behind an id; 0 is all.
func entriesBehind(s *keyspace.Stream, id keyspace.StreamID, count int64) (entries []keyspace.Entry) {
	if from, ok := id.Next(); ok {
		s.Range(from, greatestID(), func(e keyspace.Entry) bool {
			entries = append(entries, e)
			return int64(len(entries)) != count
		})
	}
	return entries
}

// XREADGROUP GROUP group consumer [COUNT count] [BLOCK milliseconds] [CLAIM min-idle-time] [NOACK] STREAMS key [key ...] id [id ...]
func xreadgroup(tx *keyspace.Tx, a Args) reply.Reply {
	o, refusal := readReading(a)
	if refusal != nil {
		return *refusal
	}
	from := make([]keyspace.StreamID, len(o.keys))
	for i := range o.keys {
		if from[i], refusal = o.check(&tx.View, i); refusal != nil {
			return *refusal
		}
	}
	var found []reply.Reply
	for i, key := range o.keys {
		s, _ := tx.WriteStream(key)
		if entries, served := o.serve(&s, from[i], tx.Now()); served {
			found = append(found, reply.Bulk(key), entries)
		}
	}
	if len(found) == 0 {
		return reply.NullArray()
	}
	return reply.PairMap(found...)
}

// check sees whether the i-th stream can be read in the name of the group, and returns the id behind which; the greatest one stands for
// what the group has not delivered yet.
func (o *reading) check(v *keyspace.View, i int) (id keyspace.StreamID, refusal *reply.Reply) {
	s, refusal := lookStream(v, o.keys[i])
	if refusal != nil {
		return id, refusal
	}
	if _, ok := s.Group(o.group); !ok {
		return id, refuse(reply.Errorf("NOGROUP No such key '%s' or consumer group '%s' in XREADGROUP with GROUP option",
			cString(o.keys[i], len(o.keys[i])), cString(o.group, len(o.group))))
	}
	switch string(o.ids[i]) {
	case "$":
		return id, refuse(reply.Error("ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of " +
			"this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set."))
	case ">":
		return greatestID(), nil
	default:
		return strictID(o.ids[i])
	}
}

// serve reads what is new, or, from an id on, what is pending for the consumer.
func (o *reading) serve(s *keyspace.Stream, id keyspace.StreamID, now int64) (entries reply.Reply, served bool) {
	from, ok := id.Next()
	if ok {
		return historyReply(s.Redeliver(o.group, o.consumer, from, o.count)), true
	}
	g, _ := s.Group(o.group)
	if o.claims {
		elems := o.claimThenRead(s, g, now)
		return reply.Array(elems...), len(elems) > 0
	}
	news := s.Deliver(g, o.consumer, o.count, o.noAck)
	return entriesReply(news, false), len(news) > 0
}

// claimThenRead takes over what has been pending long enough, which stays pending with NOACK too, and then reads what is new, within
// COUNT together. Each entry tells how long it had been pending and how often it had been delivered.
func (o *reading) claimThenRead(s *keyspace.Stream, g keyspace.Group, now int64) (elems []reply.Reply) {
	c := keyspace.Claim{Group: g, Consumer: o.consumer, MinIdle: o.minIdle, At: now, Count: -1}
	for _, t := range s.ClaimIdle(&c, o.count) {
		elems = append(elems, deliveryReply(&t.Entry, max(0, c.At-t.Before.At), t.Before.Count))
	}
	left := o.count - int64(len(elems))
	if o.count > 0 && left == 0 {
		return elems
	}
	for _, e := range s.Deliver(g, o.consumer, max(left, 0), o.noAck) {
		elems = append(elems, deliveryReply(&e, 0, 0))
	}
	return elems
}

// deliveryReply is an entry with what is known of its deliveries.
func deliveryReply(e *keyspace.Entry, idle, count int64) reply.Reply {
	r := entryReply(e)
	r.Elems = append(r.Elems, reply.Int(idle), reply.Int(count))
	return r
}

// unseen is how often XREADGROUP with CLAIM looks, while it waits, for what others have got meanwhile: no more often than it could have
// become old enough, and than this many milliseconds.
const unseen = 100

// claimable returns when a waiting XREADGROUP may find something that has been pending long enough.
func claimable(v *keyspace.View, a Args) (at int64, ok bool) {
	o, refusal := readReading(a)
	if refusal != nil || !o.claims {
		return 0, false
	}
	at = v.Now() + max(min(o.minIdle, mostIdle), unseen)
	for i, key := range o.keys {
		s, _ := v.ReadStream(key)
		if oldest, pending := s.OldestDelivery(o.group); pending && string(o.ids[i]) == ">" {
			at = min(at, max(oldest+min(o.minIdle, mostIdle), v.Now()+1))
		}
	}
	return at, true
}

// mostIdle is a number of milliseconds that nobody waits for, and that is a Duration.
const mostIdle = 1 << 40

// historyReply are entries that are pending; those that have been deleted have no fields.
func historyReply(entries []keyspace.Entry) reply.Reply {
	elems := make([]reply.Reply, len(entries))
	for i := range entries {
		if elems[i] = entryReply(&entries[i]); entries[i].Fields == nil {
			elems[i].Elems[1] = reply.NullArray()
		}
	}
	return reply.Array(elems...)
}
