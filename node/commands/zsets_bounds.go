package commands

import (
	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// badScoreRange answers bounds that are no scores.
func badScoreRange() reply.Reply { return reply.Error("ERR min or max is not a float") }

// badNameRange answers bounds that are no bounds of names.
func badNameRange() reply.Reply { return reply.Error("ERR min or max not valid string range item") }

// parseScoreRange reads the bounds of a range of scores.
func parseScoreRange(lower, upper []byte) (r keyspace.ScoreRange, ok bool) {
	var upperOK bool
	r.Min, r.OpenMin, ok = parseScoreBound(lower)
	r.Max, r.OpenMax, upperOK = parseScoreBound(upper)
	return r, ok && upperOK
}

// parseScoreBound reads a score, which is excluded if a '(' stands before it. Redis reads it with C's strtod, to which nothing is 0 and
// a zero byte is the end.
func parseScoreBound(word []byte) (score float64, open, ok bool) {
	if len(word) > 0 && word[0] == '(' {
		open, word = true, word[1:]
	}
	score, n, _ := scanDouble(word)
	ok = (n == len(word) || word[n] == 0) && score == score
	return score, open, ok
}

// parseNameRange reads the bounds of a range of names.
func parseNameRange(lower, upper []byte) (r keyspace.NameRange, ok bool) {
	var upperOK bool
	r.Min, ok = parseNameBound(lower)
	r.Max, upperOK = parseNameBound(upper)
	return r, ok && upperOK
}

// parseNameBound reads '-', '+', or a name behind '[' (included) or '(' (excluded).
func parseNameBound(word []byte) (b keyspace.NameBound, ok bool) {
	if len(word) == 0 {
		return b, false
	}
	alone := len(word) == 1 || word[1] == 0
	switch word[0] {
	case '-':
		return keyspace.NameBound{End: -1}, alone
	case '+':
		return keyspace.NameBound{End: 1}, alone
	case '(':
		return keyspace.NameBound{Name: word[1:], Open: true}, true
	case '[':
		return keyspace.NameBound{Name: word[1:]}, true
	default:
		return b, false
	}
}
