package keyspace

// elements are the rows of one collection as far as they are in memory: those that Pebble does not have yet, and all others too
// while the collection is whole here. A row's key is what stands behind the object's number (FORMAT.md).
//
// A collection is whole from its birth until it takes more than its share of memory, and again when it is read often enough
// and small enough.
type elements struct {
	object uint64
	tree   counted[element]
	whole  bool   // tree has every row and none that is gone: Pebble need not be asked
	bytes  int64  // about what the rows and the queue take
	queue  []late // what is to be done once Pebble has what records have changed, about in the order of the records
	sweep  string // rows before it have left a tree that is no longer whole; "" when there is nothing to sweep
	asked  int64  // how often Pebble was asked for a row since the collection was last whole
	census *census
	window window
	holes  holes
}

// element is one row.
type element struct {
	value  []byte
	record uint64 // the record that last changed it; 0 when it was read from Pebble
	gone   bool   // the row is not there any more, though Pebble may have it
}

// late is a row that a record has changed: it may leave memory once Pebble has the change. While the collection is whole only rows that
// have gone are noted, in case it is not whole any more before Pebble knows.
type late struct {
	sub    string
	record uint64
}

// elementOverhead is about what a row costs in memory beside its key and value.
const elementOverhead = 104

// lateBytes is about what a note in the queue costs beside the row's key.
const lateBytes = 40

// elementsOverhead is about what a collection costs in memory beside its rows.
const elementsOverhead = 240

// size is what all this takes in memory.
func (m *elements) size() int64 { return elementsOverhead + m.bytes }

func elementBytes(sub string, value []byte) int64 {
	return elementOverhead + int64(len(sub)+len(value))
}

// put makes a row, which at has just been looked for, what e says, and returns its key and what was in memory of it. A row that is gone is
// taken out where the collection is whole.
func (m *elements) put(at *spot, e element) (name string, prev element, had bool) {
	k := &at.cursor
	if !e.gone {
		m.admit(at.sub)
		m.holes.admit(at.sub)
	}
	switch {
	case at.there && e.gone && m.whole:
		name, prev = k.key(), k.value()
		m.remove(k)
		return name, prev, true
	case at.there:
		name = k.key()
		prev = m.tree.replace(k, e, 1)
		m.bytes += int64(len(e.value) - len(prev.value))
		return name, prev, true
	case e.gone && m.whole:
		return string(at.sub), prev, false
	}
	name = string(at.sub)
	m.tree.insert(k, countedItem[element]{name, 1, e})
	m.bytes += elementBytes(name, e.value)
	return name, prev, false
}

// forget takes a row out of memory.
func (m *elements) forget(sub string) {
	if k, had := m.tree.find([]byte(sub)); had {
		m.remove(&k)
	}
}

// remove takes the row that a cursor stands at out of memory.
func (m *elements) remove(k *countedCursor[element]) {
	m.bytes -= elementBytes(k.key(), k.value().value)
	m.tree.remove(k)
}

// How many rows one change of a collection may take out of memory, or off the queue of one that is whole: more than it can bring in.
const (
	shedRows  = 4
	sweepRows = 32
)

// later notes what a record has changed.
func (m *elements) later(sub string, record uint64) {
	m.queue = append(m.queue, late{sub: sub, record: record})
	m.bytes += lateBytes + int64(len(sub))
}

// shed takes a few rows out of memory that Pebble has by now. Where the collection is whole those that are gone have left it already.
func (m *elements) shed(applied uint64) {
	most := shedRows
	if m.whole {
		most = sweepRows
	}
	for ; most > 0 && len(m.queue) > 0 && m.queue[0].record <= applied; most-- {
		first := m.queue[0]
		m.queue[0] = late{}
		m.queue = m.queue[1:]
		m.bytes -= lateBytes + int64(len(first.sub))
		if m.whole {
			continue
		}
		k, had := m.tree.find([]byte(first.sub))
		if had && k.value().record == first.record && (k.value().gone || !m.window.covers([]byte(first.sub))) {
			m.remove(&k)
		}
	}
	if len(m.queue) == 0 {
		m.queue = nil
	}
	if m.sweep != "" {
		m.sweepSome(applied)
	}
}

// complete makes the collection whole: the tree has every row now, and those that are gone leave it.
func (m *elements) complete() {
	var gone []string
	for c := m.tree.seek(nil); c.ok(); c.next() {
		if c.value().gone {
			gone = append(gone, c.key())
		}
	}
	for _, sub := range gone {
		m.forget(sub)
	}
	m.closeWindow()
	m.whole, m.sweep, m.holes = true, "", nil
}

// thin makes the collection whole no longer. Its rows leave memory little by little; those that are gone, as Pebble may not know yet, come
// back as such.
func (m *elements) thin(applied uint64) {
	if m.whole {
		m.whole = false
		m.recallGone(applied)
	}
	m.sweep, m.asked = "\x00", 0
}

// recallGone brings back the rows of a collection that was whole and that are gone by a record that Pebble does not have. What is queued but
// was not removed, or was there again, is in the tree.
func (m *elements) recallGone(applied uint64) {
	var at spot
	for _, l := range m.queue {
		if l.record <= applied {
			continue
		}
		at.find(m, []byte(l.sub))
		if !at.there || at.cursor.value().gone && at.cursor.value().record < l.record {
			m.put(&at, element{record: l.record, gone: true})
		}
	}
}

func (m *elements) sweepSome(applied uint64) {
	var out [sweepRows]string
	n := 0
	c := m.tree.seek([]byte(m.sweep))
	for ; c.ok() && n < sweepRows; c.next() {
		m.sweep = c.key() + "\x00"
		switch e := c.value(); {
		case e.record > applied:
			m.later(c.key(), e.record)
		case e.gone || !m.window.covers([]byte(c.key())):
			out[n] = c.key()
		}
		n++
	}
	if !c.ok() {
		m.sweep = ""
	}
	for _, sub := range out[:n] {
		if sub != "" {
			m.forget(sub)
		}
	}
}
