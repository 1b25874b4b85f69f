package resp

import "sync/atomic"

// traffic counts bytes that came and left since they were last taken. Each event loop has its own, so that none waits for another one's cache line.
type traffic struct{ in, out atomic.Uint64 }

// take returns what was counted, and begins anew.
func (t *traffic) take() (in, out uint64) { return t.in.Swap(0), t.out.Swap(0) }

// tellTraffic tells Config.Traffic what came and left since it last did.
func (s *Server) tellTraffic() {
	in, out := s.streams.take()
	more, most := s.loops.take()
	if in, out = in+more, out+most; s.cfg.Traffic != nil && in+out > 0 {
		s.cfg.Traffic(in, out)
	}
}
