package commands

import (
	"context"
	"time"

	"shiplog/node/reply"
)

// lapse is the Hold of a command whose partition has just ceased to serve, or not begun, while Route does not know it yet.
type lapse struct{}

// lapseFor is how long such a command waits before it is routed again.
const lapseFor = 5 * time.Millisecond

// Await waits for lapseFor.
func (lapse) Await(ctx context.Context) *reply.Reply {
	timer := time.NewTimer(lapseFor)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return refuse(clusterDown())
	}
}

// clusterDown answers a command on a slot that nobody serves.
func clusterDown() reply.Reply { return reply.Error("CLUSTERDOWN Hash slot not served") }

// holdBack makes the present command wait for hold and then go on with next, which gets nil, or the reply that ends the
// command. However often a command is held, all its waiting together takes no longer than cluster-hold-ms.
func (s *Session) holdBack(hold Hold, next func(final *reply.Reply) Result) Result {
	return Result{Later: func(ctx context.Context) Result {
		if s.holdUntil == 0 {
			s.holdUntil = s.srv.now() + s.srv.tune().hold
		}
		_, scripted := hold.(busy) // whose end is sure, or told
		bounded, cancel := ctx, context.CancelFunc(func() {})
		if !scripted {
			bounded, cancel = context.WithTimeout(ctx, s.holdUntil-s.srv.now())
		}
		defer cancel()
		final := hold.Await(bounded)
		if ctx.Err() != nil {
			return Result{Close: true}
		}
		s.began = s.srv.now()
		s.lastAt.Store(int64(s.began))
		return next(final)
	}}
}

// holdRow holds a command on keys back.
func (s *Session) holdRow(hold Hold, row *Row, a Args) Result {
	kept := a.clone()
	return s.holdBack(hold, func(final *reply.Reply) Result {
		if final != nil {
			return s.refused(row, *final)
		}
		return s.run(row, kept)
	})
}

// holdOwn holds back a command whose Session handler looks for a key's partition itself.
func (s *Session) holdOwn(hold Hold, row *Row, a Args) reply.Reply {
	kept := a.clone()
	s.outcome = s.holdBack(hold, func(final *reply.Reply) Result {
		if final != nil {
			return s.refused(row, *final)
		}
		return s.own(row, kept)
	})
	return reply.Reply{}
}
