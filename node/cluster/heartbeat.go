package cluster

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"shiplog/partitions/coordinator"
)

const beatSubject = "shiplog.heartbeat"

// Beat has a heartbeat sent at once, because something has changed that others wait for. It does not block.
func (a *Agent) Beat() { signal(a.soon) }

// beat sends heartbeats. This node hears its own without the network.
func (a *Agent) beat(ctx context.Context) {
	tick := time.NewTicker(a.cfg.Every)
	defer tick.Stop()
	for {
		r := fit(a.cfg.Report())
		select {
		case a.own <- r:
		default: // the one before is not heard yet
		}
		if err := a.send(&r); err != nil && a.complained.send.due(a.clock()) {
			a.log.Error("cannot send a heartbeat", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-a.soon:
		}
	}
}

// send publishes a heartbeat. Without a connection it is dropped: the client would keep it, and say later what is not true any more.
func (a *Agent) send(r *coordinator.Report) error {
	data, err := encodeReport(r)
	if err != nil || !a.nc.IsConnected() {
		return err
	}
	return a.nc.Publish(beatSubject, data)
}

// hear takes heartbeats, and is the only one who writes the view.
func (a *Agent) hear(ctx context.Context, beats <-chan *nats.Msg) {
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-a.own:
			a.heard(r)
		case msg := <-beats:
			r, err := decodeReport(msg.Data)
			switch {
			case err != nil:
				a.ignore(&a.complained.heartbeat, err)
			case r.Node.ID != a.cfg.Self.ID:
				a.heard(r)
			case r.Node != a.cfg.Self:
				a.ignore(&a.complained.twin, fmt.Errorf("node %s at %s:%d has this node's identity: was its directory copied?", r.Node.ID, r.Node.Host, r.Node.Port))
			}
		}
	}
}

// heard takes a heartbeat of this cluster. A node without a cluster may be about to enter this one.
func (a *Agent) heard(r coordinator.Report) {
	m := a.newest.Load()
	if m != nil && r.Cluster != "" && r.Cluster != m.Cluster {
		a.ignore(&a.complained.foreign, fmt.Errorf("node %s at %s:%d is of cluster %s, this one is of %s", r.Node.ID, r.Node.Host, r.Node.Port, r.Cluster, m.Cluster))
		return
	}
	now := a.clock()
	view := *a.view.Load()
	if now-view.Now > max(view.SilentAfter/2, 2*a.cfg.Every) {
		view.Began = now // this node was asleep: whoever spoke meanwhile was not heard
	}
	next, known := view.hear(r, now, m)
	if !known {
		a.ignore(&a.complained.heartbeat, fmt.Errorf("more than %d nodes are heard", maxNodes))
		return
	}
	a.view.Store(&next)
	if r.Map > versionOf(m) {
		signal(a.reread)
	}
	a.mu.Lock()
	reigning := a.reign
	a.mu.Unlock()
	if reigning != nil {
		reigning.hear(coordinator.Heard{Now: now, Report: r})
	}
	a.cfg.OnReport(r)
}

// ignore counts a heartbeat that is not believed, and says so once in a while.
func (a *Agent) ignore(complained *seldom, why error) {
	total := a.ignored.Add(1)
	if complained.due(a.clock()) {
		a.log.Warn("a heartbeat is ignored", "error", why, "ignored", total)
	}
}

func versionOf(m *coordinator.Map) uint64 {
	if m == nil {
		return 0
	}
	return m.Version
}
