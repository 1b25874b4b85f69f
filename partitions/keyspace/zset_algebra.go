package keyspace

import (
	"bytes"
	"cmp"
	"math"
	"slices"
)

// ZInput is what a union, an intersection or a difference is made of: a sorted set, or a set, whose members have the score 1.
type ZInput struct {
	Weight float64 // what scores are multiplied with
	zset   ZSet
	set    Set
	isSet  bool
}

// ReadZInput returns the input at key, with the weight 1; not ok when the key holds neither a sorted set nor a set.
func (v *View) ReadZInput(key []byte) (in ZInput, ok bool) {
	in.Weight = 1
	if value, found := v.Peek(key); found && value.Type == TypeSet {
		in.isSet = true
		in.set, ok = v.ReadSet(key)
		return in, ok
	}
	in.zset, ok = v.ReadZSet(key)
	return in, ok
}

func (in *ZInput) len() int64 {
	if in.isSet {
		return in.set.Len()
	}
	return in.zset.Len()
}

// score returns the score of a member, without the weight.
func (in *ZInput) score(name []byte) (score float64, ok bool) {
	if in.isSet {
		return 1, in.set.Has(name)
	}
	return in.zset.Score(name)
}

// each calls fn with all members until it returns false.
func (in *ZInput) each(fn func(name []byte, score float64) bool) {
	if in.isSet {
		in.set.Each(func(name []byte) bool { return fn(name, 1) })
		return
	}
	in.zset.Each(ZAll(), false, 0, fn)
}

// ZAggregate says how the scores of a member that several inputs have become one.
type ZAggregate uint8

// The ways to make one score of two.
const (
	ZSum ZAggregate = iota
	ZMin
	ZMax
)

// of makes one score of two, in the way of Redis where one of them is no number.
func (a ZAggregate) of(x, y float64) float64 {
	switch {
	case a == ZSum && math.IsNaN(x+y): // infinities of both signs
		return 0
	case a == ZSum:
		return x + y
	case a == ZMin && y < x, a == ZMax && y > x:
		return y
	default:
		return x
	}
}

// first is a member's score by the first input that has it.
func first(weight, score float64) float64 {
	if x := weight * score; !math.IsNaN(x) {
		return x
	}
	return 0
}

// bySize puts the smallest inputs first: sums of floats depend on the order, and this is Redis's.
func bySize(inputs []ZInput) []ZInput {
	sorted := slices.Clone(inputs)
	slices.SortStableFunc(sorted, func(a, b ZInput) int { return cmp.Compare(a.len(), b.len()) })
	return sorted
}

// inOrder sorts members as a sorted set has them.
func inOrder(members []ZMember) []ZMember {
	slices.SortFunc(members, func(a, b ZMember) int {
		if a.Score != b.Score {
			return cmp.Compare(a.Score, b.Score)
		}
		return bytes.Compare(a.Name, b.Name)
	})
	return members
}

// ZUnion returns the members that any input has, in their order. They are the caller's.
func ZUnion(inputs []ZInput, how ZAggregate) []ZMember {
	var members []ZMember
	at := make(map[string]int)
	for _, in := range bySize(inputs) {
		in.each(func(name []byte, score float64) bool {
			score = first(in.Weight, score)
			if i, known := at[string(name)]; known {
				members[i].Score = how.of(members[i].Score, score)
				return true
			}
			at[string(name)] = len(members)
			members = append(members, ZMember{clone(name), score})
			return true
		})
	}
	return inOrder(members)
}

// ZInter returns the members that all inputs have, in their order. They are the caller's.
func ZInter(inputs []ZInput, how ZAggregate) []ZMember {
	var members []ZMember
	sorted := bySize(inputs)
	sorted[0].each(func(name []byte, score float64) bool {
		score = first(sorted[0].Weight, score)
		for i := range sorted[1:] {
			in := &sorted[1+i]
			other, there := in.score(name)
			if !there {
				return true
			}
			score = how.of(score, in.Weight*other)
		}
		members = append(members, ZMember{clone(name), score})
		return true
	})
	return inOrder(members)
}

// ZInterCount returns how many members all inputs have, but not more than limit unless that is 0.
func ZInterCount(inputs []ZInput, limit int64) (n int64) {
	sorted := bySize(inputs)
	sorted[0].each(func(name []byte, _ float64) bool {
		for i := range sorted[1:] {
			if _, there := sorted[1+i].score(name); !there {
				return true
			}
		}
		n++
		return n != limit
	})
	return n
}

// ZDiff returns the members that the first input has and no other, in their order. They are the caller's.
func ZDiff(inputs []ZInput) []ZMember {
	var members []ZMember
	inputs[0].each(func(name []byte, score float64) bool {
		for i := range inputs[1:] {
			if _, there := inputs[1+i].score(name); there {
				return true
			}
		}
		members = append(members, ZMember{clone(name), score})
		return true
	})
	return inOrder(members)
}
