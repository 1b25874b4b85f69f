package changes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
)

// The key-value buckets of JetStream that groups, and the checkpoints of projectors, are in.
const (
	groupBucket      = "SHIPLOG_GROUPS"
	checkpointBucket = "SHIPLOG_CHECKPOINTS"
)

// bucketWithin is how long one question to the bucket may take: an election, and some.
const bucketWithin = 5 * time.Second

// Bucket is a Store in JetStream: as durable as the logs, with as many copies. It is made when it is first written to. Its methods
// are safe from any goroutine.
type Bucket struct {
	name    string
	connect func() (*nats.Conn, error)
	copies  func() int

	mu sync.Mutex
	nc *nats.Conn
	kv natsjs.KeyValue
}

// NewBucket returns the bucket of groups in the server that connect leads to. copies says how many copies it shall have.
func NewBucket(connect func() (*nats.Conn, error), copies func() int) *Bucket {
	return &Bucket{name: groupBucket, connect: connect, copies: copies}
}

// NewCheckpointBucket is NewBucket for the checkpoints of projectors.
func NewCheckpointBucket(connect func() (*nats.Conn, error), copies func() int) *Bucket {
	return &Bucket{name: checkpointBucket, connect: connect, copies: copies}
}

// Close closes the connection.
func (b *Bucket) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.nc != nil {
		b.nc.Close()
		b.nc, b.kv = nil, nil
	}
}

// open returns the bucket, which it makes if create says so; nil when there is none.
func (b *Bucket) open(ctx context.Context, create bool) (natsjs.KeyValue, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.kv != nil {
		return b.kv, nil
	}
	if b.nc == nil {
		nc, err := b.connect()
		if err != nil {
			return nil, err
		}
		b.nc = nc
	}
	js, err := natsjs.New(b.nc)
	if err != nil {
		return nil, err
	}
	kv, err := js.KeyValue(ctx, b.name)
	if errors.Is(err, natsjs.ErrBucketNotFound) {
		if !create {
			return nil, nil
		}
		if _, err = js.CreateStream(ctx, bucketConfig(b.name, b.copies())); err == nil || errors.Is(err, natsjs.ErrStreamNameAlreadyInUse) {
			kv, err = js.KeyValue(ctx, b.name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open the bucket %s: %w", b.name, err)
	}
	b.kv = kv
	return kv, nil
}

// bucketConfig is that of a bucket, but that reads are answered by the leader only: what was just stored is read.
func bucketConfig(name string, copies int) natsjs.StreamConfig {
	return natsjs.StreamConfig{
		Name: "KV_" + name, Subjects: []string{"$KV." + name + ".>"}, Storage: natsjs.FileStorage, Replicas: copies,
		MaxMsgsPerSubject: 1, MaxMsgs: -1, MaxBytes: -1, MaxConsumers: -1, MaxMsgSize: -1,
		Discard: natsjs.DiscardNew, DenyDelete: true, AllowRollup: true,
	}
}

// Load returns the value of a key.
func (b *Bucket) Load(ctx context.Context, key string) ([]byte, uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, bucketWithin)
	defer cancel()
	kv, err := b.open(ctx, false)
	if err != nil || kv == nil {
		return nil, 0, err
	}
	entry, err := kv.Get(ctx, key)
	if errors.Is(err, natsjs.ErrKeyNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read %s: %w", key, err)
	}
	return entry.Value(), entry.Revision(), nil
}

// Update stores a value in the place of a revision.
func (b *Bucket) Update(ctx context.Context, key string, value []byte, revision uint64) error {
	once := func(ctx context.Context, kv natsjs.KeyValue) (err error) {
		if revision == 0 {
			_, err = kv.Create(ctx, key, value)
		} else {
			_, err = kv.Update(ctx, key, value, revision)
		}
		return err
	}
	return b.decide(ctx, key, once, func(now []byte, at uint64) bool { return at > revision && bytes.Equal(now, value) })
}

// Delete removes the value of a key that has a revision.
func (b *Bucket) Delete(ctx context.Context, key string, revision uint64) error {
	once := func(ctx context.Context, kv natsjs.KeyValue) error {
		return kv.Purge(ctx, key, natsjs.LastRevision(revision))
	}
	return b.decide(ctx, key, once, func(_ []byte, at uint64) bool { return at == 0 })
}

// decide changes what a key has. ours tells whether what it has afterwards, revision 0 for nothing, is that change.
func (b *Bucket) decide(ctx context.Context, key string, once func(context.Context, natsjs.KeyValue) error, ours func(value []byte, revision uint64) bool) error {
	return decide(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, bucketWithin)
		defer cancel()
		kv, err := b.open(ctx, true)
		if err != nil {
			return fmt.Errorf("%w: %w", errRefused, err)
		}
		return outcome(key, once(ctx, kv))
	}, func(ctx context.Context) (bool, error) {
		value, revision, err := b.Load(ctx, key)
		return err == nil && ours(value, revision), err
	})
}

// outcome tells what an answer of JetStream's says of a change.
func outcome(key string, err error) error {
	var api *natsjs.APIError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, natsjs.ErrKeyExists), errors.As(err, &api) &&
		(api.ErrorCode == natsjs.JSErrCodeStreamWrongLastSequence || api.ErrorCode == natsjs.JSErrCodeStreamWrongLastSequenceConstant):
		return fmt.Errorf("%w: %s", ErrConflict, key)
	case api != nil:
		return fmt.Errorf("%w: change %s: %w", errRefused, key, err)
	default:
		return fmt.Errorf("change %s: %w", key, err)
	}
}

// Keys returns all keys.
func (b *Bucket) Keys(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, bucketWithin)
	defer cancel()
	kv, err := b.open(ctx, false)
	if err != nil || kv == nil {
		return nil, err
	}
	keys, err := kv.Keys(ctx)
	if errors.Is(err, natsjs.ErrNoKeysFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the groups: %w", err)
	}
	return keys, nil
}
