package commands

import (
	"bytes"
	"cmp"
	"slices"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// sortable is an element and what it is sorted by.
type sortable struct {
	element []byte
	by      []byte // nil: there is nothing
	score   float64
}

// run returns the elements of the key in the order that is asked for, or what the patterns make of them: nil where there is
// nothing.
func (o *sorting) run(v *keyspace.View, key []byte) (values [][]byte, refusal *reply.Reply) {
	source, refusal := openSource(v, key)
	if refusal != nil {
		return nil, refusal
	}
	if o.unsorted && o.store != nil && source.kind == keyspace.TypeSet { // what is kept must not depend on chance
		o.unsorted, o.alpha, o.by = false, true, nil
	}
	start := min(max(o.start, 0), source.size)
	n := source.size - start
	if o.count >= 0 {
		n = min(n, o.count)
	}
	var elements [][]byte
	if o.unsorted {
		elements = source.elements(start, n, o.desc)
	} else {
		all, refusal := o.sort(v, source.elements(0, source.size, false))
		if refusal != nil {
			return nil, refusal
		}
		end := min(start+n, int64(len(all)))
		elements = all[min(start, end):end]
	}
	return o.project(v, elements), nil
}

// sort returns the elements in order.
func (o *sorting) sort(v *keyspace.View, elements [][]byte) (sorted [][]byte, refusal *reply.Reply) {
	all := make([]sortable, len(elements))
	for i, element := range elements {
		all[i] = sortable{element: element, by: element}
		if o.by != nil {
			all[i].by = lookPattern(v, o.by, element)
		}
		if o.alpha || all[i].by == nil {
			continue
		}
		var ok bool
		if all[i].score, ok = parseSortScore(all[i].by); !ok {
			return nil, refuse(reply.Error("ERR One or more scores can't be converted into double"))
		}
	}
	slices.SortStableFunc(all, o.compare)
	for i := range all {
		elements[i] = all[i].element
	}
	return elements, nil
}

// compare tells whether a comes before b (negative), behind it, or whether that is all the same.
func (o *sorting) compare(a, b sortable) (order int) {
	switch {
	case !o.alpha:
		order = cmp.Or(cmp.Compare(a.score, b.score), bytes.Compare(a.element, b.element))
	case a.by == nil && b.by == nil:
		return 0
	case a.by == nil:
		order = -1
	case b.by == nil:
		order = 1
	default:
		order = bytes.Compare(a.by, b.by)
	}
	if o.desc {
		return -order
	}
	return order
}

// project returns what the GET patterns make of the elements, one after the other; without any the elements themselves.
func (o *sorting) project(v *keyspace.View, elements [][]byte) [][]byte {
	if len(o.gets) == 0 {
		return elements
	}
	values := make([][]byte, 0, len(elements)*len(o.gets))
	for _, element := range elements {
		for _, pattern := range o.gets {
			values = append(values, lookPattern(v, pattern, element))
		}
	}
	return values
}

// lookPattern returns what is at the key that a pattern makes of an element: a string, or with "->field" at its end the field of a
// hash. "#" is the element itself. It is nil when there is nothing, or something else.
func lookPattern(v *keyspace.View, pattern, element []byte) []byte {
	if string(pattern) == "#" {
		return element
	}
	before, behind, ok := bytes.Cut(pattern, []byte("*"))
	if !ok {
		return nil
	}
	behind, field, _ := cutField(behind)
	key := slices.Concat(before, element, behind)
	if field == nil {
		return lookText(v, key)
	}
	h, ok := v.ReadHash(key)
	if !ok {
		return nil
	}
	f, found := h.Get(field)
	if !found {
		return nil
	}
	return f.Value
}

// cutField cuts "->field" off a pattern; without a field the arrow belongs to the key.
func cutField(pattern []byte) (key, field []byte, ok bool) {
	key, field, ok = bytes.Cut(pattern, []byte("->"))
	if !ok || len(field) == 0 {
		return pattern, nil, false
	}
	return key, field, true
}

// lookText returns the string at key, nil when there is none.
func lookText(v *keyspace.View, key []byte) []byte {
	s, found := v.Get(key)
	if !found || s.Type != keyspace.TypeString {
		return nil
	}
	return s.Data
}
