package commands

import (
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// TestScriptStates holds that a script finds a state as if it were the first one.
func TestScriptStates(t *testing.T) {
	for _, text := range []string{
		"cjson.encode_number_precision(3)", "table.insert(string, 1)", "string.format = nil", "rawset(redis, 'x', 1)",
		"local t = getmetatable('') t.__index = {}", "KEYS.x = 1", "setmetatable(_G, {})", "table.sort(redis)", "redis.setresp(3)",
		"error({x=1})", "error()", "coroutine.wrap(function() coroutine.yield() end)()", "math.randomseed(1)",
	} {
		sc := new(scripting)
		sc.start()
		st := sc.take()
		_ = runText(t, st, text)
		sc.give(st)
		const look = "return cjson.encode(10/3)..#string..type(string.format)..type(('').upper)..tostring(rawget(redis,'x'))..type(KEYS.x)"
		if got, want := runText(t, sc.take(), look), "3.33333333333330functionfunctionnilnil"; got != want {
			t.Errorf("after %q a script finds %q, want %q", text, got, want)
		}
	}
}

// runText runs a script without commands, and returns what it returns or why it failed.
func runText(t *testing.T, st *luaState, text string) string {
	t.Helper()
	made, refusal := compileScript([]byte(text), "sha")
	if refusal != nil {
		return refusal.Text
	}
	r := st.execute(&scriptRun{script: made, resp: 2})
	return r.Text + string(r.Bytes)
}

// TestScriptHostile holds that nothing that a script does by itself ends the process or takes it for good.
func TestScriptHostile(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"local function f() return f() + 1 end return f()", "stack overflow"},
		{"local function f() return pcall(f) end return f()", ""},
		{"local t = {} t[1] = t return t", "reached lua stack limit"},
		{"return ('x'):rep(1e10)", "resulting string too large"},
		{"local s = ('x'):rep(1e6) return #s:rep(1e6)", "resulting string too large"},
		{"return unpack({}, 1, 1e8)", "too many results to unpack"},
		{"return string.byte(('x'):rep(1e7), 1, -1)", "string slice too long"},
		{"local t = {} for i = 1, 7000 do t[i] = i end local function f(...) return (f(...)) end return f(unpack(t))", "stack overflow"},
		{"return string.format('%99d', 1) .. string.rep('x', -5)", ""},
		{"local t = setmetatable({}, {__index = function(t, k) return t[k] end}) return t.x", "stack overflow"},
		{"return loadstring(('('):rep(1e5)..'1'..(')'):rep(1e5))()", "attempt to call"},
		{"return loadstring('return '..('-'):rep(1)..(' -'):rep(1e5)..' 1')()", "attempt to call"},
		{"return cjson.decode(('['):rep(1e6))", "too many nested"},
		{"cjson.decode_max_depth(1e9) return cjson.decode(('['):rep(1e6))", "too many nested"},
		{"return cmsgpack.unpack(('\\145'):rep(1e6))", "Bad data"},
		{"return cmsgpack.unpack('\\221\\255\\255\\255\\255')", "Missing bytes"},
		{"return struct.pack('c2147483647', 'x')", "not enough memory"},
		{"return struct.pack('!2147483647i', 1)", "not a power of 2"},
		{"return ('a'):rep(300000):match(('(.-)'):rep(31)..'b')", "pattern"},
		{"return table.concat({'a'}, 'x', 1, 1e9)", "invalid value"},
	} {
		st := newLuaState()
		stop := time.AfterFunc(2*time.Second, func() { st.brake.pull("ERR pattern stopped") })
		if got := runText(t, st, test.text); !strings.Contains(got, test.want) || strings.Contains(got, "runtime error") {
			t.Errorf("%s: %.200q, want %q in it", test.text, got, test.want)
		}
		stop.Stop()
	}
}

// TestScriptKill holds that a script that runs for ever can be stopped, also where it catches errors or runs coroutines.
func TestScriptKill(t *testing.T) {
	for _, text := range []string{
		"while true do end", "while true do pcall(function() while true do end end) end",
		"local co = coroutine.wrap(function() while true do end end) while true do pcall(co) end",
		"local co = coroutine.create(function() while true do coroutine.yield() end end) while true do coroutine.resume(co) end",
		"local t = setmetatable({}, {__index = function() while true do end end}) return t.x",
		"table.sort({1,2,3}, function() while true do end end)",
	} {
		st := newLuaState()
		time.AfterFunc(20*time.Millisecond, func() { st.brake.pull(killedText) })
		if got := runText(t, st, text); !strings.HasPrefix(got, killedText) {
			t.Errorf("%s: %q", text, got)
		}
	}
}

// TestScriptsAreBounded holds how many scripts are kept that came with EVAL, and that those that were loaded stay.
func TestScriptsAreBounded(t *testing.T) {
	c := new(scriptCache)
	c.start()
	if _, refusal := c.compiled([]byte("return 'loaded'"), true); refusal != nil {
		t.Fatal(refusal.Text)
	}
	for i := range evaluatedMost + 50 {
		if _, refusal := c.compiled([]byte("return "+lua.LNumber(i).String()), false); refusal != nil {
			t.Fatal(refusal.Text)
		}
	}
	if count, size := c.held(); count != evaluatedMost+1 || size == 0 {
		t.Errorf("%d scripts of %d bytes are kept, want %d", count, size, evaluatedMost+1)
	}
	loaded, _ := c.compiled([]byte("return 'loaded'"), false)
	if !c.has(loaded.sha) {
		t.Error("a loaded script was forgotten")
	}
	c.flush()
	if count, size := c.held(); count != 0 || size != 0 {
		t.Errorf("%d scripts of %d bytes are left", count, size)
	}
}

// TestScriptsOverTheWire holds what no comparison with redis-server can.
func TestScriptsOverTheWire(t *testing.T) {
	r := newRig(t)
	c := r.connect()
	for _, step := range [][2]string{
		{"script debug yes", "-ERR there is no debugger for scripts here: debug them with redis-server"},
		{"script kill", "-NOTBUSY No scripts in execution right now."},
	} {
		if got := c.do(step[0]); got != step[1] {
			t.Errorf("%s: %s, want %s", step[0], got, step[1])
		}
	}
}

// FuzzJSON decodes whatever comes, and encodes what it got.
func FuzzJSON(f *testing.F) {
	for _, text := range []string{`[1,{"a":null}]`, `"\ud83d\ude00"`, "-", "0x1f", "1e999", "[[[", `{"a":1,`, "nan", "\x00\x01"} {
		f.Add(text)
	}
	st := newLuaState()
	f.Fuzz(func(t *testing.T, text string) {
		d := jsonDecoder{text: text, settings: &st.json, null: st.null, table: st.NewTable}
		v, err := d.whole()
		if err != nil {
			return
		}
		e := jsonEncoder{settings: &jsonSettings{precision: 14, encodeDepth: 2000, encodeInvalid: 1, sparseConvert: true}, real: st.real}
		if err := e.value(v, 0); err != nil {
			t.Fatalf("what %q says cannot be encoded: %v", text, err)
		}
	})
}

// FuzzMessagePack decodes whatever comes.
func FuzzMessagePack(f *testing.F) {
	for _, text := range []string{"\x93\x01\xa1a\xc0", "\xdf\xff\xff\xff\xff", "\xcb", "\x81\xcb\x7f\xf8\x00\x00\x00\x00\x00\x01\x01", "\x91\x91"} {
		f.Add(text)
	}
	st := newLuaState()
	f.Fuzz(func(t *testing.T, text string) {
		u := unpacker{data: []byte(text), table: st.NewTable}
		for u.at < len(u.data) {
			before := u.at
			v, err := u.value(0)
			if err != nil {
				return
			}
			if u.at <= before {
				t.Fatalf("a value of %q takes no byte", text)
			}
			packValue(nil, v, 0)
		}
	})
}

// FuzzStruct unpacks whatever comes.
func FuzzStruct(f *testing.F) {
	f.Add(">I2hsBc0", "\x00\x01\xff\xfeabc\x00\x02xy", 0)
	f.Add("!8dxi32c2147483647", "aaaaaaaaaaaaaaaaaaaaaaaa", 1)
	f.Add("f", "abcd", 0)
	f.Fuzz(func(t *testing.T, format, data string, at int) {
		if at < 0 {
			return
		}
		values, end, err := unpackStruct(format, []byte(data), at)
		if err == nil && (end < at || len(values) > 0 && end > len(data)) {
			t.Fatalf("%q of %q from %d ends at %d", format, data, at, end)
		}
	})
}

// FuzzPattern matches whatever comes.
func FuzzPattern(f *testing.F) {
	for _, pat := range []string{"(a*)%1", "%f[%a]%a+", "%b()", "[^%]-]", "()", "((", "%", "[a-", ".-b$"} {
		f.Add("aab(c)", pat)
	}
	f.Fuzz(func(t *testing.T, src, pat string) {
		steps := 0
		m := luaPattern{src: src, pat: pat, stopped: func() bool { steps++; return steps > 100 }}
		for at := 0; at <= len(src) && m.err == nil; at++ {
			if end := m.at(at); end > len(src) {
				t.Fatalf("%q matches %q from %d to %d", pat, src, at, end)
			} else if end >= 0 {
				for i := range max(len(m.captures), 1) {
					if _, err := m.capture(i, at, end); err != nil {
						return
					}
				}
			}
		}
	})
}

// FuzzScript compiles whatever comes.
func FuzzScript(f *testing.F) {
	for _, text := range []string{"return 1 ..2", "#!lua flags=no-writes\nreturn 1", "for i=1,2 do end", "x = {", "goto x", "return ...", "return a.b:c'd'"} {
		f.Add(text)
	}
	f.Fuzz(func(_ *testing.T, text string) { _, _ = compileScript([]byte(text), "sha") })
}
