package commands

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAuth(t *testing.T) {
	open := newRig(t).connect()
	open.expect(
		"auth x", "-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
		"auth default x", "+OK",
		"auth other x", "-WRONGPASS invalid username-password pair or user is disabled.",
		"auth a b c", "-ERR syntax error",
	)
	r := newRig(t, [2]string{"requirepass", "secret"})
	c := r.connect()
	c.expect(
		"auth wrong", "-WRONGPASS invalid username-password pair or user is disabled.",
		"auth other secret", "-WRONGPASS invalid username-password pair or user is disabled.",
		"ping", "-NOAUTH Authentication required.",
		"auth default secret", "+OK",
		"ping", "+PONG",
		"auth wrong", "-WRONGPASS invalid username-password pair or user is disabled.",
		"ping", "+PONG",
	)
	if c.Authenticated() != true || r.connect().Authenticated() != false {
		t.Error("Authenticated is wrong")
	}
	c.expect("config set requirepass new", "+OK", "auth secret", "-WRONGPASS invalid username-password pair or user is disabled.",
		"auth new", "+OK")
}

func TestHello(t *testing.T) {
	r := newRig(t, [2]string{"requirepass", "secret"})
	c := r.connect()
	c.expect(
		"hello 1", "-NOPROTO unsupported protocol version",
		"hello 4", "-NOPROTO unsupported protocol version",
		"hello x", "-ERR Protocol version is not an integer or out of range",
		"hello 3 auth default", "-ERR Syntax error in HELLO option 'auth'",
		"hello 3 foo", "-ERR Syntax error in HELLO option 'foo'",
		"hello 3 auth default wrong", "-WRONGPASS invalid username-password pair or user is disabled.",
	)
	if got := c.do("hello 3"); !strings.HasPrefix(got, "-NOAUTH HELLO must be called with the client already authenticated, ") {
		t.Errorf("got %s", got)
	}
	if c.Proto() != 2 {
		t.Error("a refused HELLO changed the protocol")
	}
	c.expect("hello 3 AUTH default secret SETNAME me",
		"{server redis version 7.0.15 proto 3 id 1 mode standalone role master modules []}", "client getname", "me")
	if c.Proto() != 3 {
		t.Errorf("proto %d", c.Proto())
	}
	if got := c.words("hello", "2", "setname", "a b"); got != "-ERR Client names cannot contain spaces, newlines or special characters." {
		t.Errorf("got %s", got)
	}
	if c.Proto() != 3 {
		t.Error("a refused HELLO changed the protocol")
	}
	c.expect("hello", "{server redis version 7.0.15 proto 3 id 1 mode standalone role master modules []}")
}

func TestSmallConnectionCommands(t *testing.T) {
	c := newRig(t).connect()
	c.expect(
		"ping hello", "hello", "ping a b", "-ERR wrong number of arguments for 'ping' command",
		"echo x", "x", "select 0", "+OK", "select 1", "-ERR DB index is out of range",
		"select x", "-ERR value is not an integer or out of range", "select 00", "-ERR value is not an integer or out of range",
		"client id", "1", "client getname", "null", "client setname x", "+OK", "client getname", "x",
		"client no-evict maybe", "-ERR syntax error", "client no-evict on", "+OK", "client no-touch on", "+OK",
		"client setinfo lib-name me", "+OK", "client setinfo LIB-VER 1.0", "+OK",
		"client setinfo foo 1", "-ERR Unrecognized option 'foo'",
		"client unblock 1", "0", "client unblock x", "-ERR value is not an integer or out of range",
		"client unblock 1 foo", "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR",
	)
	if c.Evictable() {
		t.Error("evictable after CLIENT NO-EVICT ON")
	}
	if got := c.words("client", "setinfo", "lib-name", "a b"); got != "-ERR lib-name cannot contain spaces, newlines or special characters." {
		t.Errorf("got %s", got)
	}
	if got := c.run("quit"); !got.Close {
		t.Error("QUIT does not close")
	}
}

func TestMaxClients(t *testing.T) {
	r := newRig(t, [2]string{"maxclients", "2"})
	first := r.connect()
	r.connect()
	if _, refusal := r.srv.Connect(first, ConnInfo{}); refusal == nil || refusal.Text != "ERR max number of clients reached" {
		t.Fatalf("got %v", refusal)
	}
	first.Close()
	r.connect()
}

func TestClientList(t *testing.T) {
	r := newRig(t)
	c, other := r.connect(), r.connect()
	other.do("multi")
	other.do("ping")
	c.do("client setname me")
	c.do("client setinfo lib-name go")
	want := "id=1 addr=10.0.0.1:1000 laddr=10.0.0.2:6379 fd=8 name=me age=0 idle=0 flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 " +
		"qbuf=26 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=5 tot-mem=31 events=r cmd=client|info " +
		"user=default redir=-1 resp=2 lib-name=go lib-ver=\n"
	if got := c.do("client info"); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
	list := c.do("client list")
	if n := strings.Count(list, "\n"); n != 2 || !strings.Contains(list, "flags=x ") || !strings.Contains(list, "multi=1 ") {
		t.Errorf("got\n%s", list)
	}
	for line, n := range map[string]int{"client list id 2 99 1": 2, "client list type normal": 2, "client list type pubsub": 0,
		"client list type replica": 0} {
		if got := strings.Count(c.do(line), "\n"); got != n {
			t.Errorf("%s: %d lines, want %d", line, got, n)
		}
	}
	c.expect("client list id", "-ERR syntax error", "client list id x", "-ERR Invalid client ID",
		"client list type foo", "-ERR Unknown client type 'foo'", "client list foo", "-ERR syntax error")
}

func TestClientKill(t *testing.T) {
	for _, c := range []struct {
		line, want string
		killed     string // which of the clients 2 to 4
		self       bool
	}{
		{"client kill 10.0.0.1:1001", "+OK", "2", false},
		{"client kill 10.0.0.1:1000", "+OK", "", true},
		{"client kill 1.2.3.4:5", "-ERR No such client", "", false},
		{"client kill id 3", "1", "3", false},
		{"client kill id 99", "0", "", false},
		{"client kill id 1", "0", "", false},
		{"client kill id 1 skipme no", "1", "", true},
		{"client kill addr 10.0.0.1:1003", "1", "4", false},
		{"client kill laddr 10.0.0.2:6379", "3", "234", false},
		{"client kill laddr 10.0.0.2:6379 skipme no", "4", "234", true},
		{"client kill type normal id 2", "1", "2", false},
		{"client kill type replica", "0", "", false},
		{"client kill user default", "3", "234", false},
		{"client kill user nobody", "-ERR No such user 'nobody'", "", false},
		{"client kill id 0", "-ERR client-id should be greater than 0", "", false},
		{"client kill id x", "-ERR client-id should be greater than 0", "", false},
		{"client kill type x", "-ERR Unknown client type 'x'", "", false},
		{"client kill skipme maybe", "-ERR syntax error", "", false},
		{"client kill id 2 addr", "-ERR syntax error", "", false},
		{"client kill maxage 1", "0", "", false},
		{"client kill maxage 0", "-ERR maxage should be greater than 0", "", false},
		{"client kill maxage x", "-ERR maxage is not an integer or out of range", "", false},
		{"client kill foo bar", "-ERR syntax error", "", false},
	} {
		r := newRig(t)
		me := r.connect()
		for range 3 {
			r.connect()
		}
		got := me.run(strings.Fields(c.line)...)
		killed := ""
		for _, other := range r.engine.clients[1:] {
			if other.killed {
				killed += string('0' + rune(other.ID()))
			}
		}
		if show(got.Reply) != c.want || killed != c.killed || got.Close != c.self {
			t.Errorf("%s: got %s, killed %q, self %v; want %s, %q, %v", c.line, show(got.Reply), killed, got.Close,
				c.want, c.killed, c.self)
		}
		if left, want := r.srv.Clients(), 4-len(killed); left != want {
			t.Errorf("%s: %d clients left, want %d", c.line, left, want)
		}
	}
}

func TestClientUnblock(t *testing.T) {
	for _, c := range []struct{ how, want string }{
		{"client unblock 1", "0"},
		{"client unblock 1 timeout", "0"},
		{"client unblock 1 error", "-UNBLOCKED client unblocked via CLIENT UNBLOCK"},
	} {
		r := newRig(t)
		r.engine.waited = make(chan struct{})
		blocked, other := r.connect(), r.connect()
		done := make(chan string)
		go func() { done <- blocked.do("wait 1 0") }()
		<-r.engine.waited
		if list := other.do("client list id 1"); !strings.Contains(list, "flags=b ") {
			t.Errorf("a blocked client is listed as %s", list)
		}
		other.expect(c.how, "1")
		if got := <-done; got != c.want {
			t.Errorf("%s: got %s, want %s", c.how, got, c.want)
		}
		other.expect(c.how, "0")
	}
}

// CLIENT KILL with MAXAGE means clients that are as old, and not younger ones.
func TestClientKillByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		me := r.connect()
		time.Sleep(time.Second)
		r.connect()
		time.Sleep(3 * time.Second)
		me.expect("client kill maxage 4", "0", "client kill maxage 3", "1", "client kill maxage 4 skipme no", "1")
	})
}
