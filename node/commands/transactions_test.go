package commands

import (
	"strings"
	"testing"

	"shiplog/node/reply"
)

func TestTransactionStates(t *testing.T) {
	c := newRig(t).connect()
	c.expect(
		"exec", "-ERR EXEC without MULTI",
		"discard", "-ERR DISCARD without MULTI",
		"multi", "+OK",
		"multi", "-ERR MULTI calls can not be nested",
		"watch k", "-ERR WATCH inside MULTI is not allowed",
		"exec", "[]",
		"multi", "+OK",
		"t.write k v", "+QUEUED",
		"t.read k", "+QUEUED",
		"t.fail", "+QUEUED",
		"t.walk", "+QUEUED",
		"ping", "+QUEUED",
		"exec", "[+OK v -WRONGTYPE Operation against a key holding the wrong kind of value 1 +PONG]",
		"multi", "+OK",
		"t.write k w", "+QUEUED",
		"discard", "+OK",
		"t.read k", "v",
		"multi", "+OK",
		"nosuch", "-ERR unknown command 'nosuch', with args beginning with: ",
		"t.write k w", "+QUEUED",
		"exec", "-EXECABORT Transaction discarded because of previous errors.",
		"multi", "+OK",
		"exec x", "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command",
		"t.read k", "v",
	)
}

func TestTransactionIsOneUnit(t *testing.T) {
	r := newRig(t)
	c := r.connect()
	c.expect("multi", "+OK", "t.write a 1", "+QUEUED", "t.write b 2", "+QUEUED", "exec", "[+OK +OK]")
	if p := r.engine.partition; p.units != 1 {
		t.Errorf("%d units, want 1", p.units)
	}
	c.expect("multi", "+OK", "t.read a", "+QUEUED", "t.walk", "+QUEUED", "exec", "[1 2]")
	if p := r.engine.partition; p.units != 1 || p.views != 1 {
		t.Errorf("%d units, %d views, want 1 and 1: a transaction that only reads is a view", p.units, p.views)
	}
	c.expect("multi", "+OK", "ping", "+QUEUED", "client id", "+QUEUED", "exec", "[+PONG 1]")
	if p := r.engine.partition; p.units != 1 || p.views != 1 {
		t.Error("a transaction without data used the partition")
	}
}

func TestTransactionWaits(t *testing.T) {
	r := newRig(t)
	c := r.connect()
	ack := make(doneWait)
	r.engine.partition.wait = ack
	c.expect("multi", "+OK", "t.write a 1", "+QUEUED", "ping", "+QUEUED")
	if got := c.run("exec"); got.Wait == nil || got.Wait != Wait(ack) {
		t.Errorf("EXEC does not wait for its record: %+v", got)
	}
	if got := c.run("t.write", "a", "2"); got.Wait != Wait(ack) {
		t.Error("a write does not wait for its record")
	}
	if got := c.run("ping"); got.Wait != nil {
		t.Error("PING waits")
	}
}

type doneWait chan struct{}

func (w doneWait) Done() <-chan struct{} { return w }
func (w doneWait) Err() error            { return nil }

func TestWatch(t *testing.T) {
	r := newRig(t)
	c, other := r.connect(), r.connect()
	c.expect("watch a b", "+OK", "multi", "+OK", "t.write x 1", "+QUEUED")
	other.do("t.write b 1")
	c.expect("exec", "null-array", "t.read x", "null")

	c.expect("watch a", "+OK")
	other.do("t.write a 1")
	c.expect("unwatch", "+OK", "multi", "+OK", "t.write x 1", "+QUEUED", "exec", "[+OK]")

	c.expect("watch a", "+OK")
	other.do("t.write a 2")
	c.expect("multi", "+OK", "discard", "+OK", "multi", "+OK", "t.read a", "+QUEUED", "exec", "[2]")

	c.expect("watch a", "+OK")
	other.do("t.write a 3")
	c.expect("multi", "+OK", "ping", "+QUEUED", "exec", "null-array")

	c.expect("watch a", "+OK")
	other.do("t.write other 3")
	c.expect("multi", "+OK", "ping", "+QUEUED", "exec", "[+PONG]")

	c.expect("watch a", "+OK", "multi", "+OK", "t.write a mine", "+QUEUED", "exec", "[+OK]", "t.read a", "mine")
}

func TestTransactionWithBlockingCommands(t *testing.T) {
	r := newRig(t, [2]string{"enable-debug-command", "yes"})
	c := r.connect()
	c.expect("multi", "+OK", "debug sleep 0.001", "+QUEUED", "wait 1 0", "+QUEUED", "t.write a 1", "+QUEUED", "ping", "+QUEUED",
		"exec", "[+OK 0 +OK +PONG]", "ping", "+PONG")
}

func TestQuitInsideMulti(t *testing.T) {
	c := newRig(t).connect()
	c.do("multi")
	if got := c.run("quit"); !got.Close || show(got.Reply) != "+OK" {
		t.Errorf("got %s, close %v", show(got.Reply), got.Close)
	}
}

func TestReset(t *testing.T) {
	r := newRig(t)
	c, other := r.connect(), r.connect()
	c.expect("watch a", "+OK", "client setname me", "+OK", "hello 2", c.do("hello"), "client tracking on", "+OK")
	c.do("hello 3")
	c.expect("client reply off", "nothing", "multi", "nothing", "reset", "+RESET",
		"exec", "-ERR EXEC without MULTI", "client getname", "null", "client getredir", "-1")
	if c.Proto() != 2 || r.srv.TrackingActive() {
		t.Errorf("proto %d, tracking %v", c.Proto(), r.srv.TrackingActive())
	}
	other.do("t.write a 1")
	c.expect("multi", "+OK", "ping", "+QUEUED", "exec", "[+PONG]")

	r.settings.values["requirepass"] = "secret"
	r.srv.Retune()
	c.expect("ping", "+PONG", "reset", "+RESET", "ping", "-NOAUTH Authentication required.")
}

func TestWordsOfQueuedCommandsAreCopied(t *testing.T) {
	c := newRig(t).connect() // run overwrites the words after each command
	c.expect("multi", "+OK", "t.write key value", "+QUEUED", "exec", "[+OK]", "t.read key", "value")
}

func TestSessionCloseGivesUpWhatItHolds(t *testing.T) {
	r := newRig(t)
	c := r.connect()
	c.expect("client tracking on", "+OK", "watch a", "+OK", "multi", "+OK")
	c.Close()
	if r.srv.Clients() != 0 || r.srv.TrackingActive() || r.engine.partition.store.Watched() != 0 {
		t.Errorf("left: %d clients, tracking %v, %d watched keys", r.srv.Clients(), r.srv.TrackingActive(),
			r.engine.partition.store.Watched())
	}
}

func TestErrorReplyOfAWait(t *testing.T) {
	c := newRig(t).connect()
	if r, final := c.Failure(errRefused); final || r.Kind != reply.KindError {
		t.Errorf("refused: %+v %v", r, final)
	}
	if _, final := c.Failure(errUnknown); !final {
		t.Error("an unknown outcome gets a reply")
	}
}

// TestHeld counts what a client has made the session keep, and that it is given back.
func TestHeld(t *testing.T) {
	c := newRig(t).connect()
	big := strings.Repeat("x", 1000)
	for _, step := range []struct {
		line         string
		least, below int
	}{
		{"ping", 0, 1},
		{"watch a b", 2, 1000},
		{"multi", 2, 1000},
		{"t.write k " + big, 1000, 2000},
		{"t.write k " + big, 2000, 3000},
		{"exec", 0, 1},
		{"watch a", 1, 1000},
		{"unwatch", 0, 1},
		{"multi", 0, 1},
		{"t.write k " + big, 1000, 2000},
		{"discard", 0, 1},
		{"watch a", 1, 1000},
		{"reset", 0, 1},
	} {
		c.do(step.line)
		if got := c.Held(); got < step.least || got >= step.below {
			t.Errorf("after %.20s: %d bytes are held, want %d and below %d", step.line, got, step.least, step.below)
		}
	}
}
