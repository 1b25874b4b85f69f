package keyspace

import "encoding/binary"

// census counts the rows of one area of a collection that is too big to be whole in memory, block by block, so that ranks are
// found without counting all rows. It is made when it is first needed, by reading the area once, and kept up to date as long as
// the collection's key stays in memory. Only areas whose rows are new whenever they are put, but for the effects that say otherwise,
// can be counted.
type census struct {
	area   byte
	blocks counted[struct{}] // by the first row key that may be in the block; the weight is the number of its rows
}

// How many rows a block has when it is made, and when it is split.
const (
	blockRows = 256
	blockMost = 2 * blockRows
)

// before returns how many rows of an area stand before sub, which lies in the area or just behind it.
func (v *View) before(h *head, area byte, sub []byte) int64 {
	m := v.elements(h)
	if m.whole {
		return m.tree.before(sub) - m.tree.before([]byte{area})
	}
	c := v.censusOf(h, m, area)
	if c == nil {
		return 0
	}
	first, _, _ := c.blocks.floor(sub)
	n := c.blocks.before([]byte(first))
	v.ascend(h, []byte(first), sub, func(_, _ []byte) bool {
		n++
		return true
	})
	return n
}

// at returns the row key of row i of an area, counted from 0, and its value.
func (v *View) at(h *head, area byte, i int64) (sub, value []byte, ok bool) {
	m := v.elements(h)
	if i < 0 {
		return nil, nil, false
	}
	if m.whole {
		key, e, _, ok := m.tree.at(m.tree.before([]byte{area}) + i)
		if !ok || key[0] != area {
			return nil, nil, false
		}
		return []byte(key), e.value, true
	}
	c := v.censusOf(h, m, area)
	if c == nil {
		return nil, nil, false
	}
	first, _, rest, ok := c.blocks.at(i)
	if !ok {
		return nil, nil, false
	}
	v.ascend(h, []byte(first), areaEnd(area), func(s, val []byte) bool {
		if rest--; rest >= 0 {
			return true
		}
		sub, value = clone(s), clone(val)
		return false
	})
	return sub, value, sub != nil
}

// censusOf returns the census of an area, made now if there is none. It is nil for a View that probes.
func (v *View) censusOf(h *head, m *elements, area byte) *census {
	if v.probe {
		v.coldRows(h, []byte{area}, areaEnd(area))
		return nil
	}
	if m.census != nil && m.census.area == area {
		return m.census
	}
	c := &census{area: area}
	begin, n := string([]byte{area}), int64(0)
	v.ascend(h, []byte{area}, areaEnd(area), func(sub, _ []byte) bool {
		if n == blockRows {
			c.blocks.set(begin, struct{}{}, n)
			begin, n = string(sub), 0
		}
		n++
		return true
	})
	c.blocks.set(begin, struct{}{}, n)
	m.census = c
	return c
}

// add takes note that a row has come (n is 1) or gone (-1), and tells which block is to be split, if any.
func (c *census) add(sub string, n int64) (split string) {
	first, _, ok := c.blocks.floor([]byte(sub))
	if !ok || sub[0] != c.area {
		return ""
	}
	rows := c.weight(first) + n
	c.blocks.set(first, struct{}{}, rows)
	switch {
	case rows == 0 && first != string([]byte{c.area}):
		c.blocks.delete([]byte(first))
	case rows > blockMost:
		return first
	}
	return ""
}

func (c *census) weight(first string) int64 {
	k := c.blocks.seek([]byte(first))
	return k.weight()
}

// split makes two blocks of one.
func (v *View) split(h *head, c *census, first string) {
	rows, half := c.weight(first), int64(0)
	v.ascend(h, []byte(first), areaEnd(c.area), func(sub, _ []byte) bool {
		if half++; half <= rows/2 {
			return true
		}
		c.blocks.set(string(sub), struct{}{}, rows-half+1)
		return false
	})
	if half > rows/2 {
		c.blocks.set(first, struct{}{}, half-1)
	}
}

// sortable is a number whose bytes are in its order.
func sortable(dst []byte, n int64) []byte { return binary.BigEndian.AppendUint64(dst, uint64(n)^1<<63) }
