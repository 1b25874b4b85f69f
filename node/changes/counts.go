package changes

import "sync/atomic"

// counts are what Feeds count.
type counts struct {
	readers            atomic.Int64
	delivered, trimmed atomic.Uint64
}

// Counts returns how many readers are open, how many changes readers were given, and how often one was told that what it wants is trimmed.
func (f *Feeds) Counts() (readers int64, delivered, trimmed uint64) {
	return f.counts.readers.Load(), f.counts.delivered.Load(), f.counts.trimmed.Load()
}

// tell adds what the reader has given since it last did.
func (r *Reader) tell() {
	if r.given > 0 {
		r.feeds.counts.delivered.Add(r.given)
		r.given = 0
	}
}
