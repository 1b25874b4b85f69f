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
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/redis/go-redis/v9/push"
)

// listener is a hook of go-redis that keeps the notices which it is given.
type listener struct {
	mu    sync.Mutex
	heard []string
}

func (l *listener) PreHook(_ context.Context, _ push.NotificationHandlerContext, kind string, words []any) ([]any, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, fmt.Sprintf("%s %v", kind, words[2:]))
	return words, true
}

func (l *listener) PostHook(_ context.Context, _ push.NotificationHandlerContext, kind string, words []any, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.heard = append(l.heard, fmt.Sprintf("%s %v was not understood: %v", kind, words, err))
	}
}

// has tells whether a notice was heard.
func (l *listener) has(notice string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Contains(l.heard, notice)
}

func (l *listener) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.heard, "\n")
}

// hearNotices has a client of go-redis that insists on being told which slots leave see a hand-over: it understands what it is told.
func hearNotices(t *testing.T, c *LocalCluster) {
	ears := &listener{}
	options := &redis.ClusterOptions{Addrs: c.Addrs(), Protocol: 3, ClusterStateReloadInterval: time.Hour,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeEnabled}}
	options.NewClient = func(o *redis.Options) *redis.Client {
		node := redis.NewClient(o)
		if manager := node.GetMaintNotificationsManager(); manager != nil {
			manager.AddNotificationHook(ears)
		}
		return node
	}
	client := redis.NewClusterClient(options)
	t.Cleanup(func() { _ = client.Close() })
	touch := func() {
		if err := client.ForEachMaster(t.Context(), func(ctx context.Context, node *redis.Client) error { return node.Ping(ctx).Err() }); err != nil {
			t.Fatalf("a client that insists on notices: %v", err)
		}
	}
	touch()
	from, err := c.PrimaryOf(0)
	if err != nil {
		t.Fatal(err)
	}
	c.handOver(t, 0)
	to, err := c.PrimaryOf(0)
	if err != nil || to == from {
		t.Fatalf("after the hand-over %v leads, %v", to, err)
	}
	want := []string{"SMIGRATING [0-1023]", fmt.Sprintf("SMIGRATED [[[%s %s 0-1023]]]", from.Addr, to.Addr)}
	eventually(t, settleWithin, func() error {
		touch() // it reads what it was told when it uses a connection
		for _, notice := range want {
			if !ears.has(notice) {
				return fmt.Errorf("%s was not heard, only:\n%s", notice, ears.all())
			}
		}
		return nil
	})
	if strings.Contains(ears.all(), "was not understood") {
		t.Error(ears.all())
	}
}
