package partitions

import (
	"shiplog/wal"
)

// group is one record in the making or in flight: the effects of all units that came while the record
// before it was on its way (group commit). A body larger than one message goes out as several.
type group struct {
	number uint64
	buf    []byte // wal.HeaderSize bytes of room, then the body
	rest   []byte // of a body in several messages: what is not yet sent
	units  int
	commit *Commit
	end    wal.Position // behind the last message sent
	// barrier asks for a record also when there is no effect: somebody waits for the proof that this node still leads
	barrier bool
}

func (g *group) body() []byte { return g.buf[wal.HeaderSize:] }

func (g *group) empty() bool { return len(g.buf) == wal.HeaderSize }

// keptGroup is the largest buffer that is used again for another group.
const keptGroup = 1 << 20

// newGroup begins the next group, in the buffer of an older one when there is one.
func (p *Partition) newGroup() *group {
	p.number++
	g := &group{number: p.number, commit: newCommit(p.number)}
	if n := len(p.spare); n > 0 {
		g.buf, p.spare = p.spare[n-1], p.spare[:n-1]
	} else {
		g.buf = make([]byte, wal.HeaderSize, 4096)
	}
	return g
}

// recycle keeps a group's buffer for later.
func (p *Partition) recycle(g *group) {
	if cap(g.buf) <= keptGroup && len(p.spare) < 8 {
		p.spare = append(p.spare, g.buf[:wal.HeaderSize])
	}
}

// message is what the log is to store next.
type message struct {
	seq   wal.Seq
	bytes []byte
	group *group
}

// send makes the open group the one in flight, if none is and there is something to send, and opens the
// next. The message must be given to append after the lock is given up.
func (p *Partition) send() *message {
	if p.flight != nil || p.occupied != nil || p.open.empty() && !p.open.barrier || p.holding() {
		return nil
	}
	g := p.open
	p.flight, p.open = g, p.newGroup()
	g.end = p.tail
	p.sentAt = p.cfg.Now()
	p.leaseFrom = p.clock()
	if body := g.body(); len(body) > p.cfg.PartSize || bug("split-unit") && !g.empty() {
		g.rest = body
		return p.sendPart(g)
	}
	if g.empty() {
		return p.seal(g, wal.Header{Kind: wal.KindLease, Part: wal.PartFirst | wal.PartLast}, g.buf)
	}
	return p.seal(g, wal.Header{Kind: wal.KindData, Part: wal.PartFirst | wal.PartLast}, g.buf)
}

// due is send where there may be no group, or the partition may have ended.
func (p *Partition) due() *message {
	if p.open == nil || p.stopped != nil {
		return nil
	}
	return p.send()
}

// sendPart makes the next message of a group that needs several.
func (p *Partition) sendPart(g *group) *message {
	part := wal.Part(0)
	if len(g.rest) == len(g.body()) {
		part |= wal.PartFirst
	}
	n := min(len(g.rest), p.cfg.PartSize)
	if n == len(g.rest) {
		part |= wal.PartLast
	}
	if bug("split-unit") {
		n, part = firstEffect(g.rest), wal.PartFirst|wal.PartLast
	}
	buf := make([]byte, wal.HeaderSize+n)
	copy(buf[wal.HeaderSize:], g.rest)
	g.rest = g.rest[n:]
	return p.seal(g, wal.Header{Kind: wal.KindData, Part: part}, buf)
}

// seal completes a record's header and writes it before its body, continuing the log where the group has come.
func (p *Partition) seal(g *group, h wal.Header, buf []byte) *message {
	h.Incarnation, h.Epoch, h.Index, h.Prev = g.end.Incarnation, g.end.Epoch, g.end.Index+1, g.end.Chain
	h.Primary, h.CommitMS = p.cfg.Node, p.now()
	wal.SealRecord(buf, &h)
	seq := g.end.Seq + 1
	g.end = wal.PositionAt(seq, &wal.Record{Header: h})
	return &message{seq: seq, bytes: buf, group: g}
}

// append gives a message to the log. It must be called without the lock.
func (p *Partition) append(m *message) {
	if m == nil {
		return
	}
	if bug("ack-before-log") {
		p.log.Append(m.seq, m.bytes, func(error) {})
		p.decided(m.group, nil)
		return
	}
	failpoint("before-publish")
	p.log.Append(m.seq, m.bytes, func(err error) { p.decided(m.group, err) })
	failpoint("after-publish")
}

// decided takes the outcome of the newest message of the group in flight. The Log calls it.
func (p *Partition) decided(g *group, err error) {
	p.mu.Lock()
	var next *message
	switch {
	case p.stopped != nil || p.flight != g: // those who waited have been told
	case err != nil:
		p.failed(err)
	case len(g.rest) > 0:
		failpoint("mid-body")
		next = p.sendPart(g)
	default:
		p.acknowledged(g)
		next = p.send()
	}
	acked := p.acked == g.number
	p.mu.Unlock()
	p.append(next)
	if acked {
		failpoint("before-reply")
		g.commit.finish(nil)
	}
}

// acknowledged takes note that g is in the log and hands it to the applier. The caller releases the replies that wait
// for it when it has given up the lock.
func (p *Partition) acknowledged(g *group) {
	p.flight = nil
	p.acked, p.tail = g.number, g.end
	p.renew()
	p.appended += uint64(len(g.body()))
	p.ackedAt = p.cfg.Now()
	took := p.ackedAt.Sub(p.sentAt)
	p.ackTook += (took - p.ackTook) / 8
	p.acks, p.ackTime = p.acks+1, p.ackTime+took
	p.appends.add(took)
	p.expected = max(g.units+p.open.units, p.expected-p.expected/16)
	p.queue = append(p.queue, g)
	p.backlog += len(g.buf)
	p.signal()
}
