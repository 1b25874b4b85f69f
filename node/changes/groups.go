package changes

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"shiplog/wal"
)

// Store keeps small values under names, of which every node sees the same. Update stores a value in the place of a revision, 0 for none, Delete
// removes the one of a revision; they fail with ErrConflict when that is not the newest. They go on until it is known whether it is done: wal.ErrUndecided
// says that ctx has ended before, any other error that it is not done.
type Store interface {
	Load(ctx context.Context, key string) (value []byte, revision uint64, err error) // revision 0: there is none
	Update(ctx context.Context, key string, value []byte, revision uint64) error
	Delete(ctx context.Context, key string, revision uint64) error
	Keys(ctx context.Context) ([]string, error)
}

// Groups are named positions in the logs that consumers share and acknowledge. They are in a Store, so that any node goes on where another
// one has died: what was not acknowledged is given out again.
type Groups struct {
	store Store
	now   func() time.Time
}

// NewGroups returns the groups of a store.
func NewGroups(store Store, now func() time.Time) *Groups { return &Groups{store: store, now: now} }

// usualLease is how long a consumer has what it was given, if the group does not say otherwise.
const usualLease = 30 * time.Second

// The names under which groups are stored: their own in hexadecimal digits, since they may have any bytes.
func groupKey(name string) string { return hex.EncodeToString([]byte(name)) + ".group" }

func progressKey(name string, partition int) string {
	return hex.EncodeToString([]byte(name)) + "." + strconv.Itoa(partition)
}

// Create makes a group that begins at a token. The error is ErrGroupExists when there is one.
func (g *Groups) Create(ctx context.Context, name string, group Group, from Token) error {
	group.V = groupVersion
	if group.LeaseMS == 0 {
		group.LeaseMS = usualLease.Milliseconds()
	}
	_, revision, err := g.store.Load(ctx, groupKey(name))
	if err != nil {
		return err
	}
	if revision != 0 {
		return ErrGroupExists
	}
	for _, p := range from.Partitions { // the group itself last: with it, all is there
		group.Parts = append(group.Parts, p.Partition)
		progress := Progress{V: groupVersion, At: Token{Partitions: []Position{p}}.String()}
		if err := g.replace(ctx, progressKey(name, p.Partition), progress); err != nil {
			return err
		}
	}
	group.ID = rand.Text()
	value, err := json.Marshal(group)
	if err != nil {
		return err
	}
	if err = g.store.Update(ctx, groupKey(name), value, 0); errors.Is(err, ErrConflict) {
		return ErrGroupExists
	}
	return err
}

// replace stores progress whatever there is: what a group of the same name that was deleted has left.
func (g *Groups) replace(ctx context.Context, key string, p Progress) error {
	value, err := json.Marshal(p)
	if err != nil {
		return err
	}
	_, revision, err := g.store.Load(ctx, key)
	if err != nil {
		return err
	}
	return g.store.Update(ctx, key, value, revision)
}

// Find returns a group. The error is ErrNoGroup when there is none.
func (g *Groups) Find(ctx context.Context, name string) (group Group, err error) {
	value, revision, err := g.store.Load(ctx, groupKey(name))
	if err != nil {
		return group, err
	}
	if revision == 0 {
		return group, fmt.Errorf("%w: '%.128s'", ErrNoGroup, name)
	}
	if err := json.Unmarshal(value, &group); err != nil || group.V != groupVersion {
		return group, fmt.Errorf("group '%.128s' is stored in a way that this version does not know", name)
	}
	group.revision = revision
	return group, nil
}

// Progress returns how far a group is in a partition, and the revision that says so.
func (g *Groups) Progress(ctx context.Context, name string, partition int) (p Progress, revision uint64, err error) {
	value, revision, err := g.store.Load(ctx, progressKey(name, partition))
	if err != nil {
		return p, 0, err
	}
	if revision == 0 {
		return p, 0, fmt.Errorf("%w: '%.128s' has no partition %d", ErrNoGroup, name, partition)
	}
	if err := json.Unmarshal(value, &p); err != nil || p.V != groupVersion {
		return p, 0, fmt.Errorf("the progress of group '%.128s' is stored in a way that this version does not know", name)
	}
	return p, revision, nil
}

// put stores progress in the place of a revision.
func (g *Groups) put(ctx context.Context, name string, partition int, p Progress, revision uint64) error {
	value, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return g.store.Update(ctx, progressKey(name, partition), value, revision)
}

// Read gives a consumer the next changes of a partition that nobody else has: read reads from a token on, and returns the token behind what it
// has read and whether there was anything to give. When it did not, the group moves on. ok is false when there is nothing to give now.
func (g *Groups) Read(ctx context.Context, a Turn, read func(from Token) (to Token, some bool, err error)) (ok bool, to Token, err error) {
	p, revision, err := g.Progress(ctx, a.Group, a.Partition)
	if err != nil || !p.free(a.Consumer, g.now().UnixMilli(), a.Pending) {
		return false, to, err
	}
	from, err := ParseToken(p.At)
	if err != nil {
		return false, to, err
	}
	to, some, err := read(from)
	if err != nil {
		return false, to, err
	}
	var next Progress
	switch {
	case some:
		next = p.Give(a.Consumer, to.String(), g.now().UnixMilli(), a.LeaseMS)
	case to.Partitions[0].Compare(&from.Partitions[0]) > 0 && p.To == "":
		next = p.Skip(to.String())
	default:
		return false, to, nil
	}
	err = g.put(ctx, a.Group, a.Partition, next, revision)
	if errors.Is(err, ErrConflict) || errors.Is(err, wal.ErrUndecided) { // somebody else has it; or this consumer may, and gets it again
		return false, to, nil
	}
	return some && err == nil, to, err
}

// Turn is who reads what.
type Turn struct {
	Group, Consumer string
	Partition       int
	Pending         bool // also what this consumer has and has not acknowledged
	LeaseMS         int64
}

// Ack notes that everything before a token is done. done is false when it was before. The error is ErrNoGroup, ErrNotGiven or the store's.
func (g *Groups) Ack(ctx context.Context, name string, token Token) (done bool, err error) {
	if token.All {
		return false, ErrNotGiven
	}
	for {
		p, revision, err := g.Progress(ctx, name, token.Partitions[0].Partition)
		if err != nil {
			return false, err
		}
		next, done, err := p.Ack(token)
		if err != nil || !done {
			return false, err
		}
		err = g.put(ctx, name, token.Partitions[0].Partition, next, revision)
		if !errors.Is(err, ErrConflict) || ctx.Err() != nil {
			return err == nil, err
		}
	}
}

// Delete removes a group and tells whether it was there.
func (g *Groups) Delete(ctx context.Context, name string) (bool, error) {
	group, err := g.Find(ctx, name)
	if errors.Is(err, ErrNoGroup) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	switch err := g.store.Delete(ctx, groupKey(name), group.revision); { // first: without it, the rest is nobody's
	case errors.Is(err, ErrConflict): // it is never changed: somebody else has deleted it
		return false, nil
	case err != nil:
		return false, err
	}
	for _, partition := range group.Parts { // what is left behind is in nobody's way
		if _, revision, err := g.Progress(ctx, name, partition); err == nil {
			_ = g.store.Delete(ctx, progressKey(name, partition), revision)
		}
	}
	return true, nil
}

// Names are the names of all groups, in order.
func (g *Groups) Names(ctx context.Context) (names []string, err error) {
	keys, err := g.store.Keys(ctx)
	for _, key := range keys {
		digits, found := strings.CutSuffix(key, ".group")
		if name, err := hex.DecodeString(digits); found && err == nil {
			names = append(names, string(name))
		}
	}
	slices.Sort(names)
	return names, err
}
