package keyspace

// seeds is of how many seeds a model is tried: under the race detector a third of n, which is a multiple of 3, since each model is changed by one goroutine, and
// the tests run without it too. What depends on the seed by its remainder comes about all the same.
func seeds(n uint64) uint64 {
	if raced {
		return n / 3
	}
	return n
}
