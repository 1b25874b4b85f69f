package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"shiplog/wal"
)

const (
	streamPrefix  = "WAL_"
	subjectPrefix = "wal."
)

// ErrForeignStream says that the stream of a log exists and is not configured as a log must be:
// somebody else made or changed it.
var ErrForeignStream = errors.New("the stream is not configured as a log")

// ErrNoLog says that a log was to be opened as it is, and there is none.
var ErrNoLog = errors.New("there is no such log")

// ErrReplicated says that a log cannot be given up by one node: others hold copies of it.
var ErrReplicated = errors.New("other servers hold copies of the log")

// StreamName returns the name of the stream that holds a partition's log.
func StreamName(partition int) string { return streamPrefix + strconv.Itoa(partition) }

// Subject returns the subject that a partition's records are published to. Only the engine may (I12).
func Subject(partition int) string { return subjectPrefix + strconv.Itoa(partition) }

// Partitions returns, in ascending order as the server names them, the partitions whose logs it holds.
func Partitions(ctx context.Context, nc *nats.Conn) ([]int, error) {
	js, err := natsjs.New(nc)
	if err != nil {
		return nil, err
	}
	var partitions []int
	names := js.StreamNames(ctx)
	for name := range names.Name() {
		if digits, ours := strings.CutPrefix(name, streamPrefix); ours {
			if partition, err := strconv.Atoi(digits); err == nil {
				partitions = append(partitions, partition)
			}
		}
	}
	return partitions, names.Err()
}

// streamConfig is what a log's stream must be: nothing is ever dropped but by Trim, a full log refuses
// instead of forgetting, and no message can be changed or taken out.
func (c *Config) streamConfig(first wal.Seq) natsjs.StreamConfig {
	config := natsjs.StreamConfig{
		Name:              StreamName(c.Partition),
		Subjects:          []string{Subject(c.Partition)},
		Retention:         natsjs.LimitsPolicy,
		Storage:           natsjs.FileStorage,
		Discard:           natsjs.DiscardNew,
		MaxMsgs:           -1,
		MaxBytes:          -1,
		MaxMsgsPerSubject: -1,
		MaxMsgSize:        -1,
		MaxConsumers:      -1,
		Replicas:          c.Replicas,
		Duplicates:        100 * time.Millisecond, // the shortest: no message carries an id
		DenyDelete:        true,
	}
	if c.MaxBytes > 0 {
		config.MaxBytes = c.MaxBytes
	}
	if first > 1 {
		config.FirstSeq = uint64(first)
	}
	if len(c.Tags) > 0 {
		config.Placement = &natsjs.Placement{Tags: c.Tags}
	}
	return config
}

// foundWhenLed is found, again and again while a cluster lacks leaders or servers, until ctx ends. Without a leader nobody answers, so
// tries are short for about as long as an election takes.
func (l *Log) foundWhenLed(ctx context.Context) error {
	const pause, shortest, election = 50 * time.Millisecond, 250 * time.Millisecond, 2 * time.Second
	var reason error
	within, begun := shortest, time.Now()
	for {
		switch {
		case !l.cfg.clustered():
			within = requestWithin
		case time.Since(begun) > election:
			within = min(2*within, requestWithin)
		}
		once, cancel := context.WithTimeout(ctx, within)
		err := l.found(once)
		cancel()
		if err == nil || !l.cfg.clustered() || !passes(err) {
			return err
		}
		if reason == nil || !errors.Is(err, context.DeadlineExceeded) {
			reason = err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(context.Cause(ctx), reason)
		}
	}
}

// The server's error codes for what a cluster cannot do just now.
const (
	errNoPeers       = 10005 // no suitable servers for a stream
	errNotAvailable  = 10008 // no leader of the meta group
	errNotLeader     = 10009
	errNoMember      = 10040 // a server that a stream shall lie on is not there yet
	errStreamOffline = 10118 // no server that holds it
)

// passes says whether the error of making a log can go away by itself.
func passes(err error) bool {
	var api *natsjs.APIError
	if errors.As(err, &api) && (api.ErrorCode == errNoPeers || api.ErrorCode == errNoMember || api.ErrorCode == errStreamOffline) {
		return true
	}
	return unled(err)
}

// unled says whether an error is for want of a leader: nobody answered, or somebody who may not decide.
func unled(err error) bool {
	var api *natsjs.APIError
	if errors.As(err, &api) {
		return api.ErrorCode == errNotAvailable || api.ErrorCode == errNotLeader
	}
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrNoResponders) || errors.Is(err, nats.ErrTimeout) ||
		errors.Is(err, natsjs.ErrNoStreamResponse) || errors.Is(err, nats.ErrDisconnected) || errors.Is(err, nats.ErrConnectionReconnecting)
}

// found opens the log's stream: it makes it if it is missing, adapts its size limit, and refuses one
// that is configured in another way.
func (l *Log) found(ctx context.Context) error {
	want := l.cfg.streamConfig(l.cfg.FirstSeq)
	stream, err := l.js.Stream(ctx, want.Name)
	switch {
	case errors.Is(err, natsjs.ErrStreamNotFound) && l.cfg.Existing:
		return fmt.Errorf("%w: partition %d", ErrNoLog, l.cfg.Partition)
	case errors.Is(err, natsjs.ErrStreamNotFound):
		stream, err = l.js.CreateStream(ctx, want)
	}
	if err != nil {
		return err
	}
	have := stream.CachedInfo().Config
	if !l.cfg.Existing && have.MaxBytes != want.MaxBytes {
		have.MaxBytes = want.MaxBytes
		if stream, err = l.js.UpdateStream(ctx, have); err != nil {
			return err
		}
		have = stream.CachedInfo().Config
	}
	if err := compare(&have, &want, l.cfg.Existing); err != nil {
		return err
	}
	l.cfg.Replicas = have.Replicas
	return nil
}

// compare returns what makes have another stream than want. Where a stream begins and where it lies are not compared, nor
// what the server notes about itself, nor, for one that is opened as it is, how large it may grow and how
// many copies it has.
func compare(have, want *natsjs.StreamConfig, asItIs bool) error {
	type difference struct {
		name       string
		have, want any
	}
	mirrored := have.Mirror != nil || len(have.Sources) > 0
	changed := have.SubjectTransform != nil || have.RePublish != nil
	more := have.AllowRollup || have.AllowMsgTTL || have.AllowMsgCounter || have.AllowAtomicPublish || have.AllowMsgSchedules || have.AllowBatchPublish
	for _, d := range []difference{
		{"subjects", strings.Join(have.Subjects, " "), strings.Join(want.Subjects, " ")},
		{"retention", have.Retention, want.Retention},
		{"storage", have.Storage, want.Storage},
		{"discard", have.Discard, want.Discard},
		{"discard per subject", have.DiscardNewPerSubject, false},
		{"max age", have.MaxAge, time.Duration(0)},
		{"max messages", have.MaxMsgs, want.MaxMsgs},
		{"max messages per subject", have.MaxMsgsPerSubject, want.MaxMsgsPerSubject},
		{"max message size", have.MaxMsgSize, want.MaxMsgSize},
		{"max consumers", have.MaxConsumers, want.MaxConsumers},
		{"max bytes", have.MaxBytes, either(asItIs, have.MaxBytes, want.MaxBytes)},
		{"replicas", have.Replicas, either(asItIs, have.Replicas, want.Replicas)},
		{"duplicates window", have.Duplicates, want.Duplicates},
		{"no acknowledgements", have.NoAck, false},
		{"sealed", have.Sealed, false},
		{"deny delete", have.DenyDelete, true},
		{"deny purge", have.DenyPurge, false},
		{"compression", have.Compression, natsjs.NoCompression},
		{"persist mode", have.PersistMode, natsjs.DefaultPersistMode},
		{"direct reads", have.AllowDirect || have.MirrorDirect, false},
		{"mirror or sources", mirrored, false},
		{"subject transform or republish", changed, false},
		{"rollups, TTLs, counters, batches or schedules", more, false},
	} {
		if d.have != d.want {
			return fmt.Errorf("%w: %s: %s is %v, must be %v", ErrForeignStream, want.Name, d.name, d.have, d.want)
		}
	}
	return nil
}

func either[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}

// Refound gives up the log and founds it anew: empty, its first sequence first. What the log held is
// gone; the caller has a state that needs none of it (DESIGN.md, refounding). No append may be
// undecided, and no other server may hold a copy (ErrReplicated). If it fails or the process dies in between, there may be no log: Open makes one that
// begins at Config.FirstSeq.
func (l *Log) Refound(ctx context.Context, first wal.Seq) error {
	if l.cfg.clustered() {
		return fmt.Errorf("refound log: %w", ErrReplicated)
	}
	if l.undecided() {
		return fmt.Errorf("refound log: %w", wal.ErrUndecided)
	}
	config := l.cfg.streamConfig(first)
	if err := l.js.DeleteStream(ctx, config.Name); err != nil && !errors.Is(err, natsjs.ErrStreamNotFound) {
		return fmt.Errorf("refound log: %w", err)
	}
	if _, err := l.js.CreateStream(ctx, config); err != nil {
		return fmt.Errorf("refound log: %w", err)
	}
	return nil
}
