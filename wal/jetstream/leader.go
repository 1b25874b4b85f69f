package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"shiplog/wal"
)

// Leader returns the name of the server that leads the log's stream: "" on a lone node, and when nobody leads
// it now. It is a hint.
func (l *Log) Leader(ctx context.Context) (string, error) {
	cluster, err := l.cluster(ctx)
	if err != nil {
		return "", fmt.Errorf("leader of the log: %w", err)
	}
	return cluster.Leader, nil
}

// cluster asks who leads the stream and who holds it. The leader is not among its replicas.
func (l *Log) cluster(ctx context.Context) (natsjs.ClusterInfo, error) {
	if l.closed() {
		return natsjs.ClusterInfo{}, wal.ErrClosed
	}
	info, err := l.info(ctx, leaderWithin)
	if err != nil || info.Cluster == nil {
		return natsjs.ClusterInfo{}, err
	}
	return *info.Cluster, nil
}

// What a leader is given to answer: it does within milliseconds, and one that has just begun or is just ending to lead may not.
const (
	leaderWithin   = 500 * time.Millisecond
	stepDownWithin = 200 * time.Millisecond
)

// StepDown asks the leader of the log's stream to give way to the server named to, or to any other if to is "". It returns when the
// leader has agreed: another one leads some tens of milliseconds later, which need not be the one that was named if that is not fit.
// That it leads already is no error. An append in flight is resolved as always.
func (l *Log) StepDown(ctx context.Context, to string) error {
	leader, err := l.Leader(ctx)
	if err != nil || leader == to && to != "" {
		return err
	}
	return StepDown(ctx, l.nc, l.cfg.Partition, to)
}

// StepDown is Log.StepDown for who has not opened the partition's log; nc is a connection to any server of the cluster. That to
// leads already is an error here.
func StepDown(ctx context.Context, nc *nats.Conn, partition int, to string) error {
	ctx, cancel := context.WithTimeout(ctx, requestWithin)
	defer cancel()
	request, err := json.Marshal(map[string]any{"placement": map[string]string{"preferred": to}})
	if err != nil {
		return err
	}
	if to == "" {
		request = nil
	}
	answer, err := nc.RequestWithContext(ctx, "$JS.API.STREAM.LEADER.STEPDOWN."+StreamName(partition), request)
	if err != nil {
		return fmt.Errorf("step down in favour of %q: %w", to, err)
	}
	var got struct {
		Error   *natsjs.APIError
		Success bool
	}
	if err := json.Unmarshal(answer.Data, &got); err != nil {
		return fmt.Errorf("step down in favour of %q: %w", to, err)
	}
	switch {
	case got.Error != nil:
		return fmt.Errorf("step down in favour of %q: %w", to, got.Error)
	case !got.Success:
		return errors.New("the stream's leader does not step down")
	}
	return nil
}
