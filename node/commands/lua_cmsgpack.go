package commands

import (
	"encoding/binary"
	"math"

	lua "github.com/yuin/gopher-lua"
)

// packFunctions are the functions of the table cmsgpack: MessagePack (msgpack.org, 2013) as lua-cmsgpack 0.4.0 maps it.
func packFunctions() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{"pack": msgPack, "unpack": msgUnpack, "unpack_one": msgUnpackOne, "unpack_limit": msgUnpackLimit}
}

// Bounds of cmsgpack: how deep tables are nested that are packed (what lies deeper is nil), and how deep what is unpacked may be.
const (
	packLevels   = 16
	unpackLevels = 1000
)

func msgPack(l *lua.LState) int {
	if l.GetTop() == 0 {
		badArgument(l, 0, "pack", "MessagePack pack needs input.")
	}
	var out []byte
	for i := 1; i <= l.GetTop(); i++ {
		out = packValue(out, l.Get(i), 0)
		if len(out) > luaTextMost {
			l.RaiseError("not enough memory")
		}
	}
	l.Push(lua.LString(out))
	return 1
}

func packValue(out []byte, v lua.LValue, level int) []byte {
	switch v := v.(type) {
	case lua.LString:
		return append(packHead(out, len(v), headOf{0xa0, 32, 0xd9, 0xda, 0xdb}), v...)
	case lua.LBool:
		if v {
			return append(out, 0xc3)
		}
		return append(out, 0xc2)
	case lua.LNumber:
		return packNumber(out, float64(v))
	case *lua.LTable:
		if level < packLevels {
			return packTable(out, v, level+1)
		}
	}
	return append(out, 0xc0)
}

// headOf is how a type's length is written: in the first byte if it is less than small, else after a byte that says in how many; 0: not in
// one byte.
type headOf struct {
	fix          byte
	small        int
	b8, b16, b32 byte
}

func packHead(out []byte, n int, h headOf) []byte {
	switch {
	case n < h.small:
		return append(out, h.fix|byte(n))
	case n <= 0xff && h.b8 != 0:
		return append(out, h.b8, byte(n))
	case n <= 0xffff:
		return binary.BigEndian.AppendUint16(append(out, h.b16), uint16(n))
	default:
		return binary.BigEndian.AppendUint32(append(out, h.b32), uint32(n))
	}
}

func packNumber(out []byte, f float64) []byte {
	if f == math.Trunc(f) && math.Abs(f) < 1<<63 {
		return packInteger(out, int64(f))
	}
	if f == float64(float32(f)) {
		return binary.BigEndian.AppendUint32(append(out, 0xca), math.Float32bits(float32(f)))
	}
	return binary.BigEndian.AppendUint64(append(out, 0xcb), math.Float64bits(f))
}

func packInteger(out []byte, n int64) []byte {
	switch {
	case n >= -32 && n <= 127:
		return append(out, byte(n))
	case n >= 0 && n <= math.MaxUint8:
		return append(out, 0xcc, byte(n))
	case n >= 0 && n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(out, 0xcd), uint16(n))
	case n >= 0 && n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(out, 0xce), uint32(n))
	case n >= 0:
		return binary.BigEndian.AppendUint64(append(out, 0xcf), uint64(n))
	case n >= math.MinInt8:
		return append(out, 0xd0, byte(n))
	case n >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(out, 0xd1), uint16(n))
	case n >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(out, 0xd2), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(out, 0xd3), uint64(n))
	}
}

// packTable packs a table as an array if its keys are 1 to n, else as a map.
func packTable(out []byte, t *lua.LTable, level int) []byte {
	count, highest, list := 0, 0.0, true
	for key, _ := t.Next(lua.LNil); key != lua.LNil; key, _ = t.Next(key) {
		n, ok := key.(lua.LNumber)
		list = list && ok && n > 0 && float64(n) == math.Trunc(float64(n))
		highest = math.Max(highest, float64(n))
		count++
	}
	if list && highest == float64(count) {
		out = packHead(out, count, headOf{0x90, 16, 0, 0xdc, 0xdd})
		for i := 1; i <= count; i++ {
			out = packValue(out, t.RawGetInt(i), level)
		}
		return out
	}
	out = packHead(out, count, headOf{0x80, 16, 0, 0xde, 0xdf})
	for key, value := t.Next(lua.LNil); key != lua.LNil; key, value = t.Next(key) {
		out = packValue(packValue(out, key, level), value, level)
	}
	return out
}

// The errors of unpacking, as lua-cmsgpack words them.
const (
	errPackShort luaError = "Missing bytes in input."
	errPackBad   luaError = "Bad data format in input."
	errPackMany  luaError = "too many return values at once; use unpack_one or unpack_limit instead."
)

func msgUnpack(l *lua.LState) int { return unpackFrom(l, "unpack", 0, 0) }

func msgUnpackOne(l *lua.LState) int {
	return unpackFrom(l, "unpack_one", 1, l.OptInt(2, 0))
}

func msgUnpackLimit(l *lua.LState) int {
	return unpackFrom(l, "unpack_limit", l.CheckInt(2), l.OptInt(3, 0))
}

// unpackFrom returns what is unpacked from the first argument, at most limit values (0: all). Unless all is asked for,
// first comes where it ends, -1 for the end of the input.
func unpackFrom(l *lua.LState, function string, limit, at int) int {
	text := l.Get(1)
	if t := text.Type(); t != lua.LTString && t != lua.LTNumber {
		badArgument(l, 1, function, "string expected, got "+typeName(l, 1))
	}
	u := unpacker{data: []byte(luaString(text)), table: l.NewTable}
	switch {
	case at < 0 || limit < 0:
		l.RaiseError("Invalid request to unpack with offset of %d and limit of %d.", at, len(u.data))
	case at > len(u.data):
		l.RaiseError("Start offset %d greater than input length %d.", at, len(u.data))
	}
	place := limit > 0 || at > 0
	u.at = at
	var values []lua.LValue
	for u.at < len(u.data) && (limit == 0 || len(values) < limit) {
		v, err := u.value(0)
		if err == nil && len(values) == unpackMost {
			l.RaiseError("stack overflow (%s)", errPackMany.Error())
		}
		if err != nil {
			l.RaiseError("%s", err.Error())
		}
		values = append(values, v)
	}
	if place {
		end := u.at
		if end == len(u.data) {
			end = -1
		}
		l.Push(lua.LNumber(end))
	}
	for _, v := range values {
		l.Push(v)
	}
	if place {
		return len(values) + 1
	}
	return len(values)
}

// unpacker reads MessagePack.
type unpacker struct {
	data  []byte
	at    int
	table func() *lua.LTable
}

// take returns the next n bytes.
func (u *unpacker) take(n int) ([]byte, error) {
	if n < 0 || n > len(u.data)-u.at {
		return nil, errPackShort
	}
	b := u.data[u.at : u.at+n]
	u.at += n
	return b, nil
}

// number reads a big-endian number of n bytes.
func (u *unpacker) number(n int) (x uint64, err error) {
	b, err := u.take(n)
	for _, c := range b {
		x = x<<8 | uint64(c)
	}
	return x, err
}

func (u *unpacker) value(level int) (lua.LValue, error) {
	if level > unpackLevels {
		return nil, errPackBad
	}
	head, err := u.take(1)
	if err != nil {
		return nil, err
	}
	switch b := head[0]; {
	case b <= 0x7f:
		return lua.LNumber(b), nil
	case b >= 0xe0:
		return lua.LNumber(int8(b)), nil
	case b>>4 == 0x8:
		return u.pairs(int(b&15), level)
	case b>>4 == 0x9:
		return u.list(int(b&15), level)
	case b>>5 == 0x5:
		return u.text(int(b & 31))
	default:
		return u.long(b, level)
	}
}

// long reads a value whose first byte says only its type.
func (u *unpacker) long(b byte, level int) (lua.LValue, error) {
	switch b {
	case 0xc0:
		return lua.LNil, nil
	case 0xc2, 0xc3:
		return lua.LBool(b == 0xc3), nil
	case 0xca:
		x, err := u.number(4)
		return lua.LNumber(math.Float32frombits(uint32(x))), err
	case 0xcb:
		x, err := u.number(8)
		return lua.LNumber(math.Float64frombits(x)), err
	case 0xcc, 0xcd, 0xce, 0xcf:
		x, err := u.number(1 << (b - 0xcc))
		return lua.LNumber(x), err
	case 0xd0, 0xd1, 0xd2, 0xd3:
		size := 1 << (b - 0xd0)
		x, err := u.number(size)
		shift := 64 - 8*size
		return lua.LNumber(int64(x<<shift) >> shift), err
	}
	sized := map[byte]int{0xc4: 1, 0xc5: 2, 0xc6: 4, 0xd9: 1, 0xda: 2, 0xdb: 4, 0xdc: 2, 0xdd: 4, 0xde: 2, 0xdf: 4}[b]
	if sized == 0 {
		return nil, errPackBad
	}
	n, err := u.number(sized)
	switch {
	case err != nil:
		return nil, err
	case b >= 0xde:
		return u.pairs(int(n), level)
	case b >= 0xdc:
		return u.list(int(n), level)
	default:
		return u.text(int(n))
	}
}

func (u *unpacker) text(n int) (lua.LValue, error) {
	b, err := u.take(n)
	return lua.LString(b), err
}

func (u *unpacker) list(n, level int) (lua.LValue, error) {
	t := u.table()
	for i := range n {
		v, err := u.value(level + 1)
		if err != nil {
			return nil, err
		}
		t.RawSetInt(i+1, v)
	}
	return t, nil
}

func (u *unpacker) pairs(n, level int) (lua.LValue, error) {
	t := u.table()
	for range n {
		key, err := u.value(level + 1)
		if err != nil {
			return nil, err
		}
		value, err := u.value(level + 1)
		if err != nil {
			return nil, err
		}
		if f, isNumber := key.(lua.LNumber); key == lua.LNil || isNumber && math.IsNaN(float64(f)) {
			return nil, errPackBad
		}
		t.RawSet(key, value)
	}
	return t, nil
}
