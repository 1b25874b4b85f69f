package resp

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// sweepLoop keeps the coarse clock and closes connections whose time is over or that hold too much. It spares
// the connections deadlines of their own, which would cost more than serving a command.
func (s *Server) sweepLoop(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.pressed:
			s.relieve()
		case now := <-ticker.C:
			s.now.Store(now.UnixNano())
			s.sweep(now.UnixNano())
			s.tellTraffic()
		}
	}
}

// sweep closes the connections whose time is over.
func (s *Server) sweep(now int64) {
	lim := s.cfg.Limits()
	for _, c := range s.snapshot(false) {
		if c.overdue(lim, now) {
			c.member.Kill(false)
		}
	}
}

// overdue tells whether a connection has been silent, not authenticated, or too slow a reader for too long.
func (c *core) overdue(lim *Limits, now int64) bool {
	f := &c.facts
	since := f.softSince.Load()
	switch {
	case lim.AuthDeadline > 0 && !f.authed.Load() && now-c.born >= int64(lim.AuthDeadline):
		return true
	case since != 0 && lim.Normal.SoftFor > 0 && now-since >= int64(lim.Normal.SoftFor):
		return true
	case lim.Timeout <= 0 || f.blocked.Load() || f.pushed.Load():
		return false
	}
	return now-f.active.Load() >= int64(lim.Timeout)
}

// relieve closes the connections that hold most, and may be closed for that, until all together hold no more than they may.
func (s *Server) relieve() {
	excess := s.memory.Load() - s.cfg.Limits().ClientMemory
	if excess <= 0 {
		return
	}
	type holder struct {
		c    *core
		held int64
	}
	var holders []holder
	for _, c := range s.snapshot(false) {
		if held := c.facts.held(); held > 0 && c.sess.Evictable() {
			holders = append(holders, holder{c, held})
		}
	}
	slices.SortFunc(holders, func(a, b holder) int { return cmp.Compare(b.held, a.held) })
	for _, h := range holders {
		if excess <= 0 {
			return
		}
		h.c.member.Kill(false)
		excess -= h.held
	}
}
