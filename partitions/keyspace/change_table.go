package keyspace

// changeTable finds the changes of one run by their keys. The zero changeTable is empty. It is a table with open addressing by the hash
// that the rows' order and the filter need anyway, and keeps no key of its own.
type changeTable struct {
	places []*change // their number is a power of two, twice that of the changes at least
	count  int
}

// changesLeast is how many places a table has that is not empty.
const changesLeast = 64

// find returns the change of a key, whose hash is given, nil when there is none.
func (t *changeTable) find(key []byte, hash uint64) *change {
	if t.count == 0 {
		return nil
	}
	for at := t.begin(hash); t.places[at] != nil; at = t.next(at) {
		if c := t.places[at]; c.hash == hash && string(c.key) == string(key) {
			return c
		}
	}
	return nil
}

// add takes in the change of a key that has none.
func (t *changeTable) add(c *change) {
	if t.count++; 2*t.count > len(t.places) {
		t.grow()
	}
	t.put(c)
}

// free takes out a change. Nothing may be asked or added until all are taken out.
func (t *changeTable) free(c *change) {
	t.places[c.place] = nil
	t.count--
}

func (t *changeTable) grow() {
	old := t.places
	t.places = make([]*change, max(changesLeast, 2*len(old)))
	for _, c := range old {
		if c != nil {
			t.put(c)
		}
	}
}

func (t *changeTable) put(c *change) {
	at := t.begin(c.hash)
	for t.places[at] != nil {
		at = t.next(at)
	}
	t.places[at], c.place = c, at
}

// begin is where a key with the given hash is looked for first.
func (t *changeTable) begin(hash uint64) int { return int(hash & uint64(len(t.places)-1)) }

// next is where it is looked for after a place that another one has.
func (t *changeTable) next(at int) int { return (at + 1) & (len(t.places) - 1) }
