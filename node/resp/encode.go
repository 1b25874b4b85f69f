package resp

import (
	"strconv"

	"github.com/tidwall/redcon"

	"shiplog/node/reply"
)

// bigBulk is the size from which a bulk string is not copied into the output but written from where it is. That
// may be an argument: nothing is read into a connection's own buffer before its output is sent, and a buffer that is
// lent is too small to hold one.
const bigBulk = 64 << 10

// AppendReply appends r to dst as redis-server 7.0 would send it in protocol version proto (2 or 3).
func AppendReply(dst []byte, r *reply.Reply, proto int) []byte {
	e := encoder{buf: dst}
	e.reply(r, proto)
	return e.buf
}

// encoder collects encoded replies: buf, with the contents of bigs to be inserted where they say.
type encoder struct {
	buf      []byte
	bigs     []big
	bigBytes int
	keepBig  bool // big bulk strings may be kept by reference
}

// big is a bulk string that belongs before offset at of the encoder's buf.
type big struct {
	at    int
	bytes []byte
	lent  bool // bytes are one of the server's pushBuffers, or were before they grew
}

func (e *encoder) reply(r *reply.Reply, proto int) {
	if r.Feed != nil {
		e.begin(r, proto)
		return
	}
	switch r.Kind {
	case reply.None:
	case reply.KindStatus:
		e.line('+', r.Text)
	case reply.KindError:
		e.buf = redcon.AppendError(e.buf, r.Text)
	case reply.KindInt:
		e.buf = redcon.AppendInt(e.buf, r.Int)
	case reply.KindBulk:
		e.bulk(r)
	case reply.KindArray:
		e.elems('*', r, proto)
	case reply.KindElems:
		for i := range r.Elems {
			e.reply(&r.Elems[i], proto)
		}
	default:
		if proto >= 3 {
			e.reply3(r)
		} else {
			e.reply2(r)
		}
	}
}

// reply2 encodes the kinds that RESP2 does not have as what stands in for them.
func (e *encoder) reply2(r *reply.Reply) {
	switch r.Kind {
	case reply.KindNull:
		e.buf = redcon.AppendNull(e.buf)
	case reply.KindNullArray:
		e.buf = append(e.buf, "*-1\r\n"...)
	case reply.KindDouble:
		var text [32]byte
		e.buf = redcon.AppendBulk(e.buf, appendDouble(text[:0], r))
	case reply.KindBigNumber, reply.KindVerbatim:
		e.bulk(r)
	case reply.KindBool:
		e.buf = redcon.AppendInt(e.buf, r.Int)
	case reply.KindMap, reply.KindSet, reply.KindPush:
		e.elems('*', r, 2)
	case reply.KindPairMap:
		e.header('*', len(r.Elems)/2)
		for i := 0; i < len(r.Elems); i += 2 {
			e.header('*', 2)
			e.reply(&r.Elems[i], 2)
			e.reply(&r.Elems[i+1], 2)
		}
	case reply.KindPairs:
		e.elemsOf('*', 2*len(r.Elems), r, 2)
	case reply.KindPair:
		for i := range r.Elems {
			e.reply(&r.Elems[i], 2)
		}
	default:
		panic("resp: a reply of no known kind")
	}
}

func (e *encoder) reply3(r *reply.Reply) {
	switch r.Kind {
	case reply.KindNull, reply.KindNullArray:
		e.buf = append(e.buf, "_\r\n"...)
	case reply.KindDouble:
		e.buf = append(e.buf, ',')
		e.buf = append(appendDouble(e.buf, r), '\r', '\n')
	case reply.KindBigNumber:
		e.line('(', r.Text)
	case reply.KindBool:
		if r.Int != 0 {
			e.buf = append(e.buf, "#t\r\n"...)
		} else {
			e.buf = append(e.buf, "#f\r\n"...)
		}
	case reply.KindVerbatim:
		e.header('=', len("txt:")+len(r.Bytes)+len(r.Text))
		e.buf = append(e.buf, "txt:"...)
		e.buf = append(append(e.buf, r.Bytes...), r.Text...)
		e.buf = append(e.buf, '\r', '\n')
	case reply.KindMap, reply.KindPairMap:
		e.elemsOf('%', r.Count()/2, r, 3)
	case reply.KindSet:
		e.elems('~', r, 3)
	case reply.KindPairs, reply.KindPair:
		e.elems('*', r, 3)
	case reply.KindPush:
		e.elems('>', r, 3)
	default:
		panic("resp: a reply of no known kind")
	}
}

// bulk encodes a bulk string; its content is in Bytes or, when that is nil, in Text.
func (e *encoder) bulk(r *reply.Reply) {
	switch {
	case r.Bytes == nil:
		e.buf = redcon.AppendBulkString(e.buf, r.Text)
	case e.keepBig && len(r.Bytes) >= bigBulk:
		e.header('$', len(r.Bytes))
		e.bigs = append(e.bigs, big{at: len(e.buf), bytes: r.Bytes})
		e.bigBytes += len(r.Bytes)
		e.buf = append(e.buf, '\r', '\n')
	default:
		e.buf = redcon.AppendBulk(e.buf, r.Bytes)
	}
}

// packed takes elements that are encoded already.
func (e *encoder) packed(elems []byte) {
	if e.keepBig && len(elems) >= bigBulk {
		e.bigs = append(e.bigs, big{at: len(e.buf), bytes: elems})
		e.bigBytes += len(elems)
		return
	}
	e.buf = append(e.buf, elems...)
}

// begin encodes only the beginning of an aggregate of r.Int elements.
func (e *encoder) begin(r *reply.Reply, proto int) {
	switch {
	case proto >= 3 && r.Kind == reply.KindMap:
		e.header('%', int(r.Int)/2)
	case proto >= 3 && r.Kind == reply.KindSet:
		e.header('~', int(r.Int))
	case proto < 3 && r.Kind == reply.KindPairs:
		e.header('*', 2*int(r.Int))
	default:
		e.header('*', int(r.Int))
	}
}

func (e *encoder) elems(mark byte, r *reply.Reply, proto int) {
	e.elemsOf(mark, r.Count(), r, proto)
}

func (e *encoder) elemsOf(mark byte, n int, r *reply.Reply, proto int) {
	e.header(mark, n)
	e.packed(r.Bytes)
	for i := range r.Elems {
		e.reply(&r.Elems[i], proto)
	}
}

func (e *encoder) header(mark byte, n int) {
	e.buf = append(e.buf, mark)
	e.buf = append(strconv.AppendInt(e.buf, int64(n), 10), '\r', '\n')
}

func (e *encoder) line(mark byte, text string) {
	e.buf = append(e.buf, mark)
	e.buf = append(append(e.buf, text...), '\r', '\n')
}

// size is how many bytes the encoder's content has on the wire.
func (e *encoder) size() int { return len(e.buf) + e.bigBytes }

// appendDouble appends a double as the reply says or, when it does not, as reply.AppendDouble does.
func appendDouble(dst []byte, r *reply.Reply) []byte {
	if r.Text != "" {
		return append(dst, r.Text...)
	}
	return reply.AppendDouble(dst, r.Float())
}
