package commands

import (
	"context"
	"errors"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

const (
	feedFrom   = 4096 // elements of a collection from which a reply of all of them is made piece by piece, without the lock
	pieceElems = 1024 // elements of a reply that leave together
)

// walkFeed makes a reply of the elements of a Walk, which need not be all of those.
type walkFeed struct {
	walk  *keyspace.Walk
	left  int64 // elements of the walk still wanted
	names bool
	value func(value []byte) reply.Reply // nil: values are not wanted
}

// feedOf returns the reply of the given kind that shows count elements of a Walk: their names, what value makes of their
// values, or both in turn.
func feedOf(kind reply.Kind, walk *keyspace.Walk, count int64, names bool, value func([]byte) reply.Reply) reply.Reply {
	elems := count
	if names && value != nil {
		elems = 2 * count
	}
	return reply.Fed(kind, elems, &walkFeed{walk: walk, left: count, names: names, value: value})
}

// fedMembers is membersReply for many members of a sorted set: those of a Walk.
func fedMembers(walk *keyspace.Walk, count int64, scores bool) reply.Reply {
	kind := reply.KindArray
	if scores {
		kind = reply.KindPairs
	}
	return reply.Fed(kind, count, &memberFeed{walkFeed{walk: walk, left: count, names: scores}})
}

// memberFeed makes a reply of the members of a sorted set; names says that their scores are wanted too.
type memberFeed struct{ walkFeed }

// Next implements reply.Feed.
func (f *memberFeed) Next(dst []reply.Reply, most int) ([]reply.Reply, bool, error) {
	for ; most > 0 && f.left > 0; most-- {
		name, value, ok := f.walk.Next()
		if !ok {
			return dst, false, errShortWalk
		}
		f.left--
		m := keyspace.WalkedMember(name, value)
		if f.names {
			dst = append(dst, reply.Pair(reply.Bulk(m.Name), reply.Double(m.Score)))
		} else {
			dst = append(dst, reply.Bulk(m.Name))
		}
	}
	return dst, f.left > 0, nil
}

// fedEntries is the reply of many entries of a stream: those of a Walk.
func fedEntries(walk *keyspace.Walk, count int64) reply.Reply {
	return reply.Fed(reply.KindArray, count, &entryFeed{walkFeed{walk: walk, left: count}})
}

// entryFeed makes a reply of the entries of a stream.
type entryFeed struct{ walkFeed }

// Next implements reply.Feed.
func (f *entryFeed) Next(dst []reply.Reply, most int) ([]reply.Reply, bool, error) {
	for ; most > 0 && f.left > 0; most-- {
		name, value, ok := f.walk.Next()
		if !ok {
			return dst, false, errShortWalk
		}
		f.left--
		e := keyspace.WalkedEntry(name, value)
		dst = append(dst, entryReply(&e))
	}
	return dst, f.left > 0, nil
}

// wordsReply is an aggregate of bulk strings that nobody will change.
func wordsReply(kind reply.Kind, words [][]byte) reply.Reply {
	return listReply(kind, len(words), func(i int) reply.Reply { return reply.Bulk(words[i]) })
}

// listReply is an aggregate of n elements, which at makes of what is in memory and will not change. When they are many it is made piece
// by piece, so that there are never replies of them all, nor all their bytes once more.
func listReply(kind reply.Kind, n int, at func(i int) reply.Reply) reply.Reply {
	feed := &listFeed{n: n, at: at}
	if n >= feedFrom {
		return reply.Fed(kind, int64(n), feed)
	}
	elems, _, _ := feed.Next(make([]reply.Reply, 0, n), n) // it does not fail
	return reply.Reply{Kind: kind, Elems: elems}
}

// listFeed makes a reply of n elements; next is the first that is still wanted.
type listFeed struct {
	next, n int
	at      func(i int) reply.Reply
}

// Next implements reply.Feed.
func (f *listFeed) Next(dst []reply.Reply, most int) ([]reply.Reply, bool, error) {
	for end := min(f.n, f.next+most); f.next < end; f.next++ {
		dst = append(dst, f.at(f.next))
	}
	return dst, f.next < f.n, nil
}

// Close implements reply.Feed.
func (f *listFeed) Close() error { return nil }

var errShortWalk = errors.New("a collection has fewer elements than it says")

// Next implements reply.Feed.
func (f *walkFeed) Next(dst []reply.Reply, most int) ([]reply.Reply, bool, error) {
	for ; most > 0 && f.left > 0; most-- {
		name, value, ok := f.walk.Next()
		if !ok {
			return dst, false, errShortWalk
		}
		if f.left--; f.names {
			dst = append(dst, reply.Bulk(name))
		}
		if f.value != nil {
			dst = append(dst, f.value(value))
		}
	}
	return dst, f.left > 0, nil
}

// Close implements reply.Feed.
func (f *walkFeed) Close() error { return f.walk.Close() }

// fed sends a reply that comes from a Feed piece by piece, each when the one before it has left. Nothing is sent before what the
// reply rests on is acknowledged.
func (s *Session) fed(r Result) Result {
	if r.Reply.Feed == nil {
		return r
	}
	s.call.feed = r.Reply.Feed
	return s.piecemeal(r)
}

func (s *Session) piecemeal(r Result) Result {
	return Result{Later: func(ctx context.Context) Result {
		if r.Wait != nil {
			select {
			case <-r.Wait.Done():
			case <-ctx.Done():
				return Result{Close: true}
			}
			if err := r.Wait.Err(); err != nil {
				_ = s.endFeed()
				return s.failed(err)
			}
		}
		return Result{Reply: r.Reply, Later: s.piece, Close: r.Close}
	}}
}

// piece is the next piece of the reply that is being sent.
func (s *Session) piece(context.Context) Result {
	elems, more, err := s.call.feed.Next(nil, pieceElems)
	if err == nil && !more {
		err = s.endFeed()
	}
	if err != nil { // what the client has of the reply cannot be completed
		return Result{Abort: true}
	}
	r := Result{Reply: reply.Reply{Kind: reply.KindElems, Elems: elems}}
	if more {
		r.Later = s.piece
	}
	return r
}

// endFeed gives up the Feed of the reply that is being sent, if there is one.
func (s *Session) endFeed() error {
	feed := s.call.feed
	s.call.feed = nil
	if feed == nil {
		return nil
	}
	return feed.Close()
}
