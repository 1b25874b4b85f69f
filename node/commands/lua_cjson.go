package commands

import (
	"fmt"
	"math"
	"strconv"

	lua "github.com/yuin/gopher-lua"
)

// jsonSettings are the settings of the table cjson, as in lua-cjson 2.1.0.
type jsonSettings struct {
	sparseConvert            bool
	sparseRatio, sparseSafe  int
	encodeDepth, decodeDepth int
	precision                int
	keepBuffer               bool
	encodeInvalid            int // 0: an error, 1: as C writes it, 2: null
	decodeInvalid            bool
}

// jsonDeepest bounds the depth that scripts may set: each level is a call.
const jsonDeepest = 20000

func (s *jsonSettings) reset() {
	*s = jsonSettings{sparseRatio: 2, sparseSafe: 10, encodeDepth: 1000, decodeDepth: 1000, precision: 14, keepBuffer: true, decodeInvalid: true}
}

// jsonFunctions are the functions of the table cjson. A state whose settings a script has changed is not used again.
func (st *luaState) jsonFunctions() map[string]lua.LGFunction {
	return st.jsonWith(&st.json)
}

func (st *luaState) jsonWith(s *jsonSettings) map[string]lua.LGFunction {
	number := func(value *int, most int) lua.LGFunction {
		return func(l *lua.LState) int { return st.jsonNumber(l, value, most) }
	}
	return map[string]lua.LGFunction{
		"encode":                  func(l *lua.LState) int { return st.jsonEncode(l, s) },
		"decode":                  func(l *lua.LState) int { return st.jsonDecode(l, s) },
		"encode_max_depth":        number(&s.encodeDepth, math.MaxInt32),
		"decode_max_depth":        number(&s.decodeDepth, math.MaxInt32),
		"encode_number_precision": number(&s.precision, 14),
		"encode_keep_buffer":      func(l *lua.LState) int { return st.jsonSwitch(l, &s.keepBuffer) },
		"decode_invalid_numbers":  func(l *lua.LState) int { return st.jsonSwitch(l, &s.decodeInvalid) },
		"encode_invalid_numbers":  func(l *lua.LState) int { return st.jsonInvalid(l, s) },
		"encode_sparse_array":     func(l *lua.LState) int { return st.jsonSparse(l, s) },
		"new": func(l *lua.LState) int {
			own := new(jsonSettings)
			own.reset()
			t := l.SetFuncs(l.NewTable(), st.jsonWith(own))
			t.RawSetString("null", st.null)
			l.Push(t)
			return 1
		},
	}
}

// jsonNumber reads or sets a setting that is a number.
func (st *luaState) jsonNumber(l *lua.LState, value *int, most int) int {
	if l.GetTop() > 0 && l.Get(1) != lua.LNil {
		n := l.CheckNumber(1)
		if n < 1 || n > lua.LNumber(most) {
			l.ArgError(1, fmt.Sprintf("expected integer between 1 and %d", most))
		}
		*value, st.touched = int(n), true
	}
	l.Push(lua.LNumber(*value))
	return 1
}

// jsonSwitch reads or sets a setting that is on or off.
func (st *luaState) jsonSwitch(l *lua.LState, value *bool) int {
	if l.GetTop() > 0 && l.Get(1) != lua.LNil {
		*value, st.touched = lua.LVAsBool(l.Get(1)) && l.Get(1) != lua.LString("off"), true
	}
	l.Push(lua.LBool(*value))
	return 1
}

func (st *luaState) jsonInvalid(l *lua.LState, s *jsonSettings) int {
	if l.GetTop() > 0 && l.Get(1) != lua.LNil {
		st.touched = true
		switch v := l.Get(1); {
		case v == lua.LString("null"):
			s.encodeInvalid = 2
		case lua.LVAsBool(v) && v != lua.LString("off"):
			s.encodeInvalid = 1
		default:
			s.encodeInvalid = 0
		}
	}
	if s.encodeInvalid == 2 {
		l.Push(lua.LString("null"))
	} else {
		l.Push(lua.LBool(s.encodeInvalid == 1))
	}
	return 1
}

func (st *luaState) jsonSparse(l *lua.LState, s *jsonSettings) int {
	if l.GetTop() > 0 {
		st.touched = true
		s.sparseConvert = lua.LVAsBool(l.Get(1))
		s.sparseRatio, s.sparseSafe = l.OptInt(2, s.sparseRatio), l.OptInt(3, s.sparseSafe)
	}
	l.Push(lua.LBool(s.sparseConvert))
	l.Push(lua.LNumber(s.sparseRatio))
	l.Push(lua.LNumber(s.sparseSafe))
	return 3
}

func (st *luaState) jsonEncode(l *lua.LState, s *jsonSettings) int {
	if l.GetTop() != 1 {
		badArgument(l, 1, "encode", "expected 1 argument")
	}
	e := jsonEncoder{settings: s, real: st.real}
	if err := e.value(l.Get(1), 0); err != nil {
		l.RaiseError("%s", err.Error())
	}
	l.Push(lua.LString(e.out))
	return 1
}

// jsonEncoder writes JSON.
type jsonEncoder struct {
	settings *jsonSettings
	real     func(*lua.LTable) *lua.LTable
	out      []byte
}

func (e *jsonEncoder) value(v lua.LValue, depth int) error {
	switch v := v.(type) {
	case lua.LString:
		e.text(string(v))
	case lua.LNumber:
		return e.number(float64(v))
	case lua.LBool:
		e.out = strconv.AppendBool(e.out, bool(v))
	case *lua.LNilType:
		e.out = append(e.out, "null"...)
	case *lua.LUserData:
		if v.Value != nil {
			return luaErrorf("Cannot serialise userdata: type not supported")
		}
		e.out = append(e.out, "null"...)
	case *lua.LTable:
		return e.table(e.real(v), depth+1)
	default:
		return luaErrorf("Cannot serialise %s: type not supported", v.Type())
	}
	return nil
}

func (e *jsonEncoder) number(f float64) error {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		switch e.settings.encodeInvalid {
		case 0:
			return luaErrorf("Cannot serialise number: must not be NaN or Inf")
		case 2:
			e.out = append(e.out, "null"...)
			return nil
		}
		e.out = append(e.out, numberText(f)...)
		return nil
	}
	e.out = append(e.out, general(f, e.settings.precision)...)
	return nil
}

// text writes a string; bytes that are no UTF-8 stay as they are.
func (e *jsonEncoder) text(s string) {
	const digits = "0123456789abcdef"
	e.out = append(e.out, '"')
	for i := range len(s) {
		c := s[i]
		switch short := jsonEscape(c); {
		case short != 0:
			e.out = append(e.out, '\\', short)
		case c < ' ' || c == 127:
			e.out = append(e.out, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			e.out = append(e.out, c)
		}
	}
	e.out = append(e.out, '"')
}

// jsonEscape is what stands behind a backslash for c, 0 if that is longer or c stands for itself.
func jsonEscape(c byte) byte {
	switch c {
	case '"', '\\', '/':
		return c
	case '\b':
		return 'b'
	case '\t':
		return 't'
	case '\n':
		return 'n'
	case '\f':
		return 'f'
	case '\r':
		return 'r'
	}
	return 0
}

func (e *jsonEncoder) table(t *lua.LTable, depth int) error {
	if depth > min(e.settings.encodeDepth, jsonDeepest) {
		return luaErrorf("Cannot serialise, excessive nesting (%d)", depth)
	}
	if len(e.out) > luaTextMost {
		return luaErrorf("not enough memory")
	}
	n, err := e.length(t)
	switch {
	case err != nil:
		return err
	case n > 0:
		return e.list(t, n, depth)
	default:
		return e.object(t, depth)
	}
}

// length returns how long the array is that a table is, 0 if it is none.
func (e *jsonEncoder) length(t *lua.LTable) (int, error) {
	highest, count := 0.0, 0
	for key, _ := t.Next(lua.LNil); key != lua.LNil; key, _ = t.Next(key) {
		n, ok := key.(lua.LNumber)
		if !ok || n < 1 || float64(n) != math.Trunc(float64(n)) {
			return 0, nil
		}
		highest = math.Max(highest, float64(n))
		count++
	}
	s := e.settings
	if s.sparseRatio > 0 && highest > float64(count*s.sparseRatio) && highest > float64(s.sparseSafe) {
		if !s.sparseConvert {
			return 0, luaErrorf("Cannot serialise table: excessively sparse array")
		}
		return 0, nil
	}
	return int(math.Min(highest, math.MaxInt32)), nil
}

func (e *jsonEncoder) list(t *lua.LTable, n, depth int) error {
	e.out = append(e.out, '[')
	for i := 1; i <= n; i++ {
		if i > 1 {
			e.out = append(e.out, ',')
		}
		if err := e.value(t.RawGetInt(i), depth); err != nil {
			return err
		}
	}
	e.out = append(e.out, ']')
	return nil
}

func (e *jsonEncoder) object(t *lua.LTable, depth int) error {
	e.out = append(e.out, '{')
	for key, value := t.Next(lua.LNil); key != lua.LNil; {
		switch key := key.(type) {
		case lua.LNumber:
			e.out = append(append(append(e.out, '"'), general(float64(key), e.settings.precision)...), '"')
		case lua.LString:
			e.text(string(key))
		default:
			return luaErrorf("Cannot serialise %s: table key must be a number or string", key.Type())
		}
		e.out = append(e.out, ':')
		if err := e.value(value, depth); err != nil {
			return err
		}
		if key, value = t.Next(key); key != lua.LNil {
			e.out = append(e.out, ',')
		}
	}
	e.out = append(e.out, '}')
	return nil
}
