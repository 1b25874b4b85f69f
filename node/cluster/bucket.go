package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"shiplog/partitions/coordinator"
)

// The names that FORMAT.md gives.
const (
	bucketStream  = "KV_SHIPLOG"
	bucketSubject = "$KV.SHIPLOG.>"
	mapSubject    = "$KV.SHIPLOG.map"
	announced     = "shiplog.map"
)

// stored is what the bucket holds: a map, and the revision that the next one has to replace; revision 0: nothing.
type stored struct {
	revision uint64
	m        *coordinator.Map
}

// bucket is where the cluster map lies: a key-value bucket of JetStream. Its methods return when an answer came or ctx ended, and
// may be called from several goroutines.
type bucket struct {
	nc *nats.Conn
	js natsjs.JetStream
}

func openBucket(nc *nats.Conn) (*bucket, error) {
	js, err := natsjs.New(nc)
	if err != nil {
		return nil, err
	}
	return &bucket{nc: nc, js: js}, nil
}

// streamConfig is that of a bucket, with two differences: reads are answered by the leader only, so that they are seldom old, and
// the leader announces what it has stored, so that nobody needs a consumer, which would die with the server it lies on.
func streamConfig(copies int) natsjs.StreamConfig {
	return natsjs.StreamConfig{
		Name: bucketStream, Subjects: []string{bucketSubject}, Storage: natsjs.FileStorage, Replicas: copies,
		MaxMsgsPerSubject: 1, MaxMsgs: -1, MaxBytes: -1, MaxConsumers: -1, MaxMsgSize: -1,
		Discard: natsjs.DiscardNew, DenyDelete: true, AllowRollup: true,
		RePublish: &natsjs.RePublish{Source: mapSubject, Destination: announced},
	}
}

// read asks the bucket's leader what it holds. A leader that does not know yet that it was deposed may answer with the past.
func (b *bucket) read(ctx context.Context) (stored, error) {
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	request, err := json.Marshal(map[string]string{"last_by_subj": mapSubject})
	if err != nil {
		return stored{}, err
	}
	answer, err := b.nc.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+bucketStream, request)
	if err != nil {
		return stored{}, fmt.Errorf("read the cluster map: %w", err)
	}
	var got struct {
		Error   *natsjs.APIError `json:"error"`
		Message struct {
			Seq  uint64 `json:"seq"`
			Data []byte `json:"data"`
		} `json:"message"`
	}
	if err := json.Unmarshal(answer.Data, &got); err != nil {
		return stored{}, fmt.Errorf("read the cluster map: %w", err)
	}
	switch {
	case got.Error != nil && (got.Error.ErrorCode == natsjs.JSErrCodeStreamNotFound || got.Error.ErrorCode == natsjs.JSErrCodeMessageNotFound):
		return stored{}, nil
	case got.Error != nil:
		return stored{}, fmt.Errorf("read the cluster map: %w", got.Error)
	}
	m, err := DecodeMap(got.Message.Data)
	if err != nil {
		return stored{}, fmt.Errorf("the cluster map that is stored as revision %d: %w", got.Message.Seq, err)
	}
	return stored{revision: got.Message.Seq, m: m}, nil
}

// write stores a map in the place of revision. An error that wraps errConflict says that it did not; any other leaves that open.
func (b *bucket) write(ctx context.Context, data []byte, revision uint64) (uint64, error) {
	ack, err := b.js.Publish(ctx, mapSubject, data, natsjs.WithExpectLastSequencePerSubject(revision), natsjs.WithRetryAttempts(0))
	if err == nil {
		return ack.Sequence, nil
	}
	var api *natsjs.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode {
		case natsjs.JSErrCodeStreamWrongLastSequence, natsjs.JSErrCodeStreamWrongLastSequenceConstant:
			err = fmt.Errorf("%w: %w", errConflict, err)
		}
	}
	return 0, fmt.Errorf("store the cluster map: %w", err)
}

// create makes the bucket unless it is there.
func (b *bucket) create(ctx context.Context, copies int) error {
	_, err := b.js.CreateStream(ctx, streamConfig(copies))
	if err != nil && !errors.Is(err, natsjs.ErrStreamNameAlreadyInUse) {
		return fmt.Errorf("make the bucket of the cluster map: %w", err)
	}
	return nil
}

// widen raises the number of copies of the bucket if there are fewer, and returns how many there were and are.
func (b *bucket) widen(ctx context.Context, copies int) (before, after int, err error) {
	ctx, cancel := context.WithTimeout(ctx, widenWithin)
	defer cancel()
	stream, err := b.js.Stream(ctx, bucketStream)
	if err != nil {
		return 0, 0, fmt.Errorf("look at the bucket of the cluster map: %w", err)
	}
	before = stream.CachedInfo().Config.Replicas
	if before >= copies {
		return before, before, nil
	}
	if _, err := b.js.UpdateStream(ctx, streamConfig(copies)); err != nil {
		return before, before, fmt.Errorf("raise the copies of the cluster map to %d: %w", copies, err)
	}
	return before, copies, nil
}
