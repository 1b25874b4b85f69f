package commands

import (
	"math"
	"math/bits"

	lua "github.com/yuin/gopher-lua"
)

// bitFunctions are the functions of the table bit, as in Lua BitOp: on 32 bits, signed.
func bitFunctions() map[string]lua.LGFunction {
	shift := func(name string, fn func(x, n uint32) uint32) lua.LGFunction {
		return func(l *lua.LState) int {
			return pushBits(l, fn(bitArgument(l, 1, name), bitArgument(l, 2, name)&31))
		}
	}
	fold := func(name string, fn func(x, y uint32) uint32) lua.LGFunction {
		return func(l *lua.LState) int {
			x := bitArgument(l, 1, name)
			for i := 2; i <= l.GetTop(); i++ {
				x = fn(x, bitArgument(l, i, name))
			}
			return pushBits(l, x)
		}
	}
	return map[string]lua.LGFunction{
		"tobit":   func(l *lua.LState) int { return pushBits(l, bitArgument(l, 1, "tobit")) },
		"bnot":    func(l *lua.LState) int { return pushBits(l, ^bitArgument(l, 1, "bnot")) },
		"bswap":   func(l *lua.LState) int { return pushBits(l, bits.ReverseBytes32(bitArgument(l, 1, "bswap"))) },
		"band":    fold("band", func(x, y uint32) uint32 { return x & y }),
		"bor":     fold("bor", func(x, y uint32) uint32 { return x | y }),
		"bxor":    fold("bxor", func(x, y uint32) uint32 { return x ^ y }),
		"lshift":  shift("lshift", func(x, n uint32) uint32 { return x << n }),
		"rshift":  shift("rshift", func(x, n uint32) uint32 { return x >> n }),
		"arshift": shift("arshift", func(x, n uint32) uint32 { return uint32(int32(x) >> n) }),
		"rol":     shift("rol", func(x, n uint32) uint32 { return bits.RotateLeft32(x, int(n)) }),
		"ror":     shift("ror", func(x, n uint32) uint32 { return bits.RotateLeft32(x, -int(n)) }),
		"tohex":   bitToHex,
	}
}

// bitArgument is an argument as 32 bits: rounded to the nearest integer, modulo 2^32.
func bitArgument(l *lua.LState, n int, function string) uint32 {
	return toBits(float64(numberArgument(l, n, function)))
}

func toBits(f float64) uint32 {
	if f = math.RoundToEven(f); math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return uint32(int64(math.Mod(f, 1<<32)))
}

// numberArgument is an argument that must be a number, or text of one.
func numberArgument(l *lua.LState, n int, function string) lua.LNumber {
	f, ok := toNumber(l.Get(n))
	if !ok {
		badArgument(l, n, function, "number expected, got "+typeName(l, n))
	}
	return lua.LNumber(f)
}

func pushBits(l *lua.LState, x uint32) int {
	l.Push(lua.LNumber(int32(x)))
	return 1
}

func bitToHex(l *lua.LState) int {
	x, n := bitArgument(l, 1, "tohex"), int32(8)
	if l.GetTop() > 1 {
		n = int32(bitArgument(l, 2, "tohex"))
	}
	digits := "0123456789abcdef"
	if n < 0 {
		n, digits = -n, "0123456789ABCDEF"
	}
	if n < 0 || n > 8 {
		n = 8
	}
	out := make([]byte, n)
	for i := n - 1; i >= 0; i-- {
		out[i] = digits[x&15]
		x >>= 4
	}
	l.Push(lua.LString(out))
	return 1
}
