package commands

// Members at the same distance have no order, but with COUNT it shows which of them Redis has come upon: it sorts only as far as needed
// with the quicksort of Bentley and McIlroy ("Engineering a Sort Function", 1993). This is that sort, so that the same are answered.

// From how many elements on the sort looks for a better pivot than the middle one, and when it does not split at all.
const (
	sortInsert = 7
	sortNinth  = 40
)

// partSort brings the elements of s from first on and before last to where sorting would; others are anywhere.
func partSort[T any](s []T, first, last int, compare func(a, b T) int) {
	for len(s) >= sortInsert {
		less, more := split(s, compare)
		if less > 1 && first < less && last > 0 {
			partSort(s[:less], first, last, compare)
		}
		skip := len(s) - more
		if more <= 1 || first >= len(s) || last <= skip {
			return
		}
		s, first, last = s[skip:], first-skip, last-skip
	}
	for i := 1; i < len(s); i++ {
		for k := i; k > 0 && compare(s[k-1], s[k]) > 0; k-- {
			s[k-1], s[k] = s[k], s[k-1]
		}
	}
}

// split puts less elements that come before a pivot first, more that come behind it last, and those that are equal to it between them.
func split[T any](s []T, compare func(a, b T) int) (less, more int) {
	n := len(s)
	p := pivot(s, compare)
	s[0], s[p] = s[p], s[0]
	equal, low, high, equalHigh := 1, 1, n-1, n-1
	for {
		for ; low <= high && compare(s[low], s[0]) <= 0; low++ {
			if compare(s[low], s[0]) == 0 {
				s[equal], s[low] = s[low], s[equal]
				equal++
			}
		}
		for ; low <= high && compare(s[high], s[0]) >= 0; high-- {
			if compare(s[high], s[0]) == 0 {
				s[high], s[equalHigh] = s[equalHigh], s[high]
				equalHigh--
			}
		}
		if low > high {
			break
		}
		s[low], s[high] = s[high], s[low]
		low, high = low+1, high-1
	}
	less, more = low-equal, equalHigh-high
	exchange(s, 0, low, min(equal, less))
	exchange(s, low, n, min(more, n-1-equalHigh))
	return less, more
}

// exchange swaps the n elements from begin on with the n before end.
func exchange[T any](s []T, begin, end, n int) {
	for i := range n {
		s[begin+i], s[end-n+i] = s[end-n+i], s[begin+i]
	}
}

// pivot returns the index of the middle element, of the median of three or, of many elements, of the median of three medians.
func pivot[T any](s []T, compare func(a, b T) int) int {
	first, middle, last := 0, len(s)/2, len(s)-1
	if len(s) > sortNinth {
		eighth := len(s) / 8
		first = median(s, first, first+eighth, first+2*eighth, compare)
		middle = median(s, middle-eighth, middle, middle+eighth, compare)
		last = median(s, last-2*eighth, last-eighth, last, compare)
	}
	if len(s) > sortInsert {
		middle = median(s, first, middle, last, compare)
	}
	return middle
}

// median returns which of three elements stands between the others.
func median[T any](s []T, a, b, c int, compare func(a, b T) int) int {
	up, ends := compare(s[a], s[b]) < 0, compare(s[a], s[c]) < 0
	next := compare(s[b], s[c])
	switch {
	case up && next < 0, !up && next > 0:
		return b
	case up != ends:
		return a
	default:
		return c
	}
}
