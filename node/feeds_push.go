package node

import (
	"context"
	"sync/atomic"
	"time"

	"shiplog/node/changes"
	"shiplog/node/commands"
	"shiplog/node/reply"
)

// The bounds of subscriptions.
const (
	mostSubscriptions = 64      // of one session
	mostBacklog       = 1 << 20 // bytes that a client has not taken: until it has, nothing more is pushed
	lookForRoom       = 5 * time.Millisecond
	pushEvery         = 6 * time.Millisecond
	pushSlack         = 2 * time.Millisecond // that a push may come earlier: logs give what they have about as often
	pushBytes         = 48 << 10             // a connection uses buffers of this size again
	checkpointEvery   = 2 * time.Second      // a token is pushed, though no change is, when reading has moved on
)

// subscription pushes changes to a session, on a goroutine of the feeds.
type subscription struct {
	id      int64
	to      commands.Subscriber
	reader  *changes.Reader
	ask     *commands.ChangeAsk
	cancel  context.CancelFunc
	told    time.Time // the last push
	feeds   *feeds
	spent   thrift
	pending bool                          // the reader has moved since
	at      atomic.Pointer[changes.Token] // of the last push
}

// Subscribe begins to push changes.
func (f *feeds) Subscribe(ctx context.Context, to commands.Subscriber, ask *commands.ChangeAsk) (reply.Reply, func()) {
	token, filter, refusal := f.begin(ctx, ask)
	if refusal != nil {
		return *refusal, nil
	}
	s := &subscription{to: to, reader: f.read.Open(token, filter), ask: ask, told: time.Now(), feeds: f}
	s.at.Store(&token)
	if !f.admit(s) {
		return reply.Errorf("ERR a connection has at most %d subscriptions", mostSubscriptions), nil
	}
	return reply.Array(reply.Int(s.id), reply.BulkString(token.String())), func() { f.start(s) }
}

// admit gives a subscription its number.
func (f *feeds) admit(s *subscription) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.subscriptions[s.to.ID()]
	if len(all) >= mostSubscriptions {
		return false
	}
	if all == nil {
		all = make(map[int64]*subscription)
		f.subscriptions[s.to.ID()] = all
	}
	f.subscribed++
	s.id = f.subscribed
	all[s.id] = s
	return true
}

// start lets an admitted subscription run, unless it was ended meanwhile.
func (f *feeds) start(s *subscription) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.subscriptions[s.to.ID()][s.id] == s {
		s.cancel = f.read.Go(s.run)
	}
}

// Unsubscribe ends one subscription of a session, or all.
func (f *feeds) Unsubscribe(session uint64, id int64) (ended int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.subscriptions[session]
	for number, s := range all {
		if id != 0 && number != id {
			continue
		}
		if s.cancel != nil {
			s.cancel()
		}
		delete(all, number)
		ended++
	}
	if len(all) == 0 {
		delete(f.subscriptions, session)
	}
	return ended
}

// run pushes until ctx ends or the log cannot be read on, which the client is then told.
func (s *subscription) run(ctx context.Context) {
	defer s.reader.Close()
	got := s.feeds.newBatch(s.ask.Format, countOf(s.ask))
	got.bytes = pushBytes
	for ctx.Err() == nil {
		if !s.awaitRoom(ctx) {
			return
		}
		got.items.Reset() // what was pushed is encoded
		began := time.Now()
		idle, err := s.feeds.add(ctx, s.reader, got)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.end(ctx, err)
			return
		case got.items.Len() > 0 || s.pending && time.Since(s.told) >= checkpointEvery:
			s.push(got.items.Reply())
		default:
			s.pending = s.pending || !idle
		}
		s.yield(ctx, began)
		if idle {
			s.wait(ctx)
			s.gather(ctx)
		}
	}
}

// yield leaves busy processors to those who write.
func (s *subscription) yield(ctx context.Context, began time.Time) {
	now := time.Now()
	behind := now.Sub(time.UnixMilli(s.reader.Sealed()))
	if rest := s.spent.spend(now, now.Sub(began), behind, s.feeds.busy.processors()); rest > 0 {
		wait(ctx, rest)
	}
}

// wait waits for more to read, or until a checkpoint is due.
func (s *subscription) wait(ctx context.Context) {
	if s.pending {
		bounded, stop := context.WithTimeout(ctx, checkpointEvery)
		defer stop()
		ctx = bounded
	}
	s.reader.Wait(ctx)
}

// gather lets the changes of several partitions come together when one push follows another, as those of one have: a client that is told of each record of
// many costs the server, and itself, more than the writes do.
func (s *subscription) gather(ctx context.Context) {
	if early := pushEvery - time.Since(s.told); early > pushSlack {
		wait(ctx, early)
	}
}

// awaitRoom waits until the client has taken most of what it was sent. A client that never does holds nothing but its place: when
// the log is trimmed beyond that, it is told so.
func (s *subscription) awaitRoom(ctx context.Context) bool {
	if s.to.Backlog() <= mostBacklog {
		return true
	}
	tick := time.NewTicker(lookForRoom)
	defer tick.Stop()
	for s.to.Backlog() > mostBacklog {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

func (s *subscription) push(items reply.Reply) {
	token := s.reader.Token()
	s.to.Push(reply.Push(reply.BulkString("changes"), reply.Int(s.id), reply.BulkString(token.String()), items))
	s.at.Store(&token)
	s.told, s.pending = time.Now(), false
}

// end tells the client why nothing more comes.
func (s *subscription) end(ctx context.Context, err error) {
	token := s.reader.Token()
	why := s.feeds.failedAt(ctx, err, &token)
	s.to.Push(reply.Push(reply.BulkString("changes-end"), reply.Int(s.id), reply.BulkString(token.String()), reply.BulkString(why.Text)))
	s.feeds.Unsubscribe(s.to.ID(), s.id)
}
