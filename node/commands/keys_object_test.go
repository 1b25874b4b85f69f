package commands

import "testing"

func TestObject(t *testing.T) {
	runScript(t, []step{
		{`object encoding missing`, `nil`},
		{`set k 12`, `OK`},
		{`object encoding k`, `"int"`},
		{`object refcount k`, `2147483647`},
		{`set k 10000`, `OK`},
		{`object refcount k`, `1`},
		{`set k -1`, `OK`},
		{`object refcount k`, `1`},
		{`set k 9223372036854775807`, `OK`},
		{`object encoding k`, `"int"`},
		{`set k 9223372036854775808`, `OK`},
		{`object encoding k`, `"embstr"`},
		{`set k 012`, `OK`},
		{`object encoding k`, `"embstr"`},
		{`set k ''`, `OK`},
		{`object encoding k`, `"embstr"`},
		{`set k aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa`, `OK`},
		{`object encoding k`, `"embstr"`},
		{`set k aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa`, `OK`},
		{`object encoding k`, `"raw"`},
		{`object refcount k`, `1`},
		{`object refcount missing`, `nil`},
		{`object freq k`, `-ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.`},
		{`object freq missing`, `nil`},
		{`object idletime k`, `0`},
		{`object idletime missing`, `nil`},
		{`object help`, `[OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are: ENCODING <key>     Return the kind of internal representation used in order to store the value     associated with a <key>. FREQ <key>     Return the access frequency index of the <key>. The returned integer is     proportional to the logarithm of the recent access frequency of the key. IDLETIME <key>     Return the idle time of the <key>, that is the approximated number of     seconds elapsed since the last access to the key. REFCOUNT <key>     Return the number of references of the value associated with the specified     <key>. HELP     Prints this help.]`},
	})
}

// TestEncodingOfSums keeps the sum of floats as text, wherever it goes, until it is counted up as an integer.
func TestEncodingOfSums(t *testing.T) {
	runScript(t, []step{
		{`set k 10`, `OK`},
		{`incrbyfloat k 2`, `"12"`},
		{`object encoding k`, `"embstr"`},
		{`object refcount k`, `1`},
		{`copy k c`, `1`},
		{`object encoding c`, `"embstr"`},
		{`rename c d`, `OK`},
		{`object encoding d`, `"embstr"`},
		{`expire d 100`, `1`},
		{`persist d`, `1`},
		{`object encoding d`, `"embstr"`},
		{`incr d`, `13`},
		{`object encoding d`, `"int"`},
		{`set l 1e60`, `OK`},
		{`incrbyfloat l 0`, `"999999999999999999999373423426722168652130621984886772203520"`},
		{`object encoding l`, `"raw"`},
	})
}

func TestIdleTime(t *testing.T) {
	r := newKeyRig(t)
	r.line("set k v")
	for _, c := range []struct {
		line string
		want string // seconds idle one and a half seconds later
	}{{"exists k", "1"}, {"type k", "3"}, {"ttl k", "4"}, {"get k", "1"}, {"object encoding k", "3"}, {"touch k", "1"}} {
		r.line(c.line)
		r.now += 1500
		if got := render(r.line("object idletime k")); got != c.want {
			t.Errorf("idle after %s = %s, want %s", c.line, got, c.want)
		}
	}
}
