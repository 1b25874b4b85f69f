package commands

import (
	"time"

	"shiplog/node/reply"
)

// Cost is what commands have cost: the bytes of their words and replies, and how long they ran.
type Cost struct {
	Bytes int64
	Took  time.Duration
}

// sampleEvery is how many commands of a connection there are for one that is measured. It is a prime, so that it is not always the same one of
// those that a client sends in turn.
const sampleEvery = 13

// sampled tells whether the command that has just run is to be measured.
func (s *Session) sampled() bool {
	if s.call.since++; s.call.since < sampleEvery {
		return false
	}
	s.call.since = 0
	return true
}

// sample measures one of many commands, and tells the partition what all of these have cost.
func (s *Session) sample(p Partition, a Args, r *reply.Reply, took time.Duration) {
	if !s.sampled() || p == nil {
		return
	}
	var c Cost
	c.add(a, r, took)
	p.Cost(c)
}

// add adds what a command has cost that stands for many.
func (c *Cost) add(a Args, r *reply.Reply, took time.Duration) {
	size := r.Size()
	for _, word := range a {
		size += int64(len(word))
	}
	c.Bytes += sampleEvery * size
	c.Took += sampleEvery * took
}
