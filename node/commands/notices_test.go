package commands

import (
	"context"
	"strings"
	"testing"
	"time"

	"shiplog/node/reply"
)

func TestMaintNotificationsWords(t *testing.T) {
	c := newRig(t).connect()
	c.expect(
		"client maint_notifications on", "-ERR Maintenance notifications need RESP3: send HELLO 3 first",
		"client maint_notifications off", "+OK",
	)
	c.do("hello 3")
	c.expect(
		"client maint_notifications on", "+OK",
		"CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type internal-ip", "+OK",
		"client maint_notifications on moving-endpoint-type none", "+OK",
		"client maint_notifications on moving-endpoint-type both", "-ERR Invalid moving-endpoint-type 'both'",
		"client maint_notifications on moving-endpoint-type", "-ERR syntax error",
		"client maint_notifications on endpoint none", "-ERR syntax error",
		"client maint_notifications off moving-endpoint-type none", "-ERR syntax error",
		"client maint_notifications maybe", "-ERR syntax error",
		"client maint_notifications", "-ERR wrong number of arguments for 'client|maint_notifications' command",
	)
}

// noticed is what a client was pushed, without the numbers, which must rise.
func noticed(t *testing.T, c *client) string {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var kept []string
	last := ""
	for _, push := range c.pushed {
		words := strings.Fields(push)
		if len(last) > len(words[1]) || len(last) == len(words[1]) && last >= words[1] {
			t.Errorf("number %s after %s", words[1], last)
		}
		last = words[1]
		kept = append(kept, words[0]+" "+strings.Join(words[2:], " "))
	}
	c.pushed = nil
	return strings.Join(kept, " ")
}

func TestNotices(t *testing.T) {
	r := newRig(t)
	told, silent, reset := r.connect(), r.connect(), r.connect()
	for _, c := range []*client{told, silent, reset} {
		c.do("hello 3")
	}
	told.do("client maint_notifications on")
	reset.do("client maint_notifications on")
	reset.do("reset")
	here, there := Address{"10.0.0.1", 7000}, Address{"fd00::2", 7001}
	r.srv.SlotsLeaving(0, 1023)
	r.srv.SlotsLeaving(5, 5)
	r.srv.SlotsLeft(0, 1023, here, there)
	want := ">SMIGRATING 0-1023< >SMIGRATING 5< >SMIGRATED [[10.0.0.1:7000 [fd00::2]:7001 0-1023]]<"
	if got := noticed(t, told); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := silent.pushes() + reset.pushes(); got != "" {
		t.Errorf("those who do not want them got %s", got)
	}
	told.do("client maint_notifications off")
	r.srv.SlotsLeaving(0, 1023)
	if got := told.pushes(); got != "" {
		t.Errorf("after OFF: %s", got)
	}
	told.do("client maint_notifications on")
	told.Close()
	if n := r.srv.notices.clients.Load(); n != 0 {
		t.Errorf("%d clients are counted after all have gone", n)
	}
}

// TestNoticeFollowsTheReply holds that a notice never comes in the middle of a command's replies.
func TestNoticeFollowsTheReply(t *testing.T) {
	r := newRig(t)
	c := r.connect()
	c.do("hello 3")
	c.do("client maint_notifications on")
	read := c.Do(words("t.read k"))
	r.srv.SlotsLeaving(0, 1)
	if got := c.pushes(); got != "" {
		t.Fatalf("told before the reply: %s", got)
	}
	if read.After == nil {
		t.Fatal("nothing follows the reply")
	}
	read.After()
	if got := noticed(t, c); got != ">SMIGRATING 0-1<" {
		t.Errorf("after the reply: %q", got)
	}
}

// TestNoticesBesideWhatFollows holds that what a command has to follow its reply, as the first push of a subscription, comes also on a connection
// that gets notices, behind those that came while the command ran.
func TestNoticesBesideWhatFollows(t *testing.T) {
	r := newRig(t)
	c := r.connect()
	c.do("hello 3")
	c.do("client maint_notifications on")
	c.Do(words("t.read k"))
	r.srv.SlotsLeaving(0, 1)
	began := false
	got := c.thenPush(Result{Later: func(context.Context) Result {
		return Result{Reply: reply.OK(), After: func() { began = noticed(t, c) == ">SMIGRATING 0-1<" }}
	}})
	if got.After != nil || got.Later == nil {
		t.Fatalf("what comes later is %+v", got)
	}
	got.Later(t.Context()).After()
	if !began {
		t.Error("what follows the reply did not run behind the notices")
	}
}

func TestNoticeNumbers(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	first := nextNotice(0, 3, now)
	second := nextNotice(first, 3, now)
	back := nextNotice(second, 2, now.Add(-time.Hour))
	if !(first < second && second < back) || first%maxPlaces != 3 || back%maxPlaces != 2 || back >= 1<<53 {
		t.Errorf("got %d, %d, %d", first, second, back)
	}
}
