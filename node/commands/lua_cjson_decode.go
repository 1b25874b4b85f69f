package commands

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"
)

func (st *luaState) jsonDecode(l *lua.LState, s *jsonSettings) int {
	if l.GetTop() != 1 {
		badArgument(l, 1, "decode", "expected 1 argument")
	}
	text := l.Get(1)
	if t := text.Type(); t != lua.LTString && t != lua.LTNumber {
		badArgument(l, 1, "decode", "string expected, got "+t.String())
	}
	d := jsonDecoder{text: luaString(text), settings: s, null: st.null, table: l.NewTable}
	v, err := d.whole()
	if err != nil {
		l.RaiseError("%s", err.Error())
	}
	l.Push(v)
	return 1
}

// jsonDecoder reads JSON, and what lua-cjson reads besides.
type jsonDecoder struct {
	text     string
	at       int
	settings *jsonSettings
	null     lua.LValue
	table    func() *lua.LTable
	depth    int
}

// jsonToken is one token; a value stands in it if it is a whole one.
type jsonToken struct {
	kind  string
	start int
	value lua.LValue
}

// The kinds of tokens, as errors name them.
const (
	jsonObjectBegin = "T_OBJ_BEGIN"
	jsonObjectEnd   = "T_OBJ_END"
	jsonArrayBegin  = "T_ARR_BEGIN"
	jsonArrayEnd    = "T_ARR_END"
	jsonString      = "T_STRING"
	jsonNumber      = "T_NUMBER"
	jsonBoolean     = "T_BOOLEAN"
	jsonNull        = "T_NULL"
	jsonColon       = "T_COLON"
	jsonComma       = "T_COMMA"
	jsonEnd         = "T_END"
)

func (d *jsonDecoder) whole() (lua.LValue, error) {
	if len(d.text) >= 2 && (d.text[0] == 0 || d.text[1] == 0) {
		return nil, luaErrorf("JSON parser does not support UTF-16 or UTF-32")
	}
	v, err := d.value(d.next())
	if err != nil {
		return nil, err
	}
	if t := d.next(); t.kind != jsonEnd {
		return nil, d.expected("the end", t)
	}
	return v, nil
}

func (d *jsonDecoder) expected(what string, t jsonToken) error {
	return luaErrorf("Expected %s but found %s at character %d", what, t.kind, t.start+1)
}

func (d *jsonDecoder) value(t jsonToken) (lua.LValue, error) {
	switch t.kind {
	case jsonString, jsonNumber, jsonBoolean, jsonNull:
		return t.value, nil
	case jsonArrayBegin:
		return d.nested(d.list)
	case jsonObjectBegin:
		return d.nested(d.object)
	default:
		return nil, d.expected("value", t)
	}
}

func (d *jsonDecoder) nested(read func() (lua.LValue, error)) (lua.LValue, error) {
	if d.depth++; d.depth > min(d.settings.decodeDepth, jsonDeepest) {
		return nil, luaErrorf("Found too many nested data structures (%d) at character %d", d.depth, d.at)
	}
	defer func() { d.depth-- }()
	return read()
}

func (d *jsonDecoder) list() (lua.LValue, error) {
	out := d.table()
	t := d.next()
	if t.kind == jsonArrayEnd {
		return out, nil
	}
	for i := 1; ; i++ {
		v, err := d.value(t)
		if err != nil {
			return nil, err
		}
		out.RawSetInt(i, v)
		switch t = d.next(); t.kind {
		case jsonArrayEnd:
			return out, nil
		case jsonComma:
			t = d.next()
		default:
			return nil, d.expected("comma or array end", t)
		}
	}
}

func (d *jsonDecoder) object() (lua.LValue, error) {
	out := d.table()
	t := d.next()
	if t.kind == jsonObjectEnd {
		return out, nil
	}
	for {
		if t.kind != jsonString {
			return nil, d.expected("object key string", t)
		}
		key := t.value
		if t = d.next(); t.kind != jsonColon {
			return nil, d.expected("colon", t)
		}
		v, err := d.value(d.next())
		if err != nil {
			return nil, err
		}
		out.RawSet(key, v)
		switch t = d.next(); t.kind {
		case jsonObjectEnd:
			return out, nil
		case jsonComma:
			t = d.next()
		default:
			return nil, d.expected("comma or object end", t)
		}
	}
}

// next reads a token. Of one that cannot be read the kind says what is wrong.
func (d *jsonDecoder) next() jsonToken {
	for d.at < len(d.text) && strings.IndexByte(" \t\n\r", d.text[d.at]) >= 0 {
		d.at++
	}
	t := jsonToken{start: d.at}
	if d.at == len(d.text) {
		t.kind = jsonEnd
		return t
	}
	single := map[byte]string{'{': jsonObjectBegin, '}': jsonObjectEnd, '[': jsonArrayBegin, ']': jsonArrayEnd, ':': jsonColon, ',': jsonComma}
	switch c := d.text[d.at]; {
	case single[c] != "":
		t.kind = single[c]
		d.at++
		return t
	case c == '"':
		return d.string(t)
	case c == '-' || '0' <= c && c <= '9':
		if !d.settings.decodeInvalid && d.oddNumber() {
			t.kind = "invalid number"
			return t
		}
		return d.number(t)
	}
	return d.word(t)
}

// word reads what begins with a letter, or another number.
func (d *jsonDecoder) word(t jsonToken) jsonToken {
	rest := d.text[d.at:]
	take := func(n int, kind string, v lua.LValue) jsonToken {
		d.at += n
		t.kind, t.value = kind, v
		return t
	}
	switch {
	case strings.HasPrefix(rest, "true"):
		return take(4, jsonBoolean, lua.LTrue)
	case strings.HasPrefix(rest, "false"):
		return take(5, jsonBoolean, lua.LFalse)
	case strings.HasPrefix(rest, "null"):
		return take(4, jsonNull, d.null)
	case d.settings.decodeInvalid && d.oddNumber():
		return d.number(t)
	}
	t.kind = "invalid token"
	return t
}

// oddNumber tells whether what follows is a number for C that is none for JSON.
func (d *jsonDecoder) oddNumber() bool {
	rest := strings.ToLower(d.text[d.at:min(len(d.text), d.at+5)])
	if strings.HasPrefix(rest, "+") {
		return true
	}
	rest = strings.TrimPrefix(rest, "-")
	if strings.HasPrefix(rest, "0") {
		return len(rest) > 1 && (rest[1] == 'x' || '0' <= rest[1] && rest[1] <= '9')
	}
	return strings.HasPrefix(rest, "inf") || strings.HasPrefix(rest, "nan")
}

// number reads as much as C's strtod would.
func (d *jsonDecoder) number(t jsonToken) jsonToken {
	f, n := cNumber(d.text[d.at:])
	if n == 0 {
		t.kind = "invalid number"
		return t
	}
	d.at += n
	t.kind, t.value = jsonNumber, lua.LNumber(f)
	return t
}

// cNumber reads a number as C's strtod does, and returns how many bytes it has.
func cNumber(text string) (float64, int) {
	at := 0
	if at < len(text) && (text[at] == '-' || text[at] == '+') {
		at++
	}
	sign := 1.0
	if strings.HasPrefix(text, "-") {
		sign = -1
	}
	lower := strings.ToLower(text[at:min(len(text), at+8)])
	switch {
	case strings.HasPrefix(lower, "infinity"):
		return math.Inf(int(sign)), at + 8
	case strings.HasPrefix(lower, "inf"):
		return math.Inf(int(sign)), at + 3
	case strings.HasPrefix(lower, "nan"):
		return math.Copysign(math.NaN(), sign), at + 3
	case strings.HasPrefix(lower, "0x") && len(lower) > 2 && isHex(lower[2]):
		return cHexNumber(text, at+2, sign)
	}
	end := cDecimal(text, at)
	if end == at {
		return 0, 0
	}
	f, _ := strconv.ParseFloat(text[:end], 64) // too large is infinite, as in C
	return f, end
}

// cDecimal returns where a decimal number ends that begins behind its sign.
func cDecimal(text string, at int) int {
	digits := func(at int) int {
		for at < len(text) && '0' <= text[at] && text[at] <= '9' {
			at++
		}
		return at
	}
	end := digits(at)
	some := end > at
	if end < len(text) && text[end] == '.' {
		fraction := digits(end + 1)
		if some = some || fraction > end+1; some {
			end = fraction
		}
	}
	if !some {
		return at
	}
	if end < len(text) && text[end]|0x20 == 'e' {
		exp := end + 1
		if exp < len(text) && (text[exp] == '-' || text[exp] == '+') {
			exp++
		}
		if last := digits(exp); last > exp {
			end = last
		}
	}
	return end
}

// cHexNumber reads hexadecimal digits.
func cHexNumber(text string, at int, sign float64) (float64, int) {
	f := 0.0
	for at < len(text) && isHex(text[at]) {
		n, _ := strconv.ParseUint(text[at:at+1], 16, 8) // it is a digit
		f = f*16 + float64(n)
		at++
	}
	return sign * f, at
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

// string reads a string.
func (d *jsonDecoder) string(t jsonToken) jsonToken {
	var out []byte
	for d.at++; d.at < len(d.text); {
		c := d.text[d.at]
		switch c {
		case '"':
			d.at++
			t.kind, t.value = jsonString, lua.LString(out)
			return t
		case '\\':
			more, n, wrong := d.escape()
			if wrong != "" {
				return jsonToken{kind: wrong, start: d.at}
			}
			out = append(out, more...)
			d.at += n
		default:
			out = append(out, c)
			d.at++
		}
	}
	return jsonToken{kind: "unexpected end of string", start: d.at}
}

// escape reads what a backslash begins, and returns what it stands for and how long it is.
func (d *jsonDecoder) escape() (out []byte, n int, wrong string) {
	rest := d.text[d.at+1:]
	if rest == "" {
		return nil, 0, "invalid escape code"
	}
	if i := strings.IndexByte(`"\/bfnrt`, rest[0]); i >= 0 {
		return []byte("\"\\/\b\f\n\r\t"[i : i+1]), 2, ""
	}
	if rest[0] != 'u' {
		return nil, 0, "invalid escape code"
	}
	const bad = "invalid unicode escape code"
	r, ok := hex4(rest[1:])
	if !ok || r&0xfc00 == 0xdc00 {
		return nil, 0, bad
	}
	if r&0xfc00 != 0xd800 {
		return utf8.AppendRune(nil, r), 6, ""
	}
	if len(rest) < 7 || rest[5] != '\\' || rest[6] != 'u' {
		return nil, 0, bad
	}
	low, ok := hex4(rest[7:])
	if !ok || low&0xfc00 != 0xdc00 {
		return nil, 0, bad
	}
	return utf8.AppendRune(nil, 0x10000+(r&0x3ff)<<10+low&0x3ff), 12, ""
}

// hex4 reads four hexadecimal digits.
func hex4(text string) (rune, bool) {
	if len(text) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(text[:4], 16, 16)
	return rune(n), err == nil
}
