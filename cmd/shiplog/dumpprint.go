package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"shiplog/wal"
)

// printer returns what shows one record on w, as text or as one JSON object per line.
func printer(w io.Writer, asJSON bool) func(entry) error {
	if !asJSON {
		return func(e entry) error { return printText(w, e) }
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return func(e entry) error { return encoder.Encode(jsonRecordOf(e)) }
}

// moment shows Unix milliseconds.
func moment(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

func kindName(k wal.Kind) string {
	switch k {
	case wal.KindData:
		return "DATA"
	case wal.KindEpoch:
		return "EPOCH"
	}
	return fmt.Sprintf("kind-%d", k)
}

func opName(op wal.Op) string {
	switch op {
	case wal.OpSet:
		return "SET"
	case wal.OpDel:
		return "DEL"
	case wal.OpExpire:
		return "EXPIRE"
	case wal.OpPersist:
		return "PERSIST"
	case wal.OpFlush:
		return "FLUSH"
	}
	return fmt.Sprintf("op-%d", op)
}

func causeName(c wal.Cause) string {
	switch c {
	case wal.CauseClient:
		return "client"
	case wal.CauseExpire:
		return "expire"
	case wal.CauseEvict:
		return "evict"
	case wal.CauseFlush:
		return "flush"
	case wal.CauseScript:
		return "script"
	case wal.CauseMigrate:
		return "migrate"
	}
	return fmt.Sprintf("cause-%d", c)
}

func markNames(marks wal.Marks) (names []string) {
	for _, mark := range []struct {
		bit  wal.Marks
		name string
	}{
		{wal.MarkFirst, "first"}, {wal.MarkLast, "last"}, {wal.MarkCreated, "created"}, {wal.MarkRename, "rename"}, {wal.MarkRaw, "raw"},
	} {
		if marks&mark.bit != 0 {
			names = append(names, mark.name)
		}
	}
	return names
}

func partNames(part wal.Part) (names []string) {
	if part&wal.PartFirst != 0 {
		names = append(names, "first")
	}
	if part&wal.PartLast != 0 {
		names = append(names, "last")
	}
	return names
}

// printText shows a record on one line and each of its effects on one more.
func printText(w io.Writer, e entry) error {
	r := &e.record
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s epoch %d index %d time %s primary %x incarnation %x chain %016x",
		e.seq, kindName(r.Kind), r.Epoch, r.Index, moment(r.CommitMS), r.Primary, r.Incarnation, r.Chain)
	if r.Part != wal.PartFirst|wal.PartLast {
		fmt.Fprintf(&b, " part [%s] of %d bytes", strings.Join(partNames(r.Part), " "), len(r.Body))
	}
	if e.stale {
		b.WriteString(" stale")
	}
	b.WriteByte('\n')
	for i := range e.effects {
		effectText(&b, &e.effects[i])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func effectText(b *strings.Builder, e *wal.Effect) {
	fmt.Fprintf(b, "  %s", opName(e.Op))
	if e.Op != wal.OpFlush {
		fmt.Fprintf(b, " %q", e.Key)
	}
	if e.Op == wal.OpSet {
		fmt.Fprintf(b, " = %q", e.Value)
	}
	if e.ExpireAt != 0 {
		fmt.Fprintf(b, " expires %s", moment(e.ExpireAt))
	}
	if e.PrevExpireAt != 0 {
		fmt.Fprintf(b, " before %s", moment(e.PrevExpireAt))
	}
	fmt.Fprintf(b, " slot %d cause %s", e.Slot, causeName(e.Cause))
	if e.Command != "" {
		fmt.Fprintf(b, " command %s", e.Command)
	}
	if names := markNames(e.Marks); names != nil {
		fmt.Fprintf(b, " [%s]", strings.Join(names, " "))
	}
	b.WriteByte('\n')
}

// jsonRecord is a record as --json shows it. Times are Unix milliseconds; chains and identities are hexadecimal.
type jsonRecord struct {
	Seq         wal.Seq      `json:"seq"`
	Kind        string       `json:"kind"`
	Part        []string     `json:"part"`
	Incarnation string       `json:"incarnation"`
	Epoch       wal.Epoch    `json:"epoch"`
	Index       uint64       `json:"index"`
	CommitMS    int64        `json:"commit_ms"`
	Primary     string       `json:"primary"`
	Prev        string       `json:"prev"`
	Chain       string       `json:"chain"`
	BodyBytes   int          `json:"body_bytes"`
	Stale       bool         `json:"stale,omitempty"`
	Effects     []jsonEffect `json:"effects"`
}

// jsonEffect is an effect as --json shows it.
type jsonEffect struct {
	Op           string    `json:"op"`
	Cause        string    `json:"cause"`
	Command      string    `json:"command,omitempty"`
	Slot         int       `json:"slot"`
	Marks        []string  `json:"marks,omitempty"`
	Key          *jsonText `json:"key,omitempty"`
	Value        *jsonText `json:"value,omitempty"`
	ExpireAt     int64     `json:"expire_at,omitempty"`
	PrevExpireAt int64     `json:"prev_expire_at,omitempty"`
}

// jsonText is a string of bytes: a JSON string when it is UTF-8, else {"base64": "..."}.
type jsonText []byte

// MarshalJSON implements json.Marshaler.
func (t jsonText) MarshalJSON() ([]byte, error) {
	if utf8.Valid(t) {
		return json.Marshal(string(t))
	}
	return json.Marshal(map[string]string{"base64": base64.StdEncoding.EncodeToString(t)})
}

func jsonRecordOf(e entry) jsonRecord {
	r := &e.record
	shown := jsonRecord{
		Seq: e.seq, Kind: kindName(r.Kind), Part: partNames(r.Part), Incarnation: hex.EncodeToString(r.Incarnation[:]),
		Epoch: r.Epoch, Index: r.Index, CommitMS: r.CommitMS, Primary: hex.EncodeToString(r.Primary[:]),
		Prev: fmt.Sprintf("%016x", r.Prev), Chain: fmt.Sprintf("%016x", r.Chain),
		BodyBytes: len(r.Body), Stale: e.stale, Effects: make([]jsonEffect, len(e.effects)),
	}
	for i := range e.effects {
		shown.Effects[i] = jsonEffectOf(&e.effects[i])
	}
	return shown
}

func jsonEffectOf(e *wal.Effect) jsonEffect {
	shown := jsonEffect{
		Op: opName(e.Op), Cause: causeName(e.Cause), Command: e.Command, Slot: int(e.Slot), Marks: markNames(e.Marks),
		ExpireAt: e.ExpireAt, PrevExpireAt: e.PrevExpireAt,
	}
	if e.Op != wal.OpFlush {
		shown.Key = (*jsonText)(&e.Key)
	}
	if e.Op == wal.OpSet {
		shown.Value = (*jsonText)(&e.Value)
	}
	return shown
}
