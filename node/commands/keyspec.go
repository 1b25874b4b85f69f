package commands

import "strings"

// EachKey calls fn for each key among a command's words, in the order of the row's specifications, until fn returns
// false. Words that cannot be right yield no keys: the handler will refuse them. fn gets parts of a. It allocates nothing.
func (r *Row) EachKey(a Args, fn func(key []byte) bool) {
	r.eachKeySpec(a, func(key []byte, _ *KeySpec) bool { return fn(key) })
}

// keyless tells whether a command's words name no key.
func (r *Row) keyless(a Args) bool {
	none := true
	r.EachKey(a, func([]byte) bool {
		none = false
		return false
	})
	return none
}

// eachKeySpec is EachKey with the specification that each key was found by.
func (r *Row) eachKeySpec(a Args, fn func(key []byte, spec *KeySpec) bool) {
	for i := range r.Keys {
		spec := &r.Keys[i]
		first, last, step := spec.locate(a)
		for at := first; at > 0 && at <= last && at < len(a); at += step {
			if !fn(a[at], spec) {
				return
			}
		}
	}
}

// locate returns where the keys of spec stand among a's words; first is 0 when there are none.
func (k *KeySpec) locate(a Args) (first, last, step int) {
	begin := k.begin(a)
	if begin <= 0 || begin >= len(a) {
		return 0, 0, 1
	}
	step = max(k.Step, 1)
	if k.KeyNum {
		at := begin + k.NumIndex
		if at >= len(a) {
			return 0, 0, step
		}
		n, ok := parseInt(a[at])
		first = begin + k.FirstKey
		if !ok || n < 1 || n > int64(len(a)-first) || (n-1)*int64(step) >= int64(len(a)-first) {
			return 0, 0, step
		}
		return first, first + (int(n)-1)*step, step
	}
	switch {
	case k.Last >= 0:
		last = begin + k.Last
	case k.Limit > 1: // the keys are the first part of what follows
		last = begin + (len(a)-begin)/k.Limit + k.Last
	default:
		last = len(a) + k.Last
	}
	return begin, last, step
}

// begin returns the index of the first word that the specification speaks of, 0 for none.
func (k *KeySpec) begin(a Args) int {
	if k.Find != nil {
		return k.Find(a)
	}
	if k.Keyword == "" {
		return k.Index
	}
	keyword := strings.ToLower(k.Keyword)
	if k.From > 0 {
		for at := k.From; at < len(a); at++ {
			if is(a[at], keyword) {
				return at + 1
			}
		}
		return 0
	}
	for at := len(a) + k.From; at > 0; at-- {
		if is(a[at], keyword) {
			return at + 1
		}
	}
	return 0
}

// span returns the first key, the last key and the step as COMMAND INFO shows them: of the specifications that
// are plain ranges, as far as they follow each other.
func (r *Row) span() (first, last, step int) {
	for i := range r.Keys {
		k := &r.Keys[i]
		if k.Keyword != "" || k.KeyNum || k.Find != nil || first > 0 && k.Index != last+1 {
			continue
		}
		if first == 0 {
			first, step = k.Index, max(k.Step, 1)
		}
		if last = k.Last; last >= 0 {
			last += k.Index
		}
	}
	return first, last, step
}
