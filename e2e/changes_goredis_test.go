package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/push"
)

// pushedChanges collects the changes that are pushed to a go-redis client.
type pushedChanges struct {
	token string
	items []string
}

// HandlePushNotification implements push.NotificationHandler: "changes", the subscription's number, a token, the changes.
func (p *pushedChanges) HandlePushNotification(_ context.Context, _ push.NotificationHandlerContext, words []any) error {
	if len(words) != 4 {
		return fmt.Errorf("a push of %d words: %v", len(words), words)
	}
	p.token = fmt.Sprint(words[2])
	p.items = append(p.items, stringsOf(words[3])...)
	return nil
}

// stringsOf returns the strings in a reply of go-redis.
func stringsOf(reply any) (all []string) {
	list, _ := reply.([]any)
	for _, item := range list {
		all = append(all, fmt.Sprint(item))
	}
	return all
}

// go-redis reads changes as any command's reply, in RESP2 and RESP3, works in a group, and gets them pushed.
func TestChangesGoRedis(t *testing.T) {
	n := startShiplog(t)
	ctx := t.Context()
	for proto := 2; proto <= 3; proto++ {
		client := redis.NewClient(&redis.Options{Addr: n.Addr(), Protocol: proto})
		defer func() { _ = client.Close() }()
		key := fmt.Sprint("k", proto)
		end, err := client.Do(ctx, "CHANGES", "READ", "ALL", "FROM", "END").Slice()
		noError(t, err)
		noError(t, client.Set(ctx, key, "\xff", 0).Err())
		noError(t, client.HSet(ctx, "h", "f", proto).Err())
		read, err := client.Do(ctx, "CHANGES", "READ", "ALL", "FROM", end[0], "BLOCK", 2000).Slice()
		noError(t, err)
		items := stringsOf(read[1])
		if len(items) != 2 || parseShown(t, items[0]).bytes["value"] != "\xff" || parseShown(t, items[1]).Op != "hset" {
			t.Errorf("RESP%d: read %q", proto, items)
		}
		group := fmt.Sprint("g", proto)
		noError(t, client.Do(ctx, "CHANGES", "GROUP", "CREATE", group, "0", "FROM", "BEGIN", "MATCH", key).Err())
		given, err := client.Do(ctx, "CHANGES", "GROUP", "READ", group, "me").Slice()
		noError(t, err)
		acked, err := client.Do(ctx, "CHANGES", "GROUP", "ACK", group, given[0]).Int()
		if noError(t, err); len(stringsOf(given[1])) != 1 || acked != 1 {
			t.Errorf("RESP%d: the group was given %q, %d acknowledged", proto, given[1], acked)
		}
	}
}

// go-redis, as it is without options, takes pushes when it reads a reply: between commands of the same connection. Each of its
// connections asks for notices of slots that leave, and tracks keys if it is told to: neither may keep pushes of changes from coming.
func TestChangesGoRedisPushes(t *testing.T) {
	n := startShiplog(t)
	ctx := t.Context()
	client := redis.NewClient(&redis.Options{Addr: n.Addr(), Protocol: 3})
	defer func() { _ = client.Close() }()
	var pushed pushedChanges
	noError(t, client.RegisterPushNotificationHandler("changes", &pushed, false))
	conn := client.Conn()
	defer func() { _ = conn.Close() }()
	noError(t, conn.Do(ctx, "CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "none:").Err())
	noError(t, conn.Do(ctx, "CHANGES", "SUBSCRIBE", "ALL", "FROM", "END").Err())
	var want []string
	for i := range 50 {
		key := fmt.Sprint("key:", i)
		want = append(want, key)
		noError(t, client.Set(ctx, key, i, 0).Err())
	}
	eventually(t, 10*time.Second, func() error {
		noError(t, conn.Ping(ctx).Err())
		if len(pushed.items) < len(want) {
			return fmt.Errorf("%d changes were pushed, want %d", len(pushed.items), len(want))
		}
		return nil
	})
	var got []string
	for _, item := range pushed.items {
		got = append(got, parseShown(t, item).bytes["key"])
	}
	if !slices.Equal(got, want) {
		t.Errorf("pushed are %q, want %q", got, want)
	}
	rest, err := client.Do(ctx, "CHANGES", "READ", "ALL", "FROM", pushed.token).Slice()
	if noError(t, err); len(stringsOf(rest[1])) != 0 {
		t.Errorf("behind the last push there is %q", rest[1])
	}
}
