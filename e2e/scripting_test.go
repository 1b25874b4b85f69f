package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// TestScriptBusy holds that a script which runs for ever keeps only those waiting who want its keys, that these are told, and that it can be
// killed, whatever it has done.
func TestScriptBusy(t *testing.T) {
	n := startShiplog(t, "--busy-reply-threshold", "200")
	other := dial(t, n)
	do(t, other, "SET", "a", "before")
	for _, script := range []string{
		"while true do end", "redis.call('SET',KEYS[1],'within') while true do end",
		"while true do pcall(function() redis.call('SET',KEYS[1],'within') end) end",
	} {
		runs := dial(t, n)
		noError(t, runs.Send("EVAL", script, "1", "a"))
		for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
			if do(t, other, "PING").Text != "PONG" || !strings.Contains(do(t, other, "INFO", "memory").Text, "used_memory") {
				t.Fatal("a client that wants no keys is kept waiting")
			}
			if v := answer(t, other, "GET", "a"); strings.HasPrefix(v.Text, "BUSY ") {
				break
			}
			if time.Since(began) > 20*time.Second {
				t.Fatal("nobody is told that a script runs")
			}
		}
		if v := answer(t, other, "SET", "b", "1"); !strings.HasPrefix(v.Text, "BUSY ") {
			t.Errorf("a write while a script runs: %v", v)
		}
		if v := do(t, other, "SCRIPT", "KILL"); v.Text != "OK" {
			t.Fatalf("SCRIPT KILL: %v", v)
		}
		if v, err := runs.Read(); err != nil || !strings.HasPrefix(v.Text, "ERR Script killed by user with SCRIPT KILL... script: ") {
			t.Errorf("the script that was killed: %v, %v", v, err)
		}
		if v := do(t, other, "GET", "a"); v.Text != "before" {
			t.Errorf("a script that was killed has left %v", v)
		}
	}
}

// TestScriptWaits holds that others wait for a script that runs for less than they would be told.
func TestScriptWaits(t *testing.T) {
	n := startShiplog(t)
	runs, other := dial(t, n), dial(t, n)
	noError(t, runs.Send("EVAL", "local n = 0 for i = 1, 5e6 do n = n + i end redis.call('SET',KEYS[1],n) return n", "1", "a"))
	for began := time.Now(); do(t, other, "GET", "a").Text != "12500002500000"; {
		if time.Since(began) > 20*time.Second {
			t.Fatal("the script does not end")
		}
	}
	if v, err := runs.Read(); err != nil || v.Text != "12500002500000" && v.String() != `:"12500002500000"` {
		t.Errorf("the script: %v, %v", v, err)
	}
}

// TestScriptChanges holds that what a script does is one unit of the log, and says that a script did it.
func TestScriptChanges(t *testing.T) {
	n := startShiplog(t)
	c := dial(t, n)
	end := do(t, c, "CHANGES", "READ", "0", "FROM", "END").Elems[0].Text
	do(t, c, "EVAL", "redis.call('SET',KEYS[1],'1') redis.call('RPUSH',KEYS[2],'1','2') redis.call('HSET',KEYS[3],'f','v') return 1", "3", "a", "b", "c")
	answer(t, c, "EVAL", "redis.call('SET',KEYS[1],'2') error('undone')", "1", "a")
	do(t, c, "MULTI")
	do(t, c, "SET", "d", "1")
	do(t, c, "EVAL", "return redis.call('SET',KEYS[1],'1')", "1", "e")
	do(t, c, "EVAL", "redis.call('SET',KEYS[1],'2') error('undone')", "1", "e")
	do(t, c, "SET", "f", "1")
	do(t, c, "EXEC")
	var got []string
	for _, item := range do(t, c, "CHANGES", "READ", "0", "FROM", end).Elems[1].Elems {
		change := parseShown(t, item.Text)
		marks := ""
		if change.First {
			marks += "<"
		}
		if change.Last {
			marks += ">"
		}
		got = append(got, change.Cause+" "+change.Op+" "+change.bytes["key"]+marks)
	}
	want := "script set a<, script rpush b, script rpush b, script hset c>, client set d<, script set e, client set f>"
	if text := strings.Join(got, ", "); text != want {
		t.Errorf("the changes are\n%s, want\n%s", text, want)
	}
}

// TestScriptGoRedis runs a script as go-redis does: by its name, and by its text when the server does not know it.
func TestScriptGoRedis(t *testing.T) {
	c := redis.NewClient(&redis.Options{Addr: startShiplog(t).Addr()})
	defer func() { _ = c.Close() }()
	ctx := context.Background()
	script := redis.NewScript("return redis.call('INCRBY', KEYS[1], ARGV[1])")
	for range 2 {
		noError(t, script.Run(ctx, c, []string{"n"}, 5).Err())
		noError(t, c.ScriptFlush(ctx).Err())
	}
	noError(t, script.Load(ctx, c).Err())
	if got, err := script.EvalSha(ctx, c, []string{"n"}, 5).Int(); err != nil || got != 15 {
		t.Errorf("the script returns %d, %v", got, err)
	}
}

// answer is what the server says, which may be an error.
func answer(t *testing.T, c *Client, words ...string) Value {
	t.Helper()
	v, err := c.Do(words...)
	noError(t, err)
	return v
}
