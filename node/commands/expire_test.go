package commands

import "testing"

func TestExpire(t *testing.T) {
	runScript(t, []step{
		{`expire missing 10`, `0`},
		{`expire missing abc`, `-ERR value is not an integer or out of range`},
		{`expire missing 10 FOO`, `-ERR Unsupported option FOO`},
		{`set k v`, `OK`},
		{`expire k abc`, `-ERR value is not an integer or out of range`},
		{`expire k abc FOO`, `-ERR Unsupported option FOO`},
		{`expire k 10 NX XX`, `-ERR NX and XX, GT or LT options at the same time are not compatible`},
		{`expire k 10 GT LT`, `-ERR GT and LT options at the same time are not compatible`},
		{`expire k 10 LT NX`, `-ERR NX and XX, GT or LT options at the same time are not compatible`},
		{`expire k 10 GT`, `0`},
		{`ttl k`, `-1`},
		{`expire k 100 XX`, `0`},
		{`expire k 100 LT`, `1`},
		{`expire k 200 NX`, `0`},
		{`expire k 50 GT`, `0`},
		{`expire k 200 GT`, `1`},
		{`ttl k`, `200`},
		{`expire k 300 LT`, `0`},
		{`expire k 50 LT`, `1`},
		{`ttl k`, `50`},
		{`expire k 100 XX GT`, `1`},
		{`expire k 20 XX LT`, `1`},
		{`ttl k`, `20`},
		{`expire k 30 nx`, `0`},
		{`pexpire k 40000`, `1`},
		{`ttl k`, `40`},
		{`expire k 9223372036854775`, `-ERR invalid expire time in 'expire' command`},
		{`expire k 9223372036854776`, `-ERR invalid expire time in 'expire' command`},
		{`expire k -9223372036854775`, `1`},
		{`expire k -9223372036854776`, `-ERR invalid expire time in 'expire' command`},
		{`set k v`, `OK`},
		{`pexpire k 9223372036854775807`, `-ERR invalid expire time in 'pexpire' command`},
		{`pexpireat k 9223372036854775807`, `1`},
		{`pexpiretime k`, `9223372036854775807`},
		{`expiretime k`, `9223372036854776`},
		{`expireat k 9223372036854775`, `1`},
		{`expireat k 9223372036854776`, `-ERR invalid expire time in 'expireat' command`},
		{`expiretime k`, `9223372036854775`},
		{`persist k`, `1`},
		{`persist k`, `0`},
		{`persist missing`, `0`},
		{`ttl k`, `-1`},
		{`expire k -1 GT`, `0`},
		{`exists k`, `1`},
		{`expire k -1 XX`, `0`},
		{`exists k`, `1`},
		{`expire k -1`, `1`},
		{`exists k`, `0`},
		{`set k v`, `OK`},
		{`pexpireat k 1`, `1`},
		{`exists k`, `0`},
		{`set k v`, `OK`},
		{`expireat k -5`, `1`},
		{`set k v`, `OK`},
		{`pexpire k 0`, `1`},
		{`exists k`, `0`},
		{`set k v`, `OK`},
		{`pexpireat k -9223372036854775808`, `1`},
		{`exists k`, `0`},
		{`set k v`, `OK`},
		{`pexpire k -9223372036854775808`, `1`},
		{`exists k`, `0`},
	})
}

func TestExpiryReads(t *testing.T) {
	runScript(t, []step{
		{`ttl missing`, `-2`},
		{`pttl missing`, `-2`},
		{`expiretime missing`, `-2`},
		{`pexpiretime missing`, `-2`},
		{`set k v`, `OK`},
		{`ttl k`, `-1`},
		{`pttl k`, `-1`},
		{`expiretime k`, `-1`},
		{`pexpiretime k`, `-1`},
		{`pexpireat k 33177117420499`, `1`},
		{`expiretime k`, `33177117420`},
		{`pexpiretime k`, `33177117420499`},
		{`pexpireat k 33177117420500`, `1`},
		{`expiretime k`, `33177117421`},
	})
}

// TestExpiryIsAFact: what goes into the log needs no clock, and a time that is over is a deletion.
func TestExpiryIsAFact(t *testing.T) {
	r := newKeyRig(t)
	for _, c := range []struct {
		line        string
		effects     int
		pexpiretime string
	}{
		{"set k v ex 10", 1, "1700000010000"},
		{"set k w keepttl", 1, "1700000010000"},
		{"expire k 20", 1, "1700000020000"},
		{"expire k 10 gt", 0, "1700000020000"},
		{"getex k px 5", 1, "1700000000005"},
		{"append k x", 1, "1700000000005"},
		{"persist k", 1, "-1"},
		{"persist k", 0, "-1"},
		{"pexpireat k 1700000000001", 1, "1700000000001"},
		{"pexpireat k 1700000000000", 1, "-2"}, // now: removed
		{"expire k 10", 0, "-2"},
		{"set k v exat 1", 0, "-2"}, // nothing was there, nothing is left
		{"set k v", 1, "-1"},
		{"set k v exat 1", 1, "-2"},
		{"set k v", 1, "-1"},
		{"getex k exat 1", 1, "-2"},
		{"del k", 0, "-2"},
	} {
		r.line(c.line)
		if r.effects != c.effects {
			t.Errorf("%s: %d effects, want %d", c.line, r.effects, c.effects)
		}
		if got := render(r.do("pexpiretime", "k")); got != c.pexpiretime {
			t.Errorf("%s: expires at %s, want %s", c.line, got, c.pexpiretime)
		}
	}
}
