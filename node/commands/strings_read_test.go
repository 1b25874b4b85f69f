package commands

import "testing"

func TestGet(t *testing.T) {
	runScript(t, []step{
		{`get k`, `nil`},
		{`set k v`, `OK`},
		{`GET k`, `"v"`},
		{`strlen k`, `1`},
		{`strlen missing`, `0`},
		{`set k ''`, `OK`},
		{`get k`, `""`},
		{`strlen k`, `0`},
		{`set k 'This is a string'`, `OK`},
		{`getrange k 0 3`, `"This"`},
		{`getrange k -3 -1`, `"ing"`},
		{`getrange k 0 -1`, `"This is a string"`},
		{`getrange k 10 100`, `"string"`},
		{`getrange k 5 3`, `""`},
		{`getrange k -100 2`, `"Thi"`},
		{`getrange k -1 -5`, `""`},
		{`getrange k 0 -100`, `"T"`},
		{`getrange k -5 100`, `"tring"`},
		{`substr k 0 3`, `"This"`},
		{`getrange missing 0 1`, `""`},
		{`getrange missing 0 x`, `-ERR value is not an integer or out of range`},
		{`getrange k x 1`, `-ERR value is not an integer or out of range`},
		{`getrange k 0 9223372036854775807`, `"This is a string"`},
		{`getrange k 0 9223372036854775808`, `-ERR value is not an integer or out of range`},
		{`getrange k 0`, `-ERR wrong number of arguments for 'getrange' command`},
	})
}
