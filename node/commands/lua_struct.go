package commands

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	lua "github.com/yuin/gopher-lua"
)

// structFunctions are the functions of the table struct, as in Roberto Ierusalimschy's library on a 64-bit machine.
func structFunctions() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{"pack": structPack, "unpack": structUnpack, "size": structSize}
}

// structFormat reads a format, one option after another.
type structFormat struct {
	rest  string
	order binary.ByteOrder
	align int
	at    int // bytes so far
}

// structOption is one option of a format.
type structOption struct {
	kind byte
	size int
	pad  int // zero bytes before it
}

// The largest integer, and the default of "!".
const (
	structInteger = 32
	structAlign   = 8
)

func newStructFormat(text string) structFormat {
	return structFormat{rest: text, order: binary.LittleEndian, align: 1}
}

// next returns the next option that stands for data or room. It is not ok at the end.
func (f *structFormat) next() (o structOption, ok bool, err error) {
	for f.rest != "" {
		o = structOption{kind: f.rest[0]}
		f.rest = f.rest[1:]
		if o.size, err = f.size(o.kind); err != nil {
			return o, false, err
		}
		switch o.kind {
		case ' ':
		case '<':
			f.order = binary.LittleEndian
		case '>':
			f.order = binary.BigEndian
		case '!':
			if f.align = f.number(structAlign); f.align == 0 || f.align&(f.align-1) != 0 {
				return o, false, fmt.Errorf("alignment %d is not a power of 2", f.align)
			}
		default:
			if o.kind != 'c' && o.kind != 's' && o.kind != 'x' {
				o.pad = f.padding(o.size)
			}
			f.at += o.pad + o.size
			return o, true, nil
		}
	}
	return o, false, nil
}

// size is how many bytes an option stands for.
func (f *structFormat) size(kind byte) (int, error) {
	switch kind {
	case 'B', 'b', 'x':
		return 1, nil
	case 'H', 'h':
		return 2, nil
	case 'L', 'l', 'T', 'd':
		return 8, nil
	case 'f':
		return 4, nil
	case 'c':
		return f.number(1), nil
	case 'i', 'I':
		n := f.number(4)
		if n > structInteger {
			return 0, fmt.Errorf("integral size %d is larger than limit of %d", n, structInteger)
		}
		return n, nil
	case 's', ' ', '<', '>', '!':
		return 0, nil
	default:
		if kind == 'z' {
			return 0, nil // it is no option, but has no size
		}
		return 0, fmt.Errorf("invalid format option '%c'", kind)
	}
}

// number reads a number, otherwise is what stands for none.
func (f *structFormat) number(otherwise int) int {
	digits := 0
	for digits < len(f.rest) && '0' <= f.rest[digits] && f.rest[digits] <= '9' {
		digits++
	}
	if digits == 0 {
		return otherwise
	}
	n, err := strconv.Atoi(f.rest[:digits])
	f.rest = f.rest[digits:]
	if err != nil || n > math.MaxInt32 {
		return math.MaxInt32
	}
	return n
}

// padding is how many bytes stand before something of a size.
func (f *structFormat) padding(size int) int {
	size = min(size, f.align)
	if size <= 1 || size&(size-1) != 0 {
		return 0
	}
	return (size - f.at&(size-1)) & (size - 1)
}

func structSize(l *lua.LState) int {
	f := newStructFormat(l.CheckString(1))
	for {
		o, ok, err := f.next()
		switch {
		case err != nil:
			l.RaiseError("%s", err.Error())
		case !ok:
			l.Push(lua.LNumber(f.at))
			return 1
		case o.kind == 's':
			badArgument(l, 1, "size", "option 's' has no fixed size")
		case o.kind == 'c' && o.size == 0:
			badArgument(l, 1, "size", "option 'c0' has no fixed size")
		}
	}
}

func structPack(l *lua.LState) int {
	f, arg := newStructFormat(l.CheckString(1)), 1
	var out []byte
	for {
		o, ok, err := f.next()
		if err != nil {
			l.RaiseError("%s", err.Error())
		}
		if !ok {
			l.Push(lua.LString(out))
			return 1
		}
		if len(out)+o.pad+o.size > luaTextMost {
			l.RaiseError("not enough memory")
		}
		out = append(out, make([]byte, o.pad)...)
		if o.kind == 'x' || o.kind == 'z' {
			out = append(out, make([]byte, o.size)...)
			continue
		}
		arg++
		out, err = f.pack(l, out, o, arg)
		if err != nil {
			badArgument(l, arg+1, "pack", err.Error())
		}
	}
}

// pack appends an argument.
func (f *structFormat) pack(l *lua.LState, out []byte, o structOption, arg int) ([]byte, error) {
	switch o.kind {
	case 's', 'c':
		text := structText(l, arg)
		if o.kind == 'c' && o.size == 0 || o.kind == 's' {
			f.at += len(text)
			o.size = len(text)
		}
		if len(text) < o.size {
			return nil, errors.New("string too short")
		}
		if out = append(out, text[:o.size]...); o.kind == 's' {
			f.at++
			out = append(out, 0)
		}
		return out, nil
	case 'f':
		return f.append4(out, math.Float32bits(float32(structNumber(l, arg)))), nil
	case 'd':
		return f.append8(out, math.Float64bits(structNumber(l, arg))), nil
	default:
		return f.appendInteger(out, structInt(structNumber(l, arg)), o.size), nil
	}
}

func (f *structFormat) append4(out []byte, x uint32) []byte {
	return append(out, f.ordered(binary.LittleEndian.AppendUint32(nil, x))...)
}

func (f *structFormat) append8(out []byte, x uint64) []byte {
	return append(out, f.ordered(binary.LittleEndian.AppendUint64(nil, x))...)
}

// appendInteger appends the low bytes of an integer; beyond its eight there are zeros.
func (f *structFormat) appendInteger(out []byte, x uint64, size int) []byte {
	b := make([]byte, size)
	for i := range min(size, 8) {
		b[i] = byte(x >> (8 * i))
	}
	return append(out, f.ordered(b)...)
}

// ordered turns little-endian bytes round if they should be big-endian.
func (f *structFormat) ordered(b []byte) []byte {
	if f.order == binary.BigEndian {
		for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
			b[i], b[j] = b[j], b[i]
		}
	}
	return b
}

// structInt is a number as C's conversion to a 64-bit integer makes it.
func structInt(f float64) uint64 {
	if f < 0 {
		return uint64(int64(f))
	}
	return uint64(f)
}

func structNumber(l *lua.LState, arg int) float64 {
	f, ok := toNumber(l.Get(arg))
	if !ok {
		badArgument(l, arg, "pack", "number expected, got "+l.Get(arg).Type().String())
	}
	return f
}

func structText(l *lua.LState, arg int) string {
	v := l.Get(arg)
	if t := v.Type(); t != lua.LTString && t != lua.LTNumber {
		badArgument(l, arg, "pack", "string expected, got "+t.String())
	}
	return luaString(v)
}

func structUnpack(l *lua.LState) int {
	format, data := l.CheckString(1), []byte(l.CheckString(2))
	start := l.OptInt(3, 1)
	if start < 1 {
		badArgument(l, 3, "unpack", "offset must be 1 or greater")
	}
	values, at, err := unpackStruct(format, data, start-1)
	var short structShort
	switch {
	case errors.As(err, &short):
		badArgument(l, 2, "unpack", err.Error())
	case err != nil:
		l.RaiseError("%s", err.Error())
	}
	for _, v := range values {
		l.Push(v)
	}
	l.Push(lua.LNumber(at + 1))
	return len(values) + 1
}

// structShort says that there are not as many bytes as the format speaks of.
type structShort struct{}

func (structShort) Error() string { return "data string too short" }

// unpackMost is how many values one call may return.
const unpackMost = 7900

// unpackStruct reads what a format says from data, beginning at an offset, and returns where it ends.
func unpackStruct(format string, data []byte, at int) (values []lua.LValue, end int, err error) {
	f := newStructFormat(format)
	for {
		f.at = at
		o, ok, err := f.next()
		if err != nil || !ok {
			return values, at, err
		}
		if at += o.pad; at > len(data) || o.size > len(data)-at {
			return nil, at, structShort{}
		}
		size := o.size
		switch o.kind {
		case 'x', 'z':
			at += size
			continue
		case 's':
			if size = bytes.IndexByte(data[at:], 0); size < 0 {
				return nil, at, errors.New("unfinished string in data")
			}
			values = append(values, lua.LString(data[at:at+size]))
			size++
		case 'c':
			if size == 0 {
				if values, size, err = lengthBefore(values, len(data)-at); err != nil {
					return nil, at, err
				}
			}
			values = append(values, lua.LString(data[at:at+size]))
		default:
			values = append(values, f.value(o, data[at:at+size]))
		}
		if at += size; len(values) > unpackMost {
			return nil, at, errors.New("stack overflow (too many results)")
		}
	}
}

// lengthBefore takes the number away that says how long what follows is.
func lengthBefore(values []lua.LValue, left int) ([]lua.LValue, int, error) {
	if len(values) == 0 {
		return nil, 0, errors.New("format 'c0' needs a previous size")
	}
	n, ok := values[len(values)-1].(lua.LNumber)
	switch {
	case !ok || n < 0:
		return nil, 0, errors.New("format 'c0' needs a previous size")
	case float64(n) > float64(left):
		return nil, 0, structShort{}
	}
	return values[:len(values)-1], int(n), nil
}

// value reads a number.
func (f *structFormat) value(o structOption, data []byte) lua.LValue {
	b := f.ordered(bytes.Clone(data))
	switch o.kind {
	case 'f':
		return lua.LNumber(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	case 'd':
		return lua.LNumber(math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	var x uint64
	n := min(len(b), 8)
	for i := range n {
		x |= uint64(b[i]) << (8 * i)
	}
	if o.kind == 'b' || o.kind == 'h' || o.kind == 'l' || o.kind == 'i' {
		shift := 64 - 8*n
		return lua.LNumber(int64(x<<shift) >> shift)
	}
	return lua.LNumber(x)
}
