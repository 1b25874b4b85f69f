package resp

import (
	"net"

	"shiplog/node/commands"
	"shiplog/node/reply"
)

// The bounds of an output, in bytes: from there on what is encoded is sent before more commands run.
const (
	maxBatch       = 256 << 10
	maxBatchUnauth = 16 << 10
	keepOutput     = 64 << 10 // a larger buffer is let go when it is empty
)

// segment is one encoded reply that may leave only when wait is done.
type segment struct {
	start, end       int // in buf
	bigStart, bigEnd int // in bigs
	wait             commands.Wait
}

// output is the encoded replies of one connection that have not been handed to the socket, in order.
type output struct {
	encoder
	segs   []segment
	sent   int // bytes that the socket has taken
	vecs   net.Buffers
	pushes *pushBuffers // the server's
}

// add appends a reply that may leave when wait, unless it is nil, is done.
func (o *output) add(r *reply.Reply, proto int, wait commands.Wait) {
	if wait == nil {
		o.reply(r, proto)
		return
	}
	s := segment{start: len(o.buf), bigStart: len(o.bigs), wait: wait}
	o.reply(r, proto)
	s.end, s.bigEnd = len(o.buf), len(o.bigs)
	o.segs = append(o.segs, s)
}

// pending is how many bytes are still to be sent.
func (o *output) pending() int { return o.size() - o.sent }

// waiting returns the latest Wait that is not done, or nil. Waits mostly end in order, so that the others are
// done when this one is.
func (o *output) waiting() commands.Wait {
	for i := len(o.segs) - 1; i >= 0; i-- {
		w := o.segs[i].wait
		if i+1 < len(o.segs) && o.segs[i+1].wait == w {
			continue
		}
		select {
		case <-w.Done():
		default:
			return w
		}
	}
	return nil
}

// wording words the error of a Wait; final means that no reply may be sent.
type wording func(error) (r reply.Reply, final bool)

// resolve looks at the outcomes of the Waits, all of which are done, and replaces the replies that must not
// leave by errors. With ok false the output ends before a reply whose outcome is not known, and the connection must
// be closed behind it.
func (o *output) resolve(word wording, proto int) (ok bool) {
	segs := o.segs
	for i := range segs {
		if segs[i].wait.Err() != nil {
			ok = o.replace(i, word, proto)
			clear(segs)
			o.segs = segs[:0]
			return ok
		}
	}
	clear(segs)
	o.segs = segs[:0]
	return true
}

// replace rebuilds the output from its failed segment first on.
func (o *output) replace(first int, word wording, proto int) (ok bool) {
	old := o.encoder
	o.encoder = encoder{keepBig: old.keepBig}
	from, fromBig := 0, 0
	for i := first; i < len(o.segs); i++ {
		s := &o.segs[i]
		err := s.wait.Err()
		if err == nil {
			continue
		}
		o.copyPart(&old, segment{start: from, end: s.start, bigStart: fromBig, bigEnd: s.bigStart})
		r, final := word(err)
		if final {
			return false
		}
		if s.end > s.start || s.bigEnd > s.bigStart { // a reply that is switched off stays off
			o.reply(&r, proto)
		}
		from, fromBig = s.end, s.bigEnd
	}
	o.copyPart(&old, segment{start: from, end: len(old.buf), bigStart: fromBig, bigEnd: len(old.bigs)})
	return true
}

func (o *output) copyPart(old *encoder, part segment) {
	shift := len(o.buf) - part.start
	o.buf = append(o.buf, old.buf[part.start:part.end]...)
	for _, b := range old.bigs[part.bigStart:part.bigEnd] {
		b.at += shift
		o.bigs = append(o.bigs, b)
		o.bigBytes += len(b.bytes)
	}
}

// vectors returns what is still to be sent, in pieces, valid until the output changes.
func (o *output) vectors() net.Buffers {
	o.vecs = o.vecs[:0]
	skip, at := o.sent, 0
	piece := func(b []byte) {
		n := min(skip, len(b))
		skip -= n
		if n < len(b) {
			o.vecs = append(o.vecs, b[n:])
		}
	}
	for _, b := range o.bigs {
		piece(o.buf[at:b.at])
		piece(b.bytes)
		at = b.at
	}
	piece(o.buf[at:])
	return o.vecs
}

// lend appends encoded pushes in one of the server's buffers, which is given back when all is sent.
func (o *output) lend(buf []byte) {
	o.bigs = append(o.bigs, big{at: len(o.buf), bytes: buf, lent: true})
	o.bigBytes += len(buf)
}

// reset empties the output once all of it is sent.
func (o *output) reset() {
	for _, b := range o.bigs {
		if b.lent {
			o.pushes.give(b.bytes)
		}
	}
	if cap(o.buf) > keepOutput {
		o.buf = nil
	}
	clear(o.bigs)
	clear(o.vecs[:cap(o.vecs)])
	o.buf, o.bigs, o.bigBytes, o.sent = o.buf[:0], o.bigs[:0], 0, 0
}
