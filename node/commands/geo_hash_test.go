package commands

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestSpread holds that gather takes back what spread does.
func TestSpread(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		n := rnd.Uint32()
		x := spread(n)
		if x&lonBits != 0 || gather(x) != n || gather(x|lonBits) != n {
			t.Fatalf("%#x is spread to %#x and gathered to %#x", n, x, gather(x))
		}
	}
	if spread(math.MaxUint32) != latBits {
		t.Errorf("all bits are spread to %#x", spread(math.MaxUint32))
	}
}

// TestPlaces holds that a place comes back from its score, to within a cell, and that its score comes back from that.
func TestPlaces(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		p := place{(rnd.Float64()*2 - 1) * longitudeMost, (rnd.Float64()*2 - 1) * latitudeMost}
		q := placeOfScore(p.score())
		if p.distance(q) > 0.6 || q.score() != p.score() {
			t.Fatalf("%v comes back as %v, %v m away", p, q, p.distance(q))
		}
	}
	for _, score := range []float64{-1, math.Inf(1), math.Inf(-1), 1 << 60, 1.5} {
		if p := placeOfScore(score); math.Abs(p.lon) > longitudeMost || math.Abs(p.lat) > latitudeMost {
			t.Errorf("%v is at %v", score, p)
		}
	}
}

// TestCellsHaveAllInTheShape looks for places by their distance alone, and holds that they are all in the cells that are searched.
func TestCellsHaveAllInTheShape(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 3_000 {
		s := shape{center: place{(rnd.Float64()*2 - 1) * 170, (rnd.Float64()*2 - 1) * 70}, unit: 1, box: rnd.IntN(2) == 0}
		s.radius = math.Pow(10, 1+4.5*rnd.Float64())
		s.width, s.height = s.radius, s.radius*(0.5+rnd.Float64())
		reach := degrees(s.radius / earthRadius)
		p := place{s.center.lon + (rnd.Float64()*2-1)*reach*2, s.center.lat + (rnd.Float64()*2-1)*reach}
		if _, in := s.distance(p); !in || math.Abs(p.lon) > longitudeMost || math.Abs(p.lat) > latitudeMost {
			continue
		}
		covered := false
		for _, c := range s.cells() {
			from, to := c.scores()
			covered = covered || from <= p.score() && p.score() < to
		}
		if !covered {
			t.Fatalf("%v is in %+v and in none of %v", p, s, s.cells())
		}
	}
}
