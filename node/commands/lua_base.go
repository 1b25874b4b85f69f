package commands

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// openBase leaves of the basic functions those that scripts may use, and replaces those that would show them more than they
// should see.
func (st *luaState) openBase() {
	for _, name := range []string{"print", "dofile", "loadfile", "require", "module", "newproxy", "getfenv", "setfenv", "_printregs", "_GOPHER_LUA_VERSION"} {
		st.globals.RawSetString(name, lua.LNil)
	}
	next := st.globals.RawGetString("next").(*lua.LFunction)
	own := map[string]lua.LGFunction{
		"tostring": baseTostring, luaText: baseText, "collectgarbage": baseCollect, "gcinfo": baseGcinfo,
		"rawset": st.baseRawset, "rawget": st.baseRawget, "setmetatable": st.baseSetmetatable, "getmetatable": st.baseGetmetatable,
		"loadstring": st.baseLoadstring, "load": st.baseLoad, "pcall": st.nested(basePcall), "xpcall": st.nested(st.globals.RawGetString("xpcall").(*lua.LFunction).GFunction), "error": baseError, "unpack": baseUnpack, "tonumber": baseTonumber,
		"next":  st.shown(next.GFunction),
		"pairs": st.basePairs,
	}
	for name, fn := range own {
		st.globals.RawSetString(name, st.NewFunction(fn))
	}
}

// basePairs hands out next.
func (st *luaState) basePairs(l *lua.LState) int {
	t := st.real(l.CheckTable(1))
	l.Push(st.globals.RawGetString("next"))
	l.Push(t)
	l.Push(lua.LNil)
	return 3
}

// real is what a table shows that may be a guard.
func (st *luaState) real(t *lua.LTable) *lua.LTable {
	if shown, ok := st.guarded[t]; ok {
		return shown
	}
	return t
}

// shown has fn look at what its first argument shows.
func (st *luaState) shown(fn lua.LGFunction) lua.LGFunction {
	return func(l *lua.LState) int {
		if t, ok := l.Get(1).(*lua.LTable); ok {
			if shown := st.real(t); shown != t {
				l.Replace(1, shown)
			}
		}
		return fn(l)
	}
}

// isGuarded tells whether t is a guard, or what one shows.
func (st *luaState) isGuarded(t *lua.LTable) bool {
	if _, ok := st.guarded[t]; ok {
		return true
	}
	for guard, shown := range st.guarded {
		if t == shown || t == guard.Metatable {
			return true
		}
	}
	return false
}

func (st *luaState) baseRawset(l *lua.LState) int {
	t := l.CheckTable(1)
	l.CheckAny(2)
	l.CheckAny(3)
	if st.isGuarded(t) {
		return plainError(l, readonlyTable)
	}
	l.RawSet(t, l.Get(2), l.Get(3))
	l.SetTop(1)
	return 1
}

func (st *luaState) baseRawget(l *lua.LState) int {
	l.Push(st.real(l.CheckTable(1)).RawGet(l.CheckAny(2)))
	return 1
}

func (st *luaState) baseSetmetatable(l *lua.LState) int {
	t := l.CheckTable(1)
	if meta := l.Get(2); meta != lua.LNil && meta.Type() != lua.LTTable || l.GetTop() < 2 {
		l.ArgError(2, "nil or table expected")
	}
	if st.isGuarded(t) {
		return plainError(l, readonlyTable)
	}
	if l.GetMetaField(t, "__metatable") != lua.LNil {
		l.RaiseError("cannot change a protected metatable")
	}
	l.SetMetatable(t, l.Get(2))
	l.SetTop(1)
	return 1
}

func (st *luaState) baseGetmetatable(l *lua.LState) int {
	v := l.CheckAny(1)
	if t, ok := v.(*lua.LTable); ok && st.isGuarded(t) {
		if st.real(t) == st.globals {
			l.Push(st.strings) // there is one, as in Redis, and nothing to see in it
		} else {
			l.Push(lua.LNil)
		}
		return 1
	}
	if protected := l.GetMetaField(v, "__metatable"); protected != lua.LNil {
		l.Push(protected)
		return 1
	}
	if v.Type() == lua.LTString {
		l.Push(st.strings)
		return 1
	}
	l.Push(l.GetMetatable(v))
	return 1
}

func (st *luaState) baseLoadstring(l *lua.LState) int {
	text := l.CheckString(1)
	return st.load(l, text, l.OptString(2, chunkName(text)))
}

func (st *luaState) baseLoad(l *lua.LState) int {
	read := l.CheckFunction(1)
	var text strings.Builder
	for {
		l.Push(read)
		l.Call(0, 1)
		piece := l.Get(-1)
		l.Pop(1)
		if piece == lua.LNil || piece == lua.LString("") {
			break
		}
		if piece.Type() != lua.LTString {
			l.RaiseError("reader function must return a string")
		}
		if text.WriteString(string(piece.(lua.LString))); text.Len() > luaTextMost {
			l.RaiseError("not enough memory")
		}
	}
	return st.load(l, text.String(), l.OptString(2, "=(load)"))
}

// chunkName is what messages call a text that has no name.
func chunkName(text string) string {
	line, _, more := strings.Cut(text, "\n")
	if more || len(line) > 45 {
		line = line[:min(len(line), 42)] + "..."
	}
	return `[string "` + line + `"]`
}

func (st *luaState) load(l *lua.LState, text, chunk string) int {
	proto, err := compileLua([]byte(text), strings.TrimLeft(chunk, "=@"))
	if err != nil {
		l.Push(lua.LNil)
		l.Push(lua.LString(err.Error()))
		return 2
	}
	fn := l.NewFunctionFromProto(proto)
	fn.Env = st.env
	l.Push(fn)
	return 1
}

// protectedMost is how many protected calls may stand within one another, as many as in Lua.
const protectedMost = 200

// nested bounds how many calls of fn stand within one another: to end many takes the interpreter long.
func (st *luaState) nested(fn lua.LGFunction) lua.LGFunction {
	return func(l *lua.LState) int {
		if st.within >= protectedMost {
			l.RaiseError("C stack overflow")
		}
		st.within++
		defer func() { st.within-- }()
		return fn(l)
	}
}

// basePcall is pcall as Redis has it: an error that a command has raised comes as its text.
func basePcall(l *lua.LState) int {
	l.CheckAny(1)
	err := l.PCall(l.GetTop()-1, lua.MultRet, nil)
	if err == nil {
		l.Insert(lua.LTrue, 1)
		return l.GetTop()
	}
	raised := errorValue(err)
	switch t := raised.(type) {
	case lua.LString:
		raised = lua.LString(luaMessage(string(t)))
	case *lua.LTable:
		if text, ok := t.RawGetString("err").(lua.LString); ok {
			raised = text
		}
	}
	l.Push(lua.LFalse)
	l.Push(raised)
	return 2
}

// baseError raises its argument. Text says where, unless a library's function has called error.
func baseError(l *lua.LState) int {
	raised, level := l.Get(1), l.OptInt(2, 1)
	if t := raised.Type(); level > 0 && (t == lua.LTString || t == lua.LTNumber) {
		text := luaString(raised)
		if where, ok := l.GetStack(level); ok {
			if _, err := l.GetInfo("Sl", where, lua.LNil); err == nil && where.CurrentLine > 0 {
				text = fmt.Sprintf("%s:%d: %s", where.Source, where.CurrentLine, text)
			}
		}
		raised = lua.LString(text)
	}
	l.Error(raised, 0)
	return 0
}

// baseUnpack returns a table's elements, as many as Lua's stack would hold.
func baseUnpack(l *lua.LState) int {
	t := l.CheckTable(1)
	first, last := l.OptInt(2, 1), l.OptInt(3, t.Len())
	if last >= first && (last-first < 0 || last-first >= unpackMost) {
		l.RaiseError("too many results to unpack")
	}
	for i := first; i <= last; i++ {
		l.Push(t.RawGetInt(i))
	}
	return max(last-first+1, 0)
}

func baseTonumber(l *lua.LState) int {
	v := l.CheckAny(1)
	base := l.OptInt(2, 10)
	if base < 2 || base > 36 {
		badArgument(l, 2, "tonumber", "base out of range")
	}
	number := lua.LValue(lua.LNil)
	if base == 10 {
		if f, ok := toNumber(v); ok {
			number = lua.LNumber(f)
		}
	} else if n, err := strconv.ParseUint(strings.TrimSpace(textArgument(l, 1, "tonumber")), base, 64); err == nil {
		number = lua.LNumber(n)
	}
	l.Push(number)
	return 1
}

// toNumber is a number, or what text says that is nothing but one.
func toNumber(v lua.LValue) (float64, bool) {
	switch v := v.(type) {
	case lua.LNumber:
		return float64(v), true
	case lua.LString:
		text := strings.Trim(string(v), " \t\n\v\f\r")
		f, n := cNumber(text)
		return f, n > 0 && n == len(text)
	}
	return 0, false
}

// luaMessage words an error of the interpreter's as Lua does, as far as that can be told from it.
func luaMessage(text string) string {
	if strings.Contains(text, "callstack overflow") || strings.Contains(text, "registry overflow") {
		return scriptChunk + ":1: stack overflow"
	}
	where, said, found := cutAfterLine(text)
	if !found {
		return text
	}
	var value, other string
	switch {
	case strings.HasPrefix(said, "bad argument #") && !strings.Contains(said, "'"):
		head, name, _ := strings.Cut(said, " to ")
		if name, rest, ok := strings.Cut(name, " ("); ok {
			said = head + " to '" + name + "' (" + rest
		}
	case strings.HasPrefix(said, "attempt to index a non-table object("):
		value, _, _ = strings.Cut(strings.TrimPrefix(said, "attempt to index a non-table object("), ")")
		said = "attempt to index a " + value + " value"
	case strings.HasPrefix(said, "attempt to compare "):
		if value, other, _ = strings.Cut(strings.TrimPrefix(said, "attempt to compare "), " with "); value == other {
			said = "attempt to compare two " + value + " values"
		}
	case strings.HasPrefix(said, "cannot perform concat operation between "):
		value, other, _ = strings.Cut(strings.TrimPrefix(said, "cannot perform concat operation between "), " and ")
		if value == "string" || value == "number" {
			value = other
		}
		said = "attempt to concatenate a " + value + " value"
	case strings.HasPrefix(said, "cannot perform ") && strings.Contains(said, " operation between "):
		_, value, _ = strings.Cut(said, " operation between ")
		if value, other, _ = strings.Cut(value, " and "); value == "number" {
			value = other
		}
		said = "attempt to perform arithmetic on a " + value + " value"
	}
	return where + said
}

// cutAfterLine cuts a message after "chunk:line: ".
func cutAfterLine(text string) (where, said string, found bool) {
	chunk, rest, ok := strings.Cut(text, ":")
	line, said, ok2 := strings.Cut(rest, ": ")
	if _, err := strconv.Atoi(line); !ok || !ok2 || err != nil {
		return "", text, false
	}
	return chunk + ":" + line + ": ", said, true
}

// errorValue is what was raised.
func errorValue(err error) lua.LValue {
	if e, ok := err.(*lua.ApiError); ok && e.Object != nil {
		return e.Object
	}
	return lua.LString(err.Error())
}

func baseTostring(l *lua.LState) int {
	v := l.CheckAny(1)
	if made, ok := l.GetMetaField(v, "__tostring").(*lua.LFunction); ok {
		l.Push(made)
		l.Push(v)
		l.Call(1, 1)
		return 1
	}
	l.Push(lua.LString(luaString(v)))
	return 1
}

// baseText makes text of a number, and leaves other values as they are.
func baseText(l *lua.LState) int {
	v := l.Get(1)
	if n, ok := v.(lua.LNumber); ok {
		v = lua.LString(numberText(float64(n)))
	}
	l.Push(v)
	return 1
}

// luaString is what tostring makes of a value without metatable.
func luaString(v lua.LValue) string {
	switch v := v.(type) {
	case lua.LNumber:
		return numberText(float64(v))
	case *lua.LUserData:
		if v.Value == nil {
			return "userdata: (nil)"
		}
	}
	return v.String()
}

// numberText is C's "%.14g".
func numberText(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f) && math.Signbit(f):
		return "-nan"
	case math.IsNaN(f):
		return "nan"
	case f == math.Trunc(f) && math.Abs(f) < 1e14 && (f != 0 || !math.Signbit(f)):
		return strconv.FormatInt(int64(f), 10)
	}
	return general(f, 14)
}

// general is C's "%.*g".
func general(f float64, digits int) string {
	text := strconv.FormatFloat(f, 'e', max(digits, 1)-1, 64)
	mantissa, exp, _ := strings.Cut(text, "e")
	n, _ := strconv.Atoi(exp) // as FormatFloat makes it
	if n < -4 || n >= max(digits, 1) {
		if strings.Contains(mantissa, ".") {
			mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
		}
		return mantissa + "e" + exp
	}
	text = strconv.FormatFloat(f, 'f', max(digits, 1)-1-n, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// baseCollect answers collectgarbage; memory is given back by itself.
func baseCollect(l *lua.LState) int {
	if l.OptString(1, "collect") == "count" {
		l.Push(lua.LNumber(luaStateSize / 1024))
	} else {
		l.Push(lua.LNumber(0))
	}
	return 1
}

func baseGcinfo(l *lua.LState) int {
	l.Push(lua.LNumber(luaStateSize / 1024))
	return 1
}

// luaStateSize is about how many bytes a state takes.
const luaStateSize = 300 << 10

// openCoroutine replaces what would make coroutines that nothing stops.
func (st *luaState) openCoroutine() {
	lib := st.globals.RawGetString("coroutine").(*lua.LTable)
	create := lib.RawGetString("create").(*lua.LFunction).GFunction
	lib.RawSetString("create", st.NewFunction(func(l *lua.LState) int {
		n := create(l)
		l.Get(-1).(*lua.LState).SetContext(&st.brake)
		return n
	}))
	lib.RawSetString("wrap", st.NewFunction(func(l *lua.LState) int {
		fn := l.CheckFunction(1)
		co, _ := l.NewThread()
		co.SetContext(&st.brake)
		l.Push(l.NewFunction(func(l *lua.LState) int { return resumeWrapped(l, co, fn) }))
		return 1
	}))
}

// resumeWrapped goes on with a wrapped coroutine.
func resumeWrapped(l, co *lua.LState, fn *lua.LFunction) int {
	args := make([]lua.LValue, l.GetTop())
	for i := range args {
		args[i] = l.Get(i + 1)
	}
	state, err, values := l.Resume(co, fn, args...)
	if state == lua.ResumeError {
		l.Error(errorValue(err), 0)
		return 0
	}
	for _, v := range values {
		l.Push(v)
	}
	return len(values)
}

// openTable adds what Lua 5.1 has, and has concat make text of numbers as Lua does.
func (st *luaState) openTable() {
	lib := st.globals.RawGetString("table").(*lua.LTable)
	st.SetFuncs(lib, map[string]lua.LGFunction{
		"concat":   tableConcat,
		"foreach":  func(l *lua.LState) int { return tableEach(l, false) },
		"foreachi": func(l *lua.LState) int { return tableEach(l, true) },
		"setn": func(l *lua.LState) int {
			l.RaiseError("'setn' is obsolete")
			return 0
		},
	})
}

func tableConcat(l *lua.LState) int {
	t, sep := l.CheckTable(1), l.OptString(2, "")
	first, last := l.OptInt(3, 1), l.OptInt(4, t.Len())
	var out strings.Builder
	for i := first; i <= last; i++ {
		v := t.RawGetInt(i)
		if t := v.Type(); t != lua.LTString && t != lua.LTNumber {
			l.RaiseError("invalid value (%s) at index %d in table for 'concat'", t, i)
		}
		if i > first {
			out.WriteString(sep)
		}
		out.WriteString(luaString(v))
		if out.Len() > luaTextMost {
			l.RaiseError("not enough memory")
		}
	}
	l.Push(lua.LString(out.String()))
	return 1
}

// luaTextMost is the longest string that scripts can make.
const luaTextMost = 512 << 20

// tableEach calls a function for each element, until it returns something.
func tableEach(l *lua.LState, indexed bool) int {
	t, fn := l.CheckTable(1), l.CheckFunction(2)
	visit := func(key, value lua.LValue) bool {
		l.Push(fn)
		l.Push(key)
		l.Push(value)
		l.Call(2, 1)
		if l.Get(-1) != lua.LNil {
			return false
		}
		l.Pop(1)
		return true
	}
	if indexed {
		for i := 1; i <= t.Len(); i++ {
			if !visit(lua.LNumber(i), t.RawGetInt(i)) {
				return 1
			}
		}
		return 0
	}
	for key, value := t.Next(lua.LNil); key != lua.LNil; key, value = t.Next(key) {
		if !visit(key, value) {
			return 1
		}
	}
	return 0
}

// openMath replaces the random numbers by Redis's, which are the same ones in each run of a script.
func (st *luaState) openMath() {
	lib := st.globals.RawGetString("math").(*lua.LTable)
	st.SetFuncs(lib, map[string]lua.LGFunction{"random": st.mathRandom, "randomseed": st.mathSeed})
}

// drand48 is POSIX's generator of pseudo-random numbers.
type drand48 uint64

func (d *drand48) seed(n uint32) { *d = drand48(n)<<16 | 0x330E }

// next returns 31 bits.
func (d *drand48) next() int64 {
	*d = (*d*0x5DEECE66D + 0xB) & (1<<48 - 1)
	return int64(*d >> 17)
}

func (st *luaState) mathSeed(l *lua.LState) int {
	st.random.seed(uint32(int64(l.CheckNumber(1))))
	return 0
}

func (st *luaState) mathRandom(l *lua.LState) int {
	r := float64(st.random.next()%math.MaxInt32) / math.MaxInt32
	switch l.GetTop() {
	case 0:
		l.Push(lua.LNumber(r))
	case 1:
		most := l.CheckInt(1)
		if most < 1 {
			l.ArgError(1, "interval is empty")
		}
		l.Push(lua.LNumber(math.Floor(r*float64(most)) + 1))
	case 2:
		least, most := l.CheckInt(1), l.CheckInt(2)
		if least > most {
			l.ArgError(2, "interval is empty")
		}
		l.Push(lua.LNumber(math.Floor(r*float64(most-least+1)) + float64(least)))
	default:
		l.RaiseError("wrong number of arguments")
	}
	return 1
}

// typeName is what argument errors call the type of the n-th argument.
func typeName(l *lua.LState, n int) string {
	if n > l.GetTop() {
		return "no value"
	}
	return l.Get(n).Type().String()
}

// badArgument raises the error of a wrong argument.
func badArgument(l *lua.LState, n int, function, what string) {
	l.RaiseError("%s", fmt.Sprintf("bad argument #%d to '%s' (%s)", n, function, what))
}

// luaError is an error as Lua's libraries word theirs.
type luaError string

func (e luaError) Error() string { return string(e) }

func luaErrorf(format string, args ...any) error { return luaError(fmt.Sprintf(format, args...)) }
