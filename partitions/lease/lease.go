// Package lease says when a primary may answer reads and when an heir may take its place.
//
// The lease lives in the log: every acknowledged append of a primary gives it the right to answer reads for a while, counted
// from before the append was sent. An heir cannot append its EPOCH record before it has received all that is in the log (the fence
// sees to that), so whatever the old primary was given was sent before the heir received it. The heir waits for longer than the
// primary may answer, hence nobody answers reads of a term that is over.
//
// The package promises only arithmetic: no clock, no log, no goroutine. Times are readings of the caller's own
// monotonic clock, which must run through suspend (CLOCK_BOOTTIME); clocks of different nodes are never compared, only
// their speeds must agree to Margin in Length. Values of these types have one owner and are not safe for concurrent use.
package lease

import "time"

// Rules are the same on every node of a cluster: a primary that takes its lease for longer than an heir waits would
// answer stale reads.
type Rules struct {
	Length time.Duration // a primary answers reads for so long after it sent an append that was acknowledged
	Margin time.Duration // an heir waits for so much longer; at least Length times twice the drift of a clock
}

// Held is the primary's side. The zero value is no lease. A primary that hands over forgets its Held before it sends the HANDOVER
// record, and one that is deposed when it learns of it: both must not answer reads any more.
type Held struct {
	until time.Duration
	held  bool
}

// Renew notes that an append of this term, sent at sentAt or later, was acknowledged. A reading of the clock from after the
// append was sent breaks the promise of the package. Acknowledgements may come in any order.
func (h *Held) Renew(r Rules, sentAt time.Duration) {
	if until := sentAt + r.Length; !h.held || until > h.until {
		h.until, h.held = until, true
	}
}

// Valid tells whether what was read from the state may be answered. The reading of the clock must have been taken after
// the state was read: a check before it says nothing about a primary that slept in between.
func (h Held) Valid(now time.Duration) bool { return h.held && now < h.until }

// Remaining is for how long Valid will still be true, 0 when it is not.
func (h Held) Remaining(now time.Duration) time.Duration {
	if !h.Valid(now) {
		return 0
	}
	return h.until - now
}

// Heir is the waiting side: what a node has received of the term before its own. The zero value has received nothing and does
// not know since when: it may never lead. Begin with NewHeir when the node starts to follow the log, and keep it for as
// long as the process lives.
type Heir struct {
	since    time.Duration
	began    bool
	released bool
}

// NewHeir is an heir that has received nothing and started at now: what was received in an earlier life of
// this process was received before that.
func NewHeir(now time.Duration) Heir { return Heir{since: now, began: true} }

// Received notes a record that was written by another primary and received at now or earlier, also one that was in the log for long:
// when it was sent cannot be known. It voids Released.
func (h *Heir) Received(now time.Duration) {
	if !h.began || now > h.since {
		h.since, h.began = now, true
	}
	h.released = false
}

// Released notes that the record received last ends the lease of whoever wrote it: a HANDOVER that names this node or nobody, or any
// record that this very node wrote and whose Held is forgotten, as after a restart. Call it after Received of that record; or
// before any, when the log is empty as far as was seen: the fence then makes sure that nobody ever had a lease.
func (h *Heir) Released() { h.released = true }

// MayLead tells whether an EPOCH record may be sent now, at the end of the log as it was received. When the fence refuses it there
// are records that were not received: receive them and ask again.
func (h Heir) MayLead(r Rules, now time.Duration) bool {
	return h.released || h.began && now-h.since >= r.Length+r.Margin
}

// Wait is how long it takes until MayLead if nothing more is received; 0 when it is true.
func (h Heir) Wait(r Rules, now time.Duration) time.Duration {
	switch {
	case h.MayLead(r, now):
		return 0
	case !h.began:
		return r.Length + r.Margin
	}
	return h.since + r.Length + r.Margin - now
}
