package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"shiplog/wal"
)

// sliceLog is a log that only reads: message i stands at sequence first+i.
type sliceLog struct {
	wal.Log
	first    wal.Seq
	messages [][]byte
}

func (l *sliceLog) Bounds(context.Context) (wal.Bounds, error) {
	return wal.Bounds{First: l.first, Last: l.first + wal.Seq(len(l.messages)) - 1}, nil
}

func (l *sliceLog) Get(_ context.Context, seq wal.Seq) ([]byte, error) {
	message := l.messages[seq-l.first]
	if message == nil {
		return nil, wal.ErrNotFound
	}
	return message, nil
}

// writer makes a log as a primary does.
type writer struct {
	log sliceLog
	h   wal.Header
}

func newWriter() *writer {
	w := &writer{log: sliceLog{first: 1}}
	w.h = wal.Header{Epoch: 1, CommitMS: 1_700_000_000_000, Incarnation: wal.Incarnation{0xaa}, Primary: wal.NodeID{0xbb}}
	w.add(wal.KindEpoch, wal.PartFirst|wal.PartLast, nil)
	return w
}

func (w *writer) add(kind wal.Kind, part wal.Part, body []byte) {
	w.h.Kind, w.h.Part = kind, part
	message := append(make([]byte, wal.HeaderSize), body...)
	wal.SealRecord(message, &w.h)
	w.log.messages = append(w.log.messages, message)
	w.h.Prev = w.h.Chain
	w.h.Index++
}

// filled is a log with one record of each shape.
func filled() *writer {
	w := newWriter()
	set := wal.Effect{
		Op: wal.OpSet, Cause: wal.CauseClient, Marks: wal.MarkFirst | wal.MarkLast | wal.MarkCreated, Slot: 5,
		Command: "SET", Key: []byte("city"), Value: []byte("Lis\x00\xff"), ExpireAt: 1_700_000_001_000,
	}
	w.add(wal.KindData, wal.PartFirst|wal.PartLast, wal.AppendEffect(nil, &set))
	body := wal.AppendEffect(nil, &wal.Effect{Op: wal.OpDel, Cause: wal.CauseExpire, Slot: 6, Key: []byte("k"), PrevExpireAt: 1_700_000_001_000})
	body = wal.AppendEffect(body, &wal.Effect{Op: wal.OpFlush, Cause: wal.CauseFlush, Command: "FLUSHALL"})
	w.add(wal.KindData, wal.PartFirst, body[:4])
	w.add(wal.KindData, wal.PartLast, body[4:])
	return w
}

func dumped(t *testing.T, log *sliceLog, from wal.Seq, asJSON bool) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := printLog(context.Background(), log, from, printer(&out, asJSON))
	return out.String(), err
}

// shorten removes what says nothing in these tests: chains and identities.
func shorten(text string) string {
	var words []string
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(line, " primary")
		if ok {
			_, after, _ = strings.Cut(after, " chain ")
			line = before + after[16:]
		}
		words = append(words, line)
	}
	return strings.Join(words, "")
}

func TestDumpText(t *testing.T) {
	const want = `1 EPOCH epoch 1 index 0 time 2023-11-14T22:13:20.000Z
2 DATA epoch 1 index 1 time 2023-11-14T22:13:20.000Z
  SET "city" = "Lis\x00\xff" expires 2023-11-14T22:13:21.000Z slot 5 cause client command SET [first last created]
3 DATA epoch 1 index 2 time 2023-11-14T22:13:20.000Z part [first] of 4 bytes
4 DATA epoch 1 index 3 time 2023-11-14T22:13:20.000Z part [last] of 24 bytes
  DEL "k" before 2023-11-14T22:13:21.000Z slot 6 cause expire
  FLUSH slot 0 cause flush command FLUSHALL
`
	got, err := dumped(t, &filled().log, 0, false)
	if err != nil || shorten(got) != want {
		t.Errorf("error %v, got:\n%s\nwant:\n%s", err, shorten(got), want)
	}
}

func TestDumpJSON(t *testing.T) {
	got, err := dumped(t, &filled().log, 2, true)
	lines := strings.Split(got, "\n")
	const want = `"effects":[{"op":"SET","cause":"client","command":"SET","slot":5,"marks":["first","last","created"],` +
		`"key":"city","value":{"base64":"TGlzAP8="},"expire_at":1700000001000}]}`
	if err != nil || len(lines) != 4 || !strings.HasPrefix(lines[0], `{"seq":2,"kind":"DATA","part":["first","last"],`) || !strings.HasSuffix(lines[0], want) {
		t.Errorf("error %v, got:\n%s\nwant 3 lines, the first ending with\n%s", err, got, want)
	}
}

func TestDumpFromTheMiddle(t *testing.T) {
	log := &filled().log
	log.first, log.messages = 3, log.messages[2:] // trimmed
	for from, want := range map[wal.Seq]string{0: "3 DATA", 3: "3 DATA", 4: "4 DATA", 5: ""} {
		got, err := dumped(t, log, from, false)
		if err != nil || !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("from %d: error %v, got %q; want it to begin with %q", from, err, got, want)
		}
	}
	// The end of a body whose beginning is not shown has no effects to show.
	if got, _ := dumped(t, log, 4, false); strings.Count(got, "\n") != 1 {
		t.Errorf("got %q, want one line", got)
	}
}

func TestDumpNoticesDamage(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(messages [][]byte) [][]byte
		want   string
	}{
		"flipped bit":    {func(m [][]byte) [][]byte { m[1][wal.HeaderSize] ^= 1; return m }, "sequence 2: "},
		"missing record": {func(m [][]byte) [][]byte { return append(m[:1:1], m[2:]...) }, "sequence 2: "},
		"hole":           {func(m [][]byte) [][]byte { m[2] = nil; return m }, "read sequence 3: "},
	} {
		log := &filled().log
		log.messages = tt.change(log.messages)
		got, err := dumped(t, log, 0, false)
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) || !strings.HasPrefix(got, "1 EPOCH") {
			t.Errorf("%s: error %v, want %q after what is sound; printed:\n%s", name, err, tt.want, got)
		}
	}
}

func TestDumpShowsStaleRecords(t *testing.T) {
	w := filled()
	old := w.h
	w.h.Epoch, w.h.Index = 2, 0
	w.add(wal.KindEpoch, wal.PartFirst|wal.PartLast, nil)
	w.h = old
	w.add(wal.KindData, wal.PartFirst|wal.PartLast, nil)
	got, err := dumped(t, &w.log, 5, false)
	if want := "5 EPOCH epoch 2 index 0 time 2023-11-14T22:13:20.000Z\n6 DATA epoch 1 index 4 time 2023-11-14T22:13:20.000Z stale\n"; err != nil || shorten(got) != want {
		t.Errorf("error %v, got %q, want %q", err, shorten(got), want)
	}
}
