package commands

import "math"

// GEOSEARCHSTORE with STOREDIST shows all digits of a distance, and Redis has C's sine, cosine and arc sine, which are nearly always the
// float that is nearest to the true value. Go's need not be, so these here are calculated with twice the digits and rounded once.

// wide is a number of about 106 bits: the sum of two floats, the second of which is less than the last digit of the first.
type wide struct{ hi, lo float64 }

func sumOf(a, b float64) wide {
	s := a + b
	t := s - a
	return wide{s, (a - (s - t)) + (b - t)}
}

func (x wide) plus(y wide) wide {
	s, t := sumOf(x.hi, y.hi), sumOf(x.lo, y.lo)
	u := sumOf(s.hi, s.lo+t.hi)
	return sumOf(u.hi, u.lo+t.lo)
}

func (x wide) times(y wide) wide {
	p := x.hi * y.hi
	return sumOf(p, math.FMA(x.hi, y.hi, -p)+(x.hi*y.lo+x.lo*y.hi))
}

// over divides by a float.
func (x wide) over(d float64) wide {
	q := x.hi / d
	rest := x.plus(wide{-q * d, -math.FMA(q, d, -(q * d))})
	return sumOf(q, rest.hi/d)
}

func (x wide) negative() wide { return wide{-x.hi, -x.lo} }

// halfPi is a quarter of a turn.
func halfPi() wide { return wide{math.Pi / 2, 6.123233995736766e-17} }

// seriesTerms are enough for angles of at most an eighth of a turn.
const seriesTerms = 15

// series sums x^n/n! with alternating signs for every other n, from first on.
func series(x wide, first int) wide {
	square := x.times(x)
	term := wide{hi: 1}
	if first == 1 {
		term = x
	}
	sum := term
	for n := first; n < first+2*seriesTerms; n += 2 {
		term = term.times(square).over(float64((n + 1) * (n + 2))).negative()
		sum = sum.plus(term)
	}
	return sum
}

// sinCos returns the sine and cosine of an angle of at most half a turn in either direction.
func sinCos(x float64) (sin, cos wide) {
	quarters := math.Round(x / (math.Pi / 2))
	rest := wide{hi: x}
	for range int(math.Abs(quarters)) {
		if quarters > 0 {
			rest = rest.plus(halfPi().negative())
		} else {
			rest = rest.plus(halfPi())
		}
	}
	sin, cos = series(rest, 1), series(rest, 0)
	switch int(quarters) & 3 {
	case 1:
		return cos, sin.negative()
	case 2:
		return sin.negative(), cos.negative()
	case 3:
		return cos.negative(), sin
	default:
		return sin, cos
	}
}

func exactSin(x float64) float64 {
	sin, _ := sinCos(x)
	return sin.hi
}

func exactCos(x float64) float64 {
	_, cos := sinCos(x)
	return cos.hi
}

// exactAsin improves Go's arc sine by one step of Newton's. Near a quarter of a turn that would divide by nearly nothing, so there it is
// the arc cosine that is improved.
func exactAsin(x float64) float64 {
	switch {
	case !(x > 0 && x < 1): // of the root of what is not negative, and rounded above 1 at most
		return math.Asin(x)
	case x < steep:
		y := math.Asin(x)
		sin, cos := sinCos(y)
		return sumOf(y, sin.negative().plus(wide{hi: x}).hi/cos.hi).hi
	default:
		square := wide{hi: 1}.plus(wide{hi: -x}).times(sumOf(1, x)) // of the cosine
		rest := math.Asin(math.Sqrt(square.hi))
		sin, cos := sinCos(rest)
		return halfPi().plus(sumOf(rest, cos.plus(wide{hi: -x}).hi/sin.hi).negative()).hi
	}
}

// steep is from where on the arc sine is too steep.
const steep = 0.9
