package keyspace

// spot is where a row stands in memory, or would stand. It remembers the one that was looked for last, because what a command changes it has
// mostly just read. The zero spot is nowhere.
type spot struct {
	elements *elements
	changes  uint64 // of the tree, when the row was found
	sub      []byte
	cursor   countedCursor[element] // at the row
	there    bool                   // the row is in memory
}

// find goes to a row of a collection.
func (s *spot) find(m *elements, sub []byte) {
	if s.elements == m && s.changes == m.tree.changes && string(s.sub) == string(sub) {
		return
	}
	s.cursor.find(&m.tree, sub)
	s.elements, s.changes = m, m.tree.changes
	s.sub = append(s.sub[:0], sub...)
	s.there = s.cursor.leaf != nil && s.cursor.leaf.holds(s.cursor.i, sub)
}

// take goes to the row that a cursor stands at, and returns its key, which is valid until the next find or take.
func (s *spot) take(m *elements, at *countedCursor[element]) []byte {
	s.elements, s.changes, s.cursor, s.there = m, m.tree.changes, *at, true
	s.sub = append(s.sub[:0], at.key()...)
	return s.sub
}
