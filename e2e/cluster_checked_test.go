package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// checkedLoad is go-redis at work while nodes are killed: it counts, appends, and overwrites, and knows what must be there. go-redis sends a command again
// whose connection broke, so one may be done twice: a counter may be ahead, a list may have an element twice. None may lack anything, and
// no command may fail.
type checkedLoad struct {
	client *redis.ClusterClient
	stop   context.CancelFunc
	all    sync.WaitGroup
	groups []*checkedGroup
}

// checkedGroup does one command at a time.
type checkedGroup struct {
	name    string
	counted [7]int64 // the newest value of each counter
	pushed  int
	written [7]int // the newest value of each register
	failed  error
}

func beginChecked(t *testing.T, name string, seeds []string) *checkedLoad {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	// By default it tries a command 4 times. In the long form the same node may be killed as often before it has answered.
	options := &redis.ClusterOptions{Addrs: seeds, MaxRedirects: pick(3, 20)}
	l := &checkedLoad{client: redis.NewClusterClient(options), stop: stop}
	l.client.OnNewNode(func(node *redis.Client) { node.AddHook(tried{node.Options().Addr}) })
	t.Cleanup(func() { stop(); l.all.Wait(); _ = l.client.Close() })
	for i := range loadGroups {
		g := &checkedGroup{name: fmt.Sprint(name, ":", i)}
		l.groups = append(l.groups, g)
		l.all.Go(func() {
			for n := 0; ctx.Err() == nil && g.failed == nil; n++ {
				var tries attempts
				if g.failed = g.step(context.WithValue(context.WithoutCancel(ctx), attemptsKey{}, &tries), l.client, n%7, n); g.failed != nil {
					g.failed = fmt.Errorf("%w: it tried %s", g.failed, strings.Join(tries, ", "))
				}
			}
		})
	}
	return l
}

// attempts are where a step's commands were sent that failed, when, and with what: a client gives up after few of them, and names the last only.
type attempts []string

// attemptsKey is where a context has them.
type attemptsKey struct{}

// tried notes what fails on one node.
type tried struct{ addr string }

func (h tried) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h tried) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (h tried) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		began := time.Now()
		err := next(ctx, cmd)
		if all, ok := ctx.Value(attemptsKey{}).(*attempts); ok && err != nil {
			*all = append(*all, fmt.Sprintf("%s from %s for %v: %v", h.addr, began.Format("15:04:05.000"), time.Since(began).Round(time.Millisecond), err))
		}
		return err
	}
}

// step counts, appends, overwrites and reads, each of a key of its own.
func (g *checkedGroup) step(ctx context.Context, client *redis.ClusterClient, key, n int) error {
	got, err := client.Incr(ctx, fmt.Sprintf("%s:counter:%d", g.name, key)).Result()
	if err != nil || got <= g.counted[key] {
		return fmt.Errorf("INCR %s %d: %d after %d: %w", g.name, key, got, g.counted[key], err)
	}
	g.counted[key] = got
	if err := client.RPush(ctx, fmt.Sprintf("%s:list:%d", g.name, key), n).Err(); err != nil {
		return fmt.Errorf("RPUSH %s %d: %w", g.name, key, err)
	}
	g.pushed = n + 1
	register := fmt.Sprintf("%s:register:%d", g.name, key)
	if n >= 7 {
		if got, err := client.Get(ctx, register).Int(); err != nil || got != g.written[key] {
			return fmt.Errorf("GET %s: %d instead of %d: %w", register, got, g.written[key], err)
		}
	}
	if err := client.Set(ctx, register, n, 0).Err(); err != nil {
		return fmt.Errorf("SET %s: %w", register, err)
	}
	g.written[key] = n
	return nil
}

// end ends the load, holds what is there to what was acknowledged, and returns how many steps were done.
func (l *checkedLoad) end(t *testing.T) (steps int) {
	t.Helper()
	l.stop()
	l.all.Wait()
	for _, g := range l.groups {
		if g.failed != nil {
			t.Error(g.failed)
		}
		steps += g.pushed
	}
	l.check(t)
	return steps
}

// check holds what is there to what was acknowledged. The load has ended.
func (l *checkedLoad) check(t *testing.T) {
	t.Helper()
	for _, g := range l.groups {
		for key := range g.counted {
			if err := g.check(t.Context(), l.client, key); err != nil {
				t.Error(err)
			}
		}
	}
}

func (g *checkedGroup) check(ctx context.Context, client *redis.ClusterClient, key int) error {
	counted, err := client.Get(ctx, fmt.Sprintf("%s:counter:%d", g.name, key)).Int64()
	if err != nil && g.counted[key] > 0 || counted < g.counted[key] {
		return fmt.Errorf("counter %s %d is %d, %d was acknowledged: %w", g.name, key, counted, g.counted[key], err)
	}
	list, err := client.LRange(ctx, fmt.Sprintf("%s:list:%d", g.name, key), 0, -1).Result()
	if err != nil {
		return err
	}
	list = slices.Compact(list)
	for i, n := 0, key; n < g.pushed; i, n = i+1, n+7 {
		if i >= len(list) || list[i] != fmt.Sprint(n) {
			return fmt.Errorf("list %s %d lacks %d, which was acknowledged, or has it in another place: %d elements", g.name, key, n, len(list))
		}
	}
	return nil
}
