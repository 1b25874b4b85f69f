package commands

import "testing"

func TestEdit(t *testing.T) {
	runScript(t, []step{
		{`append k 12`, `2`},
		{`object encoding k`, `"int"`},
		{`append k 34`, `4`},
		{`get k`, `"1234"`},
		{`object encoding k`, `"raw"`},
		{`append k ''`, `4`},
		{`append new ''`, `0`},
		{`exists new`, `1`},
		{`append new ''`, `0`},
		{`set k Hello EX 100`, `OK`},
		{`append k World`, `10`},
		{`ttl k`, `100`},
		{`setrange k 5 ' '`, `10`},
		{`get k`, `"Hello orld"`},
		{`ttl k`, `100`},
		{`setrange k 12 end`, `15`},
		{`get k`, `"Hello orld\x00\x00end"`},
		{`object encoding k`, `"raw"`},
		{`setrange pad 3 x`, `4`},
		{`get pad`, `"\x00\x00\x00x"`},
		{`setrange none 0 ''`, `0`},
		{`exists none`, `0`},
		{`setrange k 0 ''`, `15`},
		{`setrange k 99 ''`, `15`},
		{`setrange k -1 x`, `-ERR offset is out of range`},
		{`setrange k -1 ''`, `-ERR offset is out of range`},
		{`setrange k abc x`, `-ERR value is not an integer or out of range`},
		{`setrange k 1048576 x`, `-ERR string exceeds maximum allowed size (proto-max-bulk-len)`},
		{`setrange k 1048575 x`, `1048576`},
		{`strlen k`, `1048576`},
		{`append k x`, `-ERR string exceeds maximum allowed size (proto-max-bulk-len)`},
		{`append k ''`, `1048576`},
		{`setrange k 9223372036854775807 x`, `-ERR string exceeds maximum allowed size (proto-max-bulk-len)`},
		{`setrange k 1048576 ''`, `1048576`},
		{`setrange none 9223372036854775807 ''`, `0`},
	})
}
