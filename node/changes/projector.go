package changes

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"shiplog/wal"
)

// Outlet is where changes are projected to: messages that stay, in order within each partition.
type Outlet interface {
	// Last returns the number of a partition's newest message, and the token that it carries. 0: there is none.
	Last(ctx context.Context, partition int) (number uint64, token string, err error)
	// Publish stores messages of a partition, all of them or none, if its newest message is the one of this number, and returns the number of
	// the last one stored. ErrConflict says that another message is the newest; any other error leaves open whether they are stored.
	Publish(ctx context.Context, partition int, newest uint64, batch []Message) (uint64, error)
}

// Message is a change as an Outlet stores it. It does not alias anything.
type Message struct {
	Type, Op string
	ID       string // of the position
	Key      []byte
	Token    string // on the last message of a batch: where to go on
	Body     []byte // JSON
}

// ProjectorConfig says what a Projector is made of. Event and Pause may be nil; the rest is required.
type ProjectorConfig struct {
	Partition int
	Feeds     *Feeds
	Outlet    Outlet
	Store     Store                        // of checkpoints
	Filter    func() *Filter               // as it is now: another pointer when it is another one
	Event     func(text string, err error) // tells operators what has happened
	Pause     time.Duration                // before it tries again after an error; 0: as usual
}

// The bounds of a projector's steps, and how often it notes how far it has come.
const (
	projectAtOnce   = 1000    // messages of a batch
	projectBytes    = 2 << 20 // of a batch, if one message is not larger
	projectScan     = 100_000 // changes looked at for a batch
	checkpointAfter = 5 * time.Second
	projectAgain    = 200 * time.Millisecond
	tellAfter       = 3 * time.Second // a leader that is elected, a stream that is made, are no news
)

// Projector publishes the changes of one partition into an Outlet, each exactly once, in order. It goes on where the Outlet's newest message
// stands, or a checkpoint that is further, whoever has written them: any number of projectors may run at a time, and only the one whose
// batch follows the newest message gets it stored. So it never keeps to itself how far it is: after every error it looks again.
type Projector struct {
	cfg ProjectorConfig

	at        atomic.Pointer[Position] // behind what is published
	published atomic.Uint64
	failure   atomic.Pointer[error]

	since  time.Time // it fails; Run's own, as what follows
	told   string    // the newest failure that operators were told of
	toldAt time.Time
}

// NewProjector returns a projector that does nothing before Run.
func NewProjector(cfg ProjectorConfig) *Projector {
	if cfg.Pause == 0 {
		cfg.Pause = projectAgain
	}
	if cfg.Event == nil {
		cfg.Event = func(string, error) {}
	}
	return &Projector{cfg: cfg}
}

// At returns how far the projector has come, how many changes it has published since it was made, and why it cannot go on now. The position is nil
// while it does not know.
func (p *Projector) At() (at *Position, published uint64, failure error) {
	if why := p.failure.Load(); why != nil {
		failure = *why
	}
	return p.at.Load(), p.published.Load(), failure
}

// Run publishes until ctx ends. What fails is tried again.
func (p *Projector) Run(ctx context.Context) {
	for ctx.Err() == nil {
		err := p.project(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, ErrConflict): // somebody else has published: look where they are
			pause(ctx, p.cfg.Pause/20)
			continue
		}
		p.fail(err)
		pause(ctx, p.cfg.Pause)
	}
}

// fail notes why nothing is published, and tells it when it lasts and is news.
func (p *Projector) fail(err error) {
	if p.failure.Swap(&err) == nil {
		p.since = time.Now()
	}
	if time.Since(p.since) < tellAfter {
		return
	}
	if text := err.Error(); text != p.told || time.Since(p.toldAt) > time.Minute {
		p.told, p.toldAt = text, time.Now()
		p.cfg.Event("changes are not published", err)
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// projection is a projector's way from one look at the Outlet to the next error.
type projection struct {
	*Projector
	newest   uint64 // number of the partition's newest message
	reader   *Reader
	filter   *Filter
	noted    Position  // the checkpoint
	revision uint64    // of the checkpoint
	notedAt  time.Time // when it was stored
	json     JSON
}

// project publishes until something fails.
func (p *Projector) project(ctx context.Context) error {
	r := &projection{Projector: p, notedAt: time.Now()}
	at, err := r.resume(ctx)
	if err != nil {
		return err
	}
	r.read(at)
	defer func() { r.reader.Close() }()
	for {
		if now := p.cfg.Filter(); now != r.filter {
			at := r.position()
			r.reader.Close()
			r.read(at)
		}
		idle, err := r.step(ctx)
		if err != nil {
			return err
		}
		if idle {
			p.failure.Store(nil)
			r.wait(ctx)
		}
		if err := r.checkpoint(ctx); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// read makes a reader that goes on at a position, with the filter as it is now.
func (r *projection) read(at Position) {
	r.filter = r.cfg.Filter()
	r.reader = r.cfg.Feeds.Open(Token{Partitions: []Position{at}}, *r.filter)
	r.at.Store(&at)
}

func (r *projection) position() Position { return r.reader.Token().Partitions[0] }

// resume returns where to go on: what was published, or the checkpoint if it is further; when there is neither, where the log begins.
func (r *projection) resume(ctx context.Context) (Position, error) {
	newest, text, err := r.cfg.Outlet.Last(ctx, r.cfg.Partition)
	if err != nil {
		return Position{}, fmt.Errorf("find out what is published: %w", err)
	}
	value, revision, err := r.cfg.Store.Load(ctx, r.checkpointKey())
	if err != nil {
		return Position{}, fmt.Errorf("find the checkpoint: %w", err)
	}
	r.newest, r.revision = newest, revision
	published, err := r.tokenOf(text)
	if err != nil {
		return Position{}, err
	}
	noted, err := r.tokenOf(string(value))
	if err != nil {
		return Position{}, err
	}
	if noted != nil {
		r.noted = *noted
	}
	switch {
	case published == nil && noted == nil:
		return r.cfg.Feeds.Start(ctx, r.cfg.Partition, From{Kind: FromBegin})
	case published == nil || noted != nil && noted.Compare(published) > 0:
		return *noted, nil
	}
	return *published, nil
}

// tokenOf reads the position in a token; nil for no token.
func (r *projection) tokenOf(text string) (*Position, error) {
	if text == "" {
		return nil, nil
	}
	t, err := ParseToken(text)
	if err != nil {
		return nil, fmt.Errorf("where to go on: %w", err)
	}
	at, ok := t.Of(r.cfg.Partition)
	if !ok {
		return nil, fmt.Errorf("where to go on: %w: it says nothing of partition %d", ErrToken, r.cfg.Partition)
	}
	return &at, nil
}

// step publishes the next changes. idle says that there are none now.
func (r *projection) step(ctx context.Context) (idle bool, err error) {
	var batch []Message
	size := 0
	idle, err = r.reader.Read(ctx, Budget{Changes: projectScan, Bytes: 8 * projectBytes}, func(c *Change) bool {
		m := r.messageOf(c)
		batch = append(batch, m)
		size += len(m.Body) + len(m.Key)
		return len(batch) < projectAtOnce && size < projectBytes
	})
	if err != nil && len(batch) == 0 {
		return false, r.skip(ctx, err)
	}
	at := r.position() // what was read before an error is good
	if len(batch) > 0 {
		batch[len(batch)-1].Token = r.reader.Token().String()
		if err := r.publish(ctx, batch); err != nil {
			return false, err
		}
		r.published.Add(uint64(len(batch)))
	}
	r.at.Store(&at)
	return idle, nil
}

func (r *projection) publish(ctx context.Context, batch []Message) (err error) {
	r.newest, err = r.cfg.Outlet.Publish(ctx, r.cfg.Partition, r.newest, batch)
	return err
}

// skip says in the Outlet that changes are missing, when the log cannot give them any more, and goes on behind them. Any other error is returned.
func (r *projection) skip(ctx context.Context, err error) error {
	if !errors.Is(err, ErrTrimmed) && !errors.Is(err, ErrForeign) {
		return err
	}
	next, failed := r.cfg.Feeds.Start(ctx, r.cfg.Partition, From{Kind: FromBegin})
	if failed != nil {
		return failed
	}
	before := r.position()
	if failed := r.publish(ctx, []Message{gapMessage(&before, &next)}); failed != nil {
		return failed
	}
	r.cfg.Event("changes that were not published in time are missing in the stream", err)
	r.reader.Close()
	r.read(next)
	return nil
}

// wait waits for more to read, but not longer than until a checkpoint is due.
func (r *projection) wait(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, checkpointAfter)
	defer cancel()
	r.reader.Wait(bounded)
}

// checkpoint notes now and then how far the projector has come: the Outlet may have let go of all that was published, or the
// filter takes nothing.
func (r *projection) checkpoint(ctx context.Context) error {
	at := r.position()
	if time.Since(r.notedAt) < checkpointAfter || at == r.noted {
		return nil
	}
	mine := r.reader.Token().String()
	if err := r.cfg.Store.Update(ctx, r.checkpointKey(), []byte(mine), r.revision); err != nil {
		return fmt.Errorf("note how far changes are published: %w", err)
	}
	value, revision, err := r.cfg.Store.Load(ctx, r.checkpointKey())
	switch {
	case err != nil:
		return fmt.Errorf("note how far changes are published: %w", err)
	case string(value) != mine:
		return ErrConflict
	}
	r.noted, r.notedAt, r.revision = at, time.Now(), revision
	return nil
}

func (r *projection) checkpointKey() string { return strconv.Itoa(r.cfg.Partition) }

// mostBody is the size up to which a message has all that the change says.
const mostBody = 7 << 20

// messageOf makes a message of a change.
func (r *projection) messageOf(c *Change) Message {
	m := Message{Type: c.Type(), Op: c.Op(), ID: idOf(c.Partition, c.Incarnation, c.Sequence, c.Index)}
	m.Body = r.json.Append(make([]byte, 0, 384+len(c.Effect.Value)), c)
	if c.Effect.Op != wal.OpFlush {
		m.Key = append(m.Key, c.Effect.Key...)
	}
	if len(m.Body) > mostBody {
		m.Body = r.appendOmitting(nil, c, len(m.Body))
	}
	return m
}

// appendOmitting appends a change that is too large for a message: without what makes it so.
func (r *projection) appendOmitting(dst []byte, c *Change, size int) []byte {
	dst = r.json.appendPlace(dst, c)
	if len(c.Effect.Key) < mostBody/8 {
		dst = appendText(dst, "key", c.Effect.Key)
	}
	return append(appendNumber(dst, "omitted", int64(size)), '}')
}

// idOf writes a position as the identity of a message.
func idOf(partition int, incarnation wal.Incarnation, seq wal.Seq, index int) string {
	return fmt.Sprintf("%d-%s-%d-%d", partition, hex.EncodeToString(incarnation[:]), seq, index)
}

// gapMessage says that changes between two positions are missing.
func gapMessage(from, to *Position) Message {
	before, after := Token{Partitions: []Position{*from}}, Token{Partitions: []Position{*to}}
	body := strconv.AppendInt([]byte(`{"v":1,"partition":`), int64(from.Partition), 10)
	body = appendWord(appendWord(body, "type", TypeAll), "op", opGap)
	body = appendWord(appendWord(body, "from", before.String()), "to", after.String())
	return Message{Type: TypeAll, Op: opGap, ID: "gap-" + idOf(to.Partition, to.Incarnation, to.Seq, to.Effects), Token: after.String(), Body: append(body, '}')}
}

// opGap is the operation of a message that stands for changes that are missing.
const opGap = "gap"
