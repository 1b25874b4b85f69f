package coordinator

import (
	"slices"
	"time"
)

// simClient writes values that nobody else writes, and reads. One request at a time.
type simClient struct {
	*sim
	log     *simLog
	guess   int // who leads
	writes  int // so many of ten requests
	serial  uint64
	newest  int  // what the newest known write was when the request began
	calm    bool // the request began after the faults
	stopped bool
}

// simRequest is a read, or a write of value.
type simRequest struct {
	from   *simClient
	serial uint64
	key    int
	value  int64
}

type simReply int

const (
	simOK     simReply = iota
	simMoved           // not done
	simClosed          // nobody knows
)

func (q *simRequest) isWrite() bool { return q.value != 0 }

func (c *simClient) begin() {
	if c.stopped {
		return
	}
	c.serial++
	q := simRequest{from: c, serial: c.serial, key: c.IntN(simKeys)}
	c.newest, c.calm = c.log.newest[q.key], !c.faulty
	if c.IntN(10) < c.writes {
		c.ids++
		q.value = int64(c.ids)
	}
	c.deliver(q, 0)
	patience := 700 * time.Millisecond
	if c.IntN(4) == 0 {
		patience = 4 * time.Second
	}
	c.sim.after(patience, func() { c.giveUp(q.serial) })
}

// deliver brings a request to the node that the client takes for the primary.
func (c *simClient) deliver(q simRequest, hops int) {
	n := c.nodes[c.guess]
	if n.down {
		c.guess = c.IntN(len(c.nodes))
		return
	}
	n.after(c.travel(), func() {
		if t := n.seats[c.log.p]; hops < 3 || t.role == RolePrimary {
			t.serve(q)
		}
	})
}

func (c *simClient) giveUp(serial uint64) {
	if c.serial == serial {
		c.guess = c.IntN(len(c.nodes))
		c.begin()
	}
}

// answer is a reply that leaves the node. A write that is acknowledged must be in the log by then.
func (t *simSeat) answer(q *simRequest, reply simReply, value int64) {
	if reply == simOK && q.isWrite() && t.log.place[q.value] == 0 {
		t.wrong("%s acknowledges a write of %d in partition %d which is lost", t.id, q.value, t.log.p)
	}
	request := *q
	t.sim.after(t.travel(), func() { request.from.receive(&request, reply, value) })
}

func (c *simClient) receive(q *simRequest, reply simReply, value int64) {
	if c.serial != q.serial {
		return
	}
	if reply == simMoved {
		c.guess = c.redirect()
		c.sim.after(c.between(5*time.Millisecond, 40*time.Millisecond), func() {
			if c.serial == q.serial {
				c.deliver(*q, 0)
			}
		})
		return
	}
	if reply == simOK {
		c.check(q, value)
	}
	c.serial++
	c.sim.after(c.between(10*time.Millisecond, 70*time.Millisecond), c.begin)
}

// redirect is mostly to whom the map names, and sometimes to anybody: clients may hang on to an old primary.
func (c *simClient) redirect() int {
	if c.stored == nil || c.IntN(3) == 0 {
		return c.IntN(len(c.nodes))
	}
	named := c.stored.Partitions[c.log.p].Primary
	return slices.IndexFunc(c.nodes, func(n *simNode) bool { return n.id == named })
}

// check holds that a read is not older than the newest write that anybody knew of when it began.
func (c *simClient) check(q *simRequest, value int64) {
	place := c.log.place[value]
	switch {
	case value != 0 && place == 0:
		c.wrong("a read of partition %d returns %d, which is not in the log", c.log.p, value)
	case !q.isWrite() && place < c.newest:
		c.wrong("stale read of partition %d: %d is write %d, but write %d was known before", c.log.p, value, place, c.newest)
	}
	if q.isWrite() {
		c.counts[countWrites]++
	} else {
		c.counts[countReads]++
	}
	c.log.newest[q.key] = max(c.log.newest[q.key], place)
	if c.calm {
		c.log.served++
	}
}
