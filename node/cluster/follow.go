package cluster

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"shiplog/partitions/coordinator"
)

// heed takes maps as the bucket's leader announces them.
func (a *Agent) heed(ctx context.Context, maps <-chan *nats.Msg) {
	for {
		select {
		case <-ctx.Done():
			return
		case msg := <-maps:
			revision, err := strconv.ParseUint(msg.Header.Get("Nats-Sequence"), 10, 64)
			if err != nil {
				err = errors.Join(ErrMalformed, err)
			}
			m, bad := DecodeMap(msg.Data)
			if err := errors.Join(err, bad); err != nil {
				if a.complained.read.due(a.clock()) {
					a.log.Error("a cluster map that was announced is ignored", "error", err)
				}
				continue
			}
			a.learn(stored{revision, m}, false)
		}
	}
}

// look reads the map every few seconds, since an announcement can be missed, and whenever somebody follows a newer one.
func (a *Agent) look(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	copies := 0 // of the map, at least
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-a.reread:
		}
		if s, err := a.bucket.read(ctx); err == nil {
			a.learn(s, true)
		} else if ctx.Err() == nil && a.Map() != nil && a.complained.read.due(a.clock()) {
			a.log.Warn("the cluster map cannot be read", "error", err)
		}
		if m := a.Map(); m != nil && min(len(m.Nodes), a.cfg.Copies) > copies && a.cfg.Leads() {
			copies = a.widen(ctx, min(len(m.Nodes), a.cfg.Copies))
		}
		if !rest(ctx, rereadPause) {
			return
		}
		timer.Reset(rereadEvery)
	}
}

// widen lets the map have so many copies, and returns how many it has.
func (a *Agent) widen(ctx context.Context, copies int) int {
	before, after, err := a.bucket.widen(ctx, copies)
	switch {
	case err != nil && ctx.Err() == nil && a.complained.widen.due(a.clock()):
		a.log.Warn("the cluster map has fewer copies than it could have", "wanted", copies, "error", err)
	case after > before:
		a.log.Info("the cluster map has more copies", "before", before, "copies", after)
	}
	return after
}

// learn takes what the bucket holds. Only what was read tells that a bucket has less than it had.
func (a *Agent) learn(s stored, read bool) {
	a.mu.Lock()
	if read || s.revision > a.stored.revision {
		a.stored = s
	}
	newer, foreign := a.follow(s.m)
	reigning, known := a.reign, a.newest.Load()
	a.mu.Unlock()
	switch {
	case foreign:
		if a.complained.foreign.due(a.clock()) {
			a.log.Error("the map of another cluster is not followed: this node's directory belongs to another one",
				"this node's", known.Cluster, "the other", s.m.Cluster, "version", s.m.Version)
		}
	case newer:
		signal(a.news)
		if reigning != nil {
			signal(reigning.learned)
		}
	case s.m == nil && known != nil && a.complained.absent.due(a.clock()):
		a.log.Error("no cluster map is stored, though this node knows one", "cluster", known.Cluster, "version", known.Version)
	}
}

// follow makes m the map that the node follows, if it is newer and of the same cluster. The caller holds mu.
func (a *Agent) follow(m *coordinator.Map) (newer, foreign bool) {
	known := a.newest.Load()
	switch {
	case m == nil:
		return false, false
	case known != nil && m.Cluster != known.Cluster:
		return false, true
	case m.Version <= versionOf(known):
		return false, false
	}
	a.newest.Store(m)
	return true, false
}

// basis is what the coordinator goes on from: what is stored, unless this node knows a newer map of the same cluster. That is so
// when a power cut took the bucket's last change, or when what was read is old; then the next Store shows which. ours is false
// when what is stored is another cluster's.
func (a *Agent) basis() (m *coordinator.Map, revision uint64, ours bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	m = a.stored.m
	known := a.newest.Load()
	if m == nil || known == nil || known.Version <= m.Version && known.Cluster == m.Cluster {
		return m, a.stored.revision, true
	}
	return known, a.stored.revision, known.Cluster == m.Cluster
}
