package commands

import (
	"bytes"
	"math/big"
)

// INCRBYFLOAT counts in the 80-bit floats of the x87 (C's long double on the machines that Redis is built for): 64 bits
// of mantissa, rounded to nearest even. A big.Float of that precision rounds the same way; what differs is its
// range, which is checked here.
const (
	floatBits    = 64
	floatMaxExp  = 16384  // a float is below 2^floatMaxExp
	floatMinExp  = -16445 // and, unless it is 0, at least 2^(floatMinExp-1)
	floatMaxText = 5 * 1024
	floatDigits  = 17 // after the point, when written
)

// parseFloat reads what C's strtold reads from a whole text: decimal, hexadecimal, infinities, in any case. What is no number,
// or too large or too small for a long double, is not ok.
func parseFloat(text []byte) (x *big.Float, ok bool) {
	if len(text) == 0 || len(text) >= floatMaxText {
		return nil, false
	}
	negative := text[0] == '-'
	if negative || text[0] == '+' {
		text = text[1:]
	}
	switch {
	case is(text, "inf") || is(text, "infinity"):
		return new(big.Float).SetInf(negative), true
	case len(text) > 1 && text[0] == '0' && text[1]|0x20 == 'x':
		x, ok = parseHexFloat(text[2:])
	default:
		x, ok = parseDecimalFloat(text)
	}
	if ok && negative {
		x.Neg(x)
	}
	return x, ok
}

// parseHexFloat reads hexadecimal digits with a power of two after 'p'.
func parseHexFloat(text []byte) (*big.Float, bool) {
	n, ok := scanNumeral(text, 16, 'p')
	if !ok {
		return nil, false
	}
	x := new(big.Float).SetPrec(floatBits).SetInt(n.digits)
	x.SetMantExp(x, n.exp-4*n.fraction)
	return x, inRange(x)
}

// parseDecimalFloat reads decimal digits with a power of ten after 'e'. The quotient of two integers is rounded
// once, so the result is the float that is nearest to the text.
func parseDecimalFloat(text []byte) (*big.Float, bool) {
	n, ok := scanNumeral(text, 10, 'e')
	if !ok {
		return nil, false
	}
	x := new(big.Float).SetPrec(floatBits)
	exp := n.exp - n.fraction
	if n.digits.Sign() == 0 {
		return x, true
	}
	if most := exp + n.digits.BitLen(); most < floatMinExp || exp > floatMaxExp {
		return nil, false // far out of range; the power need not be computed
	}
	if exp >= 0 {
		x.SetInt(n.digits.Mul(n.digits, powerOfTen(exp)))
	} else {
		x.Quo(new(big.Float).SetInt(n.digits), new(big.Float).SetInt(powerOfTen(-exp)))
	}
	return x, inRange(x)
}

func powerOfTen(exp int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(exp)), nil)
}

// inRange tells whether a long double can hold x.
func inRange(x *big.Float) bool {
	exp := x.MantExp(nil)
	return x.Sign() == 0 || exp >= floatMinExp && exp <= floatMaxExp
}

// numeral is a number in text: digits, of which the last fraction stand after the point, and an exponent.
type numeral struct {
	digits   *big.Int
	fraction int
	exp      int
}

// scanNumeral reads digits of a base, which may have a point among them, and an exponent after marker.
func scanNumeral(text []byte, base int, marker byte) (n numeral, ok bool) {
	digits := make([]byte, 0, len(text))
	point := -1
	i := 0
	for ; i < len(text); i++ {
		if text[i] == '.' && point < 0 {
			point = len(digits)
		} else if isDigit(text[i], base) {
			digits = append(digits, text[i])
		} else {
			break
		}
	}
	if len(digits) == 0 {
		return n, false
	}
	if point >= 0 {
		n.fraction = len(digits) - point
	}
	if i < len(text) {
		if n.exp, ok = scanExponent(text[i:], marker); !ok {
			return n, false
		}
	}
	n.digits, ok = new(big.Int).SetString(string(digits), base)
	return n, ok
}

func isDigit(c byte, base int) bool {
	return '0' <= c && c <= '9' || base == 16 && 'a' <= c|0x20 && c|0x20 <= 'f'
}

// scanExponent reads the marker, a sign and digits. An exponent that no digits can make up for is cut short.
func scanExponent(text []byte, marker byte) (exp int, ok bool) {
	const enough = 1_000_000
	if text[0]|0x20 != marker {
		return 0, false
	}
	text = text[1:]
	negative := len(text) > 0 && text[0] == '-'
	if negative || len(text) > 0 && text[0] == '+' {
		text = text[1:]
	}
	for _, c := range text {
		if !isDigit(c, 10) {
			return 0, false
		}
		exp = min(exp*10+int(c-'0'), enough)
	}
	if negative {
		exp = -exp
	}
	return exp, len(text) > 0
}

// addFloats adds as long doubles; a sum that is infinite or no number is not ok.
func addFloats(x, y *big.Float) (sum *big.Float, ok bool) {
	if x.IsInf() || y.IsInf() {
		return nil, false
	}
	sum = new(big.Float).SetPrec(floatBits).Add(x, y)
	return sum, sum.MantExp(nil) <= floatMaxExp
}

// formatFloat writes x with up to 17 digits after the point, and no zeros at the end.
func formatFloat(x *big.Float) []byte {
	text := x.Append(nil, 'f', floatDigits)
	text = bytes.TrimRight(text, "0")
	text = bytes.TrimSuffix(text, []byte("."))
	if string(text) == "-0" {
		return text[1:]
	}
	return text
}
