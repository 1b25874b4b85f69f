package commands

import "math"

// rankCounts is how many registers hold each rank. Six bits can hold more than a rank can be.
type rankCounts [1 << registerWidth]int

// counts counts the registers by their ranks.
func (all *registers) counts() *rankCounts {
	var h rankCounts
	for _, rank := range all {
		h[rank]++
	}
	return &h
}

// estimate returns how many different elements have been added, about. It is the improved raw estimator of Otmar Ertl ("New
// cardinality estimation algorithms for HyperLogLog sketches", 2017, algorithm 6). The conversions to float64 keep
// compilers from contracting two operations to one, which would round otherwise on some processors. Registers that no element can
// have made may be estimated infinite, which is the least integer here as in Redis.
func (h *rankCounts) estimate() int64 {
	const m = float64(registerCount)
	z := m * tau((m-float64(h[rankBits+1]))/m)
	for rank := rankBits; rank >= 1; rank-- {
		z = (z + float64(h[rank])) * 0.5
	}
	z += float64(m * sigma(float64(h[0])/m))
	const alpha = 0.721347520444481703680 // 1/(2 ln 2)
	if z == 0 {
		return math.MinInt64
	}
	return int64(math.Round(alpha * m * m / z))
}

// sigma is Ertl's function of the share of registers that are 0. It must lie between 0 and 1.
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for {
		x *= x
		before := z
		z += float64(x * y)
		y += y
		if z == before {
			return z
		}
	}
}

// tau is Ertl's function of the share of registers that are not full. It must lie between 0 and 1.
func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for {
		x = math.Sqrt(x)
		before := z
		y *= 0.5
		z -= float64(float64((1-x)*(1-x)) * y)
		if z == before {
			return z / 3
		}
	}
}
