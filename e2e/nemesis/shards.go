package nemesis

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"shiplog/e2e"
)

// ReadShards asks the nodes in turn for CLUSTER SHARDS and returns the first answer that shows a slot. Clients find their way
// by CLUSTER SLOTS, which may leave replicas out; this names every copy, also those that have failed or are not whole.
func ReadShards(a Access) (Topology, error) {
	var all error
	for _, addr := range a.Seeds {
		t, err := a.shardsFrom(addr)
		if err == nil {
			return t, nil
		}
		all = errors.Join(all, err)
	}
	return nil, fmt.Errorf("no node shows its shards: %w", all)
}

// shardsFrom asks one node. A map without any slot is an error.
func (a Access) shardsFrom(addr string) (Topology, error) {
	v, err := a.ask(addr, "CLUSTER", "SHARDS")
	if err != nil {
		return nil, err
	}
	t, err := parseShards(v, addr)
	if err == nil && len(t) == 0 {
		err = fmt.Errorf("CLUSTER SHARDS of %s is empty", addr)
	}
	return t, err
}

// parseShards reads a reply of CLUSTER SHARDS that came from the node at from.
func parseShards(v e2e.Value, from string) (Topology, error) {
	var t Topology
	for _, shard := range v.Elems {
		slots := fieldOf(shard, "slots").Elems
		var r Range
		for _, node := range fieldOf(shard, "nodes").Elems {
			m, err := parseCopy(node, from)
			if err != nil {
				return nil, err
			}
			if fieldOf(node, "role").Text == "master" {
				r.Primary = m
			} else {
				r.Replicas = append(r.Replicas, m)
			}
		}
		for ; len(slots) >= 2; slots = slots[2:] { // a shard may have several ranges, or none
			first, err := slots[0].Int()
			last, err2 := slots[1].Int()
			if err := errors.Join(err, err2); err != nil || first < 0 || last >= slotCount {
				return nil, fmt.Errorf("CLUSTER SHARDS of %s: slots of %v: %w", from, shard, err)
			}
			r.First, r.Last = int(first), int(last)
			t = append(t, r)
		}
	}
	return t, nil
}

func parseCopy(v e2e.Value, from string) (Member, error) {
	host := fieldOf(v, "ip").Text
	if host == "" {
		host, _, _ = net.SplitHostPort(from) // it came from there, so it can be split
	}
	port, err := fieldOf(v, "port").Int()
	if err != nil {
		return Member{}, fmt.Errorf("CLUSTER SHARDS of %s: node %v: %w", from, v, err)
	}
	addr := net.JoinHostPort(host, strconv.FormatInt(port, 10))
	return Member{Addr: addr, ID: fieldOf(v, "id").Text, Online: fieldOf(v, "health").Text == "online"}, nil
}

// fieldOf returns the value behind a name in a map or in an array that stands for one; the zero Value if there is none.
func fieldOf(v e2e.Value, name string) e2e.Value {
	for i := 0; i+1 < len(v.Elems); i += 2 {
		if v.Elems[i].Text == name {
			return v.Elems[i+1]
		}
	}
	return e2e.Value{}
}

// redundant says why not every partition has all its copies, whole and on nodes that run, as the node at addr sees it; nil if
// it does.
func (a Access) redundant(addr string) error {
	t, err := a.shardsFrom(addr)
	if err != nil {
		return err
	}
	slots := 0
	for _, r := range t {
		slots += r.Last - r.First + 1
		if len(r.Replicas) == 0 || len(r.Replicas) != len(t[0].Replicas) {
			return fmt.Errorf("slots %d to %d have %d replicas, as %s sees it", r.First, r.Last, len(r.Replicas), addr)
		}
		for _, m := range append([]Member{r.Primary}, r.Replicas...) {
			if !m.Online {
				return fmt.Errorf("the copy of slots %d to %d on %s is not whole, as %s sees it", r.First, r.Last, m.Addr, addr)
			}
		}
	}
	if slots != slotCount {
		return fmt.Errorf("%d slots have no primary, as %s sees it", slotCount-slots, addr)
	}
	return nil
}
