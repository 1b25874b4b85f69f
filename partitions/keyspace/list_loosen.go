package keyspace

// looseRows is how many elements on each side of a crowded place get new places at first.
const looseRows = 64

// loosen gives the elements around the index i, which is not 0, new places with short fractions: they are taken out and put in again. So
// many inserts must have come before to one spot that this costs each of them no more than a few rows.
func (l *List) loosen(i int64) {
	for rows := int64(looseRows); ; rows *= 2 {
		from, to := max(i-rows, 0), min(i+rows, l.top.count-1) // the last stays: a list must not become empty
		right := l.placeAt(to)
		left := place{n: min(l.ends.first.n, right.n-4*(to-from)) - 1}
		if from > 0 {
			left = l.placeAt(from - 1)
		}
		places := make([]place, to-from)
		spread(left, right, places)
		if longest(places) <= fractionFresh || from == 0 && to == l.top.count-1 {
			l.replace(from, places)
			return
		}
	}
}

// longest returns the length of the longest fraction.
func longest(places []place) (n int) {
	for _, p := range places {
		n = max(n, len(p.fraction))
	}
	return n
}

// replace moves the elements from the index from on to other places, which are in order and between those of their neighbours.
func (l *List) replace(from int64, places []place) {
	var values [][]byte
	var old []place
	l.walk(from, int64(len(places)), func(sub, value []byte) bool {
		old, values = append(old, placeOf(sub)), append(values, value)
		return true
	})
	for _, at := range old {
		l.removeAt(from, at)
	}
	for i, value := range values {
		l.insertAt(from+int64(i), places[i], value)
	}
}
