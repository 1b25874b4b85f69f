package slot

// Range is the slots First to Last, both included.
type Range struct {
	First ID `json:"first"`
	Last  ID `json:"last"`
}

// Contains tells whether id is in the range.
func (r Range) Contains(id ID) bool { return r.First <= id && id <= r.Last }

// Count is how many slots the range holds.
func (r Range) Count() int { return int(r.Last) - int(r.First) + 1 }

// Split cuts all slots into n contiguous ranges whose sizes differ by at most one, in ascending order. It
// panics unless 1 <= n <= Count.
func Split(n int) []Range {
	if n < 1 || n > Count {
		panic("slot: a number of ranges that slots cannot be split into")
	}
	ranges := make([]Range, n)
	for i := range ranges {
		ranges[i] = Range{First: ID(i * Count / n), Last: ID((i+1)*Count/n - 1)}
	}
	return ranges
}
