package node

import "time"

// thrift keeps a subscription from taking what writers need: while the processors are busy it has a small share of their time, and what it has not
// read by then it reads when they are not. It is a value; the zero thrift has spent nothing.
type thrift struct {
	credit time.Duration // processor time that may be spent
	at     time.Time     // as of then
}

const (
	thriftShare = 100                    // a hundredth: to keep what comes and to send what is pushed costs more than that again
	thriftRest  = 24 * time.Millisecond  // the least: to go on costs something as well
	thriftSaved = 100 * time.Millisecond // what was not spent for longer is not there any more
	// Who is further behind reads as fast as it can: a burst may make it late, but the log must not be trimmed before it has been read.
	thriftLag = 10 * time.Second
)

// spend counts what was spent until now by who is so far behind, and returns for how long it is to rest.
func (t *thrift) spend(now time.Time, spent, behind time.Duration, load processors) (rest time.Duration) {
	share := func(d time.Duration) time.Duration { return d * time.Duration(load.count) / thriftShare }
	since := min(now.Sub(t.at), thriftSaved)
	t.credit, t.at = min(t.credit+share(since), share(thriftSaved))-spent, now
	if !load.busy || behind >= thriftLag {
		t.credit = max(t.credit, 0) // nobody has suffered
	}
	if t.credit >= 0 {
		return 0
	}
	return thriftRest - t.credit*thriftShare/time.Duration(load.count)
}
