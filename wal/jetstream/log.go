// Package jetstream is a wal.Log on a JetStream stream: one file-backed stream per partition.
//
// It promises what wal.Log promises: a message is stored at the sequence its writer named or not at
// all, and the outcome of an append is reported only when it is definite, however the server, its disk
// or the connection fail. It checks at every start that the stream is configured so that
// nothing can be lost. It never knows what a message means.
package jetstream

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"shiplog/wal"
)

const (
	defaultAckWait = 2 * time.Second
	requestWithin  = 2 * time.Second // an answer of the server to a question about the stream
	readWithin     = 5 * time.Second // the same for a message, which may be large
)

// Config says which log to open and how to reach its server. Partition, Connect and Dial are required.
type Config struct {
	Partition int
	// Connect returns a new connection that reconnects by itself; the log closes it.
	Connect func() (*nats.Conn, error)
	// Dial returns a new raw connection to the same server, behind the greetings of the client
	// protocol (embedded.Server.Dial). The log dials again when it ends.
	Dial func() (net.Conn, error)
	// Replicas of the stream: 1, 3 or 5; 0 means 1.
	Replicas int
	// Tags that a server must have, all of them, to hold a copy of a stream that is made now.
	Tags []string
	// Server is the name of the NATS server behind Connect and Dial in a cluster: Tail reads its copy. Empty
	// on a lone node.
	Server string
	// MaxBytes is the size at which the log refuses appends (wal.ErrFull); 0 means no limit.
	MaxBytes int64
	// FirstSeq is where a log that does not exist yet begins; 0 means 1.
	FirstSeq wal.Seq
	// AckWait is how long an append may stay unanswered before the log is asked about it; 0 means 2 s.
	AckWait time.Duration
	// Existing makes Open fail with ErrNoLog where it would make a log, and change nothing.
	Existing bool
}

// clustered says whether a question may stay without an answer for want of a leader.
func (c *Config) clustered() bool { return c.Server != "" || c.Replicas > 1 }

// Log is a wal.Log on a JetStream stream. It owns two goroutines, one that reads acknowledgements and one
// that resolves appends whose outcome is not known; they end with Close.
type Log struct {
	cfg     Config
	name    string // of the stream
	subject string
	nc      *nats.Conn
	js      natsjs.JetStream

	leaving atomic.Bool // this node's server is to give up its copy
	appends appends
	look    chan struct{} // tells the resolver that there is something to resolve
	closing chan struct{}
	running sync.WaitGroup
	once    sync.Once
}

var _ wal.Log = (*Log)(nil)

// Open opens a partition's log, and makes it if there is none. It fails with ErrForeignStream if the
// stream is there and not configured as a log must be. In a cluster it waits, as long as ctx does, for leaders and for servers
// that can hold the log.
func Open(ctx context.Context, cfg Config) (*Log, error) {
	cfg.Replicas = max(cfg.Replicas, 1)
	if cfg.AckWait <= 0 {
		cfg.AckWait = defaultAckWait
	}
	nc, err := cfg.Connect()
	if err != nil {
		return nil, fmt.Errorf("open log %d: %w", cfg.Partition, err)
	}
	l := &Log{cfg: cfg, name: StreamName(cfg.Partition), subject: Subject(cfg.Partition), nc: nc, look: make(chan struct{}, 1), closing: make(chan struct{})}
	if err := l.open(ctx); err != nil {
		nc.Close()
		return nil, fmt.Errorf("open log %d: %w", cfg.Partition, err)
	}
	return l, nil
}

func (l *Log) open(ctx context.Context) (err error) {
	if l.js, err = natsjs.New(l.nc); err != nil {
		return err
	}
	if err := l.foundWhenLed(ctx); err != nil {
		return err
	}
	first, err := l.dial()
	if err != nil {
		return err
	}
	l.running.Go(func() { l.readAcks(first) })
	l.running.Go(l.resolve)
	return nil
}

// Close ends the log's goroutines and connections. Appends that are not decided get wal.ErrUndecided. It waits
// for their done functions, so the caller must not hold what they need. It may be called again.
func (l *Log) Close() error {
	l.once.Do(func() {
		close(l.closing)
		l.running.Wait()
		l.nc.Close()
	})
	return nil
}

func (l *Log) closed() bool {
	select {
	case <-l.closing:
		return true
	default:
		return false
	}
}

// Bounds asks the server for the log's first and last sequence and its size.
func (l *Log) Bounds(ctx context.Context) (wal.Bounds, error) {
	if l.closed() {
		return wal.Bounds{}, wal.ErrClosed
	}
	info, err := l.info(ctx, requestWithin)
	if err != nil {
		return wal.Bounds{}, fmt.Errorf("bounds of the log: %w", err)
	}
	state := info.State
	b := wal.Bounds{First: wal.Seq(state.FirstSeq), Last: wal.Seq(state.LastSeq), Bytes: state.Bytes}
	if state.Msgs == 0 {
		b.First = b.Last + 1
	}
	return b, nil
}

// info asks the stream's leader how the stream is.
func (l *Log) info(ctx context.Context, within time.Duration) (info *natsjs.StreamInfo, err error) {
	err = l.asked(ctx, within, func(ctx context.Context) error {
		stream, err := l.js.Stream(ctx, l.name)
		if err == nil {
			info = stream.CachedInfo()
		}
		return err
	})
	return info, err
}

// Get returns a copy of the message at seq.
func (l *Log) Get(ctx context.Context, seq wal.Seq) ([]byte, error) {
	if l.closed() {
		return nil, wal.ErrClosed
	}
	var message []byte
	err := l.asked(ctx, readWithin, func(ctx context.Context) (err error) {
		message, err = l.get(ctx, seq)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("get sequence %d: %w", seq, err)
	}
	return message, nil
}

// get asks the stream's leader, never a replica. A server that was the leader and does not know yet that it is no more may answer: what it
// finds is committed and final all the same, what it does not find says nothing.
func (l *Log) get(ctx context.Context, seq wal.Seq) ([]byte, error) {
	if seq == 0 {
		return nil, wal.ErrNotFound
	}
	answer, err := l.nc.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+l.name, fmt.Appendf(nil, `{"seq":%d}`, seq))
	if err != nil {
		return nil, err
	}
	var got struct {
		Error   *natsjs.APIError
		Message struct{ Data []byte }
	}
	if err := json.Unmarshal(answer.Data, &got); err != nil {
		return nil, err
	}
	if got.Error != nil && got.Error.ErrorCode == natsjs.JSErrCodeMessageNotFound {
		return nil, wal.ErrNotFound
	}
	if got.Error != nil {
		return nil, got.Error
	}
	return got.Message.Data, nil
}

// Trim removes every message below keep, and at most all there are. The space is given back when whole
// files of the stream are free.
func (l *Log) Trim(ctx context.Context, keep wal.Seq) error {
	bounds, err := l.Bounds(ctx)
	if err != nil {
		return fmt.Errorf("trim the log: %w", err)
	}
	keep = min(keep, bounds.Last+1) // purging beyond the end would move the end
	if keep <= bounds.First {
		return nil
	}
	stream, err := l.js.Stream(ctx, l.name)
	if err == nil {
		err = stream.Purge(ctx, natsjs.WithPurgeSequence(uint64(keep)))
	}
	if err != nil {
		return fmt.Errorf("trim the log to %d: %w", keep, err)
	}
	return nil
}

// waited waits for d or for the log's closing, and says whether it was the former.
func (l *Log) waited(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.closing:
		return false
	}
}
