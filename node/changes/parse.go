package changes

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"shiplog/partitions/slot"
	"shiplog/wal"
)

// ErrEnvelope says that a text is no change in JSON, or one of a version that this program does not know.
var ErrEnvelope = errors.New("not a change")

// envelope is a change as its JSON has it.
type envelope struct {
	V           int       `json:"v"`
	Partition   int       `json:"partition"`
	Slot        slot.ID   `json:"slot"`
	Incarnation string    `json:"incarnation"`
	Sequence    wal.Seq   `json:"sequence"`
	Index       int       `json:"index"`
	Epoch       wal.Epoch `json:"epoch"`
	Time        int64     `json:"time"`
	Type        string    `json:"type"`
	Op          string    `json:"op"`
	Cause       string    `json:"cause"`
	Command     string    `json:"command"`
	Unit        int       `json:"unit"`
	First       bool      `json:"first"`
	Last        bool      `json:"last"`
	Created     bool      `json:"created"`
	Rename      bool      `json:"rename"`
	Snapshot    bool      `json:"snapshot"`
	Key         *string   `json:"key"`
	Key64       []byte    `json:"key64"`
}

// elementJSON is what only some operations have.
type elementJSON struct {
	Value      *string         `json:"value"`
	Value64    []byte          `json:"value64"`
	Field      *string         `json:"field"`
	Field64    []byte          `json:"field64"`
	Member     *string         `json:"member"`
	Member64   []byte          `json:"member64"`
	Group      *string         `json:"group"`
	Group64    []byte          `json:"group64"`
	Consumer   *string         `json:"consumer"`
	Consumer64 []byte          `json:"consumer64"`
	To         *string         `json:"to"`
	To64       []byte          `json:"to64"`
	Fields     []string        `json:"fields"`
	Fields64   [][]byte        `json:"fields64"`
	Score      json.RawMessage `json:"score"`
	Previous   json.RawMessage `json:"previous_score"`
	Client     *string         `json:"client"` // of any operation, like client64
	Client64   []byte          `json:"client64"`

	numbersJSON
}

type numbersJSON struct {
	ExpireAt   int64  `json:"expire_at"`
	At         int64  `json:"at"`
	Count      int64  `json:"count"`
	Read       int64  `json:"entries_read"`
	Seen       int64  `json:"seen"`
	Active     int64  `json:"active"`
	Delivered  int64  `json:"delivered"`
	Deliveries int64  `json:"deliveries"`
	ID         string `json:"id"`
	LastID     string `json:"last_id"`
	Deleted    string `json:"max_deleted_id"`
	Added      uint64 `json:"entries_added"`
}

// ParseJSON reads what AppendJSON has written. What only the engine needs (objects, places, heads, encodings of strings) is not in it; the
// head of an xsetid is made anew as far as readers know of it.
func ParseJSON(text []byte) (c Change, err error) {
	var e envelope
	var element elementJSON
	if err := errors.Join(json.Unmarshal(text, &e), json.Unmarshal(text, &element)); err != nil {
		return c, fmt.Errorf("%w: %w", ErrEnvelope, err)
	}
	if e.V != jsonVersion {
		return c, fmt.Errorf("%w: version %d, this reads %d", ErrEnvelope, e.V, jsonVersion)
	}
	c = Change{Partition: e.Partition, Sequence: e.Sequence, Index: e.Index, Unit: e.Unit, Epoch: e.Epoch, CommitMS: e.Time, Snapshot: e.Snapshot}
	if n, err := hex.Decode(c.Incarnation[:], []byte(e.Incarnation)); err != nil || n != len(c.Incarnation) {
		return c, fmt.Errorf("%w: incarnation %q", ErrEnvelope, e.Incarnation)
	}
	op, cause := opNamed(e.Op), causeNamed(e.Cause)
	if op == 0 || cause == 0 {
		return c, fmt.Errorf("%w: operation %q, cause %q", ErrEnvelope, e.Op, e.Cause)
	}
	c.Effect = wal.Effect{Op: op, Cause: cause, Slot: e.Slot, Command: e.Command, Key: either(e.Key, e.Key64), Marks: e.marks()}
	if op != wal.OpFlush && c.Effect.Key == nil {
		return c, fmt.Errorf("%w: it has no key", ErrEnvelope)
	}
	if err := element.fill(&c.Effect); err != nil {
		return c, err
	}
	if c.Client = either(element.Client, element.Client64); c.Client != nil && e.First {
		c.Effect.Client = c.Client
		c.Effect.Marks |= wal.MarkClient
	}
	if c.Type() != e.Type {
		return c, fmt.Errorf("%w: type %q of %s", ErrEnvelope, e.Type, e.Op)
	}
	return c, nil
}

func opNamed(name string) wal.Op {
	for op := wal.OpSet; op <= wal.OpRename; op++ {
		if op.String() == name {
			return op
		}
	}
	return 0
}

func causeNamed(name string) wal.Cause {
	for cause := wal.CauseClient; cause <= wal.CauseMigrate; cause++ {
		if causeOf(cause) == name {
			return cause
		}
	}
	return 0
}

func (e *envelope) marks() (marks wal.Marks) {
	for _, m := range [...]struct {
		set  bool
		mark wal.Marks
	}{
		{e.First, wal.MarkFirst}, {e.Last, wal.MarkLast}, {e.Created, wal.MarkCreated}, {e.Rename, wal.MarkRename},
		{e.Type == TypeCollection && e.Op != wal.OpRename.String(), wal.MarkObject},
	} {
		if m.set {
			marks |= m.mark
		}
	}
	return marks
}

// either returns the bytes of a text, or those that stand in base64.
func either(text *string, b []byte) []byte {
	if text != nil {
		return []byte(*text)
	}
	return b
}

// fill gives the effect what its operation has.
func (j *elementJSON) fill(e *wal.Effect) (err error) {
	e.Value, e.Who, e.To = either(j.Value, j.Value64), either(j.Consumer, j.Consumer64), either(j.To, j.To64)
	e.Field = either(j.Field, j.Field64)
	for _, b := range [][]byte{either(j.Member, j.Member64), either(j.Group, j.Group64)} {
		if b != nil {
			e.Field = b
		}
	}
	e.ExpireAt, e.Index, e.Count, e.At, e.Active = j.ExpireAt, j.At+j.Read, j.Count+j.Deliveries, j.Seen+j.Delivered, j.Active
	if e.Op == wal.OpRename {
		e.ExpireAt, e.PrevExpireAt = 0, j.ExpireAt
	}
	if e.Op == wal.OpXAdd {
		for _, field := range j.Fields {
			e.Value = wal.AppendStreamField(e.Value, []byte(field))
		}
		for _, field := range j.Fields64 {
			e.Value = wal.AppendStreamField(e.Value, field)
		}
	}
	if j.ID != "" {
		if e.ID, err = parseID(j.ID); err != nil {
			return err
		}
	}
	if e.Op == wal.OpXSetID && j.LastID != "" {
		return j.fillState(e)
	}
	return j.fillScores(e)
}

func (j *elementJSON) fillScores(e *wal.Effect) (err error) {
	if j.Score != nil {
		if e.Score, err = parseScore(j.Score); err != nil {
			return err
		}
	}
	if j.Previous != nil {
		previous, err := parseScore(j.Previous)
		if err != nil {
			return err
		}
		e.Prev = binary.BigEndian.AppendUint64(nil, math.Float64bits(previous))
	}
	return nil
}

// fillState makes a head that says of a stream what the JSON says.
func (j *elementJSON) fillState(e *wal.Effect) error {
	last, err := parseID(j.LastID)
	if err != nil {
		return err
	}
	deleted, err := parseID(j.Deleted)
	if err != nil {
		return err
	}
	e.Head = appendStreamState(nil, streamSummary{last: last, deleted: deleted, added: j.Added})
	return nil
}

func appendStreamState(dst []byte, s streamSummary) []byte {
	dst = append(dst, make([]byte, 1+1+8+1)...)
	for _, x := range [...]uint64{0, s.last.MS, s.last.Seq, 0, 0, s.deleted.MS, s.deleted.Seq, s.added} {
		dst = binary.AppendUvarint(dst, x)
	}
	return dst
}

func parseScore(raw json.RawMessage) (float64, error) {
	f, err := strconv.ParseFloat(strings.Trim(string(raw), `"`), 64)
	if err != nil || math.IsNaN(f) {
		return 0, fmt.Errorf("%w: score %s", ErrEnvelope, raw)
	}
	return f, nil
}

func parseID(text string) (id wal.StreamID, err error) {
	ms, seq, found := strings.Cut(text, "-")
	id.MS, err = strconv.ParseUint(ms, 10, 64)
	if err == nil && found {
		id.Seq, err = strconv.ParseUint(seq, 10, 64)
	}
	if err != nil || !found {
		return id, fmt.Errorf("%w: id %q", ErrEnvelope, text)
	}
	return id, nil
}
