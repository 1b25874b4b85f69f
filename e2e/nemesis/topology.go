package nemesis

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"shiplog/e2e"
)

const slotCount = 16384

// Slot returns the slot of a key, by its hash tag when it has one, as Redis Cluster's specification says.
func Slot(key string) int {
	if _, after, ok := strings.Cut(key, "{"); ok {
		if tag, _, ok := strings.Cut(after, "}"); ok && tag != "" {
			key = tag
		}
	}
	crc := uint16(0) // CRC-16/XMODEM
	for _, b := range []byte(key) {
		crc ^= uint16(b) << 8
		for range 8 {
			carry := crc&0x8000 != 0
			crc <<= 1
			if carry {
				crc ^= 0x1021
			}
		}
	}
	return int(crc) % slotCount
}

// Member is a node as CLUSTER SLOTS or CLUSTER SHARDS names it.
type Member struct {
	Addr, ID string
	Online   bool // its copy is whole, by CLUSTER SHARDS
}

// Range is who holds the slots First to Last, both included.
type Range struct {
	First, Last int
	Primary     Member
	Replicas    []Member
}

// Topology is who holds which slots, as one node sees it.
type Topology []Range

// Holding returns the range that a slot lies in.
func (t Topology) Holding(slot int) (Range, error) {
	for _, r := range t {
		if r.First <= slot && slot <= r.Last {
			return r, nil
		}
	}
	return Range{}, fmt.Errorf("nobody holds slot %d", slot)
}

// ReadTopology asks the nodes in turn for CLUSTER SLOTS and returns the first answer that shows a slot.
func ReadTopology(a Access) (Topology, error) {
	var all error
	for _, addr := range a.Seeds {
		t, err := a.topologyFrom(addr)
		if err == nil {
			return t, nil
		}
		all = errors.Join(all, err)
	}
	return nil, fmt.Errorf("no node shows its slots: %w", all)
}

// topologyFrom asks one node. A map without any slot is an error.
func (a Access) topologyFrom(addr string) (Topology, error) {
	v, err := a.ask(addr, "CLUSTER", "SLOTS")
	if err != nil {
		return nil, err
	}
	t, err := parseTopology(v, addr)
	if err == nil && len(t) == 0 {
		err = fmt.Errorf("CLUSTER SLOTS of %s is empty", addr)
	}
	return t, err
}

// ask sends one command to one node on a connection of its own. An error reply is an error.
func (a Access) ask(addr string, words ...string) (e2e.Value, error) {
	c, err := a.dial(addr, askTimeout)
	if err != nil {
		return e2e.Value{}, err
	}
	defer c.Close()
	return answer(c.Do(words...))
}

// parseTopology reads a reply of CLUSTER SLOTS that came from the node at from.
func parseTopology(v e2e.Value, from string) (Topology, error) {
	var t Topology
	for _, row := range v.Elems {
		if len(row.Elems) < 3 {
			return nil, fmt.Errorf("CLUSTER SLOTS of %s: row %v", from, row)
		}
		first, err := row.Elems[0].Int()
		last, err2 := row.Elems[1].Int()
		if err := errors.Join(err, err2); err != nil || first < 0 || last >= slotCount {
			return nil, fmt.Errorf("CLUSTER SLOTS of %s: slots of %v: %w", from, row, err)
		}
		r := Range{First: int(first), Last: int(last)}
		for i, e := range row.Elems[2:] {
			m, err := parseMember(e, from)
			if err != nil {
				return nil, err
			}
			if i == 0 {
				r.Primary = m
			} else {
				r.Replicas = append(r.Replicas, m)
			}
		}
		t = append(t, r)
	}
	return t, nil
}

func parseMember(v e2e.Value, from string) (Member, error) {
	if len(v.Elems) < 3 {
		return Member{}, fmt.Errorf("CLUSTER SLOTS of %s: node %v", from, v)
	}
	host := v.Elems[0].Text
	if v.Elems[0].IsNull() || host == "" || host == "?" {
		host, _, _ = net.SplitHostPort(from) // it came from there, so it can be split
	}
	port, err := v.Elems[1].Int()
	if err != nil {
		return Member{}, fmt.Errorf("CLUSTER SLOTS of %s: port: %w", from, err)
	}
	return Member{Addr: net.JoinHostPort(host, strconv.FormatInt(port, 10)), ID: v.Elems[2].Text}, nil
}

// infoField asks a node for one line of a section of INFO.
func (a Access) infoField(addr, section, field string) (string, error) {
	v, err := a.ask(addr, "INFO", section)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(v.Text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), field+":"); ok && value != "" {
			return value, nil
		}
	}
	return "", fmt.Errorf("INFO %s of %s has no %s", section, addr, field)
}
