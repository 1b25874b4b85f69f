package commands

import (
	"cmp"
	"slices"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// geoSearchRows are the commands that find what is in a shape.
func geoSearchRows(limits func() keyspace.Limits) []Row {
	return []Row{
		{Name: "geosearch", Since: "6.2.0", Arity: -7, Flags: FlagReadonly,
			Summary:    "Query a sorted set representing a geospatial index to fetch members inside an area of a box or a circle.",
			Syntax:     "key:key from(FROMMEMBER=member|FROMLONLAT=longitude_latitude(longitude:double latitude:double)) by(circle(BYRADIUS=radius:double unit(M|KM|FT|MI))|box(BYBOX=width:double height:double unit(M|KM|FT|MI))) order(ASC|DESC)? count(COUNT=count:integer ANY?)? WITHCOORD? WITHDIST? WITHHASH?",
			Complexity: "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the shape provided as the filter and M is the number of items inside the shape",
			History:    []Change{{"7.0.0", "Added support for uppercase unit names."}},
			Keys:       oneKey("RO access"),
			Read:       geosearch},
		{Name: "geosearchstore", Since: "6.2.0", Arity: -8, Flags: FlagWrite | FlagDenyOOM,
			Summary:    "Query a sorted set representing a geospatial index to fetch members inside an area of a box or a circle, and store the result in another key.",
			Syntax:     "destination:key source:key1 from(FROMMEMBER=member|FROMLONLAT=longitude_latitude(longitude:double latitude:double)) by(circle(BYRADIUS=radius:double unit(M|KM|FT|MI))|box(BYBOX=width:double height:double unit(M|KM|FT|MI))) order(ASC|DESC)? count(COUNT=count:integer ANY?)? STOREDIST?",
			Complexity: "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the shape provided as the filter and M is the number of items inside the shape",
			History:    []Change{{"7.0.0", "Added support for uppercase unit names."}},
			Keys:       []KeySpec{{Flags: "OW update", Index: 1, Step: 1}, {Flags: "RO access", Index: 2, Step: 1}},
			Write:      geosearchStore(limits)},
	}
}

// geoRadiusRows are the older commands for the same.
func geoRadiusRows(limits func() keyspace.Limits) []Row {
	return []Row{
		{Name: "georadius", Since: "3.2.0", Arity: -6, Flags: FlagWrite | FlagDenyOOM | FlagMovableKeys,
			Summary:    "Query a sorted set representing a geospatial index to fetch members matching a given maximum distance from a point",
			Syntax:     "key:key longitude:double latitude:double radius:double unit(M|KM|FT|MI) WITHCOORD? WITHDIST? WITHHASH? count(COUNT=count:integer ANY?~6.2.0)? order(ASC|DESC)? STORE=key:key1? STOREDIST=key:key2?",
			Complexity: "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index.",
			History:    []Change{{"6.2.0", "Added the `ANY` option for `COUNT`."}, {"7.0.0", "Added support for uppercase unit names."}},
			Deprecated: Deprecation{Since: "6.2.0", ReplacedBy: "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument"},
			Keys:       []KeySpec{{Flags: "RO access", Index: 1, Step: 1}, {Flags: "OW update", Keyword: "STORE", From: 6, Step: 1}, {Flags: "OW update", Keyword: "STOREDIST", From: 6, Step: 1}},
			Write:      georadiusWrite(limits, parseGeoRadius)},
		{Name: "georadius_ro", Since: "3.2.10", Arity: -6, Flags: FlagReadonly,
			Summary:    "A read-only variant for GEORADIUS",
			Syntax:     "key:key longitude:double latitude:double radius:double unit(M|KM|FT|MI) WITHCOORD? WITHDIST? WITHHASH? count(COUNT=count:integer ANY?~6.2.0)? order(ASC|DESC)?",
			Complexity: "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index.",
			History:    []Change{{"6.2.0", "Added the `ANY` option for `COUNT`."}},
			Deprecated: Deprecation{Since: "6.2.0", ReplacedBy: "`GEOSEARCH` with the `BYRADIUS` argument"},
			Keys:       oneKey("RO access"),
			Read:       georadiusRead(parseGeoRadius)},
		{Name: "georadiusbymember", Since: "3.2.0", Arity: -5, Flags: FlagWrite | FlagDenyOOM | FlagMovableKeys,
			Summary:    "Query a sorted set representing a geospatial index to fetch members matching a given maximum distance from a member",
			Syntax:     "key:key member radius:double unit(M|KM|FT|MI) WITHCOORD? WITHDIST? WITHHASH? count(COUNT=count:integer ANY?)? order(ASC|DESC)? STORE=key:key1? STOREDIST=key:key2?",
			Complexity: "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index.",
			History:    []Change{{"7.0.0", "Added support for uppercase unit names."}},
			Deprecated: Deprecation{Since: "6.2.0", ReplacedBy: "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments"},
			Keys:       []KeySpec{{Flags: "RO access", Index: 1, Step: 1}, {Flags: "OW update", Keyword: "STORE", From: 5, Step: 1}, {Flags: "OW update", Keyword: "STOREDIST", From: 5, Step: 1}},
			Write:      georadiusWrite(limits, parseGeoRadiusByMember)},
		{Name: "georadiusbymember_ro", Since: "3.2.10", Arity: -5, Flags: FlagReadonly,
			Summary:    "A read-only variant for GEORADIUSBYMEMBER",
			Syntax:     "key:key member radius:double unit(M|KM|FT|MI) WITHCOORD? WITHDIST? WITHHASH? count(COUNT=count:integer ANY?)? order(ASC|DESC)?",
			Complexity: "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index.",
			Deprecated: Deprecation{Since: "6.2.0", ReplacedBy: "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments"},
			Keys:       oneKey("RO access"),
			Read:       georadiusRead(parseGeoRadiusByMember)},
	}
}

// GEOSEARCH key FROMMEMBER member | FROMLONLAT longitude latitude
// BYRADIUS radius M | KM | FT | MI | BYBOX width height M | KM | FT | MI
// [ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]
func geosearch(v *keyspace.View, a Args) reply.Reply {
	z, refusal := lookZSet(v, a[1])
	if refusal != nil {
		return *refusal
	}
	g := geoAsking{geoForm: geoForm{search: true}}
	if refusal := g.options(geoSource{&z}, a[2:], a[0]); refusal != nil {
		return *refusal
	}
	return g.reply(g.find(&z))
}

// GEOSEARCHSTORE destination source FROMMEMBER member | FROMLONLAT longitude latitude
// BYRADIUS radius M | KM | FT | MI | BYBOX width height M | KM | FT | MI
// [ASC | DESC] [COUNT count [ANY]] [STOREDIST]
func geosearchStore(limits func() keyspace.Limits) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		z, refusal := lookZSet(&tx.View, a[2])
		if refusal != nil {
			return *refusal
		}
		g := geoAsking{geoForm: geoForm{search: true, store: true}, geoOptions: geoOptions{store: a[1], stores: true}}
		if refusal := g.options(geoSource{&z}, a[3:], a[0]); refusal != nil {
			return *refusal
		}
		return g.keep(tx, g.find(&z), limits().ZSet)
	}
}

// parseGeoRadius reads the words behind the key: longitude, latitude, radius, unit and options.
func parseGeoRadius(g *geoAsking, from geoSource, a Args) (refusal *reply.Reply) {
	if g.center, refusal = parsePlace(a[2], a[3]); refusal != nil {
		return refusal
	}
	if refusal = g.parseRadius(a[4:]); refusal != nil {
		return refusal
	}
	return g.options(from, a[6:], a[0])
}

// parseGeoRadiusByMember reads the words behind the key: a member, radius, unit and options. Where there is no sorted set Redis does not
// look at the radius.
func parseGeoRadiusByMember(g *geoAsking, from geoSource, a Args) (refusal *reply.Reply) {
	if from.zset.There() {
		if refusal = from.center(g, a[2]); refusal != nil {
			return refusal
		}
		if refusal = g.parseRadius(a[3:]); refusal != nil {
			return refusal
		}
	}
	return g.options(from, a[5:], a[0])
}

// geoParser reads the words of one of the commands named after the radius.
type geoParser func(g *geoAsking, from geoSource, a Args) *reply.Reply

// GEORADIUS_RO key longitude latitude radius M | KM | FT | MI [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC]
// GEORADIUSBYMEMBER_RO key member radius M | KM | FT | MI [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC]
func georadiusRead(parse geoParser) func(*keyspace.View, Args) reply.Reply {
	return func(v *keyspace.View, a Args) reply.Reply {
		z, refusal := lookZSet(v, a[1])
		if refusal != nil {
			return *refusal
		}
		var g geoAsking
		if refusal := parse(&g, geoSource{&z}, a); refusal != nil {
			return *refusal
		}
		return g.reply(g.find(&z))
	}
}

// GEORADIUS key longitude latitude radius M | KM | FT | MI [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC]
// [STORE key] [STOREDIST key]
// GEORADIUSBYMEMBER key member radius M | KM | FT | MI [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC]
// [STORE key] [STOREDIST key]
func georadiusWrite(limits func() keyspace.Limits, parse geoParser) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		z, refusal := lookZSet(&tx.View, a[1])
		if refusal != nil {
			return *refusal
		}
		g := geoAsking{geoForm: geoForm{mayStore: true}}
		if refusal := parse(&g, geoSource{&z}, a); refusal != nil {
			return *refusal
		}
		if g.stores {
			return g.keep(tx, g.find(&z), limits().ZSet)
		}
		return g.reply(g.find(&z))
	}
}

// geoFound is a member in the shape. Distance is in metres.
type geoFound struct {
	keyspace.ZMember
	place    place
	distance float64
}

// find returns the members that are asked for, in the order of the answer.
func (g *geoAsking) find(z *keyspace.ZSet) (in []geoFound) {
	if !z.There() {
		return nil
	}
	enough := func() bool { return g.any && int64(len(in)) >= g.count }
	for _, c := range g.cells() {
		from, to := c.scores()
		span := keyspace.Scores(keyspace.ScoreRange{Min: from, Max: to, OpenMax: true})
		z.Each(span, false, 0, func(name []byte, score float64) bool {
			p := placeOfScore(score)
			if d, is := g.distance(p); is {
				in = append(in, geoFound{keyspace.ZMember{Name: slices.Clone(name), Score: score}, p, d})
			}
			return !enough()
		})
		if enough() {
			break
		}
	}
	cut := g.count > 0 && int64(len(in)) > g.count
	switch {
	case g.sorted && cut:
		partSort(in, 0, int(g.count), g.compare)
	case g.sorted:
		slices.SortStableFunc(in, g.compare)
	}
	if cut {
		in = in[:g.count]
	}
	return in
}

func (g *geoAsking) compare(a, b geoFound) int {
	if g.descending {
		a, b = b, a
	}
	return cmp.Compare(a.distance, b.distance)
}

// reply answers what was found.
func (g *geoAsking) reply(in []geoFound) reply.Reply {
	elems := make([]reply.Reply, len(in))
	for i := range in {
		elems[i] = g.one(&in[i])
	}
	return reply.Array(elems...)
}

func (g *geoAsking) one(m *geoFound) reply.Reply {
	if !g.withDist && !g.withHash && !g.withCoord {
		return reply.Bulk(m.Name)
	}
	elems := []reply.Reply{reply.Bulk(m.Name)}
	if g.withDist {
		elems = append(elems, distanceReply(m.distance/g.unit))
	}
	if g.withHash {
		elems = append(elems, reply.Int(int64(m.Score)))
	}
	if g.withCoord {
		elems = append(elems, placeReply(m.place))
	}
	return reply.Array(elems...)
}

// keep stores what was found, by place or by distance.
func (g *geoAsking) keep(tx *keyspace.Tx, in []geoFound, limits keyspace.PackLimits) reply.Reply {
	members := make([]keyspace.ZMember, len(in))
	for i, m := range in {
		members[i] = m.ZMember
		if g.storeDist {
			members[i].Score = m.distance / g.unit
		}
	}
	tx.ReplaceZSet(g.geoOptions.store, members, limits)
	return reply.Int(int64(len(members)))
}
