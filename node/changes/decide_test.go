package changes

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"shiplog/wal"
)

// lossy is a value that is changed in the place of a revision. What is asked for may get lost on the way, or its answer on the way back.
type lossy struct {
	value    string
	revision int
	losses   []string // of the next requests: "request", "answer", "refused", "late", ""
	late     func()   // a request that is still on its way
}

func (l *lossy) update(value string, revision int) error {
	apply := func() error {
		if l.revision != revision {
			return ErrConflict
		}
		l.value, l.revision = value, revision+1
		return nil
	}
	loss := ""
	if len(l.losses) > 0 {
		loss, l.losses = l.losses[0], l.losses[1:]
	}
	switch loss {
	case "request":
		return errors.New("timeout")
	case "answer":
		_ = apply()
		return errors.New("timeout")
	case "late":
		l.late = func() { _ = apply() }
		return errors.New("timeout")
	case "refused":
		return fmt.Errorf("%w: no space", errRefused)
	}
	return apply()
}

// What is said of a change is so, whatever gets lost.
func TestDecide(t *testing.T) {
	for _, tt := range []struct {
		name     string
		losses   []string
		revision int    // that is asked for; there is 1
		between  string // what somebody else stores after the first try
		want     error
		value    string
	}{
		{"nothing is lost", nil, 1, "", nil, "mine"},
		{"somebody else was first", nil, 0, "", ErrConflict, "old"},
		{"refused", []string{"refused"}, 1, "", errRefused, "old"},
		{"the request is lost", []string{"request", "request"}, 1, "", nil, "mine"},
		{"the answer is lost", []string{"answer"}, 1, "", nil, "mine"},
		{"answers are lost, and refusals are of later requests", []string{"answer", "refused"}, 1, "", nil, "mine"},
		{"refused when an earlier one may be on its way", []string{"request", "refused"}, 1, "", nil, "mine"},
		{"lost, and somebody else is faster", []string{"request"}, 1, "theirs", ErrConflict, "theirs"},
		{"late, and somebody else is faster", []string{"late"}, 1, "theirs", ErrConflict, "theirs"},
		{"the late one comes after the second", []string{"late"}, 1, "", nil, "mine"},
		{"never an answer", []string{"request", "request", "request", "request", "request", "request"}, 1, "", wal.ErrUndecided, "old"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &lossy{value: "old", revision: 1, losses: tt.losses}
				ctx, cancel := context.WithTimeout(t.Context(), 5*decideAgain-time.Millisecond)
				defer cancel()
				tries := 0
				err := decide(ctx, func(context.Context) error {
					if tries++; tries == 2 && tt.between != "" {
						_ = l.update(tt.between, l.revision)
					}
					return l.update("mine", tt.revision)
				}, func(context.Context) (bool, error) { return l.value == "mine", nil })
				if l.late != nil {
					l.late()
				}
				if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) || l.value != tt.value {
					t.Errorf("got %v and %q, want %v and %q", err, l.value, tt.want, tt.value)
				}
			})
		})
	}
}

// While it cannot be asked what stands there, nothing is said.
func TestDecideAsksUntilItIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lossy{value: "old", revision: 1, losses: []string{"answer"}}
		deaf := 3
		err := decide(t.Context(), func(context.Context) error { return l.update("mine", 1) }, func(context.Context) (bool, error) {
			if deaf--; deaf > 0 {
				return false, errors.New("timeout")
			}
			return l.value == "mine", nil
		})
		if err != nil || deaf != 0 {
			t.Errorf("got %v after %d questions, want nil after 3", err, 3-deaf)
		}
	})
}
