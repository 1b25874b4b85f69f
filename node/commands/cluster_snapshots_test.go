package commands

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// fakeStore is a snapshot store that notes what it is asked for.
type fakeStore struct {
	asked   []int
	refusal error
	picture StorePicture
}

func (f *fakeStore) Put(partition int) ([]int, error) {
	f.asked = append(f.asked, partition)
	return []int{1, 3}, f.refusal
}

func (f *fakeStore) Look(context.Context) *StorePicture { return &f.picture }
func (f *fakeStore) Picture() *StorePicture             { return &f.picture }

func TestClusterSnapshot(t *testing.T) {
	r := newRig(t)
	store := &fakeStore{}
	r.srv.store = store
	c := r.connect()
	for _, tt := range []struct {
		line, want string
		asked      int // -2: nothing
	}{
		{"cluster snapshot", "[1 3]", -1},
		{"cluster snapshot PARTITION 3", "[1 3]", 3},
		{"cluster snapshot partition -1", "-ERR value is not an integer or out of range", -2},
		{"cluster snapshot partition 16384", "-ERR value is not an integer or out of range", -2},
		{"cluster snapshot partition", "-ERR syntax error", -2},
		{"cluster snapshot all", "-ERR syntax error", -2},
	} {
		store.asked = nil
		if got := c.do(tt.line); got != tt.want || (tt.asked == -2) != (len(store.asked) == 0) || len(store.asked) > 0 && store.asked[0] != tt.asked {
			t.Errorf("%s: got %s and %v, want %s and %d", tt.line, got, store.asked, tt.want, tt.asked)
		}
	}
	store.refusal = errors.New("ERR the snapshot store is not there")
	if got := c.do("cluster snapshot"); got != "-ERR the snapshot store is not there" {
		t.Errorf("refused: %s", got)
	}
}

func TestClusterSnapshots(t *testing.T) {
	r := newRig(t)
	c := r.connect()
	if got := c.do("info shiplog"); !strings.Contains(got, "snapshot_store:none") {
		t.Errorf("INFO without a store: %s", got)
	}
	r.srv.store = &fakeStore{picture: StorePicture{
		Dir: "/mnt/s", Usable: true, PutBytes: 70, Put: 2, LastPut: time.Unix(1700000000, 0),
		Work:      []StoreWork{{Partition: 5, State: "putting", Total: 100, Done: 40, New: 30, Took: 2 * time.Second}},
		Snapshots: []StoreSnapshot{{Partition: 3, Partitions: 4, First: 1, Last: 2, Incarnation: "ab", Seq: 9, Epoch: 1, Taken: time.UnixMilli(5), Newest: time.UnixMilli(4), By: "cd", Files: 6, Bytes: 100, New: 70}},
	}}
	want := "{dir /mnt/s state ok why  work [{partition 5 state putting bytes 100 done 40 new 30 ms 2000 why }] snapshots " +
		"[{partition 3 partitions 4 slots 1-2 incarnation ab sequence 9 epoch 1 taken 5 newest 4 by cd files 6 bytes 100 new 70}]}"
	if got := c.do("cluster snapshots"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	info := c.do("info shiplog")
	for _, line := range []string{
		"snapshot_store:ok", "snapshot_store_snapshots:1", "snapshot_store_bytes:70", "snapshot_store_put:2", "snapshot_store_put_bytes:70",
		"snapshot_store_last_put:1700000000", "snapshot_store_work5:state=putting,bytes=100,done=40,new=30,seconds=2",
	} {
		if !strings.Contains(info, line) {
			t.Errorf("INFO does not say %s", line)
		}
	}
}
