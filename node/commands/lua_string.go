package commands

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// openString replaces the functions of the table string that would take memory or time without bounds, or that say something else
// than Lua's.
func (st *luaState) openString() {
	lib := st.globals.RawGetString("string").(*lua.LTable)
	st.SetFuncs(lib, map[string]lua.LGFunction{
		"lower": func(l *lua.LState) int { return stringCase(l, "lower", 'A', 'Z') },
		"upper": func(l *lua.LState) int { return stringCase(l, "upper", 'a', 'z') },
		"byte":  stringByte,
		"rep":   stringRep, "format": stringFormat,
		"find":   func(l *lua.LState) int { return st.stringFind(l, true) },
		"match":  func(l *lua.LState) int { return st.stringFind(l, false) },
		"gmatch": st.stringGmatch,
		"gsub":   st.stringGsub,
		"dump": func(l *lua.LState) int {
			l.RaiseError("unable to dump given function")
			return 0
		},
		"gfind": func(l *lua.LState) int {
			l.RaiseError("'string.gfind' was renamed to 'string.gmatch'")
			return 0
		},
	})
}

// textArgument is an argument that is a string or a number.
func textArgument(l *lua.LState, n int, function string) string {
	v := l.Get(n)
	if t := v.Type(); t != lua.LTString && t != lua.LTNumber {
		badArgument(l, n, function, "string expected, got "+typeName(l, n))
	}
	return luaString(v)
}

// stringCase turns the letters from first to last into the other case; others stay, as in C's locale.
func stringCase(l *lua.LState, function string, first, last byte) int {
	text := []byte(textArgument(l, 1, function))
	for i, c := range text {
		if first <= c && c <= last {
			text[i] = c ^ 0x20
		}
	}
	l.Push(lua.LString(text))
	return 1
}

// stringByte returns bytes as numbers, as many as Lua's stack would hold.
func stringByte(l *lua.LState) int {
	text := textArgument(l, 1, "byte")
	first := l.OptInt(2, 1)
	last := l.OptInt(3, first)
	if first < 0 {
		first = max(len(text)+first+1, 1)
	}
	if last < 0 {
		last += len(text) + 1
	}
	first, last = max(first, 1), min(last, len(text))
	if last-first >= unpackMost {
		l.RaiseError("string slice too long")
	}
	for i := first; i <= last; i++ {
		l.Push(lua.LNumber(text[i-1]))
	}
	return max(last-first+1, 0)
}

func stringRep(l *lua.LState) int {
	text, n := textArgument(l, 1, "rep"), float64(numberArgument(l, 2, "rep"))
	if n < 1 || text == "" {
		l.Push(lua.LString(""))
		return 1
	}
	if n*float64(len(text)) > luaTextMost {
		l.RaiseError("resulting string too large")
	}
	l.Push(lua.LString(strings.Repeat(text, int(n))))
	return 1
}

// pattern makes ready to match.
func (st *luaState) pattern(l *lua.LState, src, pat string) *luaPattern {
	return &luaPattern{src: src, pat: pat, stopped: st.brake.pulled.Load}
}

// raisePattern raises the error of a match, if there was one.
func raisePattern(l *lua.LState, m *luaPattern) {
	if m.err != nil {
		l.RaiseError("%s", m.err.Error())
	}
}

// capture returns what the i-th capture has matched of a match; without captures the first is all of it.
func (m *luaPattern) capture(i, start, end int) (lua.LValue, error) {
	if i >= len(m.captures) {
		if i != 0 {
			return nil, errPatternIndex
		}
		return lua.LString(m.src[start:end]), nil
	}
	switch c := m.captures[i]; c.length {
	case captureOpen:
		return nil, errPatternOpen
	case capturePosition:
		return lua.LNumber(c.start + 1), nil
	default:
		return lua.LString(m.src[c.start : c.start+c.length]), nil
	}
}

// pushCaptures returns all captures of a match, or with whole the match if there are none.
func pushCaptures(l *lua.LState, m *luaPattern, start, end int, whole bool) int {
	n := len(m.captures)
	if n == 0 && whole {
		n = 1
	}
	for i := range n {
		v, err := m.capture(i, start, end)
		if err != nil {
			l.RaiseError("%s", err.Error())
		}
		l.Push(v)
	}
	return n
}

// stringFind is find, or match.
func (st *luaState) stringFind(l *lua.LState, find bool) int {
	name := "match"
	if find {
		name = "find"
	}
	src, pat := textArgument(l, 1, name), textArgument(l, 2, name)
	start := l.OptInt(3, 1)
	if start < 0 {
		start = max(len(src)+start+1, 1)
	}
	start = min(max(start, 1)-1, len(src))
	if find && (lua.LVAsBool(l.Get(4)) || !strings.ContainsAny(pat, "^$*+?.([%-")) {
		at := strings.Index(src[start:], pat)
		if at < 0 {
			l.Push(lua.LNil)
			return 1
		}
		l.Push(lua.LNumber(start + at + 1))
		l.Push(lua.LNumber(start + at + len(pat)))
		return 2
	}
	anchored := strings.HasPrefix(pat, "^")
	m := st.pattern(l, src, strings.TrimPrefix(pat, "^"))
	for at := start; at <= len(src); at++ {
		end := m.at(at)
		raisePattern(l, m)
		if end >= 0 {
			if !find {
				return pushCaptures(l, m, at, end, true)
			}
			l.Push(lua.LNumber(at + 1))
			l.Push(lua.LNumber(end))
			return 2 + pushCaptures(l, m, at, end, false)
		}
		if anchored {
			break
		}
	}
	l.Push(lua.LNil)
	return 1
}

func (st *luaState) stringGmatch(l *lua.LState) int {
	m := st.pattern(l, textArgument(l, 1, "gmatch"), textArgument(l, 2, "gmatch"))
	next := 0
	l.Push(l.NewFunction(func(l *lua.LState) int {
		for at := next; at <= len(m.src); at++ {
			end := m.at(at)
			raisePattern(l, m)
			if end < 0 {
				continue
			}
			if next = end; end == at {
				next++
			}
			return pushCaptures(l, m, at, end, true)
		}
		next = len(m.src) + 1
		return 0
	}))
	return 1
}

func (st *luaState) stringGsub(l *lua.LState) int {
	src, pat := textArgument(l, 1, "gsub"), textArgument(l, 2, "gsub")
	with := l.Get(3)
	switch with.Type() {
	case lua.LTString, lua.LTNumber, lua.LTFunction, lua.LTTable:
	default:
		badArgument(l, 3, "gsub", "string/function/table expected")
	}
	most := l.OptInt(4, len(src)+1)
	anchored := strings.HasPrefix(pat, "^")
	m := st.pattern(l, src, strings.TrimPrefix(pat, "^"))
	var out strings.Builder
	at, n := 0, 0
	for n < most {
		end := m.at(at)
		raisePattern(l, m)
		if end >= 0 {
			n++
			st.substitute(l, &out, m, at, end, with)
		}
		switch {
		case end > at:
			at = end
		case at < len(src):
			out.WriteByte(src[at])
			at++
		default:
			at = len(src) + 1
		}
		if at > len(src) || anchored {
			break
		}
		if out.Len() > luaTextMost {
			l.RaiseError("not enough memory")
		}
	}
	if at < len(src) {
		out.WriteString(src[at:])
	}
	l.Push(lua.LString(out.String()))
	l.Push(lua.LNumber(n))
	return 2
}

// substitute writes what stands in the place of a match.
func (st *luaState) substitute(l *lua.LState, out *strings.Builder, m *luaPattern, start, end int, with lua.LValue) {
	var v lua.LValue
	switch with := with.(type) {
	case *lua.LFunction:
		l.Push(with)
		n := pushCaptures(l, m, start, end, true)
		l.Call(n, 1)
		v = l.Get(-1)
		l.Pop(1)
	case *lua.LTable:
		key, err := m.capture(0, start, end)
		if err != nil {
			l.RaiseError("%s", err.Error())
		}
		v = l.GetTable(with, key)
	default:
		template(l, out, m, start, end, luaString(with))
		return
	}
	switch v.Type() {
	case lua.LTString, lua.LTNumber:
		out.WriteString(luaString(v))
	default:
		if lua.LVAsBool(v) {
			l.RaiseError("invalid replacement value (a %s)", v.Type())
		}
		out.WriteString(m.src[start:end])
	}
}

// template writes text in which %0 to %9 stand for captures.
func template(l *lua.LState, out *strings.Builder, m *luaPattern, start, end int, text string) {
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			out.WriteByte(text[i])
			continue
		}
		i++
		switch {
		case i == len(text):
			out.WriteByte(0)
		case text[i] < '0' || text[i] > '9':
			out.WriteByte(text[i])
		case text[i] == '0':
			out.WriteString(m.src[start:end])
		default:
			v, err := m.capture(int(text[i]-'1'), start, end)
			if err != nil {
				l.RaiseError("%s", err.Error())
			}
			out.WriteString(luaString(v))
		}
	}
}

// stringFormat is C's printf with what Lua allows of it.
func stringFormat(l *lua.LState) int {
	format := textArgument(l, 1, "format")
	var out strings.Builder
	arg := 1
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			out.WriteByte(format[i])
			continue
		}
		if i++; i < len(format) && format[i] == '%' {
			out.WriteByte('%')
			continue
		}
		spec, n, err := parseSpec(format[i:])
		if err != "" {
			l.RaiseError("%s", err)
		}
		i += n - 1
		arg++
		spec.write(l, &out, arg)
		if out.Len() > luaTextMost {
			l.RaiseError("not enough memory")
		}
	}
	l.Push(lua.LString(out.String()))
	return 1
}

// formatSpec is one conversion of a format.
type formatSpec struct {
	flags            string
	width, precision int // precision less than 0: none
	verb             byte
}

// parseSpec reads a conversion, behind its percent sign.
func parseSpec(text string) (s formatSpec, n int, err string) {
	for n < len(text) && strings.IndexByte("-+ #0", text[n]) >= 0 {
		n++
	}
	if n > 5 {
		return s, n, "invalid format (repeated flags)"
	}
	s.flags, s.precision = text[:n], -1
	digits := func() int {
		start := n
		for n < len(text) && n < start+2 && '0' <= text[n] && text[n] <= '9' {
			n++
		}
		value, _ := strconv.Atoi(text[start:n]) // no digits are 0
		return value
	}
	s.width = digits()
	if n < len(text) && text[n] == '.' {
		n++
		s.precision = digits()
	}
	if n < len(text) && '0' <= text[n] && text[n] <= '9' {
		return s, n, "invalid format (width or precision too long)"
	}
	if n < len(text) {
		s.verb = text[n]
	}
	if n == len(text) || strings.IndexByte("cdiouxXeEfgGqs", s.verb) < 0 {
		return s, n, fmt.Sprintf("invalid option '%%%s' to 'format'", text[min(n, len(text)):min(n+1, len(text))])
	}
	return s, n + 1, ""
}

// write writes an argument as the conversion says.
func (s *formatSpec) write(l *lua.LState, out *strings.Builder, arg int) {
	switch s.verb {
	case 'q':
		quote(out, textArgument(l, arg, "format"))
	case 's':
		text := textArgument(l, arg, "format")
		if s.precision >= 0 && s.precision < len(text) {
			text = text[:s.precision]
		}
		out.WriteString(s.pad(text, false))
	case 'c':
		out.WriteString(s.pad(string([]byte{byte(int64(numberArgument(l, arg, "format")))}), false))
	case 'd', 'i', 'u', 'o', 'x', 'X':
		out.WriteString(s.integer(float64(numberArgument(l, arg, "format"))))
	default:
		out.WriteString(s.float(float64(numberArgument(l, arg, "format"))))
	}
}

// pad fills a text up to the width: with zeros behind the sign if numeric and asked for.
func (s *formatSpec) pad(text string, zeros bool) string {
	missing := s.width - len(text)
	switch {
	case missing <= 0:
		return text
	case strings.Contains(s.flags, "-"):
		return text + strings.Repeat(" ", missing)
	case zeros && strings.Contains(s.flags, "0"):
		sign := 0
		for sign < len(text) && strings.IndexByte("+- ", text[sign]) >= 0 {
			sign++
		}
		if strings.HasPrefix(text[sign:], "0x") || strings.HasPrefix(text[sign:], "0X") {
			sign += 2
		}
		return text[:sign] + strings.Repeat("0", missing) + text[sign:]
	default:
		return strings.Repeat(" ", missing) + text
	}
}

func (s *formatSpec) integer(f float64) string {
	n := int64(f)
	var digits, sign string
	switch s.verb {
	case 'd', 'i':
		digits, sign = strconv.FormatUint(magnitude(n), 10), s.sign(n < 0)
	case 'u':
		digits = strconv.FormatUint(structInt(f), 10)
	case 'o':
		digits = strconv.FormatUint(structInt(f), 8)
	default:
		digits = strconv.FormatUint(structInt(f), 16)
	}
	if s.precision > len(digits) {
		digits = strings.Repeat("0", s.precision-len(digits)) + digits
	}
	if strings.Contains(s.flags, "#") && n != 0 {
		sign += map[byte]string{'o': "0", 'x': "0x", 'X': "0x"}[s.verb]
	}
	if text := sign + digits; s.verb == 'X' {
		return s.pad(strings.ToUpper(text), s.precision < 0)
	} else {
		return s.pad(text, s.precision < 0)
	}
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

func (s *formatSpec) sign(negative bool) string {
	switch {
	case negative:
		return "-"
	case strings.Contains(s.flags, "+"):
		return "+"
	case strings.Contains(s.flags, " "):
		return " "
	}
	return ""
}

func (s *formatSpec) float(f float64) string {
	precision := s.precision
	if precision < 0 {
		precision = 6
	}
	lower := s.verb | 0x20
	var text string
	switch a := math.Abs(f); {
	case math.IsNaN(f) || math.IsInf(f, 0):
		text = strings.TrimPrefix(numberText(a), "-")
	case lower == 'g':
		text = general(a, precision)
	default:
		text = strconv.FormatFloat(a, lower, precision, 64)
	}
	text = s.sign(math.Signbit(f)) + text
	if s.verb < 'a' {
		text = strings.ToUpper(text)
	}
	return s.pad(text, !math.IsNaN(f) && !math.IsInf(f, 0))
}

// quote writes a string as Lua would read it.
func quote(out *strings.Builder, text string) {
	out.WriteByte('"')
	for i := range len(text) {
		switch c := text[i]; c {
		case '"', '\\', '\n':
			out.WriteByte('\\')
			out.WriteByte(c)
		case '\r':
			out.WriteString("\\r")
		case 0:
			out.WriteString("\\000")
		default:
			out.WriteByte(c)
		}
	}
	out.WriteByte('"')
}
