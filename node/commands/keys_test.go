package commands

import "testing"

func TestKeys(t *testing.T) {
	runScript(t, []step{
		{`mset a 1 b 2 c 3`, `OK`},
		{`exists a`, `1`},
		{`exists a a missing b`, `3`},
		{`touch a a missing`, `2`},
		{`touch missing`, `0`},
		{`type a`, `string`},
		{`type missing`, `none`},
		{`del a`, `1`},
		{`del a`, `0`},
		{`del b b c`, `2`},
		{`exists a b c`, `0`},
		{`mset a 1 b 2`, `OK`},
		{`unlink a missing b`, `2`},
		{`exists a b`, `0`},
		{`del`, `-ERR wrong number of arguments for 'del' command`},
	})
}
