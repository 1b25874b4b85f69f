// Package corenats carries requests about snapshots between nodes, and their answers, over core NATS: the routes are there, they
// are authenticated, and an account of its own gives what is large a connection of its own (embedded.Server.ConnectBulk).
//
// It promises nothing but that an answer belongs to its request: either may be lost, and then Ask fails. It never knows what is said.
package corenats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"shiplog/shipper"
)

const (
	subject   = "shiplog.snapshot."
	askWithin = 10 * time.Second // an answer waits behind other readers', at the pace of the source
	maxAsked  = 1024             // requests that wait for an answer; what finds no room is lost, and fails after askWithin
)

// ErrUnanswered says that nobody has answered: the node is not there, or too slow.
var ErrUnanswered = errors.New("the node does not answer")

// Courier asks the node whose server has a name.
type Courier struct {
	nc     *nats.Conn
	server string
}

var _ shipper.Courier = (*Courier)(nil)

// NewCourier returns a Courier to the node whose server has the given name. It does not own nc.
func NewCourier(nc *nats.Conn, server string) *Courier { return &Courier{nc, server} }

// Ask implements shipper.Courier. It waits for ten seconds, and not at all for a node that is not there.
func (c *Courier) Ask(ctx context.Context, request []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	m, err := c.nc.RequestWithContext(ctx, subject+c.server, request)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnanswered, c.server, err)
	}
	return m.Data, nil
}

// Answer answers a request, in buf if it has room there, which it may overwrite.
type Answer func(ctx context.Context, request, buf []byte) []byte

// Serve answers what is asked of the node whose server has the given name, one request after the other, until ctx ends. Then it
// returns nil. It does not own nc.
func Serve(ctx context.Context, nc *nats.Conn, server string, answer Answer) error {
	asked := make(chan *nats.Msg, maxAsked)
	sub, err := nc.ChanSubscribe(subject+server, asked)
	if err != nil {
		return fmt.Errorf("listen for requests about snapshots: %w", err)
	}
	defer sub.Unsubscribe() // fails only without a connection
	var buf []byte
	for {
		select {
		case <-ctx.Done():
			return nil
		case m := <-asked:
			if m.Reply != "" {
				buf = answer(ctx, m.Data, buf)
				_ = m.Respond(buf) // which copies it; who asked notices a failure
			}
		}
	}
}
