package commands

import (
	"fmt"
	"time"
)

// Seed is how far the filling of a copy from another node's snapshot is.
type Seed struct {
	From        string        // the other node's id, or what it is that is no node; empty: none is found yet
	Have, Total int64         // bytes; Total is 0 until it is known
	Behind      int64         // records that come behind the snapshot, or behind what is applied since
	Left        time.Duration // until all of the snapshot is here, about; 0: not known
}

// String is for people and simple programs.
func (s *Seed) String() string {
	text := fmt.Sprintf("%d of %d bytes, %d records behind", s.Have, s.Total, s.Behind)
	if s.Left > 0 {
		text += fmt.Sprintf(", about %v left", s.Left)
	}
	if s.From != "" {
		text += " from " + s.From
	}
	return text
}

// seeding is what INFO shows of the copies of this node that are being filled, all together.
func (i *infoText) seeding() {
	t := i.srv.topology()
	self := t.self()
	var copies int
	var sum Seed
	for n := range t.Ranges {
		for _, c := range t.Ranges[n].copies() {
			if c.node == self && self >= 0 && c.seed != nil {
				copies++
				sum.Have, sum.Total, sum.Behind = sum.Have+c.seed.Have, sum.Total+c.seed.Total, sum.Behind+c.seed.Behind
				sum.Left = max(sum.Left, c.seed.Left)
			}
		}
	}
	i.field("seeding_partitions", copies)
	i.field("seeding_bytes", sum.Have)
	i.field("seeding_bytes_total", sum.Total)
	i.field("seeding_records_behind", sum.Behind)
	i.field("seeding_seconds_left", int64(sum.Left/time.Second))
}
