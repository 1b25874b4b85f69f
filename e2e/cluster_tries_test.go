package e2e

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// tries are what go-redis did for one command, node after node: its error says only what the last of them answered.
type tries struct{ list []try }

// try is one of them.
type try struct {
	addr  string
	began time.Time
	took  time.Duration
	err   error
}

// triesOf is the key of a *tries in a context.
type triesOf struct{}

// noted returns a context whose command's tries are noted; a command's tries follow one another.
func noted(ctx context.Context) (context.Context, *tries) {
	t := &tries{}
	return context.WithValue(ctx, triesOf{}, t), t
}

func (t *tries) String() string {
	var b strings.Builder
	for _, one := range t.list {
		fmt.Fprintf(&b, "\n    %s %s after %v: %v", one.began.UTC().Format("15:04:05.000"), one.addr, one.took.Round(time.Microsecond), one.err)
	}
	return b.String()
}

// noteTries has a client of a cluster note its tries.
func noteTries(node *redis.Client) { node.AddHook(tryHook(node.Options().Addr)) }

// tryHook notes what a node, by its address, answers.
type tryHook string

func (tryHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (tryHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (h tryHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		began := time.Now()
		err := next(ctx, cmd)
		if t, _ := ctx.Value(triesOf{}).(*tries); t != nil {
			t.list = append(t.list, try{string(h), began, time.Since(began), err})
		}
		return err
	}
}
