package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"shiplog/partitions/coordinator"
)

const (
	wishSubject = "shiplog.wish"
	wishQueue   = "coordinator"
)

// verdict is what a coordinator answers to a wish.
type verdict struct {
	Refusal string `json:"refusal,omitempty"` // why it is refused; empty: it is granted
	Again   bool   `json:"again,omitempty"`   // nobody has decided: ask the next coordinator
}

// Refused is the coordinator's reason not to grant a wish.
type Refused string

// Error is the reason.
func (r Refused) Error() string { return string(r) }

// Wish asks whoever coordinates the cluster, until somebody answers or ctx ends. It returns nil when the map that is stored grants the
// wish, and a Refused when nothing was done. With any other error it is not known whether it was granted, and it may have been
// granted twice: a failover to an unnamed node may then move the partition twice.
func (a *Agent) Wish(ctx context.Context, w coordinator.Wish) error {
	data, err := within(maxWish, w)
	if err != nil {
		return fmt.Errorf("wish: %w", err)
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-a.stopped:
		return ErrStopped
	case <-a.connected:
	}
	for {
		v, err := a.askOnce(ctx, data)
		switch {
		case err == nil && v.Refusal != "":
			return a.refused(w, v.Refusal)
		case err == nil && !v.Again:
			return nil
		case errors.Is(err, nats.ErrConnectionClosed):
			return ErrStopped
		}
		if !rest(ctx, wishPause) {
			return fmt.Errorf("nobody coordinates the cluster: %w", context.Cause(ctx))
		}
	}
}

// refused makes an error of a refusal. A cluster that was created by a wish whose answer was lost is created.
func (a *Agent) refused(w coordinator.Wish, refusal string) error {
	if m := a.Map(); w.Verb == coordinator.WishCreate && w.Cluster != "" && m != nil && m.Cluster == w.Cluster {
		return nil
	}
	return Refused(refusal)
}

func (a *Agent) askOnce(ctx context.Context, data []byte) (v verdict, err error) {
	ctx, cancel := context.WithTimeout(ctx, replyWithin)
	defer cancel()
	answer, err := a.nc.RequestWithContext(ctx, wishSubject, data)
	if err != nil {
		return verdict{}, err
	}
	return v, decode(answer.Data, maxWish, &v)
}

// ask hands a wish to the coordinator.
func (r *reign) ask(msg *nats.Msg) {
	var w coordinator.Wish
	if err := decode(msg.Data, maxWish, &w); err != nil {
		r.reply(msg, verdict{Refusal: err.Error()})
		return
	}
	r.last++
	r.asked[r.last] = msg
	r.step(coordinator.Asked{Now: r.a.clock(), ID: r.last, Wish: w})
}

// answer tells whoever asked what became of the wish.
func (r *reign) answer(answer coordinator.Answer) {
	if msg, open := r.asked[answer.ID]; open {
		delete(r.asked, answer.ID)
		r.reply(msg, verdict{Refusal: answer.Refusal})
	}
}

// abdicate sends whoever still waits to the next coordinator.
func (r *reign) abdicate() {
	for _, msg := range r.asked {
		r.reply(msg, verdict{Again: true})
	}
	clear(r.asked)
	for {
		select {
		case msg := <-r.wishes:
			r.reply(msg, verdict{Again: true})
		default:
			return
		}
	}
}

// reply sends a verdict. If that fails the asker asks again.
func (r *reign) reply(msg *nats.Msg, v verdict) {
	if len(v.Refusal) > maxWhy {
		v.Refusal = v.Refusal[:maxWhy]
	}
	if data, err := json.Marshal(v); err == nil {
		_ = msg.Respond(data)
	}
}
