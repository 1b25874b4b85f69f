package keyspace

// elements are the rows of one collection as far as they are in memory: those that Pebble does not have yet, and all others too
// while the collection is whole here. A row's key is what stands behind the object's number (FORMAT.md).
//
// A collection is whole from its birth until it takes more than its share of memory, and again when it is read often enough
// and small enough.
type elements struct {
	object uint64
	tree   counted[element]
	whole  bool   // tree has every row: Pebble need not be asked
	bytes  int64  // about what the rows take
	queue  []late // what may leave memory once Pebble has it, about in the order of the records
	sweep  string // rows before it have left a tree that is no longer whole; "" when there is nothing to sweep
	asked  int64  // how often Pebble was asked for a row since the collection was last whole
	census *census
}

// element is one row.
type element struct {
	value  []byte
	record uint64 // the record that last changed it; 0 when it was read from Pebble
	gone   bool   // the row is not there any more, though Pebble may have it
}

// late is a row that a record has changed.
type late struct {
	sub    string
	record uint64
}

// elementOverhead is about what a row costs in memory beside its key and value.
const elementOverhead = 104

// elementsOverhead is about what a collection costs in memory beside its rows.
const elementsOverhead = 184

// size is what all this takes in memory.
func (m *elements) size() int64 { return elementsOverhead + m.bytes }

func elementBytes(sub string, value []byte) int64 {
	return elementOverhead + int64(len(sub)+len(value))
}

func weightOf(e element) int64 {
	if e.gone {
		return 0
	}
	return 1
}

// put stores a row and returns its key and what was in memory of it.
func (m *elements) put(sub []byte, e element) (name string, prev element, had bool) {
	k, had := m.tree.find(sub)
	if had {
		name = k.key()
		prev = m.tree.replace(&k, e, weightOf(e))
		m.bytes += int64(len(e.value) - len(prev.value))
		return name, prev, true
	}
	name = string(sub)
	m.tree.insert(&k, countedItem[element]{name, weightOf(e), e})
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

// How many rows one change of a collection may take out of memory: more than it can bring in.
const (
	shedRows  = 4
	sweepRows = 32
)

// shed takes a few rows out of memory that Pebble has by now: those that are gone and, unless the collection is whole here, all
// others.
func (m *elements) shed(applied uint64) {
	for range shedRows {
		if len(m.queue) == 0 || m.queue[0].record > applied {
			break
		}
		first := m.queue[0]
		m.queue = m.queue[1:]
		k, had := m.tree.find([]byte(first.sub))
		if !had {
			continue
		}
		if e := k.value(); e.record == first.record && (e.gone || !m.whole) {
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

// thin makes the collection whole no longer. Its rows leave memory little by little.
func (m *elements) thin() {
	m.whole, m.sweep, m.asked = false, "\x00", 0
}

func (m *elements) sweepSome(applied uint64) {
	var out [sweepRows]string
	n := 0
	c := m.tree.seek([]byte(m.sweep))
	for ; c.ok() && n < sweepRows; c.next() {
		m.sweep = c.key() + "\x00"
		if record := c.value().record; record <= applied {
			out[n] = m.sweep[:len(m.sweep)-1]
		} else {
			m.queue = append(m.queue, late{sub: c.key(), record: record})
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
