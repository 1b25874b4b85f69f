package commands

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// bigSin is a sine with many more digits than a float has.
func bigSin(x float64) *big.Float { return bigSinOf(big.NewFloat(x)) }

// TestExactSin compares sines with those of many digits.
func TestExactSin(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		x := (rnd.Float64()*2 - 1) * math.Pi
		if rnd.IntN(2) == 0 {
			x *= math.Pow(10, -10*rnd.Float64())
		}
		if want, _ := bigSin(x).Float64(); exactSin(x) != want {
			t.Fatalf("the sine of %v is %v, want %v", x, exactSin(x), want)
		}
	}
}

// TestExactCos compares cosines with sines of many digits: cos(x) is 1-2*sin(x/2)^2.
func TestExactCos(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 3))
	for range 20_000 {
		x := (rnd.Float64()*2 - 1) * math.Pi / 2
		half := bigSin(x / 2)
		half.Mul(half, half)
		half.Add(half, half)
		if want, _ := half.Sub(big.NewFloat(1).SetPrec(400), half).Float64(); exactCos(x) != want {
			t.Fatalf("the cosine of %v is %v, want %v", x, exactCos(x), want)
		}
	}
}

// TestExactAsin holds that no float beside an arc sine has a sine that is nearer.
func TestExactAsin(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 4))
	for range 5_000 {
		x := rnd.Float64()
		switch rnd.IntN(3) {
		case 0:
			x = min(1-x*math.Pow(10, -15*rnd.Float64()), math.Nextafter(1, 0))
		case 1:
			x *= math.Pow(10, -10*rnd.Float64())
		}
		got := exactAsin(x)
		for _, other := range []float64{math.Nextafter(got, 0), math.Nextafter(got, 2)} {
			middle := new(big.Float).SetPrec(400).Add(big.NewFloat(got), big.NewFloat(other))
			middle.Quo(middle, big.NewFloat(2))
			if sine := bigSinOf(middle); (other > got) != (sine.Cmp(big.NewFloat(x)) > 0) {
				t.Fatalf("the arc sine of %v is nearer to %v than to %v", x, other, got)
			}
		}
	}
	for _, x := range []float64{0, 1} {
		if exactAsin(x) != math.Asin(x) {
			t.Errorf("the arc sine of %v is %v", x, exactAsin(x))
		}
	}
}

// bigSinOf is bigSin of what need not be a float.
func bigSinOf(x *big.Float) *big.Float {
	const bits = 400
	square := new(big.Float).SetPrec(bits).Mul(x, x)
	term := new(big.Float).SetPrec(bits).Set(x)
	sum := new(big.Float).SetPrec(bits).Set(x)
	for n := int64(1); n < 160; n += 2 {
		term.Mul(term, square)
		term.Quo(term, new(big.Float).SetInt64(-(n+1)*(n+2)))
		sum.Add(sum, term)
	}
	return sum
}
