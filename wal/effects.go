package wal

import (
	"encoding/binary"
	"fmt"
	"math"

	"shiplog/partitions/slot"
)

// How an effect's command name is written: a number, then the name. Names are counted from
// nameShift, so that the two numbers below it are free.
const (
	nameSame  = 0 // the same name as the effect before this one in the body
	nameShift = 1 // plus the length of the name; alone: no name, the engine did it
)

const (
	marksKnown  = MarkFirst | MarkLast | MarkCreated | MarkRename | MarkRaw | MarkText | MarkObject | MarkClient
	fixedSize   = 5 // op, cause, marks, slot
	offMarks    = 2
	internLimit = 1024 // command names that an EffectReader keeps; more are decoded anew each time
)

// AppendEffect appends e to a record body and returns the longer body. Only the fields that e.Op has
// are written (FORMAT.md). It keeps nothing.
func AppendEffect(dst []byte, e *Effect) []byte {
	dst = appendFixed(dst, e)
	dst = binary.AppendUvarint(dst, uint64(len(e.Command)+nameShift))
	dst = append(dst, e.Command...)
	return appendFields(appendClient(dst, e), e)
}

// AppendEffectAfter is AppendEffect for an effect that directly follows prev in the same body: a command name equal to
// prev's is not written again.
func AppendEffectAfter(dst []byte, prev, e *Effect) []byte {
	if prev.Command != e.Command {
		return AppendEffect(dst, e)
	}
	return appendFields(appendClient(append(appendFixed(dst, e), nameSame), e), e)
}

func appendClient(dst []byte, e *Effect) []byte {
	if e.Marks&MarkClient == 0 {
		return dst
	}
	return appendBytes(dst, e.Client)
}

// MarkEffectLast marks an encoded effect as the last of its unit.
func MarkEffectLast(effect []byte) { effect[offMarks] |= byte(MarkLast) }

func appendFixed(dst []byte, e *Effect) []byte {
	return append(dst, byte(e.Op), byte(e.Cause), byte(e.Marks), byte(e.Slot>>8), byte(e.Slot))
}

// layout returns the fields of an operation on a collection in the order in which they stand, a letter for each (appendField).
func layout(op Op) string {
	switch op {
	case OpHSet:
		return "kohfvxpm"
	case OpHDel:
		return "kohfpm"
	case OpHExpire:
		return "kohfxpm"
	case OpSAdd, OpSRem, OpXUngroup:
		return "kohf"
	case OpZAdd:
		return "kohfsr"
	case OpZRem:
		return "kohfs"
	case OpLPush, OpRPush:
		return "kohlv"
	case OpLPop, OpRPop:
		return "kohln"
	case OpLSet, OpLInsert:
		return "kohilv"
	case OpLRem:
		return "kohil"
	case OpXAdd:
		return "kohdlv"
	case OpXDel:
		return "kohd"
	case OpXTrim:
		return "kohldn"
	case OpXGroup:
		return "kohfdi"
	case OpXConsumer:
		return "kohfgma"
	case OpXUnconsumer:
		return "kohfg"
	case OpXPend:
		return "kohfdgmniv"
	case OpXAck:
		return "kohfdg"
	case OpXSetID:
		return "koh"
	case OpRename:
		return "kohtp"
	default: // on whole keys
		return ""
	}
}

func appendFields(dst []byte, e *Effect) []byte {
	if e.Op <= OpFlush {
		return appendKeyFields(dst, e)
	}
	for _, field := range []byte(layout(e.Op)) {
		dst = appendField(dst, e, field)
	}
	return dst
}

// appendKeyFields is appendFields for effects on whole keys, which are the most frequent.
func appendKeyFields(dst []byte, e *Effect) []byte {
	if e.Op == OpFlush {
		return dst
	}
	dst = appendBytes(dst, e.Key)
	dst = binary.AppendUvarint(dst, uint64(e.PrevExpireAt))
	if e.Op == OpSet || e.Op == OpExpire {
		dst = binary.AppendUvarint(dst, uint64(e.ExpireAt))
	}
	if e.Op == OpSet {
		return appendBytes(dst, e.Value)
	}
	if e.Marks&MarkObject != 0 {
		return appendField(dst, e, 'o')
	}
	return dst
}

func appendField(dst []byte, e *Effect, field byte) []byte {
	if b := e.bytes(field); b != nil {
		return appendBytes(dst, *b)
	}
	if n := e.number(field); n != nil {
		return binary.AppendVarint(dst, *n)
	}
	switch field {
	case 'p':
		return binary.AppendUvarint(dst, uint64(e.PrevExpireAt))
	case 'x':
		return binary.AppendUvarint(dst, uint64(e.ExpireAt))
	case 'o':
		return binary.AppendUvarint(dst, e.Object^uint64(e.Slot)<<48)
	case 's':
		return binary.BigEndian.AppendUint64(dst, math.Float64bits(e.Score))
	default: // 'd'
		return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, e.ID.MS), e.ID.Seq)
	}
}

// bytes returns a field that is bytes, nil for others.
func (e *Effect) bytes(field byte) *[]byte {
	switch field {
	case 'k':
		return &e.Key
	case 'v':
		return &e.Value
	case 'h':
		return &e.Head
	case 'f':
		return &e.Field
	case 'g':
		return &e.Who
	case 'l':
		return &e.Place
	case 't':
		return &e.To
	case 'r':
		return &e.Prev
	default:
		return nil
	}
}

// number returns a field that is a signed number, nil for others.
func (e *Effect) number(field byte) *int64 {
	switch field {
	case 'i':
		return &e.Index
	case 'n':
		return &e.Count
	case 'm':
		return &e.At
	case 'a':
		return &e.Active
	default:
		return nil
	}
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// EffectReader reads the effects of a whole record body, one by one. The zero EffectReader reads an
// empty body. It keeps the command names it has seen, so one that is used again allocates nothing. It
// is for one goroutine at a time.
type EffectReader struct {
	rest    []byte
	command string
	begun   bool
	names   map[string]string
}

// Reset makes the reader begin with the first effect of body.
func (r *EffectReader) Reset(body []byte) {
	r.rest, r.command, r.begun = body, "", false
}

// Next fills e with the next effect and returns true, or returns false at the end of the body. e's Key
// and other slices alias the body. The error is ErrNewer or ErrDamaged; after it the rest of the body cannot be
// read.
func (r *EffectReader) Next(e *Effect) (bool, error) {
	if len(r.rest) == 0 {
		return false, nil
	}
	if err := r.fixed(e); err != nil {
		return false, err
	}
	if err := r.name(e); err != nil {
		return false, err
	}
	if e.Marks&MarkClient != 0 {
		client, err := r.bytes()
		if err != nil {
			return false, err
		}
		e.Client = client
	}
	if err := r.fields(e); err != nil {
		return false, err
	}
	r.begun = true
	return true, nil
}

// Done tells whether the body has no further effect.
func (r *EffectReader) Done() bool { return len(r.rest) == 0 }

// fixed reads the fields that every effect has and clears the others.
func (r *EffectReader) fixed(e *Effect) error {
	if len(r.rest) < fixedSize {
		return fmt.Errorf("%w: an effect of %d bytes", ErrDamaged, len(r.rest))
	}
	b := r.rest
	*e = Effect{Op: Op(b[0]), Cause: Cause(b[1]), Marks: Marks(b[2]), Slot: slot.ID(binary.BigEndian.Uint16(b[3:]))}
	r.rest = b[fixedSize:]
	switch {
	case e.Op < OpSet || e.Op > opLast:
		return fmt.Errorf("%w: operation %d", ErrNewer, e.Op)
	case e.Cause < CauseClient || e.Cause > CauseMigrate:
		return fmt.Errorf("%w: cause %d", ErrNewer, e.Cause)
	case e.Marks&^marksKnown != 0:
		return fmt.Errorf("%w: marks %08b", ErrNewer, e.Marks)
	case e.Marks&MarkObject != 0 && e.Op != OpDel && e.Op != OpExpire && e.Op != OpPersist:
		return fmt.Errorf("%w: operation %d marked as one on a collection", ErrNewer, e.Op)
	case e.Marks&MarkClient != 0 && e.Marks&MarkFirst == 0:
		return fmt.Errorf("%w: a client's name behind the first effect of its unit", ErrNewer)
	case e.Slot >= slot.Count:
		return fmt.Errorf("%w: slot %d", ErrDamaged, e.Slot)
	}
	return nil
}

func (r *EffectReader) name(e *Effect) error {
	n, err := r.uvarint()
	if err != nil {
		return err
	}
	if n == nameSame {
		if !r.begun {
			return fmt.Errorf("%w: the first effect repeats a command name", ErrDamaged)
		}
		e.Command = r.command
		return nil
	}
	b, err := r.take(n - nameShift)
	if err != nil {
		return err
	}
	if string(b) != r.command {
		r.command = r.intern(b)
	}
	e.Command = r.command
	return nil
}

// intern returns b as a string, the same one for the same bytes as long as there are few different ones.
func (r *EffectReader) intern(b []byte) string {
	if s, ok := r.names[string(b)]; ok {
		return s
	}
	s := string(b)
	if r.names == nil {
		r.names = make(map[string]string)
	}
	if len(r.names) < internLimit {
		r.names[s] = s
	}
	return s
}

func (r *EffectReader) fields(e *Effect) error {
	if e.Op <= OpFlush {
		return r.keyFields(e)
	}
	for _, field := range []byte(layout(e.Op)) {
		if err := r.field(e, field); err != nil {
			return err
		}
	}
	return nil
}

// keyFields is fields for effects on whole keys.
func (r *EffectReader) keyFields(e *Effect) (err error) {
	if e.Op == OpFlush {
		return nil
	}
	if e.Key, err = r.bytes(); err != nil {
		return err
	}
	if e.PrevExpireAt, err = r.time(); err != nil {
		return err
	}
	if e.Op == OpSet || e.Op == OpExpire {
		if e.ExpireAt, err = r.time(); err != nil {
			return err
		}
	}
	if e.Op == OpSet {
		e.Value, err = r.bytes()
		return err
	}
	if e.Marks&MarkObject != 0 {
		return r.field(e, 'o')
	}
	return nil
}

func (r *EffectReader) field(e *Effect, field byte) (err error) {
	if b := e.bytes(field); b != nil {
		*b, err = r.bytes()
		return err
	}
	if n := e.number(field); n != nil {
		*n, err = r.varint()
		return err
	}
	switch field {
	case 'p':
		e.PrevExpireAt, err = r.time()
	case 'x':
		e.ExpireAt, err = r.time()
	case 'o':
		var n uint64
		n, err = r.uvarint()
		e.Object = n ^ uint64(e.Slot)<<48
	case 's':
		var n uint64
		n, err = r.fixed64()
		e.Score = math.Float64frombits(n)
	case 'd':
		if e.ID.MS, err = r.fixed64(); err == nil {
			e.ID.Seq, err = r.fixed64()
		}
	}
	return err
}

func (r *EffectReader) fixed64() (uint64, error) {
	b, err := r.take(8)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(b), nil
}

func (r *EffectReader) varint() (int64, error) {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		return 0, fmt.Errorf("%w: a number is cut off or too large", ErrDamaged)
	}
	r.rest = r.rest[n:]
	return v, nil
}

func (r *EffectReader) time() (int64, error) {
	n, err := r.uvarint()
	return int64(n), err
}

func (r *EffectReader) bytes() ([]byte, error) {
	n, err := r.uvarint()
	if err != nil {
		return nil, err
	}
	return r.take(n)
}

func (r *EffectReader) uvarint() (uint64, error) {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		return 0, fmt.Errorf("%w: a number is cut off or too large", ErrDamaged)
	}
	r.rest = r.rest[n:]
	return v, nil
}

// take returns the next n bytes. An announced length is compared with what is there before it is used.
func (r *EffectReader) take(n uint64) ([]byte, error) {
	if n > uint64(len(r.rest)) {
		return nil, fmt.Errorf("%w: %d bytes announced, %d there", ErrDamaged, n, len(r.rest))
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b, nil
}
