package commands

import "math"

// place is a point on earth, in degrees.
type place struct{ lon, lat float64 }

// The places that there are: the latitudes are those of a Mercator map that is a square.
const (
	longitudeMost = 180
	latitudeMost  = 85.05112878
	poles         = 90 // of latitudes in a standard geohash
)

// cellSteps is how often the map is halved, in both directions, until a cell is a place: its number is a score of 52 bits.
const cellSteps = 26

// cell is one of the parts of a map that was halved step times in both directions. Its bits say on which sides it was, from
// the first step on, in turn for longitude and latitude.
type cell struct {
	bits uint64
	step uint
}

// area is what a cell covers.
type area struct{ low, high place }

// cellOf returns the cell of the map that has the place; the map's latitudes go up to most.
func cellOf(p place, step uint, most float64) cell {
	lat := (p.lat + most) / (2 * most)
	lon := (p.lon + longitudeMost) / (2 * longitudeMost)
	scale := float64(uint64(1) << step)
	return cell{spread(uint32(lat*scale)) | spread(uint32(lon*scale))<<1, step}
}

// spread moves the bits of n to the even places.
func spread(n uint32) uint64 {
	x := uint64(n)
	for shift, mask := uint(16), uint64(0x0000ffff0000ffff); ; {
		x = (x | x<<shift) & mask
		if shift == 1 {
			return x
		}
		shift /= 2
		mask ^= mask << shift
	}
}

// gather is the opposite of spread: it takes the bits at the even places.
func gather(x uint64) uint32 {
	x &= 0x5555555555555555
	for shift, mask := uint(1), uint64(0x3333333333333333); shift < 32; shift *= 2 {
		x = (x | x>>shift) & mask
		mask = nextMask(shift)
	}
	return uint32(x)
}

// nextMask keeps the groups of bits that a step of gather has made, four times as wide as the shift.
func nextMask(shift uint) uint64 {
	switch shift {
	case 1:
		return 0x0f0f0f0f0f0f0f0f
	case 2:
		return 0x00ff00ff00ff00ff
	case 4:
		return 0x0000ffff0000ffff
	default:
		return 0x00000000ffffffff
	}
}

// area returns what the cell covers.
func (c cell) area() area {
	lat, lon := gather(c.bits), gather(c.bits>>1)
	return area{
		low:  place{edge(lon, c.step, longitudeMost), edge(lat, c.step, latitudeMost)},
		high: place{edge(lon+1, c.step, longitudeMost), edge(lat+1, c.step, latitudeMost)},
	}
}

// edge is where part n of those into which step halvings make -most to most begins.
func edge(n uint32, step uint, most float64) float64 {
	return -most + float64(float64(n)/float64(uint64(1)<<step)*(2*most))
}

// score returns the score of the place in a sorted set.
func (p place) score() float64 { return float64(cellOf(p, cellSteps, latitudeMost).bits) }

// placeOfScore returns the middle of the cell whose number is a score.
func placeOfScore(score float64) place {
	a := cell{scoreBits(score), cellSteps}.area()
	return place{
		lon: min(max((a.low.lon+a.high.lon)/2, -longitudeMost), longitudeMost),
		lat: min(max((a.low.lat+a.high.lat)/2, -latitudeMost), latitudeMost),
	}
}

// scoreBits makes an integer of a score that need not be that of a place.
func scoreBits(score float64) uint64 {
	switch {
	case score >= 1<<64:
		return 0
	case score >= 1<<63:
		return uint64(score-1<<63) | 1<<63
	case score <= -1<<63:
		return 1 << 63
	default:
		return uint64(int64(score))
	}
}

// standardSize is how many characters a standard geohash has; the last is always '0', for there are only 52 bits.
const standardSize = 11

// standard returns the geohash that others understand: its latitudes go to the poles.
func (p place) standard() string {
	const alphabet = "0123456789bcdefghjkmnpqrstuvwxyz"
	bits := cellOf(p, cellSteps, poles).bits
	var text [standardSize]byte
	for i := range text {
		text[i] = alphabet[0]
		if i < standardSize-1 {
			text[i] = alphabet[bits>>(52-5*(i+1))&0x1f]
		}
	}
	return string(text[:])
}

// Masks of a cell's bits.
const (
	latBits uint64 = 0x5555555555555555
	lonBits uint64 = 0xaaaaaaaaaaaaaaaa
)

// move returns the cell so many cells to the east and to the north, 1, 0 or -1. The map goes round; a place at its very edge, which is
// beyond the last cell, stays there in the direction in which it does not move, as in Redis.
func (c cell) move(east, north int) cell {
	unused := 64 - 2*c.step
	lon := countBy(east, c.bits&lonBits, latBits>>unused, lonBits>>unused)
	lat := countBy(north, c.bits&latBits, lonBits>>unused, latBits>>unused)
	return cell{lon | lat, c.step}
}

// countBy counts up or down in the bits that gaps leaves out, and keeps those of mask.
func countBy(by int, n, gaps, mask uint64) uint64 {
	switch {
	case by > 0:
		return (n + gaps + 1) & mask
	case by < 0:
		return ((n | gaps) - (gaps + 1)) & mask
	default:
		return n
	}
}

// scores returns the range of the scores of the places in the cell; the upper bound is not one of them.
func (c cell) scores() (from, to float64) {
	shift := 2 * (cellSteps - c.step)
	return float64(c.bits << shift), float64((c.bits + 1) << shift)
}

// earthRadius is in metres, as Redis has it.
const earthRadius = 6372797.560856

// degree is in radians.
const degree = math.Pi / 180

func radians(degrees float64) float64 { return degrees * degree }

func degrees(radians float64) float64 { return radians / degree }

// distance returns the metres between two places by the haversine formula.
func (p place) distance(q place) float64 {
	v := exactSin((radians(q.lon) - radians(p.lon)) / 2)
	u := exactSin((radians(q.lat) - radians(p.lat)) / 2)
	around := float64(exactCos(radians(p.lat))*exactCos(radians(q.lat))) * v
	return 2 * earthRadius * exactAsin(math.Sqrt(float64(u*u)+float64(around*v)))
}
