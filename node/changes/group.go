package changes

import (
	"errors"
	"fmt"
)

// Group is what is agreed of a group of consumers when it is made. It never changes.
type Group struct {
	V       int      `json:"v"`
	ID      string   `json:"id,omitempty"` // drawn when it is made: who does not know whether it was can tell
	All     bool     `json:"all"`
	Parts   []int    `json:"partitions"`
	Globs   [][]byte `json:"globs,omitempty"`
	Types   []string `json:"types,omitempty"`
	Ops     []string `json:"ops,omitempty"`
	Format  string   `json:"format"`
	LeaseMS int64    `json:"lease_ms"`

	revision uint64 // in the Store
}

// groupVersion is the version of Group and Progress as they are stored.
const groupVersion = 1

// Progress is how far a group is in one partition. At is the token behind all that is acknowledged. What was given out behind it and is not
// acknowledged is with one consumer at a time: so changes of a partition are worked on in order.
type Progress struct {
	V          int    `json:"v"`
	At         string `json:"at"`
	To         string `json:"to,omitempty"` // the token behind what is given out; empty: nothing is
	Consumer   string `json:"consumer,omitempty"`
	UntilMS    int64  `json:"until,omitempty"` // then others may have it
	Deliveries int    `json:"deliveries,omitempty"`
}

// The errors of groups. All of them mean that nothing has changed.
var (
	// ErrNoGroup says that there is no such group.
	ErrNoGroup = errors.New("no such group")
	// ErrGroupExists says that a group has been made before.
	ErrGroupExists = errors.New("the group exists already")
	// ErrNotGiven says that a token is none that the group has given out in the partition, or that it is forgotten.
	ErrNotGiven = errors.New("the token is not one that was given out and waits for an acknowledgement")
	// ErrConflict says that others have changed the same in between.
	ErrConflict = errors.New("changed by others in between")
)

// free tells whether a consumer may be given what is behind At: nobody has it, or has had it for too long, or, with pending, it has
// it itself.
func (p *Progress) free(consumer string, nowMS int64, pending bool) bool {
	return p.To == "" || p.UntilMS <= nowMS || pending && p.Consumer == consumer
}

// Give returns the progress after a consumer was given what is before the token to.
func (p Progress) Give(consumer, to string, nowMS, leaseMS int64) Progress {
	if p.To == "" {
		p.Deliveries = 0
	}
	p.To, p.Consumer, p.UntilMS = to, consumer, nowMS+leaseMS
	p.Deliveries++
	return p
}

// Skip returns the progress after the group's filter has taken nothing before the token to.
func (p Progress) Skip(to string) Progress { return Progress{V: p.V, At: to} }

// Ack returns the progress after everything before a token was done. done is false when it had been before. It does not matter who
// acknowledges: who was given something and is slow has done it all the same. The error is ErrNotGiven, or ErrToken.
func (p Progress) Ack(token Token) (next Progress, done bool, err error) {
	acked := token.Partitions[0]
	at, err := p.position(p.At)
	if err != nil {
		return p, false, err
	}
	if acked.Incarnation == at.Incarnation && acked.Compare(&at) <= 0 {
		return p, false, nil
	}
	if p.To == "" {
		return p, false, ErrNotGiven
	}
	to, err := p.position(p.To)
	if err != nil {
		return p, false, err
	}
	if acked.Incarnation != to.Incarnation || acked.Compare(&to) > 0 {
		return p, false, ErrNotGiven
	}
	if p.At = token.String(); acked.Compare(&to) == 0 {
		return Progress{V: p.V, At: p.At}, true, nil
	}
	return p, true, nil
}

// position reads a stored token of one partition.
func (p *Progress) position(text string) (Position, error) {
	t, err := ParseToken(text)
	if err != nil || t.All {
		return Position{}, fmt.Errorf("stored progress: %w", ErrToken)
	}
	return t.Partitions[0], nil
}
