package shipper

import (
	"fmt"
	"time"
)

// Yield decides how much a node gives to those that are filled from it while clients write. Nobody waits for its sake: writes that take
// longer than they do when nothing is given make it give less, until they do not. It is a value, and knows no more than Next is told.
//
// What writes take when nothing is given changes with what clients do, so it is found out again and again: a rest of half a second
// every five. While nobody writes there are no rests.
type Yield struct {
	Most  int64 // bytes a second that are given at most
	Least int64 // bytes a second that are given in any case, except in a rest: whoever is filled is a copy that is missing

	rate   int64
	doing  doing
	until  time.Duration // the end of a rest, or of what comes between two
	given  int64         // bytes, as of the last step
	gave   time.Duration // when it last became more
	usual  time.Duration // what an append takes when nothing is given; 0: not known
	rested rested
}

// rested is what was seen in a rest.
type rested struct {
	from  time.Duration
	took  time.Duration // sum
	looks int
}

// doing is what a Yield is at.
type doing uint8

// What a Yield is at: nobody is filled; somebody is; somebody is and has to wait.
const (
	idling doing = iota
	giving
	resting
)

// How a Yield goes about it.
const (
	giveFor    = 5 * time.Second
	restFor    = 500 * time.Millisecond
	restUnseen = 250 * time.Millisecond // so old may be what is seen: what was on its way when the rest began is not counted
	givenUp    = time.Second            // nobody is filled any more
	yieldUsual = 8                      // each look while nobody is filled changes what is usual by an eighth
	// Appends may take a twentieth longer, and so much more, which is noise.
	slowerBy   = 20
	slowerThan = 50 * time.Microsecond
	lessBy     = 3  // a third less when writes are slower
	moreBy     = 32 // a thirty-second of Most more when they are not
	quietBy    = 8  // an eighth of Most more when nobody writes
)

// Seen is what is seen at one moment.
type Seen struct {
	At    time.Duration // on any clock that never goes back
	Took  time.Duration // what appends have taken lately, of those that giving could hold up; 0: nobody writes
	Given int64         // bytes since the start
}

// Next returns what is decided a moment later. It is to be called about five times a second.
func (y Yield) Next(s Seen) Yield {
	if s.Given != y.given {
		y.given, y.gave = s.Given, s.At
		if y.doing == idling {
			y.doing, y.until = giving, s.At+giveFor
		}
	}
	switch y.doing {
	case idling:
		return y.idle(s)
	case resting:
		return y.rest(s)
	default:
		return y.give(s)
	}
}

// idle learns what is usual.
func (y Yield) idle(s Seen) Yield {
	y.rate = y.Most
	switch {
	case s.Took == 0:
		y.usual = 0
		return y
	case y.usual == 0:
		y.usual = s.Took
	}
	y.usual += (s.Took - y.usual) / yieldUsual
	y.rate = y.least()
	return y
}

// give gives more or less.
func (y Yield) give(s Seen) Yield {
	switch {
	case s.At-y.gave >= givenUp:
		y.doing = idling
	case s.Took == 0:
		if s.At >= y.until {
			y.usual, y.until = 0, s.At+giveFor // nobody writes: no rest
		}
		y.rate = min(y.rate+y.Most/quietBy, y.Most)
	case s.At >= y.until || y.usual == 0 && y.mayRest(s.At):
		y.doing, y.until, y.rested = resting, s.At+restFor, rested{from: s.At}
	case y.usual == 0:
		y.usual = s.Took // nobody wrote in the rest
	case s.Took > y.usual+y.usual/slowerBy+slowerThan:
		y.rate = max(y.rate-y.rate/lessBy, y.least())
	default:
		y.rate = min(y.rate+y.Most/moreBy, y.Most)
	}
	return y
}

// mayRest keeps a load that comes and goes from making one rest of all.
func (y *Yield) mayRest(at time.Duration) bool {
	return y.rested.from == 0 || at-y.rested.from >= giveFor
}

// rest looks what appends take while nothing is given.
func (y Yield) rest(s Seen) Yield {
	if s.Took > 0 && s.At-y.rested.from >= restUnseen {
		y.rested.took, y.rested.looks = y.rested.took+s.Took, y.rested.looks+1
	}
	if s.At < y.until {
		return y
	}
	if y.usual == 0 {
		y.rate = y.least() // clients have begun to write
	}
	y.usual = 0
	if n := y.rested.looks; n > 0 {
		y.usual = y.rested.took / time.Duration(n)
	}
	y.doing, y.until, y.gave = giving, s.At+giveFor, s.At
	return y
}

func (y *Yield) least() int64 { return min(y.Least, y.Most) }

// Rate returns how many bytes a second are given now, and until when nothing is given, if that is later.
func (y Yield) Rate() (rate int64, rest time.Duration) {
	if y.doing == resting {
		return y.rate, y.until
	}
	return y.rate, 0
}

// String returns what a script of the tests compares.
func (y Yield) String() string {
	return fmt.Sprintf("%s %d usual %v", [...]string{"idling", "giving", "resting"}[y.doing], y.rate, y.usual.Round(time.Microsecond))
}
