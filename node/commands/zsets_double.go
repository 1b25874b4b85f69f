package commands

import (
	"math"
	"strconv"
)

// parseDouble reads a number as Redis reads scores, weights and coordinates: what C's strtod reads of a whole text without a space before
// it. What is no number, too large, or so small that nothing is left of it is not ok.
func parseDouble(text []byte) (x float64, ok bool) {
	if len(text) == 0 || isSpace(text[0]) {
		return 0, false
	}
	x, n, lost := scanDouble(text)
	return x, n == len(text) && !lost && !math.IsNaN(x)
}

// isSpace is C's isspace.
func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// scanDouble reads what C's strtod reads: as much as is a number, behind spaces. n is how far it goes, 0 when there is none; lost says
// that the number was too large or too small.
func scanDouble(text []byte) (x float64, n int, lost bool) {
	begin := 0
	for begin < len(text) && isSpace(text[begin]) {
		begin++
	}
	at := begin
	if at < len(text) && (text[at] == '-' || text[at] == '+') {
		at++
	}
	if x, n := scanName(text[at:]); n > 0 {
		if text[begin] == '-' {
			x = -x
		}
		return x, at + n, false
	}
	digits := text[at:]
	size, suffix := scanDigits(digits, 10, 'e'), ""
	if len(digits) > 2 && digits[0] == '0' && digits[1]|0x20 == 'x' {
		if hex := scanDigits(digits[2:], 16, 'p'); hex > 0 {
			size, suffix = 2+hex, "p0"
		}
	}
	if size == 0 {
		return 0, 0, false
	}
	end := at + size
	x, lost = toDouble(string(text[begin:end]), suffix)
	return x, end, lost
}

// scanName reads an infinity or what is not a number.
func scanName(text []byte) (x float64, n int) {
	for _, name := range []string{"infinity", "inf", "nan"} {
		if len(text) < len(name) || !is(text[:len(name)], name) {
			continue
		}
		if name == "nan" {
			return math.NaN(), len(name)
		}
		return math.Inf(1), len(name)
	}
	return 0, 0
}

// scanDigits returns the length of digits of a base, among which there may be a point, and an exponent if it is whole.
func scanDigits(text []byte, base int, marker byte) (n int) {
	digits, point := 0, false
	for ; n < len(text); n++ {
		switch {
		case isDigit(text[n], base):
			digits++
		case text[n] == '.' && !point:
			point = true
		default:
			return withExponent(text, n, digits, marker)
		}
	}
	return withExponent(text, n, digits, marker)
}

// withExponent returns where a number ends whose digits end at n.
func withExponent(text []byte, n, digits int, marker byte) int {
	if digits == 0 {
		return 0
	}
	at := n
	if at < len(text) && text[at]|0x20 == marker {
		at++
		if at < len(text) && (text[at] == '-' || text[at] == '+') {
			at++
		}
		for first := at; at < len(text) && isDigit(text[at], 10); at++ {
			n = max(first, at) + 1
		}
	}
	return n
}

// toDouble makes the nearest number of a text that is one; suffix is the exponent that Go wants where C does not.
func toDouble(text, suffix string) (x float64, lost bool) {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil && suffix != "" {
		x, _ = strconv.ParseFloat(text+suffix, 64) // out of range is told by x
	}
	if math.IsInf(x, 0) {
		return x, true
	}
	return x, x == 0 && hasDigit(text)
}

// hasDigit tells whether a number has a digit that is not 0 before its exponent.
func hasDigit(text string) bool {
	hex := len(text) > 2 && (text[1]|0x20 == 'x' || text[2]|0x20 == 'x')
	for i := range len(text) {
		c := text[i] | 0x20
		switch {
		case c == 'p', !hex && c == 'e':
			return false
		case '1' <= text[i] && text[i] <= '9', hex && 'a' <= c && c <= 'f':
			return true
		}
	}
	return false
}
