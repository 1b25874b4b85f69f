package keyspace

// window is what is known of the beginning of an area of a collection that is not whole in memory, so that taking rows from there again and
// again neither passes by what has gone already nor asks Pebble each time. The zero window knows nothing.
type window struct {
	area byte
	from string // no row of the area stands before it
	to   string // the tree has every row from from on and before it
	came int    // rows that were put into the window since it was made
}

const (
	windowRows = 256            // that are brought in at once
	windowMost = 8 * windowRows // that may be put into a window before it is given up: they do not leave memory
)

// covers tells whether a row that is not in the tree, or is gone there, is not there at all.
func (w *window) covers(sub []byte) bool { return string(sub) < w.to && string(sub) >= w.from }

// begin returns the place from which rows of an area are to be looked for: from, or one behind it before which there are none.
func (w *window) begin(from []byte) []byte {
	if len(from) > 0 && from[0] == w.area && string(from) < w.from {
		return []byte(w.from)
	}
	return from
}

// admit takes note of a row that is put.
func (m *elements) admit(sub []byte) {
	w := &m.window
	if w.to == "" || sub[0] != w.area || string(sub) >= w.to {
		return
	}
	if string(sub) < w.from {
		w.from = string(sub)
	}
	if w.came++; w.came > windowMost {
		m.closeWindow()
	}
}

// closeWindow forgets what is known of the beginning of an area. The rows that it has kept in memory leave it little by little.
func (m *elements) closeWindow() {
	if m.window.to != "" && !m.whole {
		m.sweep = "\x00"
	}
	m.window = window{}
}

// ascendWindow is View.ascend as far as the window goes, which covers from. It returns from where on there may be more that fn wants.
func (m *elements) ascendWindow(from, to []byte, fn func(sub, value []byte) bool) (rest []byte, more bool) {
	end := min(string(to), m.window.to)
	for c := m.tree.seek(from); c.ok() && c.key() < end; c.next() {
		if e := c.value(); !e.gone && !fn([]byte(c.key()), e.value) {
			return nil, false
		}
	}
	return []byte(end), end < string(to)
}

// lowest returns a cursor at the first row of an area of the collection at h; not ok when there is none.
func (v *View) lowest(h *head, area byte) (k countedCursor[element], ok bool) {
	m := v.elements(h)
	if m.whole {
		k = m.tree.seek([]byte{area})
		return k, k.ok() && k.key()[0] == area
	}
	if k, ok = m.lowest(area); !ok {
		v.openWindow(h, m, area)
		k, ok = m.lowest(area)
	}
	return k, ok
}

// lowest returns a cursor at the first row that the window on an area has, which begins there from now on.
func (m *elements) lowest(area byte) (k countedCursor[element], ok bool) {
	w := &m.window
	if w.area != area || w.to == "" {
		return k, false
	}
	for k = m.tree.seek([]byte(w.from)); k.ok() && k.key() < w.to; k.next() {
		if !k.value().gone {
			w.from = k.key()
			return k, true
		}
	}
	w.from = w.to
	return k, false
}

// openWindow makes a window on the first rows of an area that are there.
func (v *View) openWindow(h *head, m *elements, area byte) {
	from := []byte{area}
	if m.window.area == area {
		from = m.window.begin(from)
	} else {
		m.closeWindow()
	}
	w := window{area: area, from: string(from), to: string(areaEnd(area))}
	rows := make([]pair, 0, windowRows)
	v.ascend(h, from, areaEnd(area), func(sub, value []byte) bool {
		rows = append(rows, pair{clone(sub), clone(value)})
		return len(rows) < windowRows
	})
	if len(rows) == windowRows {
		w.to = string(after(rows[windowRows-1].name))
	}
	before := m.bytes
	at := &v.store.hot.spot
	for _, row := range rows {
		if at.find(m, row.name); !at.there {
			m.put(at, element{value: row.value})
		}
	}
	m.window = w
	if h.list != nil {
		v.store.hot.bytes += m.bytes - before
	}
}
