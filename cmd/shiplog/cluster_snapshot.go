package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// storeView is the snapshot store as one node sees it.
type storeView struct {
	Dir       string         `json:"dir"`
	State     string         `json:"state"` // ok or away
	Why       string         `json:"why,omitempty"`
	Work      []workView     `json:"work"`
	Snapshots []snapshotView `json:"snapshots"`
}

// workView is a partition that the node has to put there.
type workView struct {
	Partition int    `json:"partition"`
	State     string `json:"state"` // waiting, putting or failed
	Bytes     int64  `json:"bytes"` // 0: its files are being summed
	Done      int64  `json:"done"`
	New       int64  `json:"new"`
	Why       string `json:"why,omitempty"`
}

// snapshotView is one snapshot of one partition.
type snapshotView struct {
	Partition   int    `json:"partition"`
	Slots       string `json:"slots"`
	Incarnation string `json:"incarnation"`
	Sequence    int64  `json:"sequence"`
	Epoch       int64  `json:"epoch"`
	Taken       int64  `json:"takenMs"`  // Unix milliseconds
	Newest      int64  `json:"newestMs"` // of the newest record that is in it
	By          string `json:"by"`
	Files       int64  `json:"files"`
	Bytes       int64  `json:"bytes"`
	New         int64  `json:"newBytes"` // of files that are in no older one
}

// store asks a node what it sees of the store.
func (o *operator) store(addr string) (v storeView, err error) {
	a, err := o.tell(addr, "CLUSTER", "SNAPSHOTS")
	if err != nil {
		return v, err
	}
	f := a.pairs()
	v = storeView{Dir: f["dir"].text, State: f["state"].text, Why: f["why"].text, Work: []workView{}, Snapshots: []snapshotView{}}
	for _, entry := range f["work"].list {
		w := entry.pairs()
		v.Work = append(v.Work, workView{int(w["partition"].number()), w["state"].text, w["bytes"].number(), w["done"].number(), w["new"].number(), w["why"].text})
	}
	for _, entry := range f["snapshots"].list {
		s := entry.pairs()
		v.Snapshots = append(v.Snapshots, snapshotView{
			int(s["partition"].number()), s["slots"].text, s["incarnation"].text, s["sequence"].number(), s["epoch"].number(),
			s["taken"].number(), s["newest"].number(), s["by"].text, s["files"].number(), s["bytes"].number(), s["new"].number(),
		})
	}
	return v, nil
}

// snapshots prints what the store holds.
func (o *operator) snapshots(c clusterOptions) error {
	v, err := o.store(c.addrs[0])
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(o.out, v)
	}
	rows := [][]any{{"PARTITION", "INCARNATION", "SEQUENCE", "TAKEN", "BYTES", "NEW", "FILES", "BY"}}
	for _, s := range v.Snapshots {
		rows = append(rows, []any{s.Partition, s.Incarnation, s.Sequence, time.UnixMilli(s.Taken).UTC().Format(time.RFC3339), s.Bytes, s.New, s.Files,
			s.By[:min(len(s.By), 8)]})
	}
	if err := table(o.out, rows); err != nil {
		return err
	}
	for _, w := range v.Work {
		fmt.Fprintln(o.out, w.words())
	}
	if v.Why != "" {
		return fmt.Errorf("the store %s: %s", v.Dir, v.Why)
	}
	return nil
}

// words say how far a partition is on its way into the store.
func (w *workView) words() string {
	switch {
	case w.State != "putting":
		return strings.TrimSpace(fmt.Sprintf("partition %d: %s %s", w.Partition, w.State, w.Why))
	case w.Bytes == 0:
		return fmt.Sprintf("partition %d: its files are being summed", w.Partition)
	}
	return fmt.Sprintf("partition %d: %d of %d bytes", w.Partition, w.Done, w.Bytes)
}

// snapshot has every node put its share of the partitions into the store, and waits for them.
func (o *operator) snapshot(c clusterOptions) error {
	addrs, partitions, err := o.storers(c.addrs[0])
	if err != nil {
		return err
	}
	words := []string{"CLUSTER", "SNAPSHOT"}
	if c.partition >= 0 {
		words, partitions = append(words, "PARTITION", strconv.Itoa(c.partition)), []int{c.partition}
	}
	var failed error
	wanted := make(map[string][]int)
	for _, addr := range addrs {
		a, err := o.tell(addr, words...)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", addr, err))
			continue
		}
		for _, n := range a.list {
			wanted[addr] = append(wanted[addr], int(n.number()))
			partitions = slices.DeleteFunc(partitions, func(p int) bool { return p == int(n.number()) })
		}
	}
	if len(partitions) > 0 {
		failed = errors.Join(failed, fmt.Errorf("no node puts partition %s now: none that answers has an up to date copy", strings.Trim(fmt.Sprint(partitions), "[]")))
	}
	o.limit = moveLimit
	for _, addr := range addrs {
		if len(wanted[addr]) > 0 {
			failed = errors.Join(failed, o.awaitPut(addr, wanted[addr]))
		}
	}
	return failed
}

// storers are the nodes that may put something, and the partitions that there are: a lone node is one that knows of no cluster.
func (o *operator) storers(addr string) (addrs []string, partitions []int, err error) {
	v, err := o.view(addr)
	if err != nil && strings.Contains(err.Error(), "cluster support disabled") {
		return []string{addr}, []int{0}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	for _, n := range v.Nodes {
		if n.State == "ok" {
			addrs = append(addrs, n.Address)
		}
	}
	for _, p := range v.Partitions {
		partitions = append(partitions, p.Number)
	}
	return addrs, partitions, nil
}

// awaitPut waits until a node has put partitions into the store, and says what each of them took.
func (o *operator) awaitPut(addr string, partitions []int) error {
	var v storeView
	var failed []string
	err := o.await(func() (err error) {
		if v, err = o.store(addr); err != nil {
			return err
		}
		failed = nil
		for _, w := range v.Work {
			switch {
			case !slices.Contains(partitions, w.Partition):
			case w.State == "failed":
				failed = append(failed, w.words())
			default:
				return errors.New(w.words())
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(failed) > 0 {
		return fmt.Errorf("%s: %s", addr, strings.Join(failed, "; "))
	}
	for _, p := range partitions {
		if s := v.newest(p); s != nil {
			fmt.Fprintf(o.out, "partition %d: %d bytes at %d, %d of them new\n", p, s.Bytes, s.Sequence, s.New)
		}
	}
	return nil
}

// newest is the newest snapshot of a partition; nil when there is none.
func (v *storeView) newest(partition int) (newest *snapshotView) {
	for i := range v.Snapshots {
		if s := &v.Snapshots[i]; s.Partition == partition && (newest == nil || s.Taken >= newest.Taken) {
			newest = s
		}
	}
	return newest
}
