package coordinator

import (
	"fmt"
	"slices"
	"testing"

	"shiplog/partitions/slot"
)

func TestPlaceIsEven(t *testing.T) {
	for count := 1; count <= 12; count++ {
		for copies := 1; copies <= min(count, maxCopies); copies++ {
			for partitions := 1; partitions <= 70; partitions++ {
				var nodes []Node
				for i := range count {
					nodes = append(nodes, Node{ID: NodeID(fmt.Sprintf("%02d", i))})
				}
				m := Map{Version: 1, Copies: copies, Nodes: nodes, Partitions: place(nodes, partitions, copies)}
				if wrong := append(m.faults(), m.unevenness()...); len(wrong) > 0 {
					t.Fatalf("%d partitions, %d copies: %q\n%v", partitions, copies, wrong, &m)
				}
			}
		}
	}
}

// faults is what must not be in any map.
func (m *Map) faults() (faults []string) {
	complain := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	for i := 1; i < len(m.Nodes); i++ {
		if m.Nodes[i-1].ID >= m.Nodes[i].ID {
			complain("nodes %d and %d are not in order", i-1, i)
		}
	}
	if m.Nodes[0].ID == "" {
		complain("a node without an identity")
	}
	next := 0
	for i := range m.Partitions {
		p := &m.Partitions[i]
		if int(p.Slots.First) != next || p.Slots.Count() < 1 {
			complain("partition %d does not begin at slot %d", i, next)
		}
		next = int(p.Slots.Last) + 1
		if !slices.Contains(p.Holders, p.Primary) {
			complain("partition %d: the primary holds no copy", i)
		}
		if sorted := slices.Sorted(slices.Values(p.Wanted())); len(slices.Compact(sorted)) != m.Copies {
			complain("partition %d: not %d holders", i, m.Copies)
		}
		if moves := p.Move != (Move{}); moves && (len(p.Holders) != m.Copies+1 || !slices.Contains(p.Holders, p.Move.To) || !slices.Contains(p.Holders, p.Move.From)) {
			complain("partition %d: moves from %s to %s", i, p.Move.From, p.Move.To)
		}
		for _, id := range p.Holders {
			if _, found := m.find(id); !found {
				complain("partition %d: holder %s is not a node", i, id)
			}
		}
	}
	if next != slot.Count {
		complain("slots end at %d", next)
	}
	return faults
}

// unevenness is what must not be in a new map.
func (m *Map) unevenness() (faults []string) {
	copies, primaries := make([]int, len(m.Nodes)), make([]int, len(m.Nodes))
	for i := range m.Partitions {
		p := &m.Partitions[i]
		for _, id := range p.Holders {
			at, _ := m.find(id)
			copies[at]++
		}
		at, _ := m.find(p.Primary)
		primaries[at]++
		if p.Holders[0] != p.Primary || p.Term != 1 || p.Epoch != 0 {
			faults = append(faults, fmt.Sprintf("partition %d does not begin well", i))
		}
	}
	if slices.Max(copies)-slices.Min(copies) > 1 || slices.Max(primaries)-slices.Min(primaries) > 1 {
		faults = append(faults, fmt.Sprintf("copies %v, primaries %v", copies, primaries))
	}
	return faults
}
