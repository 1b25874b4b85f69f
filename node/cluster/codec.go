package cluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"shiplog/partitions/coordinator"
	"shiplog/partitions/slot"
)

// EncodeMap returns a map as it is stored (FORMAT.md).
func EncodeMap(m *coordinator.Map) ([]byte, error) {
	if err := checkMap(m); err != nil {
		return nil, err
	}
	return within(maxMap, m)
}

// DecodeMap is the inverse of EncodeMap. An error wraps ErrMalformed.
func DecodeMap(data []byte) (*coordinator.Map, error) {
	m := &coordinator.Map{}
	if err := decode(data, maxMap, m); err != nil {
		return nil, err
	}
	if err := checkMap(m); err != nil {
		return nil, err
	}
	return m, nil
}

// encodeReport returns a heartbeat as it is sent.
func encodeReport(r *coordinator.Report) ([]byte, error) {
	if err := checkReport(r); err != nil {
		return nil, err
	}
	return within(maxBeat, r)
}

func decodeReport(data []byte) (r coordinator.Report, err error) {
	if err := decode(data, maxBeat, &r); err != nil {
		return coordinator.Report{}, err
	}
	if err := checkReport(&r); err != nil {
		return coordinator.Report{}, err
	}
	return r, nil
}

// within is v as JSON, if that is not too long.
func within(limit int, v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err == nil && len(data) > limit {
		err = fmt.Errorf("%w: %d bytes, %d are allowed", ErrMalformed, len(data), limit)
	}
	return data, err
}

// decode reads one JSON value and nothing behind it. Fields that it does not know are a newer version's.
func decode(data []byte, limit int, into any) error {
	if len(data) > limit {
		return fmt.Errorf("%w: %d bytes, %d are allowed", ErrMalformed, len(data), limit)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: more than one value", ErrMalformed)
	}
	return nil
}

// fit makes a report one that can be sent: a text that is too long or a figure that is none must not silence the node.
func fit(r coordinator.Report) coordinator.Report {
	r.Load = finite(r.Load)
	r.Partitions = slices.Clone(r.Partitions)
	for i := range r.Partitions {
		p := &r.Partitions[i]
		p.Load, p.Bytes, p.CPU, p.Stuck, p.AckTook = finite(p.Load), finite(p.Bytes), finite(p.CPU), max(p.Stuck, 0), max(p.AckTook, 0)
		if len(p.Why) > maxWhy {
			p.Why = strings.ToValidUTF8(p.Why[:maxWhy], "")
		}
	}
	return r
}

func finite(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return f
}

func checkReport(r *coordinator.Report) error {
	if err := checkNode(&r.Node); err != nil {
		return err
	}
	switch {
	case len(r.Run) > maxName:
		return fmt.Errorf("%w: a run of %d bytes", ErrMalformed, len(r.Run))
	case r.Cluster != "" && !isIdentity(r.Cluster):
		return fmt.Errorf("%w: cluster %.50q", ErrMalformed, r.Cluster)
	}
	last := -1
	for i := range r.Partitions {
		p := &r.Partitions[i]
		switch {
		case p.Partition <= last || p.Partition >= slot.Count:
			return fmt.Errorf("%w: partition %d after %d", ErrMalformed, p.Partition, last)
		case len(p.Why) > maxWhy || len(p.Role) > maxName || p.Stuck < 0 || p.AckTook < 0 || p.Seed.From != "" && !isIdentity(string(p.Seed.From)) || p.Seed.Left < 0:
			return fmt.Errorf("%w: partition %d", ErrMalformed, p.Partition)
		}
		last = p.Partition
	}
	return nil
}

func checkNode(n *coordinator.Node) error {
	switch {
	case !isIdentity(string(n.ID)):
		return fmt.Errorf("%w: node %.50q", ErrMalformed, n.ID)
	case !isWord(n.Host) || !isWord(n.Server) || n.Name != "" && !isWord(n.Name):
		return fmt.Errorf("%w: node %s: host %.50q, server %.50q, name %.50q", ErrMalformed, n.ID, n.Host, n.Server, n.Name)
	case n.Port < 1 || n.Port > math.MaxUint16 || n.BusPort < 0 || n.BusPort > math.MaxUint16:
		return fmt.Errorf("%w: node %s: ports %d and %d", ErrMalformed, n.ID, n.Port, n.BusPort)
	}
	return nil
}

// checkMap holds a map to what those who follow it rely on: every slot belongs to one partition, every partition to nodes of the map.
func checkMap(m *coordinator.Map) error {
	switch {
	case m == nil:
		return fmt.Errorf("%w: no map", ErrMalformed)
	case m.Version == 0 || !isIdentity(m.Cluster):
		return fmt.Errorf("%w: map %d of cluster %.50q", ErrMalformed, m.Version, m.Cluster)
	case len(m.Nodes) == 0 || len(m.Nodes) > maxNodes || len(m.Partitions) == 0 || len(m.Partitions) > slot.Count:
		return fmt.Errorf("%w: %d nodes, %d partitions", ErrMalformed, len(m.Nodes), len(m.Partitions))
	}
	for i := range m.Nodes {
		if err := checkNode(&m.Nodes[i]); err != nil {
			return err
		}
		if i > 0 && m.Nodes[i-1].ID >= m.Nodes[i].ID {
			return fmt.Errorf("%w: node %s is not behind %s", ErrMalformed, m.Nodes[i].ID, m.Nodes[i-1].ID)
		}
	}
	if err := checkMembers(m); err != nil {
		return err
	}
	next := 0
	for i := range m.Partitions {
		p := &m.Partitions[i]
		if int(p.Slots.First) != next || p.Slots.Count() < 1 {
			return fmt.Errorf("%w: partition %d has slots %d-%d, %d is the next", ErrMalformed, i, p.Slots.First, p.Slots.Last, next)
		}
		if err := checkHolders(m, p); err != nil {
			return fmt.Errorf("partition %d: %w", i, err)
		}
		next = int(p.Slots.Last) + 1
	}
	if next != slot.Count {
		return fmt.Errorf("%w: slots end at %d", ErrMalformed, next)
	}
	return nil
}

func checkHolders(m *coordinator.Map, p *coordinator.Partition) error {
	if !slices.Contains(p.Holders, p.Primary) {
		return fmt.Errorf("%w: primary %.50q holds no copy", ErrMalformed, p.Primary)
	}
	for i, id := range p.Holders {
		if indexOf(m.Nodes, id) < 0 || slices.Contains(p.Holders[:i], id) {
			return fmt.Errorf("%w: holder %.50q", ErrMalformed, id)
		}
	}
	if move := p.Move; move != (coordinator.Move{}) &&
		(move.To == move.From || !slices.Contains(p.Holders, move.To) || !slices.Contains(p.Holders, move.From)) {
		return fmt.Errorf("%w: a copy moves from %.50q to %.50q", ErrMalformed, move.From, move.To)
	}
	return nil
}

// checkMembers holds what a map says of its nodes, and of former ones.
func checkMembers(m *coordinator.Map) error {
	for _, list := range [][]coordinator.NodeID{m.Draining, m.Gone} {
		for i, id := range list {
			if indexOf(m.Nodes, id) < 0 || i > 0 && list[i-1] >= id {
				return fmt.Errorf("%w: node %.50q is draining or gone", ErrMalformed, id)
			}
		}
	}
	if len(m.Former) > maxNodes {
		return fmt.Errorf("%w: %d former nodes", ErrMalformed, len(m.Former))
	}
	for i := range m.Former {
		if f := &m.Former[i]; !isIdentity(string(f.ID)) || !isWord(f.Server) || indexOf(m.Nodes, f.ID) >= 0 {
			return fmt.Errorf("%w: former node %.50q with server %.50q", ErrMalformed, f.ID, f.Server)
		}
	}
	return nil
}

// indexOf is where a node stands in nodes, which are in the order of their identities; -1: nowhere.
func indexOf(nodes []coordinator.Node, id coordinator.NodeID) int {
	i, found := slices.BinarySearchFunc(nodes, id, func(n coordinator.Node, id coordinator.NodeID) int {
		return strings.Compare(string(n.ID), string(id))
	})
	if !found {
		return -1
	}
	return i
}

// isIdentity tells whether s is 40 hexadecimal digits.
func isIdentity(s string) bool {
	return len(s) == 40 && strings.Trim(s, "0123456789abcdef") == ""
}

// isWord tells whether s can stand in a line of CLUSTER NODES.
func isWord(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s[i] == ',' {
			return false
		}
	}
	return s != "" && len(s) <= maxName
}
