package changes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"shiplog/wal"
)

// errRefused says that what was asked for is not done, and will not be.
var errRefused = errors.New("not done")

// decideAgain is the pause before what was not answered is asked for again.
const decideAgain = 100 * time.Millisecond

// decide has something done that is done in the place of a revision, and so at most once, until it is known whether it is (I11). once asks
// for it; its errors are ErrConflict, errRefused, and any other when it is not known whether it is done. ours tells whether what stands in the place of
// the revision now is what was asked for. The error is wal.ErrUndecided when ctx ends before, and otherwise means that it is not done.
func decide(ctx context.Context, once func(context.Context) error, ours func(context.Context) (bool, error)) error {
	for doubt := false; ; doubt = true {
		err := once(ctx)
		switch {
		case err == nil:
			return nil
		case !doubt && (errors.Is(err, ErrConflict) || errors.Is(err, errRefused)):
			return err
		case errors.Is(err, ErrConflict): // perhaps with what was asked for before
			if mine, failed := ours(ctx); failed == nil {
				if mine {
					return nil
				}
				return err
			}
		}
		if pause(ctx, decideAgain); ctx.Err() != nil {
			return fmt.Errorf("%w: %w", wal.ErrUndecided, err)
		}
	}
}
