package reply

import (
	"math"
	"strconv"
)

// AppendDouble appends a double as redis-server 7.0 writes it, which is C's "%.17g".
func AppendDouble(dst []byte, f float64) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	case math.IsNaN(f):
		return append(dst, "nan"...)
	case f == 0 && math.Signbit(f):
		return append(dst, "-0"...)
	case f == math.Trunc(f) && math.Abs(f) < 1e17:
		return strconv.AppendInt(dst, int64(f), 10)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'e', 16, 64) // d.dddddddddddddddde±xx: the 17 digits that %.17g begins with
	exp := exponent(dst[start:])
	if exp < -4 || exp >= 17 {
		return trimZeros(dst, start)
	}
	dst = strconv.AppendFloat(dst[:start], f, 'f', 16-exp, 64)
	return trimFraction(dst)
}

// exponent reads the exponent of a number in the form d.ddde±xx.
func exponent(text []byte) int {
	e := len(text) - 1
	for text[e] != 'e' {
		e--
	}
	n := 0
	for _, c := range text[e+2:] {
		n = n*10 + int(c-'0')
	}
	if text[e+1] == '-' {
		return -n
	}
	return n
}

// trimZeros removes the zeros that end the mantissa of the number in text[start:], which has an exponent.
func trimZeros(text []byte, start int) []byte {
	e := len(text) - 1
	for text[e] != 'e' {
		e--
	}
	mantissa := trimFraction(text[start:e])
	return append(text[:start+len(mantissa)], text[e:]...)
}

// trimFraction removes the zeros that end a fraction, and a point that has nothing behind it.
func trimFraction(text []byte) []byte {
	n := len(text)
	for text[n-1] == '0' {
		n--
	}
	if text[n-1] == '.' {
		n--
	}
	return text[:n]
}
