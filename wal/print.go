package wal

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// printLimit bounds the body of several parts that a Printer puts together.
const printLimit = 1 << 30

// Printer writes records in the words of FORMAT.md, one after the other as a reader finds them in a
// log: as text, or as one JSON object a line. It also judges each one: the first is believed, what comes after
// must follow it. It is for one goroutine at a time.
type Printer struct {
	to      io.Writer
	asJSON  bool
	begun   bool
	at      Position
	parts   *Assembler
	effects EffectReader
}

// NewPrinter returns a Printer that writes to w.
func NewPrinter(w io.Writer, asJSON bool) *Printer {
	return &Printer{to: w, asJSON: asJSON, parts: NewAssembler(printLimit)}
}

// printedRecord is a record as the JSON shows it.
type printedRecord struct {
	Sequence    Seq             `json:"sequence"`
	Kind        string          `json:"kind,omitempty"`
	Part        string          `json:"part,omitempty"`
	Incarnation string          `json:"incarnation,omitempty"`
	Epoch       Epoch           `json:"epoch,omitempty"`
	Index       uint64          `json:"index"`
	Committed   string          `json:"committed,omitempty"`
	Primary     string          `json:"primary,omitempty"`
	Previous    string          `json:"previous,omitempty"`
	Chain       string          `json:"chain,omitempty"`
	Bytes       int             `json:"bytes"`
	Heir        string          `json:"heir,omitempty"`
	Verdict     string          `json:"verdict"`
	Effects     []printedEffect `json:"effects,omitempty"`
}

// printedEffect is an effect as the JSON shows it. Keys and values that are not UTF-8 are shown in
// hexadecimal digits under another name.
type printedEffect struct {
	Op          string   `json:"op"`
	Cause       string   `json:"cause"`
	Command     string   `json:"command,omitempty"`
	Client      string   `json:"client,omitempty"`
	Slot        uint16   `json:"slot"`
	Marks       []string `json:"marks,omitempty"`
	Key         *string  `json:"key,omitempty"`
	KeyHex      *string  `json:"key_hex,omitempty"`
	Value       *string  `json:"value,omitempty"`
	ValueHex    *string  `json:"value_hex,omitempty"`
	Expires     string   `json:"expires,omitempty"`
	WouldExpire string   `json:"previously_expires,omitempty"`

	printedElement
}

// printedElement is what an effect on a collection has besides.
type printedElement struct {
	Object   string  `json:"object,omitempty"`
	Field    *string `json:"field,omitempty"`
	FieldHex *string `json:"field_hex,omitempty"`
	Who      *string `json:"consumer,omitempty"`
	WhoHex   *string `json:"consumer_hex,omitempty"`
	To       *string `json:"to,omitempty"`
	ToHex    *string `json:"to_hex,omitempty"`
	Score    string  `json:"score,omitempty"`
	Previous string  `json:"previous_score,omitempty"`
	Index    *int64  `json:"index,omitempty"`
	Count    *int64  `json:"count,omitempty"`
	ID       string  `json:"id,omitempty"`
	At       string  `json:"at,omitempty"`
	Active   string  `json:"active,omitempty"`
	Place    string  `json:"place,omitempty"`
	Head     string  `json:"head,omitempty"`
}

// Record prints the message at seq. What is wrong with it is printed as its verdict; the error is the
// writer's.
func (p *Printer) Record(seq Seq, message []byte) error {
	printed := printedRecord{Sequence: seq, Bytes: len(message)}
	r, err := DecodeRecord(message)
	if err == nil {
		fillHeader(&printed, &r)
		printed.Verdict, err = p.judge(seq, &r, &printed)
	}
	if err != nil {
		printed.Verdict = err.Error()
	}
	if p.asJSON {
		return json.NewEncoder(p.to).Encode(&printed)
	}
	return p.text(&printed)
}

// judge says whether r follows what was printed before it, and adds the effects of a body that is whole
// with it.
func (p *Printer) judge(seq Seq, r *Record, printed *printedRecord) (string, error) {
	next, verdict, err := p.at.Next(seq, r)
	switch {
	case !p.begun:
		p.begun, next = true, PositionAt(seq, r)
	case err != nil && r.Kind == KindEpoch:
		if next, err = p.at.Refound(seq, r); err != nil {
			p.at = PositionAt(seq, r)
			return "", err
		}
	case err != nil:
		p.at = PositionAt(seq, r)
		return "", err
	case verdict == Stale:
		p.at = next
		return "stale", nil
	}
	p.at = next
	body, whole, err := p.parts.Add(r)
	if err != nil {
		return "accepted, the body began before what is shown", nil
	}
	if heir, handover := r.Heir(); handover {
		printed.Heir = hex.EncodeToString(heir[:])
		return "accepted", nil
	}
	if whole {
		if printed.Effects, err = p.readEffects(body); err != nil {
			return "", err
		}
	}
	return "accepted", nil
}

func (p *Printer) readEffects(body []byte) (printed []printedEffect, err error) {
	p.effects.Reset(body)
	var e Effect
	for {
		more, err := p.effects.Next(&e)
		if err != nil || !more {
			return printed, err
		}
		printed = append(printed, printEffect(&e))
	}
}

func fillHeader(to *printedRecord, r *Record) {
	to.Kind = nameOf(int(r.Kind), "data", "epoch", "lease", "handover")
	to.Part = [...]string{"middle", "first", "last", "whole"}[r.Part&3]
	to.Incarnation = hex.EncodeToString(r.Incarnation[:])
	to.Epoch, to.Index = r.Epoch, r.Index
	to.Committed = printTime(r.CommitMS)
	to.Primary = hex.EncodeToString(r.Primary[:])
	to.Previous, to.Chain = fmt.Sprintf("%016x", r.Prev), fmt.Sprintf("%016x", r.Chain)
}

func printEffect(e *Effect) printedEffect {
	printed := printedEffect{
		Op:          e.Op.String(),
		Cause:       nameOf(int(e.Cause), "client", "expire", "evict", "flush", "script", "migrate"),
		Command:     e.Command,
		Client:      string(e.Client),
		Slot:        uint16(e.Slot),
		Expires:     printTime(e.ExpireAt),
		WouldExpire: printTime(e.PrevExpireAt),
	}
	for i, name := range []string{"first", "last", "created", "rename", "raw", "text", "client", "object"} {
		if e.Marks&(1<<i) != 0 {
			printed.Marks = append(printed.Marks, name)
		}
	}
	if e.Op != OpFlush {
		printed.Key, printed.KeyHex = printBytes(e.Key)
	}
	if e.Op == OpSet {
		printed.Value, printed.ValueHex = printBytes(e.Value)
	}
	if e.Marks&MarkObject != 0 {
		printed.field(e, 'o')
	}
	for _, field := range []byte(layout(e.Op)) {
		printed.field(e, field)
	}
	return printed
}

// field prints a field of an effect on a collection.
func (e *printedEffect) field(from *Effect, field byte) {
	switch field {
	case 'o':
		e.Object = fmt.Sprintf("%d/%d", from.Object>>48, from.Object&(1<<48-1))
	case 'h':
		e.Head = hex.EncodeToString(from.Head)
	case 'l':
		e.Place = hex.EncodeToString(from.Place)
	case 'f':
		e.Field, e.FieldHex = printBytes(from.Field)
	case 'v':
		e.Value, e.ValueHex = printBytes(from.Value)
	case 'g':
		e.Who, e.WhoHex = printBytes(from.Who)
	case 't':
		e.To, e.ToHex = printBytes(from.To)
	case 's':
		e.Score = strconv.FormatFloat(from.Score, 'g', -1, 64)
	case 'r':
		if len(from.Prev) == 8 {
			e.Previous = strconv.FormatFloat(math.Float64frombits(binary.BigEndian.Uint64(from.Prev)), 'g', -1, 64)
		}
	case 'i':
		index := from.Index // from is used again
		e.Index = &index
	case 'n':
		count := from.Count
		e.Count = &count
	case 'd':
		e.ID = from.ID.String()
	case 'm':
		e.At = printTime(from.At)
	case 'a':
		e.Active = printTime(from.Active)
	}
}

func number(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}

// nameOf names a number that counts from 1.
func nameOf(n int, names ...string) string {
	if n < 1 || n > len(names) {
		return fmt.Sprint(n)
	}
	return names[n-1]
}

func printTime(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}

func printBytes(b []byte) (text, digits *string) {
	if utf8.Valid(b) {
		s := string(b)
		return &s, nil
	}
	s := hex.EncodeToString(b)
	return nil, &s
}

// text writes a record as one line, and one indented line for each effect.
func (p *Printer) text(r *printedRecord) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d", r.Sequence)
	if r.Kind != "" {
		fmt.Fprintf(&b, " %s epoch=%d index=%d part=%s committed=%s primary=%s incarnation=%s previous=%s chain=%s",
			r.Kind, r.Epoch, r.Index, r.Part, r.Committed, r.Primary, r.Incarnation, r.Previous, r.Chain)
	}
	if r.Heir != "" {
		fmt.Fprintf(&b, " heir=%s", r.Heir)
	}
	fmt.Fprintf(&b, " bytes=%d: %s\n", r.Bytes, r.Verdict)
	for i := range r.Effects {
		r.Effects[i].text(&b)
	}
	_, err := io.WriteString(p.to, b.String())
	return err
}

func (e *printedEffect) text(b *strings.Builder) {
	fmt.Fprintf(b, "    %s", e.Op)
	field := func(name string, values ...*string) {
		for i, value := range values {
			switch {
			case value == nil:
			case i == 0:
				fmt.Fprintf(b, " %s=%q", name, *value)
			default:
				fmt.Fprintf(b, " %s=0x%s", name, *value)
			}
		}
	}
	field("key", e.Key, e.KeyHex)
	field("to", e.To, e.ToHex)
	field("field", e.Field, e.FieldHex)
	field("consumer", e.Who, e.WhoHex)
	field("value", e.Value, e.ValueHex)
	for _, f := range [][2]string{
		{"id", e.ID}, {"score", e.Score}, {"previous_score", e.Previous}, {"index", number(e.Index)}, {"count", number(e.Count)},
		{"at", e.At}, {"active", e.Active}, {"place", e.Place}, {"object", e.Object}, {"head", e.Head},
		{"expires", e.Expires}, {"previously_expires", e.WouldExpire}, {"cause", e.Cause},
		{"command", e.Command}, {"client", e.Client}, {"marks", strings.Join(e.Marks, ",")},
	} {
		if f[1] != "" {
			fmt.Fprintf(b, " %s=%s", f[0], f[1])
		}
	}
	fmt.Fprintf(b, " slot=%d\n", e.Slot)
}
