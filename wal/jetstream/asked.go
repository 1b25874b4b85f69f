package jetstream

import (
	"context"
	"errors"
	"time"
)

// firstAnswer is how long the first question of asked waits. A leader answers within milliseconds.
const firstAnswer = 250 * time.Millisecond

// asked asks a question that changes nothing until it is answered, within a time in all. In a cluster a server that has just ceased to
// lead a stream, or is about to begin, leaves a question without an answer: it is asked again, and each one waits twice as long as the
// one before, so that who is only slow is heard too.
func (l *Log) asked(ctx context.Context, within time.Duration, question func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if !l.cfg.clustered() {
		return question(ctx)
	}
	for patience := firstAnswer; ; patience *= 2 {
		once, cancel := context.WithTimeout(ctx, patience)
		err := question(once)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			return err
		}
	}
}
