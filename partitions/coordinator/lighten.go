package coordinator

import (
	"cmp"
	"slices"
)

// The rules of spreading load.
const (
	tolerance   = 1.2  // a node may carry so many times the mean
	worthwhile  = 0.05 // a hand-over must better things by such a part of the mean, unless the partition weighs less
	lookTwice   = 128  // partitions up to which two hand-overs in a row are thought of
	countsAsToo = 0.1  // so much of the load is counted as if all partitions had equal parts of it: an idle one is not free
)

// burden is a partition as spreading sees it.
type burden struct {
	weight  float64 // its part of all load
	primary NodeID
	heirs   []NodeID // who else could lead it now, in ascending order; none: it stays
}

// lighten is the hand-over that spreads the burdens best over the nodes, to an empty node if no node carries more than tolerance times the mean,
// or none makes it better. The nodes are those that can lead, in ascending order; burdens of others count in the mean.
//
// The node that carries the most is helped first. A single hand-over is best; where none helps, it is the first of two, which are both
// found by their sum of squares. Each makes that sum smaller, so they end. Of equal ones it is the first.
func lighten(burdens []burden, nodes []NodeID) (partition int, to NodeID) {
	s := newScale(burdens, nodes)
	for _, from := range s.heavy() {
		if m := s.single(from); m.to != "" {
			return m.partition, m.to
		}
		if len(burdens) > lookTwice {
			continue
		}
		if m := s.double(from); m.to != "" {
			return m.partition, m.to
		}
	}
	return 0, ""
}

// shift is one hand-over; the zero shift is none.
type shift struct {
	partition int
	to        NodeID
}

// scale is what the nodes carry.
type scale struct {
	burdens []burden
	nodes   []NodeID
	carries map[NodeID]float64
	mean    float64
}

func newScale(burdens []burden, nodes []NodeID) *scale {
	s := &scale{burdens: burdens, nodes: nodes, carries: make(map[NodeID]float64, len(nodes))}
	for i := range burdens {
		s.carries[burdens[i].primary] += burdens[i].weight
		s.mean += burdens[i].weight
	}
	s.mean /= float64(max(len(nodes), 1))
	return s
}

// heavy is which nodes carry too much, the heaviest first.
func (s *scale) heavy() []NodeID {
	var heavy []NodeID
	for _, id := range s.nodes {
		if s.carries[id] > tolerance*s.mean {
			heavy = append(heavy, id)
		}
	}
	slices.SortStableFunc(heavy, func(a, b NodeID) int { return cmp.Compare(s.carries[b], s.carries[a]) })
	return heavy
}

// moved is how much the sum of squares changes when a weight goes from one node to another.
func (s *scale) moved(weight float64, from, to NodeID) float64 {
	return 2 * weight * (weight + s.carries[to] - s.carries[from])
}

// least is the smallest improvement that a hand-over of a weight is worth.
func (s *scale) least(weight float64) float64 { return min(weight, worthwhile*s.mean) }

// single is the best hand-over of a partition of a node.
func (s *scale) single(from NodeID) (best shift) {
	gain := 0.0
	for i := range s.burdens {
		b := &s.burdens[i]
		if b.primary != from {
			continue
		}
		for _, to := range b.heirs {
			if s.carries[to]+b.weight+s.least(b.weight) > s.carries[from] {
				continue
			}
			if g := s.moved(b.weight, from, to); g < gain {
				best, gain = shift{i, to}, g
			}
		}
	}
	return best
}

// double is the first of the two best hand-overs that relieve a node together: one of its partitions goes, and another one comes for it, or makes room
// for it. The one first that makes less of a heap meanwhile.
func (s *scale) double(from NodeID) (best shift) {
	gain := 0.0
	for i := range s.burdens {
		out := &s.burdens[i]
		if out.primary != from {
			continue
		}
		for _, to := range out.heirs {
			first := s.moved(out.weight, from, to)
			s.carry(out.weight, from, to)
			for j := range s.burdens {
				second := &s.burdens[j]
				if second.primary != to || first > 0 && second.weight == 0 {
					continue
				}
				for _, next := range second.heirs {
					g := first + s.moved(second.weight, to, next)
					if g >= gain || !s.relieves(second.weight, [3]NodeID{from, to, next}, out.weight) {
						continue
					}
					gain = g
					if best = (shift{i, to}); next != from || second.weight < out.weight {
						best = shift{j, next}
					}
				}
			}
			s.carry(out.weight, to, from)
		}
	}
	return best
}

func (s *scale) carry(weight float64, from, to NodeID) {
	s.carries[from] -= weight
	s.carries[to] += weight
}

// relieves tells whether of three nodes none carries as much as the first did, when from the second, which has just taken out, a weight goes on to the third.
func (s *scale) relieves(weight float64, at [3]NodeID, out float64) bool {
	from, to, next := at[0], at[1], at[2]
	before := s.carries[from] + out
	s.carry(weight, to, next)
	after := max(s.carries[from], s.carries[to], s.carries[next])
	s.carry(weight, next, to)
	return after+s.least(out) <= before
}
