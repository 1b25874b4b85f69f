package commands

import (
	"cmp"
	"slices"

	"shiplog/node/reply"
)

// clusterSlotRows are the sub-commands about slots and their keys.
func clusterSlotRows() []Row {
	return []Row{
		{Name: "cluster|keyslot", Since: "3.0.0", Arity: 3, Flags: FlagStale,
			Summary:    "Returns the hash slot of the specified key",
			Syntax:     "key",
			Complexity: "O(N) where N is the number of bytes in the key",
			Session:    clustered(clusterKeySlot)},
		{Name: "cluster|countkeysinslot", Since: "3.0.0", Arity: 3, Flags: FlagStale | FlagOffLoop,
			Summary:    "Return the number of local keys in the specified hash slot",
			Syntax:     "slot:integer",
			Complexity: "O(N) where N is the number of keys in the slot",
			Session:    clustered(clusterCountKeysInSlot)},
		{Name: "cluster|getkeysinslot", Since: "3.0.0", Arity: 4, Flags: FlagStale | FlagOffLoop,
			Summary:    "Return local key names in the specified hash slot",
			Syntax:     "slot:integer count:integer",
			Complexity: "O(log(N)) where N is the number of requested keys",
			Session:    clustered(clusterKeysInSlot)},
		{Name: "cluster|slot-stats", Since: "8.2.0", Arity: -4, Flags: FlagStale | FlagLoading | FlagOffLoop,
			Summary:    "Return how many keys each slot has that this node leads",
			Syntax:     "filter(SLOTSRANGE=slotsrange(start-slot:integer end-slot:integer)|ORDERBY=orderby(metric LIMIT=limit:integer? order(ASC|DESC)?))",
			Complexity: "O(N) where N is the number of keys in the slots",
			Tips:       []string{"nondeterministic_output", "request_policy:all_shards"},
			Session:    clustered(clusterSlotStats)},
	}
}

// CLUSTER KEYSLOT key
func clusterKeySlot(_ *Session, c Cluster, a Args) reply.Reply { return reply.Int(int64(c.Slot(a[2]))) }

// leads tells whether this node leads a slot. Others have no keys in Redis's eyes: redis-cli would take
// those of a replica for a second owner's.
func leads(t *Topology, slot int) bool {
	r := t.at(slot)
	return r != nil && r.Primary >= 0 && t.Nodes[r.Primary].ID == t.MyID
}

// CLUSTER COUNTKEYSINSLOT slot
func clusterCountKeysInSlot(_ *Session, c Cluster, a Args) reply.Reply {
	slot, ok := parseInt(a[2])
	switch {
	case !ok:
		return reply.NotInteger()
	case slot < 0 || slot >= slotCount:
		return reply.Error("ERR Invalid slot")
	case !leads(c.Topology(), int(slot)):
		return reply.Int(0)
	}
	n, err := c.CountKeysInSlot(int(slot))
	if err != nil {
		return worded(err)
	}
	return reply.Int(n)
}

// CLUSTER GETKEYSINSLOT slot count
func clusterKeysInSlot(_ *Session, c Cluster, a Args) reply.Reply {
	slot, ok1 := parseInt(a[2])
	count, ok2 := parseInt(a[3])
	switch {
	case !ok1 || !ok2:
		return reply.NotInteger()
	case slot < 0 || slot >= slotCount || count < 0:
		return reply.Error("ERR Invalid slot or number of keys")
	case !leads(c.Topology(), int(slot)):
		return reply.Array()
	}
	keys, err := c.KeysInSlot(int(slot), int(min(count, 1<<31-1)))
	if err != nil {
		return worded(err)
	}
	elems := make([]reply.Reply, len(keys))
	for i, key := range keys {
		elems[i] = reply.Bulk(key)
	}
	return reply.Array(elems...)
}

// slotStats is what CLUSTER SLOT-STATS asks for.
type slotStats struct {
	first, last int
	byKeys      bool // in the order of their numbers of keys
	ascending   bool
	limit       int
}

// parseSlotStats reads the words behind CLUSTER SLOT-STATS, of which there are two at least.
func parseSlotStats(words Args) (o slotStats, refusal *reply.Reply) {
	switch {
	case is(words[0], "slotsrange") && len(words) == 3:
		first, ok1 := parseInt(words[1])
		last, ok2 := parseInt(words[2])
		if !ok1 || !ok2 || first < 0 || first >= slotCount || last < 0 || last >= slotCount {
			return o, refuse(reply.Error("ERR Invalid or out of range slot"))
		}
		if first > last {
			return o, refuse(reply.Errorf("ERR Start slot number %d is greater than end slot number %d", first, last))
		}
		return slotStats{first: int(first), last: int(last), limit: slotCount}, nil
	case is(words[0], "orderby"):
		if !is(words[1], "key-count") {
			return o, refuse(reply.Error("ERR Unrecognized sort metric for ORDERBY."))
		}
		o = slotStats{last: slotCount - 1, byKeys: true, limit: slotCount}
		return o, o.order(words[2:])
	default:
		return o, refuse(reply.Syntax())
	}
}

// order reads the options of ORDERBY.
func (o *slotStats) order(words Args) *reply.Reply {
	for len(words) > 0 {
		switch {
		case is(words[0], "limit") && len(words) > 1:
			n, ok := parseInt(words[1])
			if !ok || n < 1 || n > slotCount {
				return refuse(reply.Errorf("ERR Limit has to lie in between 1 and %d (maximum number of slots).", slotCount))
			}
			o.limit, words = int(n), words[1:]
		case is(words[0], "asc"):
			o.ascending = true
		case is(words[0], "desc"):
			o.ascending = false
		default:
			return refuse(reply.Syntax())
		}
		words = words[1:]
	}
	return nil
}

// CLUSTER SLOT-STATS <SLOTSRANGE start-slot end-slot | ORDERBY metric [LIMIT limit] [ASC | DESC]>
//
// The only metric is key-count. Slots with as many keys come in the order of their numbers.
func clusterSlotStats(_ *Session, c Cluster, a Args) reply.Reply {
	o, refusal := parseSlotStats(a[2:])
	if refusal != nil {
		return *refusal
	}
	type counted struct {
		slot int
		keys int64
	}
	var all []counted
	t := c.Topology()
	for slot := o.first; slot <= o.last; slot++ {
		if !leads(t, slot) {
			continue
		}
		keys, err := c.CountKeysInSlot(slot)
		if err != nil {
			return worded(err)
		}
		all = append(all, counted{slot, keys})
	}
	if o.byKeys {
		slices.SortStableFunc(all, func(a, b counted) int {
			if o.ascending {
				return cmp.Compare(a.keys, b.keys)
			}
			return cmp.Compare(b.keys, a.keys)
		})
	}
	all = all[:min(len(all), o.limit)]
	elems := make([]reply.Reply, len(all))
	for i, s := range all {
		elems[i] = reply.Array(reply.Int(int64(s.slot)), pairs("key-count", s.keys))
	}
	return reply.Array(elems...)
}
