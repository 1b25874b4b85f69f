package commands

import (
	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// geoSource is the sorted set that is asked, so far as the words depend on it.
type geoSource struct{ zset *keyspace.ZSet }

// geoOptions say how a search is answered.
type geoOptions struct {
	withDist, withHash, withCoord bool
	any                           bool // whichever are found first
	sorted, descending            bool
	count                         int64 // 0: all
	store                         []byte
	stores, storeDist             bool
}

// geoForm is what a command's name says.
type geoForm struct {
	search   bool // GEOSEARCH: the shape is among the options
	store    bool // the first key is where the result goes
	mayStore bool // STORE and STOREDIST name a key
}

// geoAsking is a search as a command asks for it.
type geoAsking struct {
	geoForm
	geoOptions
	shape
	fromMember, fromPlace bool
	byRadius, byBox       bool
}

// parseRadius reads a radius and its unit.
func (g *geoAsking) parseRadius(words Args) *reply.Reply {
	radius, ok := parseDouble(words[0])
	if !ok {
		return refuse(reply.Error("ERR need numeric radius"))
	}
	if radius < 0 {
		return refuse(reply.Error("ERR radius cannot be negative"))
	}
	unit, refusal := parseLength(words[1])
	g.radius, g.unit, g.box = radius, unit, false
	return refusal
}

// parseBox reads a width, a height and their unit.
func (g *geoAsking) parseBox(words Args) *reply.Reply {
	width, ok := parseDouble(words[0])
	if !ok {
		return refuse(reply.Error("ERR need numeric width"))
	}
	height, ok := parseDouble(words[1])
	if !ok {
		return refuse(reply.Error("ERR need numeric height"))
	}
	if width < 0 || height < 0 {
		return refuse(reply.Error("ERR height or width cannot be negative"))
	}
	unit, refusal := parseLength(words[2])
	g.width, g.height, g.unit, g.box = width, height, unit, true
	return refusal
}

// center makes the place of a member the center. Where there is no sorted set there is nothing to find either.
func (s geoSource) center(g *geoAsking, member []byte) *reply.Reply {
	if !s.zset.There() {
		return nil
	}
	score, ok := s.zset.Score(member)
	if !ok {
		return refuse(reply.Error("ERR could not decode requested zset member"))
	}
	g.center = placeOfScore(score)
	return nil
}

// options reads all options and refuses those that exclude each other. name is how the client called the command.
func (g *geoAsking) options(from geoSource, words Args, name []byte) *reply.Reply {
	for len(words) > 0 {
		n, refusal := g.option(words)
		if n == 0 && refusal == nil {
			n, refusal = g.shapeOption(from, words)
		}
		if n == 0 && refusal == nil {
			refusal = refuse(reply.Syntax())
		}
		if refusal != nil {
			return refusal
		}
		words = words[n:]
	}
	return g.contradiction(name)
}

// contradiction refuses options that exclude each other, or the lack of one.
func (g *geoAsking) contradiction(name []byte) *reply.Reply {
	switch {
	case g.stores && (g.withDist || g.withHash || g.withCoord):
		what := "STORE option in GEORADIUS"
		if g.geoForm.store {
			what = "GEOSEARCHSTORE"
		}
		return refuse(reply.Errorf("ERR %s is not compatible with WITHDIST, WITHHASH and WITHCOORD options", what))
	case g.search && !g.fromMember && !g.fromPlace:
		return refuse(reply.Errorf("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for %s", name))
	case g.search && !g.byRadius && !g.byBox:
		return refuse(reply.Errorf("ERR exactly one of BYRADIUS and BYBOX can be specified for %s", name))
	case g.any && g.count == 0:
		return refuse(reply.Error("ERR the ANY argument requires COUNT argument"))
	}
	if g.count != 0 && !g.any {
		g.sorted = true
	}
	return nil
}

// option reads the option that words begins with, if it is one about the answer, and returns how many words it takes.
func (g *geoAsking) option(words Args) (n int, refusal *reply.Reply) {
	word := words[0]
	switch {
	case is(word, "withdist"):
		g.withDist = true
	case is(word, "withhash"):
		g.withHash = true
	case is(word, "withcoord"):
		g.withCoord = true
	case is(word, "any"):
		g.any = true
	case is(word, "asc"), is(word, "desc"):
		g.sorted, g.descending = true, is(word, "desc")
	case is(word, "count") && len(words) > 1:
		return 2, g.parseCount(words[1])
	case g.mayStore && len(words) > 1 && (is(word, "store") || is(word, "storedist")):
		g.geoOptions.store, g.stores, g.storeDist = words[1], true, is(word, "storedist")
		return 2, nil
	case g.geoForm.store && is(word, "storedist"):
		g.storeDist = true
	default:
		return 0, nil
	}
	return 1, nil
}

func (g *geoAsking) parseCount(word []byte) *reply.Reply {
	n, ok := parseInt(word)
	if !ok {
		return refuse(reply.NotInteger())
	}
	if n <= 0 {
		return refuse(reply.Error("ERR COUNT must be > 0"))
	}
	g.count = n
	return nil
}

// shapeOption is option for those about what to search.
func (g *geoAsking) shapeOption(from geoSource, words Args) (n int, refusal *reply.Reply) {
	word := words[0]
	switch {
	case !g.search:
		return 0, nil
	case is(word, "frommember") && len(words) > 1 && !g.fromPlace:
		g.fromMember = true
		return 2, from.center(g, words[1])
	case is(word, "fromlonlat") && len(words) > 2 && !g.fromMember:
		g.fromPlace = true
		g.center, refusal = parsePlace(words[1], words[2])
		return 3, refusal
	case is(word, "byradius") && len(words) > 2 && !g.byBox:
		g.byRadius = true
		return 3, g.parseRadius(words[1:])
	case is(word, "bybox") && len(words) > 3 && !g.byRadius:
		g.byBox = true
		return 4, g.parseBox(words[1:])
	default:
		return 0, nil
	}
}
