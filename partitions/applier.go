package partitions

import (
	"context"
	"fmt"
	"time"

	"shiplog/wal"
)

// applyBatch is how many bytes of effects go into one batch of Pebble at most, if one body is not larger.
const applyBatch = 8 << 20

// applier brings acknowledged groups into Pebble, off the way of the replies: until then the hot set
// answers for them. It is the only one that applies once the partition serves.
func (p *Partition) applier(ctx context.Context) error {
	pace := time.NewTimer(0)
	defer pace.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.work:
		}
		if err := p.applyAll(); err != nil {
			return err
		}
		if p.cfg.ApplyEvery > 0 {
			pace.Reset(p.cfg.ApplyEvery)
			select {
			case <-ctx.Done():
				return nil
			case <-pace.C:
			}
		}
	}
}

// applyAll applies everything that is acknowledged, then undoes what the log has refused.
func (p *Partition) applyAll() error {
	for {
		groups, err := p.take()
		if err != nil {
			return err
		}
		if len(groups) == 0 {
			p.undoRefused()
			return nil
		}
		last := groups[len(groups)-1]
		bodies := make([][]byte, len(groups))
		for i, g := range groups {
			bodies[i] = g.body()
		}
		failpoint("before-apply")
		if bug("apply-twice") {
			_ = p.store.Apply(bodies, last.end, last.number)
		}
		began := p.cfg.Now()
		if err := p.store.Apply(bodies, last.end, last.number); err != nil {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.stop(err)
		}
		failpoint("after-apply")
		p.applied(groups, p.cfg.Now().Sub(began))
	}
}

// take returns the oldest groups to be applied, as many as one batch should hold.
func (p *Partition) take() ([]*group, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	size, n := 0, 0
	for n < len(p.queue) && (n == 0 || size+len(p.queue[n].buf) <= applyBatch) {
		size += len(p.queue[n].buf)
		n++
	}
	groups := p.queue[:n:n]
	p.queue = p.queue[n:]
	if len(p.queue) == 0 {
		p.queue = nil
	}
	return groups, p.stopped
}

// applied gives back the room that groups had taken, which took so long to apply.
func (p *Partition) applied(groups []*group, took time.Duration) {
	p.mu.Lock()
	p.applying += took
	for _, g := range groups {
		p.backlog -= len(g.buf)
		p.recycle(g)
	}
	end := groups[len(groups)-1].end
	p.atPebble, p.appliedMS = end.Seq, end.CommitMS
	p.room.Broadcast()
	p.attend()
	m := p.due()
	p.mu.Unlock()
	p.append(m)
}

// undoRefused forgets the effects of the record that the log refused and of those that came after it: Pebble now
// has all that is acknowledged and nothing else. Then it tells those who wait that their write is not done.
func (p *Partition) undoRefused() {
	p.mu.Lock()
	if p.reset == nil || len(p.queue) > 0 {
		p.mu.Unlock()
		return
	}
	p.evict(p.reset)
	p.store.Reset()
	p.flight.commit.finish(p.reset)
	p.open.commit.finish(p.reset)
	p.flight, p.reset = nil, nil
	p.open = p.newGroup()
	p.room.Broadcast()
	p.attend() // what was undone may be what somebody waits for
	m := p.due()
	p.mu.Unlock()
	p.append(m)
}

// awaitApplied blocks until Pebble has the given group, or the partition has ended.
func (p *Partition) awaitApplied(number uint64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wait(func() bool { return p.store.Applied() >= number })
}

// replay applies a stretch of the log during recovery, in batches.
type replay struct {
	p         *Partition
	at        wal.Position // behind the last record read
	whole     wal.Position // behind the last record that ended a body
	assembler *wal.Assembler
	bodies    [][]byte
	bytes     int
	records   int64
}

func (p *Partition) newReplay() *replay {
	at := p.store.Position()
	return &replay{p: p, at: at, whole: at, assembler: wal.NewAssembler(p.cfg.MaxUnit + p.cfg.MaxBacklog)}
}

// Position returns where the replay stands.
func (r *replay) Position() wal.Position { return r.at }

// Apply takes the next message of the log.
func (r *replay) Apply(_ context.Context, seq wal.Seq, message []byte) error {
	record, err := wal.DecodeRecord(message)
	if err != nil {
		return fmt.Errorf("record %d: %w", seq, err)
	}
	next, verdict, err := r.next(seq, &record)
	if err != nil {
		return err
	}
	r.at = next
	r.records++
	if verdict == wal.Stale {
		return nil
	}
	body, whole, err := r.assembler.Add(&record)
	if err != nil {
		return fmt.Errorf("record %d: %w", seq, err)
	}
	if !whole {
		return nil
	}
	r.whole = next
	if record.Kind == wal.KindData && len(body) > 0 {
		r.bodies = append(r.bodies, append([]byte(nil), body...))
		r.bytes += len(body)
	}
	if r.bytes >= applyBatch {
		return r.flush()
	}
	return nil
}

// next judges a record. The first record of a log that was founded anew over this state has another incarnation.
func (r *replay) next(seq wal.Seq, record *wal.Record) (wal.Position, wal.Verdict, error) {
	if record.Kind == wal.KindEpoch && r.at.Epoch != 0 && record.Incarnation != r.at.Incarnation {
		next, err := r.at.Refound(seq, record)
		return next, wal.Accepted, err
	}
	return r.at.Next(seq, record)
}

// flush applies what has been gathered.
func (r *replay) flush() error {
	if r.whole == r.p.store.Position() {
		return nil
	}
	err := r.p.store.Apply(r.bodies, r.whole, 0)
	r.bodies, r.bytes = r.bodies[:0], 0
	return err
}
