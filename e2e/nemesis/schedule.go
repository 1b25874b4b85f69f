package nemesis

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Step is one fault of a schedule.
type Step struct {
	Rest time.Duration // after the cluster has served again
	Kind Kind
	Hold time.Duration
	Pick int // which partition
}

// schedule draws faults from a seed: the same seed gives the same steps, however long they take.
type schedule struct {
	rng   *rand.Rand
	kinds []Kind
	lease time.Duration
	bag   []Kind // what is left of this round, so that each kind has its turn
}

func newSchedule(seed uint64, kinds []Kind, lease time.Duration) *schedule {
	return &schedule{rng: rand.New(rand.NewPCG(seed, 1)), kinds: kinds, lease: lease}
}

// next draws a step. A quarter of the time is quiet.
func (s *schedule) next() Step {
	if len(s.bag) == 0 {
		s.bag = slices.Clone(s.kinds)
		s.rng.Shuffle(len(s.bag), func(i, j int) { s.bag[i], s.bag[j] = s.bag[j], s.bag[i] })
	}
	k := s.bag[0]
	s.bag = s.bag[1:]
	least, most := lasting(k, s.lease)
	return Step{
		Rest: 500*time.Millisecond + time.Duration(s.rng.Int64N(int64(2500*time.Millisecond))),
		Kind: k,
		Hold: least + time.Duration(s.rng.Int64N(int64(most-least)+1)),
		Pick: s.rng.IntN(1 << 20),
	}
}
