package commands

import (
	"bytes"
	"math"
	"slices"
	"strconv"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// geoRows are the commands of the geo group, which take the scores of a sorted set for places on earth. limits is asked each time up to
// where a sorted set is kept in the small encoding; it must not block.
func geoRows(limits func() keyspace.Limits) []Row {
	rows := slices.Concat(geoPlaceRows(limits), geoSearchRows(limits), geoRadiusRows(limits))
	for i := range rows {
		rows[i].Group = "geo"
		rows[i].Categories = []string{"geo"}
	}
	return rows
}

// geoPlaceRows are the commands on single places.
func geoPlaceRows(limits func() keyspace.Limits) []Row {
	return []Row{
		{Name: "geoadd", Since: "3.2.0", Arity: -5, Flags: FlagWrite | FlagDenyOOM,
			Summary:    "Add one or more geospatial items in the geospatial index represented using a sorted set",
			Syntax:     "key:key condition(NX|XX)?~6.2.0 CH=change:pure-token?~6.2.0 longitude_latitude_member(longitude:double latitude:double member)*",
			Complexity: "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
			History:    []Change{{"6.2.0", "Added the `CH`, `NX` and `XX` options."}},
			Keys:       oneKey("RW update"),
			Write:      geoadd(limits)},
		{Name: "geodist", Since: "3.2.0", Arity: -4, Flags: FlagReadonly,
			Summary:    "Returns the distance between two members of a geospatial index",
			Syntax:     "key:key member1 member2 unit(M|KM|FT|MI)?",
			Complexity: "O(log(N))",
			Keys:       oneKey("RO access"),
			Read:       geodist},
		{Name: "geohash", Since: "3.2.0", Arity: -2, Flags: FlagReadonly,
			Summary:    "Returns members of a geospatial index as standard geohash strings",
			Syntax:     "key:key member*",
			Complexity: "O(log(N)) for each member requested, where N is the number of elements in the sorted set.",
			Keys:       oneKey("RO access"),
			Read:       geohash},
		{Name: "geopos", Since: "3.2.0", Arity: -2, Flags: FlagReadonly,
			Summary:    "Returns longitude and latitude of members of a geospatial index",
			Syntax:     "key:key member*",
			Complexity: "O(N) where N is the number of members requested.",
			Keys:       oneKey("RO access"),
			Read:       geopos},
	}
}

// parsePlace reads a longitude and a latitude.
func parsePlace(longitude, latitude []byte) (p place, refusal *reply.Reply) {
	var ok, latitudeOK bool
	p.lon, ok = parseDouble(longitude)
	p.lat, latitudeOK = parseDouble(latitude)
	switch {
	case !ok || !latitudeOK:
		return p, refuse(reply.NotFloat())
	case math.Abs(p.lon) > longitudeMost || math.Abs(p.lat) > latitudeMost:
		return p, refuse(reply.Errorf("ERR invalid longitude,latitude pair %s,%s", sixDigits(p.lon), sixDigits(p.lat)))
	}
	return p, nil
}

// sixDigits writes a number as C's %f does.
func sixDigits(x float64) string {
	if math.IsInf(x, 0) {
		return string(reply.AppendDouble(nil, x))
	}
	return strconv.FormatFloat(x, 'f', 6, 64)
}

// parseLength reads a unit of length and returns how many metres it is.
func parseLength(word []byte) (metres float64, refusal *reply.Reply) {
	switch {
	case is(word, "m"):
		return 1, nil
	case is(word, "km"):
		return 1000, nil
	case is(word, "ft"):
		return 0.3048, nil
	case is(word, "mi"):
		return 1609.34, nil
	default:
		return 0, refuse(reply.Error("ERR unsupported unit provided. please use M, KM, FT, MI"))
	}
}

// coordinate answers one of the numbers of a place.
func coordinate(x float64) reply.Reply {
	text := strconv.AppendFloat(nil, x, 'f', floatDigits, 64)
	text = bytes.TrimSuffix(bytes.TrimRight(text, "0"), []byte("."))
	if string(text) == "-0" {
		text = text[1:]
	}
	return reply.DoubleText(string(text))
}

// distanceReply answers a distance.
func distanceReply(d float64) reply.Reply {
	return reply.BulkString(strconv.FormatFloat(d, 'f', 4, 64))
}

// GEOADD key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]
func geoadd(limits func() keyspace.Limits) func(*keyspace.Tx, Args) reply.Reply {
	return func(tx *keyspace.Tx, a Args) reply.Reply {
		adding, refusal := parseGeoAdd(a[2:])
		if refusal != nil {
			return *refusal
		}
		return adding.add(tx, a[1], limits().ZSet)
	}
}

// parseGeoAdd reads what follows the key, and makes of it what ZADD is told.
func parseGeoAdd(words Args) (z zadding, refusal *reply.Reply) {
	for len(words) > 0 && (is(words[0], "nx") || is(words[0], "xx") || is(words[0], "ch")) {
		z.option(words[0])
		words = words[1:]
	}
	if len(words)%3 != 0 || len(words) == 0 || z.when.Absent && z.when.Present {
		return z, refuse(reply.Syntax())
	}
	for ; len(words) > 0; words = words[3:] {
		p, refusal := parsePlace(words[0], words[1])
		if refusal != nil {
			return z, refusal
		}
		z.scores = append(z.scores, p.score())
		z.words = append(z.words, nil, words[2])
	}
	return z, nil
}

// GEOPOS key member [member ...]
func geopos(v *keyspace.View, a Args) reply.Reply {
	z, refusal := lookZSet(v, a[1])
	if refusal != nil {
		return *refusal
	}
	places := make([]reply.Reply, len(a)-2)
	for i, name := range a[2:] {
		places[i] = reply.NullArray()
		if score, ok := z.Score(name); ok {
			places[i] = placeReply(placeOfScore(score))
		}
	}
	return reply.Array(places...)
}

// placeReply answers a place.
func placeReply(p place) reply.Reply { return reply.Array(coordinate(p.lon), coordinate(p.lat)) }

// GEOHASH key member [member ...]
func geohash(v *keyspace.View, a Args) reply.Reply {
	z, refusal := lookZSet(v, a[1])
	if refusal != nil {
		return *refusal
	}
	hashes := make([]reply.Reply, len(a)-2)
	for i, name := range a[2:] {
		hashes[i] = reply.Null()
		if score, ok := z.Score(name); ok {
			hashes[i] = reply.BulkString(placeOfScore(score).standard())
		}
	}
	return reply.Array(hashes...)
}

// GEODIST key member1 member2 [M | KM | FT | MI]
func geodist(v *keyspace.View, a Args) reply.Reply {
	unit := 1.0
	if len(a) > 4 {
		var refusal *reply.Reply
		if unit, refusal = parseLength(a[4]); refusal != nil || len(a) > 5 {
			return geodistRefusal(a, refusal)
		}
	}
	z, refusal := lookZSet(v, a[1])
	if refusal != nil {
		return *refusal
	}
	from, ok := z.Score(a[2])
	to, there := z.Score(a[3])
	if !ok || !there {
		return reply.Null()
	}
	return distanceReply(placeOfScore(from).distance(placeOfScore(to)) / unit)
}

// geodistRefusal refuses a bad unit, or words behind it before anything else.
func geodistRefusal(a Args, refusal *reply.Reply) reply.Reply {
	if len(a) > 5 {
		return reply.Syntax()
	}
	return *refusal
}
