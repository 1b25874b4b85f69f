package reply

// Feed is where the elements of a long aggregate come from, a few at a time, so that the whole is never in memory.
type Feed interface {
	// Next appends up to about the given number of elements and returns them; a map's keys and values come together. more says
	// whether there are others. After an error the reply cannot be completed.
	Next(dst []Reply, most int) (elems []Reply, more bool, err error)
	// Close gives up what the Feed holds. It is called once, also when not all elements were wanted.
	Close() error
}

// Fed is an aggregate of the given kind, whose count elements (of a map: keys and values together) come from feed. Whoever
// gets the Reply must close it.
func Fed(kind Kind, count int64, feed Feed) Reply { return Reply{Kind: kind, Int: count, Feed: feed} }

// fedAtOnce is how many elements Gather asks for at a time.
const fedAtOnce = 1024

// Gather makes an aggregate that comes from a Feed one that holds its elements.
func (r *Reply) Gather() error {
	feed := r.Feed
	if feed == nil {
		return nil
	}
	r.Feed, r.Int = nil, 0
	for more := true; more; {
		var err error
		if r.Elems, more, err = feed.Next(r.Elems, fedAtOnce); err != nil {
			_ = feed.Close() // the first failure counts
			return err
		}
	}
	return feed.Close()
}
