package changes

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"unicode/utf8"

	"shiplog/wal"
)

// jsonVersion is the envelope's version (FORMAT.md).
const jsonVersion = 1

// AppendJSON appends a change as one JSON object (FORMAT.md), without a line's end. What the operation does not have is left out.
func AppendJSON(dst []byte, c *Change) []byte {
	var j JSON
	return j.Append(dst, c)
}

// JSON writes changes as AppendJSON does, for less: it keeps what the changes of a body, and changes of a kind, have in common. The zero JSON is
// ready; it is for one goroutine at a time.
type JSON struct {
	place place
	kinds [8]kind // by operation
}

// Append appends a change.
func (j *JSON) Append(dst []byte, c *Change) []byte {
	dst = j.appendPlace(dst, c)
	if c.Effect.Op != wal.OpFlush {
		dst = appendText(dst, "key", c.Effect.Key)
	}
	return append(appendFacts(dst, &c.Effect), '}')
}

// appendPlace begins the object: the members that say what was done when and where, but not to which key.
func (j *JSON) appendPlace(dst []byte, c *Change) []byte {
	e := &c.Effect
	dst = append(dst, `{"v":1,"partition":`...)
	dst = appendCount(dst, c.Partition)
	if e.Op != wal.OpFlush {
		dst = appendCount(append(dst, `,"slot":`...), int(e.Slot))
	}
	p := j.placeOf(c)
	dst = appendCount(append(dst, p.before...), c.Index)
	dst = append(append(dst, p.behind...), j.kindOf(e)...)
	if len(c.Client) > 0 {
		dst = appendText(dst, "client", c.Client)
	}
	dst = appendCount(append(dst, `,"unit":`...), c.Unit)
	return appendMarks(dst, c)
}

// appendCount appends a number that is not negative, and seldom large.
func appendCount(dst []byte, n int) []byte {
	u := uint(n)
	switch {
	case u < 10:
		return append(dst, digit(u))
	case u < 100:
		return append(dst, digit(u/10), digit(u))
	case u < 1000:
		return append(dst, digit(u/100), digit(u/10), digit(u))
	case u < 10_000:
		return append(dst, digit(u/1000), digit(u/100), digit(u/10), digit(u))
	case u < 100_000: // every slot is
		return append(dst, digit(u/10_000), digit(u/1000), digit(u/100), digit(u/10), digit(u))
	}
	return strconv.AppendInt(dst, int64(n), 10)
}

// digit is a number's last digit.
func digit(n uint) byte { return byte('0' + n%10) }

// place is what the changes of a body say of where it stands: before and behind a change's index.
type place struct {
	incarnation    wal.Incarnation
	sequence       wal.Seq
	epoch          wal.Epoch
	commitMS       int64
	before, behind []byte
}

func (j *JSON) placeOf(c *Change) *place {
	p := &j.place
	if p.before != nil && p.sequence == c.Sequence && p.commitMS == c.CommitMS && p.epoch == c.Epoch && p.incarnation == c.Incarnation {
		return p
	}
	p.sequence, p.commitMS, p.epoch, p.incarnation = c.Sequence, c.CommitMS, c.Epoch, c.Incarnation
	p.before = append(p.before[:0], `,"incarnation":"`...)
	p.before = append(hex.AppendEncode(p.before, c.Incarnation[:]), '"')
	p.before = appendName(appendUnsigned(p.before, "sequence", uint64(c.Sequence)), "index")
	p.behind = appendNumber(appendUnsigned(p.behind[:0], "epoch", uint64(c.Epoch)), "time", c.CommitMS)
	return p
}

// kind is what changes of an operation, with a cause and a command, say of that.
type kind struct {
	op      wal.Op
	object  bool
	cause   wal.Cause
	command string
	text    []byte
}

func (j *JSON) kindOf(e *wal.Effect) []byte {
	k, object := &j.kinds[int(e.Op)%len(j.kinds)], e.Marks&wal.MarkObject != 0
	if k.op == e.Op && k.object == object && k.cause == e.Cause && k.command == e.Command {
		return k.text
	}
	k.op, k.object, k.cause, k.command = e.Op, object, e.Cause, e.Command
	k.text = appendWord(appendWord(k.text[:0], "type", typeOf(e)), "op", e.Op.String())
	k.text = appendWord(k.text, "cause", causeOf(e.Cause))
	if e.Command != "" {
		k.text = appendText(k.text, "command", []byte(e.Command))
	}
	return k.text
}

// appendMarks appends the members that are there when they are true.
func appendMarks(dst []byte, c *Change) []byte {
	if c.Effect.Marks&(wal.MarkFirst|wal.MarkLast|wal.MarkRename) == wal.MarkFirst|wal.MarkLast && !c.Snapshot { // most are
		dst = append(dst, `,"first":true,"last":true`...)
		if c.Effect.Marks&wal.MarkCreated != 0 {
			dst = append(dst, `,"created":true`...)
		}
		return dst
	}
	for _, mark := range [...]struct {
		name string
		set  bool
	}{
		{"first", c.First()}, {"last", c.Last()}, {"created", c.Effect.Marks&wal.MarkCreated != 0},
		{"rename", c.Effect.Marks&wal.MarkRename != 0}, {"snapshot", c.Snapshot},
	} {
		if mark.set {
			dst = append(append(append(dst, `,"`...), mark.name...), `":true`...)
		}
	}
	return dst
}

// appendFacts appends the members that only some operations have.
func appendFacts(dst []byte, e *wal.Effect) []byte {
	switch e.Op {
	case wal.OpSet:
		return appendExpiry(appendText(dst, "value", e.Value), e, false)
	case wal.OpExpire:
		return appendExpiry(dst, e, true)
	case wal.OpHSet:
		return appendExpiry(appendText(appendText(dst, "field", e.Field), "value", e.Value), e, false)
	case wal.OpHDel:
		return appendText(dst, "field", e.Field)
	case wal.OpHExpire:
		return appendExpiry(appendText(dst, "field", e.Field), e, true)
	case wal.OpSAdd, wal.OpSRem:
		return appendText(dst, "member", e.Field)
	case wal.OpZAdd, wal.OpZRem:
		return appendMember(dst, e)
	case wal.OpRename:
		return appendExpiryAt(appendText(dst, "to", e.To), e.PrevExpireAt, false)
	}
	if e.Op >= wal.OpXAdd {
		return appendStreamFacts(dst, e)
	}
	return appendListFacts(dst, e)
}

func appendMember(dst []byte, e *wal.Effect) []byte {
	dst = appendScore(appendText(dst, "member", e.Field), "score", e.Score)
	if len(e.Prev) == 8 {
		dst = appendScore(dst, "previous_score", math.Float64frombits(binary.BigEndian.Uint64(e.Prev)))
	}
	return dst
}

func appendListFacts(dst []byte, e *wal.Effect) []byte {
	switch e.Op {
	case wal.OpLPush, wal.OpRPush:
		return appendText(dst, "value", e.Value)
	case wal.OpLPop, wal.OpRPop:
		return appendNumber(dst, "count", e.Count)
	case wal.OpLSet, wal.OpLInsert:
		return appendText(appendNumber(dst, "at", e.Index), "value", e.Value)
	case wal.OpLRem:
		return appendNumber(dst, "at", e.Index)
	}
	return dst
}

func appendStreamFacts(dst []byte, e *wal.Effect) []byte {
	switch e.Op {
	case wal.OpXAdd:
		return appendFields(appendID(dst, "id", e.ID), e.Value)
	case wal.OpXDel:
		return appendID(dst, "id", e.ID)
	case wal.OpXTrim:
		return appendNumber(appendID(dst, "id", e.ID), "count", e.Count)
	case wal.OpXSetID:
		s, ok := streamState(e.Head)
		if !ok {
			return dst
		}
		dst = appendID(dst, "last_id", s.last)
		return appendID(appendUnsigned(dst, "entries_added", s.added), "max_deleted_id", s.deleted)
	}
	dst = appendText(dst, "group", e.Field)
	switch e.Op {
	case wal.OpXGroup:
		return appendNumber(appendID(dst, "id", e.ID), "entries_read", e.Index)
	case wal.OpXConsumer:
		return appendNumber(appendNumber(appendText(dst, "consumer", e.Who), "seen", e.At), "active", e.Active)
	case wal.OpXUnconsumer:
		return appendText(dst, "consumer", e.Who)
	case wal.OpXPend:
		dst = appendText(appendID(dst, "id", e.ID), "consumer", e.Who)
		return appendNumber(appendNumber(dst, "delivered", e.At), "deliveries", e.Count)
	case wal.OpXAck:
		return appendText(appendID(dst, "id", e.ID), "consumer", e.Who)
	}
	return dst
}

// appendFields appends the fields and values of a stream's entry: all as text if all of them are.
func appendFields(dst, value []byte) []byte {
	fields, _ := wal.StreamFields(value)
	text := true
	for _, field := range fields {
		text = text && utf8.Valid(field)
	}
	dst = append(dst, `,"fields`...)
	if !text {
		dst = append(dst, "64"...)
	}
	dst = append(dst, `":[`...)
	for i, field := range fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		if text {
			dst = appendQuoted(dst, field)
		} else {
			dst = appendBase64(dst, field)
		}
	}
	return append(dst, ']')
}

func appendExpiry(dst []byte, e *wal.Effect, always bool) []byte {
	return appendExpiryAt(dst, e.ExpireAt, always)
}

func appendExpiryAt(dst []byte, at int64, always bool) []byte {
	if at == 0 && !always {
		return dst
	}
	return appendNumber(dst, "expire_at", at)
}

func appendName(dst []byte, name string) []byte {
	return append(append(append(dst, `,"`...), name...), `":`...)
}

func appendNumber(dst []byte, name string, n int64) []byte {
	return strconv.AppendInt(appendName(dst, name), n, 10)
}

func appendUnsigned(dst []byte, name string, n uint64) []byte {
	return strconv.AppendUint(appendName(dst, name), n, 10)
}

// appendWord appends a word that needs no escaping.
func appendWord(dst []byte, name, word string) []byte {
	return append(append(append(appendName(dst, name), '"'), word...), '"')
}

func appendID(dst []byte, name string, id wal.StreamID) []byte {
	dst = strconv.AppendUint(append(appendName(dst, name), '"'), id.MS, 10)
	return append(strconv.AppendUint(append(dst, '-'), id.Seq, 10), '"')
}

// appendScore appends a number, or what JSON has no number for as a string.
func appendScore(dst []byte, name string, f float64) []byte {
	dst = appendName(dst, name)
	switch {
	case math.IsInf(f, 1):
		return append(dst, `"inf"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-inf"`...)
	case f == 0 && math.Signbit(f):
		return append(dst, "-0.0"...)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

// appendText appends bytes as text, or in base64 under the name with 64 behind it when they are not UTF-8.
func appendText(dst []byte, name string, b []byte) []byte {
	if plainText(b) {
		return append(append(append(appendName(dst, name), '"'), b...), '"')
	}
	if utf8.Valid(b) {
		return appendQuoted(appendName(dst, name), b)
	}
	dst = append(append(append(dst, `,"`...), name...), `64":`...)
	return appendBase64(dst, b)
}

// plainText tells whether a text stands in JSON as it is: ASCII, with nothing to escape. Most do. It looks at eight bytes at a time; each term has
// the highest bit of a byte set if one of them is of a kind that is not plain.
func plainText(b []byte) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for ; len(b) >= 8; b = b[8:] {
		x := binary.LittleEndian.Uint64(b)
		quote, slash := x^ones*'"', x^ones*'\\'
		if (x|(x-ones*' ')|(quote-ones)&^quote|(slash-ones)&^slash)&high != 0 {
			return false
		}
	}
	for _, c := range b {
		if c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

func appendBase64(dst, b []byte) []byte {
	return append(base64.StdEncoding.AppendEncode(append(dst, '"'), b), '"')
}

// appendQuoted appends text, which is UTF-8, as a JSON string.
func appendQuoted(dst, text []byte) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i, c := range text {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, text[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
	}
	return append(append(dst, text[from:]...), '"')
}

// streamSummary is what is kept of a stream as a whole, as far as clients know of it.
type streamSummary struct {
	last, deleted wal.StreamID
	added         uint64
}

// streamState reads it from an effect's head (partitions/keyspace/FORMAT.md): type, flags, object, flags, count, the stream's own.
func streamState(head []byte) (s streamSummary, ok bool) {
	const fixed = 1 + 1 + 8 + 1
	if len(head) < fixed {
		return s, false
	}
	_, rest, ok := uvarint(head[fixed:])
	if !ok || len(rest) == 0 {
		return s, ok
	}
	var first wal.StreamID
	for _, x := range [...]*uint64{&s.last.MS, &s.last.Seq, &first.MS, &first.Seq, &s.deleted.MS, &s.deleted.Seq, &s.added} {
		if *x, rest, ok = uvarint(rest); !ok {
			return s, false
		}
	}
	return s, true
}
