package commands

import "math"

// shape is what GEOSEARCH looks for: a circle, or a box, around a place. Lengths are in units of so many metres.
type shape struct {
	center        place
	unit          float64
	box           bool
	radius        float64
	width, height float64
}

// distance returns how far a place is from the center, in metres, and whether it is in the shape.
func (s *shape) distance(p place) (d float64, in bool) {
	if !s.box {
		d = s.center.distance(p)
		return d, d <= s.radius*s.unit
	}
	if s.center.distance(place{s.center.lon, p.lat}) > s.height*s.unit/2 {
		return 0, false
	}
	if p.distance(place{s.center.lon, p.lat}) > s.width*s.unit/2 {
		return 0, false
	}
	return s.center.distance(p), true
}

// bounds returns a rectangle around the shape.
func (s *shape) bounds() area {
	height, width := s.radius, s.radius
	if s.box {
		height, width = s.height/2, s.width/2
	}
	height, width = s.unit*height, s.unit*width
	c := s.center
	north := degrees(height / earthRadius)
	nearer := c.lat + north // the latitude on the pole's side
	if c.lat < 0 {
		nearer = c.lat - north
	}
	east := degrees(width / earthRadius / math.Cos(radians(nearer)))
	return area{place{c.lon - east, c.lat - north}, place{c.lon + east, c.lat + north}}
}

// mercator is half the width of the map at the equator, in metres.
const mercator = 20037726.37

// steps estimates in how small cells to search, so that nine of them cover the shape.
func (s *shape) steps() uint {
	metres := s.radius
	if s.box {
		metres = math.Sqrt(s.width/2*(s.width/2) + float64(s.height/2*(s.height/2)))
	}
	metres *= s.unit
	if metres == 0 {
		return cellSteps
	}
	step := 1
	for ; metres < mercator; metres *= 2 {
		step++
	}
	step -= 2
	lat := math.Abs(s.center.lat)
	if lat > 66 { // cells are narrower there
		step--
	}
	if lat > 80 {
		step--
	}
	return uint(min(max(step, 1), cellSteps))
}

// around are a cell and those next to it, in the order in which Redis looks through them.
type around [9]cell

// The places in around.
const (
	here = iota
	atNorth
	atSouth
	atEast
	atWest
	atNorthEast
	atNorthWest
	atSouthEast
	atSouthWest
)

func (c cell) around() around {
	return around{c, c.move(0, 1), c.move(0, -1), c.move(1, 0), c.move(-1, 0),
		c.move(1, 1), c.move(-1, 1), c.move(1, -1), c.move(-1, -1)}
}

// covers tells whether the cells reach as far as bounds in each direction.
func (n *around) covers(bounds area) bool {
	return n[atNorth].area().high.lat >= bounds.high.lat && n[atSouth].area().low.lat <= bounds.low.lat &&
		n[atEast].area().high.lon >= bounds.high.lon && n[atWest].area().low.lon <= bounds.low.lon
}

// omit leaves out the cells on the sides on which the middle one goes beyond the bounds.
func (n *around) omit(bounds area) {
	middle := n[here].area()
	for _, side := range []struct {
		out   bool
		cells [3]int
	}{
		{middle.low.lat < bounds.low.lat, [3]int{atSouth, atSouthWest, atSouthEast}},
		{middle.high.lat > bounds.high.lat, [3]int{atNorth, atNorthEast, atNorthWest}},
		{middle.low.lon < bounds.low.lon, [3]int{atWest, atSouthWest, atNorthWest}},
		{middle.high.lon > bounds.high.lon, [3]int{atEast, atSouthEast, atNorthEast}},
	} {
		if side.out {
			for _, i := range side.cells {
				n[i] = cell{}
			}
		}
	}
}

// cells returns the cells that have all places in the shape.
func (s *shape) cells() (found []cell) {
	step, bounds := s.steps(), s.bounds()
	near := cellOf(s.center, step, latitudeMost).around()
	if step > 1 && !near.covers(bounds) {
		step--
		near = cellOf(s.center, step, latitudeMost).around()
	}
	if step >= 2 {
		near.omit(bounds)
	}
	last := 0
	for i, c := range near {
		if c == (cell{}) || last > 0 && c == near[last] { // of a map of few cells some are next to each other twice
			continue
		}
		found = append(found, c)
		last = i
	}
	return found
}
