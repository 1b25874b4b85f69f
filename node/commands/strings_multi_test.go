package commands

import "testing"

func TestMany(t *testing.T) {
	runScript(t, []step{
		{`mset a 1 b 2`, `OK`},
		{`mget a b c a`, `["1" "2" nil "1"]`},
		{`mset a 1 b`, `-ERR wrong number of arguments for 'mset' command`},
		{`mset a 1 a 3`, `OK`},
		{`get a`, `"3"`},
		{`mset a`, `-ERR wrong number of arguments for 'mset' command`},
		{`msetnx c 1 a 2`, `0`},
		{`mget a c`, `["3" nil]`},
		{`msetnx c 1 d 2 c 5`, `1`},
		{`mget c d`, `["5" "2"]`},
		{`msetnx e 1 f`, `-ERR wrong number of arguments for 'msetnx' command`},
		{`msetnx d 1`, `0`},
	})
}
