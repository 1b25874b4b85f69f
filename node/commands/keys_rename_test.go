package commands

import "testing"

func TestRename(t *testing.T) {
	runScript(t, []step{
		{`rename missing k`, `-ERR no such key`},
		{`rename missing missing`, `-ERR no such key`},
		{`set a 1 EX 100`, `OK`},
		{`rename a b`, `OK`},
		{`exists a`, `0`},
		{`ttl b`, `100`},
		{`get b`, `"1"`},
		{`set c 3`, `OK`},
		{`rename b c`, `OK`},
		{`get c`, `"1"`},
		{`ttl c`, `100`},
		{`rename c c`, `OK`},
		{`get c`, `"1"`},
		{`set d 4`, `OK`},
		{`renamenx c d`, `0`},
		{`renamenx c c`, `0`},
		{`renamenx missing d`, `-ERR no such key`},
		{`renamenx c e`, `1`},
		{`get e`, `"1"`},
		{`ttl e`, `100`},
		{`exists c`, `0`},
	})
}

func TestCopy(t *testing.T) {
	runScript(t, []step{
		{`copy missing k`, `0`},
		{`set a 1 EX 100`, `OK`},
		{`copy a b`, `1`},
		{`get b`, `"1"`},
		{`ttl b`, `100`},
		{`copy a b`, `0`},
		{`set a 2`, `OK`},
		{`copy a b REPLACE`, `1`},
		{`get b`, `"2"`},
		{`ttl b`, `-1`},
		{`copy a a`, `-ERR source and destination objects are the same`},
		{`copy a a DB 1`, `-ERR DB index is out of range`},
		{`copy a c DB 0`, `1`},
		{`copy a d DB 1`, `-ERR DB index is out of range`},
		{`copy a d DB -1`, `-ERR DB index is out of range`},
		{`copy a d DB x`, `-ERR value is not an integer or out of range`},
		{`copy a d DB 2147483648`, `-ERR value is out of range, value must between -2147483648 and 2147483647`},
		{`copy a d DB`, `-ERR syntax error`},
		{`copy a d FOO`, `-ERR syntax error`},
		{`copy a d DB 0 REPLACE DB 0`, `1`},
		{`append r 1`, `1`},
		{`append r 2`, `2`},
		{`copy r s`, `1`},
		{`object encoding s`, `"raw"`},
		{`copy missing b REPLACE`, `0`},
		{`exists b`, `1`},
	})
}

func TestMove(t *testing.T) {
	runScript(t, []step{
		{`set a 1`, `OK`},
		{`move a 0`, `-ERR source and destination objects are the same`},
		{`move a 1`, `-ERR DB index is out of range`},
		{`move a -1`, `-ERR DB index is out of range`},
		{`move a x`, `-ERR value is not an integer or out of range`},
		{`move a 2147483648`, `-ERR value is out of range, value must between -2147483648 and 2147483647`},
		{`move a 9223372036854775808`, `-ERR value is not an integer or out of range`},
		{`move missing 1`, `-ERR DB index is out of range`},
		{`move missing 0`, `-ERR source and destination objects are the same`},
	})
}
