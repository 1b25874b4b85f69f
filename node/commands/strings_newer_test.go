package commands

import (
	"strings"
	"testing"
)

// What is wanted here is what Redis 8.4 documents and its own tests ask for: redis-server 7.0.15 has none of it.

func TestSetComparing(t *testing.T) {
	runScript(t, []step{
		{`set k hello`, `OK`},
		{`set k x IFEQ other`, `nil`},
		{`set k x ifeq Hello`, `nil`},
		{`set k x IFNE hello`, `nil`},
		{`get k`, `"hello"`},
		{`set k world IfEq hello`, `OK`},
		{`get k`, `"world"`},
		{`set k hello IFNE other`, `OK`},
		{`get k`, `"hello"`},
		{`set k x IFDEQ 0000000000000000`, `nil`},
		{`set k x IFDNE 9555e8555c62dcfd`, `nil`},
		{`set k x IFDNE 9555E8555C62DCFD`, `nil`},
		{`get k`, `"hello"`},
		{`set k world IFDEQ 9555E8555c62dcfd`, `OK`},
		{`set k hello IFDNE 9555e8555c62dcfd`, `OK`},
		{`get k`, `"hello"`},
		{`set k x IFDEQ zzzzzzzzzzzzzzzz`, `nil`},
		{`set k hello IFDNE zzzzzzzzzzzzzzzz`, `OK`},
		{`set n 12345`, `OK`},
		{`set n 12346 IFEQ 012345`, `nil`},
		{`set n 12346 IFEQ 12345`, `OK`},
		{`set empty ''`, `OK`},
		{`set empty x IFNE ''`, `nil`},
		{`set empty x IFEQ ''`, `OK`},
	})
}

func TestSetComparingWithNothing(t *testing.T) {
	runScript(t, []step{
		{`set k x IFEQ ''`, `nil`},
		{`set k x IFDEQ 2d06800538d394c2`, `nil`},
		{`set k x IFDEQ 12`, `nil`},
		{`set k x IFEQ '' GET`, `nil`},
		{`exists k`, `0`},
		{`set k v IFNE v`, `OK`},
		{`get k`, `"v"`},
		{`set other v IFDNE 12`, `OK`},
		{`set third v IFNE v GET`, `nil`},
		{`mget other third`, `["v" "v"]`},
	})
}

func TestSetComparingWithOptions(t *testing.T) {
	runScript(t, []step{
		{`set k a EX 100`, `OK`},
		{`set k b IFEQ z GET`, `"a"`},
		{`set k b IFEQ z EX 5`, `nil`},
		{`ttl k`, `100`},
		{`set k b GET KEEPTTL IFEQ a`, `"a"`},
		{`ttl k`, `100`},
		{`set k c EX 50 IFNE a`, `OK`},
		{`ttl k`, `50`},
		{`set k d IFEQ c`, `OK`},
		{`ttl k`, `-1`},
		{`set k e IFEQ d PXAT 1`, `OK`},
		{`exists k`, `0`},
		{`set k EX IFNE a`, `OK`},
		{`set k get IFEQ EX`, `OK`},
		{`set k x IFEQ a IFEQ get`, `OK`},
		{`get k`, `"x"`},
	})
}

func TestSetComparingRefused(t *testing.T) {
	for _, options := range []string{
		`IFEQ`, `IFNE`, `IFDEQ`, `IFDNE`, `GET IFEQ`, `IFEQ a IFNE b`, `IFEQ a IFDEQ 9555e8555c62dcfd`, `IFNE a IFDNE b`,
		`IFDEQ a IFDNE a`, `NX IFEQ a`, `IFEQ a NX`, `XX IFNE a`, `IFNE a XX`, `IFEQ a b`, `IFEQ a EX 1 PX 1`, `IFGT a`,
	} {
		runScript(t, []step{
			{`set k x ` + options, `-ERR syntax error`},
			{`exists k`, `0`},
			{`set k a`, `OK`},
			{`set k x ` + options, `-ERR syntax error`},
			{`get k`, `"a"`},
		})
	}
	steps := []step{{`set k a`, `OK`}, {`hset h f v`, `1`}}
	for _, digest := range []string{`''`, `12`, `555e8555c62dcfd`, `09555e8555c62dcfd`} {
		steps = append(steps,
			step{`set k x IFDEQ ` + digest, `-ERR must be exactly 16 hexadecimal characters`},
			step{`set k x IFDNE ` + digest, `-ERR must be exactly 16 hexadecimal characters`})
	}
	for _, condition := range []string{`IFEQ`, `IFNE`, `IFDEQ`, `IFDNE`} {
		steps = append(steps,
			step{`set h x ` + condition + ` v`, `-WRONGTYPE Operation against a key holding the wrong kind of value`},
			step{`set h x GET ` + condition + ` v`, `-WRONGTYPE Operation against a key holding the wrong kind of value`})
	}
	runScript(t, append(steps,
		step{`set k x IFEQ a EX 0`, `-ERR invalid expire time in 'set' command`},
		step{`set k x IFEQ b EX a`, `-ERR value is not an integer or out of range`},
		step{`get k`, `"a"`},
		step{`hget h f`, `"v"`}))
}

func TestDelEx(t *testing.T) {
	runScript(t, []step{
		{`delex k`, `0`},
		{`set k hello`, `OK`},
		{`delex k`, `1`},
		{`exists k`, `0`},
		{`hset h f v`, `1`},
		{`delex h`, `1`},
		{`exists h`, `0`},
		{`set k hello`, `OK`},
		{`delex k IFEQ other`, `0`},
		{`delex k IFNE hello`, `0`},
		{`delex k IFDEQ 0000000000000000`, `0`},
		{`delex k IFDNE 9555e8555c62dcfd`, `0`},
		{`delex k IFDNE 9555E8555C62DCFD`, `0`},
		{`delex k IFDEQ zzzzzzzzzzzzzzzz`, `0`},
		{`get k`, `"hello"`},
		{`delex k ifeq hello`, `1`},
		{`exists k`, `0`},
		{`set k hello`, `OK`},
		{`delex k IfNe other`, `1`},
		{`set k hello`, `OK`},
		{`delex k IFDEQ 9555E8555c62dcfd`, `1`},
		{`set k hello`, `OK`},
		{`delex k IFDNE zzzzzzzzzzzzzzzz`, `1`},
		{`set k ''`, `OK`},
		{`delex k IFNE ''`, `0`},
		{`delex k IFEQ ''`, `1`},
		{`delex k IFEQ ''`, `0`},
	})
}

func TestDelExRefused(t *testing.T) {
	runScript(t, []step{
		{`delex`, `-ERR wrong number of arguments for 'delex' command`},
		{`delex k IFEQ`, `-ERR wrong number of arguments for 'delex' command`},
		{`delex k IFEQ a b`, `-ERR wrong number of arguments for 'delex' command`},
		{`delex k IFEQ a`, `0`},
		{`delex k IFDEQ 12`, `0`},
		{`delex k FOO a`, `0`},
		{`set k a`, `OK`},
		{`delex k FOO a`, `-ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE`},
		{`delex k IF a`, `-ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE`},
		{`delex k IFDEQ 12`, `-ERR must be exactly 16 hexadecimal characters`},
		{`delex k IFDNE ''`, `-ERR must be exactly 16 hexadecimal characters`},
		{`delex k IFDNE 09555e8555c62dcfd`, `-ERR must be exactly 16 hexadecimal characters`},
		{`get k`, `"a"`},
		{`hset h f v`, `1`},
		{`delex h IFEQ v`, `-ERR Key should be of string type if conditions are specified`},
		{`delex h FOO v`, `-ERR Key should be of string type if conditions are specified`},
		{`hget h f`, `"v"`},
	})
}

func TestDelIfEq(t *testing.T) {
	runScript(t, []step{
		{`delifeq k v`, `0`},
		{`set k v`, `OK`},
		{`delifeq k V`, `0`},
		{`delifeq k ''`, `0`},
		{`get k`, `"v"`},
		{`delifeq k v`, `1`},
		{`exists k`, `0`},
		{`hset h f v`, `1`},
		{`delifeq h v`, `-WRONGTYPE Operation against a key holding the wrong kind of value`},
		{`hget h f`, `"v"`},
		{`delifeq k`, `-ERR wrong number of arguments for 'delifeq' command`},
		{`delifeq k v w`, `-ERR wrong number of arguments for 'delifeq' command`},
	})
}

// TestDigest holds the digests that Redis's and Dragonfly's documentation and tests show, two of them with zeros in front.
func TestDigest(t *testing.T) {
	runScript(t, []step{
		{`digest k`, `nil`},
		{`set k ''`, `OK`},
		{`digest k`, `"2d06800538d394c2"`},
		{`set k 123`, `OK`},
		{`digest k`, `"404a763b3f4c8c9a"`},
		{`set k v8`, `OK`},
		{`digest k`, `"0cc76dbb41381419"`},
		{`set k test`, `OK`},
		{`digest k`, `"9ec9f7918d7dfc40"`},
		{`set k hello`, `OK`},
		{`digest k`, `"9555e8555c62dcfd"`},
		{`set k 'Hello world'`, `OK`},
		{`digest k`, `"b6acb9d84a38ff74"`},
		{`set k 'Hello, Dragonfly!'`, `OK`},
		{`digest k`, `"063b4909128e92b7"`},
		{`set k v8lf0c11xh8ymlqztfd3eeq16kfn4sspw7fqmnuuq3k3t75em5wdizgcdw7uc26nnf961u2jkfzkjytls2kwlj7626sd`, `OK`},
		{`digest k`, `"00006c38adf31777"`},
		{`hset h f v`, `1`},
		{`digest h`, `-WRONGTYPE Operation against a key holding the wrong kind of value`},
		{`digest`, `-ERR wrong number of arguments for 'digest' command`},
		{`digest k k`, `-ERR wrong number of arguments for 'digest' command`},
	})
}

// TestDigestOfLongStrings holds what xxhash's C library 0.8.1 says of the lengths that those examples do not reach.
func TestDigestOfLongStrings(t *testing.T) {
	r := newKeyRig(t)
	for size, want := range map[int]string{200: "ac2bd404bce6c995", 1000: "b3e7af627147db7c", 5000: "86bab6aca5d8f5e9"} {
		r.do("set", "k", strings.Repeat("a", size))
		if got := r.do("digest", "k").Text; got != want {
			t.Errorf("%d bytes: %s, want %s", size, got, want)
		}
	}
}

// TestDigestGuards compares with the digest that DIGEST shows, of strings of every length at which XXH3 goes another way.
func TestDigestGuards(t *testing.T) {
	r := newKeyRig(t)
	for _, size := range []int{0, 1, 3, 4, 8, 9, 16, 17, 128, 129, 240, 241, 1024, 1025, 100_000} {
		r.do("set", "k", strings.Repeat("\xff\x00r", size)[:size])
		digest := r.do("digest", "k").Text
		if len(digest) != 16 {
			t.Errorf("%d bytes: digest %q, want 16 digits", size, digest)
		}
		if got := render(r.do("set", "k", "new", "IFDNE", digest)); got != "nil" {
			t.Errorf("%d bytes: SET IFDNE = %s, want nil", size, got)
		}
		if got := render(r.do("delex", "k", "IFDEQ", digest)); got != "1" {
			t.Errorf("%d bytes: DELEX IFDEQ = %s, want 1", size, got)
		}
	}
}

func TestMsetEx(t *testing.T) {
	runScript(t, []step{
		{`msetex 2 a 1 b 2`, `1`},
		{`mget a b`, `["1" "2"]`},
		{`ttl a`, `-1`},
		{`msetex 2 a 3 b 4 EX 100`, `1`},
		{`ttl a`, `100`},
		{`ttl b`, `100`},
		{`msetex 1 a 5 KEEPTTL`, `1`},
		{`ttl a`, `100`},
		{`msetex 2 b 6 c 6 keepttl`, `1`},
		{`ttl b`, `100`},
		{`ttl c`, `-1`},
		{`msetex 1 a 7`, `1`},
		{`ttl a`, `-1`},
		{`msetex 1 a 8 px 50000`, `1`},
		{`ttl a`, `50`},
		{`msetex 1 a 8 EXAT 1700000200`, `1`},
		{`ttl a`, `200`},
		{`msetex 1 a 8 PXAT 1700000300000`, `1`},
		{`ttl a`, `300`},
		{`msetex 1 a 8 PXAT 1`, `1`},
		{`exists a`, `0`},
		{`msetex 1 a 9 EX 10 EX 20`, `1`},
		{`ttl a`, `20`},
		{`msetex 3 k 1 k 2 k 3`, `1`},
		{`get k`, `"3"`},
		{`msetex 1 EX 10`, `1`},
		{`get EX`, `"10"`},
		{`hset h f v`, `1`},
		{`msetex 1 h v`, `1`},
		{`get h`, `"v"`},
	})
}

func TestMsetExConditions(t *testing.T) {
	runScript(t, []step{
		{`msetex 2 a 1 b 1 XX`, `0`},
		{`exists a b`, `0`},
		{`msetex 2 a 1 a 2 NX`, `1`},
		{`get a`, `"2"`},
		{`msetex 2 b 1 a 3 nx EX 10`, `0`},
		{`mget a b`, `["2" nil]`},
		{`msetex 2 a 3 b 1 xx`, `0`},
		{`mget a b`, `["2" nil]`},
		{`msetex 1 b 1 EX 10 NX`, `1`},
		{`ttl b`, `10`},
		{`msetex 2 a 4 b 4 PX 20000 XX`, `1`},
		{`mget a b`, `["4" "4"]`},
		{`ttl a`, `20`},
		{`hset h f v`, `1`},
		{`msetex 1 h v NX`, `0`},
		{`msetex 1 h v XX XX`, `1`},
	})
}

func TestMsetExRefused(t *testing.T) {
	runScript(t, []step{
		{`msetex 1 a`, `-ERR wrong number of arguments for 'msetex' command`},
		{`msetex a 1 b 2`, `-ERR invalid numkeys value`},
		{`msetex 0 a 1`, `-ERR invalid numkeys value`},
		{`msetex -1 a 1`, `-ERR invalid numkeys value`},
		{`msetex 1.5 a 1`, `-ERR invalid numkeys value`},
		{`msetex 2147483648 a 1`, `-ERR invalid numkeys value`},
		{`msetex 2147483647 a 1`, `-ERR wrong number of key-value pairs`},
		{`msetex 2 a 1 b`, `-ERR wrong number of key-value pairs`},
		{`msetex 2 a 1 b 2 c 3`, `-ERR syntax error`},
		{`msetex 1 a 1 FOO`, `-ERR syntax error`},
		{`msetex 1 a 1 EX`, `-ERR syntax error`},
		{`msetex 1 a 1 NX XX`, `-ERR syntax error`},
		{`msetex 1 a 1 XX NX`, `-ERR syntax error`},
		{`msetex 1 a 1 EX 10 PX 10`, `-ERR syntax error`},
		{`msetex 1 a 1 EXAT 10 PXAT 10`, `-ERR syntax error`},
		{`msetex 1 a 1 KEEPTTL EX 10`, `-ERR syntax error`},
		{`msetex 1 a 1 EX 10 KEEPTTL`, `-ERR syntax error`},
		{`msetex 1 a 1 PERSIST`, `-ERR syntax error`},
		{`msetex 1 a 1 GET`, `-ERR syntax error`},
		{`msetex 1 a 1 IFEQ 1`, `-ERR syntax error`},
		{`msetex 1 a 1 IFDNE 9555e8555c62dcfd`, `-ERR syntax error`},
		{`msetex 1 a 1 EX 0`, `-ERR invalid expire time in 'msetex' command`},
		{`msetex 1 a 1 PX -1`, `-ERR invalid expire time in 'msetex' command`},
		{`msetex 1 a 1 EX 9223372036854775807`, `-ERR invalid expire time in 'msetex' command`},
		{`msetex 1 a 1 EX ten`, `-ERR value is not an integer or out of range`},
		{`msetex 1 a 1 XX EX 0`, `-ERR invalid expire time in 'msetex' command`},
		{`exists a b c`, `0`},
	})
}

// TestKeysOfNewerStrings holds what routing and COMMAND make of their words.
func TestKeysOfNewerStrings(t *testing.T) {
	newRig(t).connect().expect(
		"command getkeys msetex 2 a 1 b 2 EX 10", "[a b]",
		"command getkeys msetex x a 1", "-ERR Invalid arguments specified for command",
		"command getkeysandflags msetex 1 a 1", "[[a (+OW +update)]]",
		"command getkeysandflags delex k IFEQ v", "[[k (+RW +delete)]]",
		"command getkeysandflags delifeq k v", "[[k (+RW +access +delete)]]",
		"command getkeysandflags digest k", "[[k (+RO +access)]]",
		"command getkeysandflags set k v", "[[k (+OW +update)]]",
		"command getkeysandflags set k v IFNE w", "[[k (+RW +update)]]",
		"command getkeysandflags set k v GET IFNE w", "[[k (+RW +access +update)]]",
		"command getkeysandflags set k v ifdeq w get", "[[k (+RW +access +update)]]",
	)
}
