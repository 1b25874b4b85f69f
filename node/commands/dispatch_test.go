package commands

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"shiplog/node/reply"
)

func TestOrderOfChecks(t *testing.T) {
	r := newRig(t, [2]string{"requirepass", "secret"})
	c := r.connect()
	c.expect(
		"nosuch a b", "-ERR unknown command 'nosuch', with args beginning with: 'a' 'b' ",
		"client nosuch", "-ERR unknown subcommand 'nosuch'. Try CLIENT HELP.",
		"client", "-ERR wrong number of arguments for 'client' command",
		"t.read", "-ERR wrong number of arguments for 't.read' command",
		"debug sleep 0", `-ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a `+
			"local connection, otherwise you need to set this option in the configuration file, and then restart the server.",
		"t.read k", "-NOAUTH Authentication required.",
		"multi", "-NOAUTH Authentication required.",
		"auth secret", "+OK",
		"t.read k", "null",
		"multi", "+OK",
		"save", "-ERR Command not allowed inside a transaction",
		"discard", "+OK",
	)
}

func TestUnknownCommandRepeatsLittle(t *testing.T) {
	c := newRig(t).connect()
	long := strings.Repeat("x", 200)
	got := c.words(long, "a\r\nb", long, "never seen")
	want := "-ERR unknown command '" + long[:128] + "', with args beginning with: 'a  b' '" + long[:121] + "' "
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := c.words("nul\x00l"); got != "-ERR unknown command 'nul', with args beginning with: " {
		t.Errorf("got %q", got)
	}
}

// TestHTTP hangs up before the body of a request could run.
func TestHTTP(t *testing.T) {
	for _, line := range []string{"POST / HTTP/1.1", "post", "Host: localhost", "HOST:"} {
		r := newRig(t, [2]string{"requirepass", "secret"})
		c := r.connect()
		if got := c.run(strings.Fields(line)...); !got.Abort || got.Reply.Kind != reply.None {
			t.Errorf("%s: got %s, abort %v, want the connection closed without a reply", line, show(got.Reply), got.Abort)
		}
		if len(r.engine.suspects) != 1 {
			t.Errorf("%s: the operator was told of %q", line, r.engine.suspects)
		}
	}
	newRig(t).connect().expect("host", "-ERR unknown command 'host', with args beginning with: ",
		"postx", "-ERR unknown command 'postx', with args beginning with: ")
}

func TestEmptyCommand(t *testing.T) {
	c := newRig(t).connect()
	if got := c.Do(nil); got.Reply.Kind != reply.None || got.Close {
		t.Errorf("got %+v", got)
	}
}

func TestDataElsewhere(t *testing.T) {
	r := newRig(t)
	c := r.connect()
	moved := reply.Error("MOVED 1 10.0.0.9:6379")
	r.engine.elsewhere = &moved
	c.expect("t.read k", "-MOVED 1 10.0.0.9:6379", "ping", "+PONG", "multi", "+OK", "t.write k v", "-MOVED 1 10.0.0.9:6379")
	r.engine.elsewhere = nil
	c.expect("exec", "-EXECABORT Transaction discarded because of previous errors.")
}

func TestPartitionRefuses(t *testing.T) {
	r := newRig(t)
	c := r.connect()
	r.engine.partition.refuse = errRefused
	c.expect("t.write k v", "-MISCONF the disk is full", "multi", "+OK", "t.write k v", "+QUEUED",
		"exec", "-MISCONF the disk is full", "exec", "-ERR EXEC without MULTI")
	r.engine.partition.refuse = errUnknown
	if got := c.run("t.write", "k", "v"); !got.Close || got.Reply.Kind != reply.None {
		t.Errorf("a write of unknown outcome: got %s, close %v", show(got.Reply), got.Close)
	}
}

func TestOffLoopCommandKeepsItsWords(t *testing.T) {
	c := newRig(t).connect()
	c.expect("t.write a 1", "+OK", "t.write b 2", "+OK")
	res := c.Do(Args{[]byte("t.walk")})
	if res.Later == nil {
		t.Fatal("ran at once")
	}
	if got := show(res.Later(t.Context()).Reply); got != "2" {
		t.Errorf("got %s, want 2", got)
	}
}

func TestClientReply(t *testing.T) {
	c := newRig(t).connect()
	c.expect(
		"client reply skip", "nothing", "ping", "nothing", "ping", "+PONG",
		"client reply skip", "nothing", "client reply skip", "nothing", "ping", "nothing", "ping", "+PONG",
		"client reply off", "nothing", "ping", "nothing", "nosuch", "nothing", "client reply skip", "nothing", "ping", "nothing",
		"client reply on", "+OK", "ping", "+PONG", "client reply x", "-ERR syntax error",
	)
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	c := newRig(t).connect()
	c.do("t.write k v")
	read := Args{[]byte("T.READ"), []byte("k")}
	if n := testing.AllocsPerRun(200, func() { c.Do(read) }); n != 0 {
		t.Errorf("a read allocates %v times", n)
	}
}

func BenchmarkDo(b *testing.B) {
	c := newRig(b).connect()
	c.do("t.write k v")
	for _, line := range []string{"PING", "T.READ k", "T.WRITE k v"} {
		a := words(line)
		b.Run(line, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Do(a)
				c.reset()
			}
		})
	}
}

func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pause
		if p.holds(true) {
			t.Error("holds before it began")
		}
		p.begin(pauseWrites, time.Second)
		if !p.holds(true) || p.holds(false) {
			t.Error("a pause of writes holds the wrong ones")
		}
		start := time.Now()
		if err := p.wait(t.Context(), true); err != nil || time.Since(start) != time.Second {
			t.Errorf("waited %v, %v", time.Since(start), err)
		}
		p.begin(pauseAll, time.Hour)
		p.begin(pauseWrites, time.Minute)
		if !p.holds(false) || p.left() != time.Hour {
			t.Errorf("a shorter pause weakened a longer one: %v left", p.left())
		}
		done := make(chan error)
		go func() { done <- p.wait(t.Context(), false) }()
		synctest.Wait()
		p.end()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestPauseHoldsCommandsBack(t *testing.T) {
	r := newRig(t)
	c, other := r.connect(), r.connect()
	other.expect("client pause x", "-ERR timeout is not an integer or out of range", "client pause -1", "-ERR timeout is negative",
		"client pause 1 foo", "-ERR CLIENT PAUSE mode must be WRITE or ALL",
		"client pause 1 write x", "-ERR unknown subcommand or wrong number of arguments for 'pause'. Try CLIENT HELP.",
		"client pause 100000 write", "+OK")
	c.expect("t.read k", "null")
	held := c.Do(Args{[]byte("t.write"), []byte("k"), []byte("v")})
	if held.Later == nil {
		t.Fatal("a write ran during the pause")
	}
	other.expect("client unpause", "+OK")
	if got := show(held.Later(t.Context()).Reply); got != "+OK" {
		t.Errorf("after the pause: %s", got)
	}
	c.expect("t.read k", "v")
}

func TestStatistics(t *testing.T) {
	r := newRig(t)
	c := r.connect()
	c.do("t.read k")
	c.do("t.read k")
	c.do("t.read")
	c.do("t.fail")
	text := c.do("info commandstats errorstats")
	for _, want := range []string{"cmdstat_t.read:calls=2,", "rejected_calls=1,failed_calls=0", "cmdstat_t.fail:calls=1,",
		"rejected_calls=0,failed_calls=1", "errorstat_ERR:count=1", "errorstat_WRONGTYPE:count=1"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	c.do("config resetstat")
	if text := c.do("info commandstats errorstats"); strings.Contains(text, "t.read") || strings.Contains(text, "ERR") {
		t.Errorf("after CONFIG RESETSTAT:\n%s", text)
	}
}
