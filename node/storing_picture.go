package node

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"shiplog/node/commands"
	"shiplog/shipper"
)

var _ commands.Snapshots = (*storing)(nil)

// Put implements commands.Snapshots.
func (s *storing) Put(partition int) ([]int, error) {
	if err := s.seen.Load().err; err != nil {
		return nil, fmt.Errorf("ERR %w", err)
	}
	all := s.node.holder.partitions()
	if partition >= all {
		return nil, fmt.Errorf("ERR There is no partition %d", partition)
	}
	var mine []int
	for n := range all {
		if partition >= 0 && n != partition {
			continue
		}
		source, err := s.node.holder.source(n)
		if err == nil && source.partition != nil && s.node.holder.puts(n, by(s.newest(n, source.Reached().Incarnation))) {
			mine = append(mine, n)
		}
	}
	s.mu.Lock()
	for _, n := range mine {
		if w := s.work[n]; w == nil || w.progress == nil {
			s.work[n] = &storeWork{asked: true}
		}
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default: // there is a word already
	}
	return mine, nil
}

// Look implements commands.Snapshots.
func (s *storing) Look(ctx context.Context) *commands.StorePicture {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	s.look(ctx) // which says nothing when the time is over
	return s.Picture()
}

// Picture implements commands.Snapshots.
func (s *storing) Picture() *commands.StorePicture {
	seen := s.seen.Load()
	p := &commands.StorePicture{Dir: s.node.cfg.Store.Dir, Snapshots: listed(seen.holding.Snapshots)}
	if why := errors.Join(append([]error{seen.err}, seen.holding.Unread...)...); why != nil {
		p.Why = strings.ReplaceAll(why.Error(), "\n", "; ")
	}
	p.Usable = seen.err == nil
	s.mu.Lock()
	defer s.mu.Unlock()
	p.Put, p.PutBytes, p.LastPut = s.put.snapshots, s.put.bytes, s.put.last
	for n, w := range s.work {
		p.Work = append(p.Work, w.picture(n, time.Now()))
	}
	slices.SortFunc(p.Work, func(a, b commands.StoreWork) int { return a.Partition - b.Partition })
	return p
}

func (w *storeWork) picture(n int, now time.Time) commands.StoreWork {
	p := commands.StoreWork{Partition: n, State: "failed"}
	switch {
	case w.asked:
		p.State = "waiting"
	case w.progress != nil:
		p.State, p.Took = "putting", now.Sub(w.began)
		p.Total, p.Done, p.New = w.progress.Total.Load(), w.progress.Done.Load(), w.progress.New.Load()
	case w.failed != nil:
		p.Why = w.failed.Error()
	}
	return p
}

// listed are stored snapshots as operators are shown them: by partition, the newest last. New counts the bytes of the files that are in no snapshot which
// was taken before.
func listed(all []*shipper.Stored) []commands.StoreSnapshot {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b *shipper.Stored) int { return a.Taken.Compare(b.Taken) })
	named := make(map[shipper.Sum]bool)
	shown := make([]commands.StoreSnapshot, len(all))
	for i, stored := range all {
		shown[i] = commands.StoreSnapshot{
			Partition: stored.Partition, Partitions: stored.Partitions, First: int(stored.First), Last: int(stored.Last),
			Incarnation: hex.EncodeToString(stored.Position.Incarnation[:]), Seq: uint64(stored.Position.Seq), Epoch: uint64(stored.Position.Epoch),
			Taken: stored.Taken, Newest: time.UnixMilli(stored.Position.CommitMS), By: hex.EncodeToString(stored.By[:]),
			Files: len(stored.Files), Bytes: stored.Bytes(),
		}
		for j := range stored.Files {
			if f := &stored.Files[j]; !named[f.Sum] {
				named[f.Sum] = true
				shown[i].New += f.Size
			}
		}
	}
	slices.SortStableFunc(shown, func(a, b commands.StoreSnapshot) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), a.Taken.Compare(b.Taken))
	})
	return shown
}
