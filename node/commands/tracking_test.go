package commands

import (
	"strings"
	"testing"
)

// trackedRig is a rig whose partition tells the server what changes.
func trackedRig(t *testing.T) (r *rig, reader, writer *client) {
	r = newRig(t)
	reader, writer = r.connect(), r.connect()
	reader.do("hello 3")
	return r, reader, writer
}

// touch writes a key and tells the server so, as the engine does.
func (r *rig) touch(by *client, key string) {
	by.do("t.write " + key + " v")
	r.srv.Touched(key, by.ID())
}

func TestTrackingByDefault(t *testing.T) {
	r, reader, writer := trackedRig(t)
	reader.expect("t.read before", "null", "client tracking on", "+OK", "t.read k", "null", "t.write own 1", "+OK")
	r.touch(writer, "before")
	r.touch(writer, "other")
	if got := reader.pushes(); got != "" {
		t.Errorf("told of keys that it has not read: %s", got)
	}
	r.touch(writer, "k")
	r.touch(writer, "k")
	if got, want := reader.pushes(), ">invalidate [k]<"; got != want {
		t.Errorf("got %q, want %q: once per read", got, want)
	}
	reader.do("t.read k")
	r.touch(reader, "k")
	if got, want := reader.pushes(), ">invalidate [k]<"; got != want {
		t.Errorf("own change: got %q, want %q", got, want)
	}
	reader.do("t.read k")
	r.srv.TouchedAll()
	if got, want := reader.pushes(), ">invalidate null<"; got != want {
		t.Errorf("flush: got %q, want %q", got, want)
	}
	reader.expect("t.read k", "v", "client tracking off", "+OK")
	r.touch(writer, "k")
	if got := reader.pushes(); got != "" {
		t.Errorf("told after CLIENT TRACKING OFF: %s", got)
	}
}

// TestInvalidationFollowsTheReply changes a key between its being read and the reply's being in the output.
func TestInvalidationFollowsTheReply(t *testing.T) {
	r, reader, writer := trackedRig(t)
	reader.do("client tracking on")
	read := reader.Do(words("t.read k"))
	r.touch(writer, "k")
	if got := reader.pushes(); got != "" {
		t.Fatalf("told before the reply: %s", got)
	}
	read.After()
	if got, want := reader.pushes(), ">invalidate [k]<"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	reader.do("t.read k")
	r.touch(writer, "k")
	if got, want := reader.pushes(), ">invalidate [k]<"; got != want {
		t.Errorf("between commands: got %q, want %q", got, want)
	}
}

func TestTrackingInsideTransaction(t *testing.T) {
	r, reader, writer := trackedRig(t)
	reader.expect("client tracking on", "+OK", "multi", "+OK", "t.read k", "+QUEUED", "exec", "[null]")
	r.touch(writer, "k")
	if got, want := reader.pushes(), ">invalidate [k]<"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTrackingOptIn(t *testing.T) {
	r, reader, writer := trackedRig(t)
	reader.expect("client tracking on optin", "+OK", "t.read a", "null", "client caching yes", "+OK", "t.read b", "null", "t.read c", "null")
	for _, key := range []string{"a", "b", "c"} {
		r.touch(writer, key)
	}
	if got, want := reader.pushes(), ">invalidate [b]<"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	reader.expect("client tracking off", "+OK", "client tracking on optout", "+OK", "t.read a", "v", "client caching no", "+OK",
		"t.read b", "v", "t.read c", "v")
	for _, key := range []string{"a", "b", "c"} {
		r.touch(writer, key)
	}
	if got, want := reader.pushes(), ">invalidate [a]< >invalidate [c]<"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTrackingBroadcast(t *testing.T) {
	r, reader, writer := trackedRig(t)
	reader.expect("client tracking on bcast prefix user: prefix cart: noloop", "+OK",
		"client trackinginfo", "{flags (on bcast noloop) redirect 0 prefixes [user: cart:]}")
	r.touch(writer, "user:1")
	r.touch(writer, "user:1")
	r.touch(writer, "other")
	r.touch(reader, "cart:1")
	if got, want := reader.pushes(), ">invalidate [user:1]< >invalidate [user:1]<"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	reader.expect("client tracking off", "+OK", "client tracking on bcast", "+OK")
	r.touch(writer, "anything")
	if got, want := reader.pushes(), ">invalidate [anything]<"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestNoLoop spares a client what it has changed itself, but not that all keys are gone.
func TestNoLoop(t *testing.T) {
	r, reader, writer := trackedRig(t)
	reader.expect("client tracking on noloop", "+OK", "t.read k", "null")
	r.touch(reader, "k")
	if got := reader.pushes(); got != "" {
		t.Errorf("told of its own change: %s", got)
	}
	reader.do("t.read k")
	r.touch(writer, "k")
	r.srv.TouchedAll()
	if got, want := reader.pushes(), ">invalidate [k]< >invalidate null<"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTrackingRedirect(t *testing.T) {
	r, reader, writer := trackedRig(t)
	target := r.connect()
	target.do("hello 3")
	reader.expect("client tracking on redirect 3", "+OK", "client getredir", "3", "t.read k", "null")
	r.touch(writer, "k")
	if got, want := target.pushes(), ">invalidate [k]<"; got != want || reader.pushes() != "" {
		t.Errorf("got %q, want %q", got, want)
	}
	reader.do("t.read k")
	target.Close()
	r.touch(writer, "k")
	if got, want := reader.pushes(), ">tracking-redir-broken 3<"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := reader.do("client trackinginfo"); !strings.Contains(got, "broken_redirect") {
		t.Errorf("got %s", got)
	}
}

func TestTrackingTableIsBounded(t *testing.T) {
	r, reader, _ := trackedRig(t)
	r.settings.values["tracking-table-max-keys"] = "2"
	r.srv.Retune()
	reader.expect("client tracking on", "+OK", "t.read a", "null", "t.read b", "null", "t.read c", "null")
	if keys, items, _ := r.srv.tracking.sizes(); keys != 2 || items != 2 {
		t.Errorf("%d keys, %d items, want 2 and 2", keys, items)
	}
	if got := reader.pushes(); strings.Count(got, "invalidate") != 1 {
		t.Errorf("got %q: what is forgotten must be invalidated", got)
	}
}

func TestTrackingOptionsThatConflict(t *testing.T) {
	_, c, _ := trackedRig(t)
	c.expect(
		"client caching yes", "-ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
		"client tracking maybe", "-ERR syntax error",
		"client tracking on foo", "-ERR syntax error",
		"client tracking on redirect 99", "-ERR The client ID you want redirect to does not exist",
		"client tracking on redirect x", "-ERR value is not an integer or out of range",
		"client tracking on redirect 1 redirect 2", "-ERR A client can only redirect to a single other client",
		"client tracking on prefix a", "-ERR PREFIX option requires BCAST mode to be enabled",
		"client tracking on optin optout", "-ERR You can't specify both OPTIN mode and OPTOUT mode",
		"client tracking on bcast optin", "-ERR OPTIN and OPTOUT are not compatible with BCAST",
		"client tracking on bcast prefix a prefix ab",
		"-ERR Prefix 'a' overlaps with another provided prefix 'ab'. Prefixes for a single client must not overlap.",
		"client trackinginfo", "{flags (off) redirect -1 prefixes []}",
		"client tracking on", "+OK",
		"client caching yes", "-ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
		"client tracking on bcast", "-ERR You can't switch BCAST mode on/off before disabling tracking for this client, "+
			"and then re-enabling it with a different mode.",
		"client tracking off", "+OK",
		"client tracking on optin", "+OK",
		"client tracking on optout", "-ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, "+
			"and then re-enabling it with a different mode.",
		"client caching no", "-ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
		"client caching yes", "+OK",
		"client trackinginfo", "{flags (on optin caching-yes) redirect 0 prefixes []}",
		"client tracking off", "+OK",
		"client tracking on bcast prefix a", "+OK",
		"client tracking on bcast prefix ab",
		"-ERR Prefix 'ab' overlaps with an existing prefix 'a'. Prefixes for a single client must not overlap.",
	)
}
