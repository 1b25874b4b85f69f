package commands

import (
	"context"
	"slices"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// everywhere runs a command on all keys: in each partition that the node leads. An error wraps ErrRouteAgain.
func (s *Session) everywhere(row *Row, a Args) (Result, error) {
	all := s.srv.engine.Everywhere()
	switch {
	case len(all) == 1:
		return s.execute(all[0], row, a)
	case row.Snapshot != nil:
		return s.walkAll(all, row, a)
	default:
		return s.runAll(all, row, a)
	}
}

// runAll runs a Read or Write handler in one partition after another. When one refuses after others have done it, the
// reply says so.
func (s *Session) runAll(all []Partition, row *Row, a Args) (Result, error) {
	replies := make([]reply.Reply, 0, len(all))
	var waits []Wait
	for _, p := range all {
		result, err := s.execute(p, row, a)
		if err != nil || result.Close {
			return result, err
		}
		if result.Wait != nil {
			waits = append(waits, result.Wait)
		}
		if result.Reply.IsError() && row.Write != nil {
			return s.afterAll(waits, stopped(result.Reply, len(replies), len(all))), nil
		}
		replies = append(replies, result.Reply)
	}
	return s.afterAll(waits, row.state.merge(replies)), nil
}

// stopped answers a writing command that one partition has refused after others had done it.
func stopped(r reply.Reply, done, all int) reply.Reply {
	if done == 0 {
		return r
	}
	return reply.Errorf("%s (%d of %d partitions have done it)", r.Text, done, all)
}

// walkAll runs a Snapshot handler over all partitions at once.
func (s *Session) walkAll(all []Partition, row *Row, a Args) (Result, error) {
	parts := make([]*keyspace.Snapshot, 0, len(all))
	var waits []Wait
	for _, p := range all {
		snap, wait, err := p.Snapshot()
		if err != nil {
			keyspace.Join(parts).Close()
			return s.failedOrAgain(err)
		}
		parts = append(parts, snap)
		if wait != nil {
			waits = append(waits, wait)
		}
	}
	joined := keyspace.Join(parts)
	defer joined.Close()
	r := row.Snapshot(joined, a)
	if err := joined.Err(); err != nil {
		return s.failed(err), nil
	}
	return s.afterAll(waits, r), nil
}

// afterAll gives a reply when all that it depends on is decided.
func (s *Session) afterAll(waits []Wait, r reply.Reply) Result {
	if len(waits) == 0 {
		return Result{Reply: r}
	}
	return Result{Later: func(ctx context.Context) Result {
		for _, wait := range waits {
			select {
			case <-wait.Done():
			case <-ctx.Done():
				return Result{Close: true}
			}
			if err := wait.Err(); err != nil {
				refusal, final := s.Failure(err)
				return Result{Reply: refusal, Close: final}
			}
		}
		return Result{Reply: r}
	}}
}

// mergeOf returns how the replies of several partitions become one, as the command's tips tell clients to do it with
// those of several nodes.
func mergeOf(tips []string) func([]reply.Reply) reply.Reply {
	if slices.Contains(tips, "response_policy:agg_sum") {
		return sum
	}
	return firstErrorOrOK
}

// sum adds integers up.
func sum(replies []reply.Reply) reply.Reply {
	total := int64(0)
	for i := range replies {
		if replies[i].IsError() {
			return replies[i]
		}
		total += replies[i].Int
	}
	return reply.Int(total)
}

// firstErrorOrOK is what a command answers that all have to do.
func firstErrorOrOK(replies []reply.Reply) reply.Reply {
	for i := range replies {
		if replies[i].IsError() {
			return replies[i]
		}
	}
	return reply.OK()
}
