package nemesis

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"shiplog/e2e"
)

// logWriter writes records as FORMAT.md has them.
type logWriter struct {
	log          []logMessage
	epoch, index uint64
	chain        uint64
}

// record adds a record; an EPOCH record begins the next epoch.
func (w *logWriter) record(kind byte, body []byte) {
	if kind == recordEpoch {
		w.epoch, w.index = w.epoch+1, 0
	} else {
		w.index++
	}
	b := make([]byte, recordHeader, recordHeader+len(body))
	copy(b, "SL\x01")
	b[3], b[4] = kind, partFirst|partLast
	binary.BigEndian.PutUint64(b[24:], w.epoch)
	binary.BigEndian.PutUint64(b[32:], w.index)
	binary.BigEndian.PutUint32(b[68:], uint32(len(body)))
	binary.BigEndian.PutUint64(b[72:], w.chain)
	w.chain = uint64(len(w.log)) + 100
	binary.BigEndian.PutUint64(b[80:], w.chain)
	w.log = append(w.log, logMessage{uint64(len(w.log)) + 1, append(b, body...)})
}

// sets adds a record of one unit that sets key to value, and so on.
func (w *logWriter) sets(pairs ...string) {
	var body []byte
	for i := 0; i < len(pairs); i += 2 {
		marks := byte(0)
		if i == 0 {
			marks |= markFirst
		}
		if i+2 == len(pairs) {
			marks |= markLast
		}
		body = append(body, effectSet, 1, marks)
		body = binary.BigEndian.AppendUint16(body, uint16(Slot(pairs[i])))
		body = append(body, 4, 'S', 'E', 'T')
		body = append(binary.AppendUvarint(body, uint64(len(pairs[i]))), pairs[i]...)
		body = append(body, 0, 0)
		body = append(binary.AppendUvarint(body, uint64(len(pairs[i+1]))), pairs[i+1]...)
	}
	w.record(recordData, body)
}

func written(pairs ...string) *logWriter {
	w := &logWriter{}
	w.record(recordEpoch, nil)
	for i := 0; i < len(pairs); i += 2 {
		w.sets(pairs[i], pairs[i+1])
	}
	return w
}

// was is an OK operation from one second to another.
func was(from, to int, name, key, arg, reply string) Op {
	return Op{Key: key, Name: name, Arg: arg, Reply: e2e.Value{Text: reply}, Call: time.Duration(from) * time.Second,
		Return: time.Duration(to) * time.Second}
}

func judgeLog(w *logWriter, ops ...Op) Verdict {
	var v Verdict
	m := newModelled()
	m.foldLog(&v, 0, 1, w.log)
	m.check(&v, ops)
	return v
}

// TestCheckLog plants every fault that the log can show.
func TestCheckLog(t *testing.T) {
	unclear := func(op Op, outcome Outcome) Op { op.Outcome = outcome; return op }
	for _, tt := range []struct {
		name string
		log  *logWriter
		ops  []Op
		want string
	}{
		{"sound", written("k", "1", "k", "2", "a", "x;", "a", "x;y;"), []Op{
			was(1, 2, opGet, "k", "", ""), was(3, 4, opSet, "k", "1", "OK"), was(3, 6, opGet, "k", "", "1"), was(5, 6, opSet, "k", "2", "OK"),
			unclear(was(5, 6, opSet, "k", "3", ""), Unknown), unclear(was(5, 6, opSet, "k", "4", ""), Failed), was(7, 8, opGet, "k", "", "2"),
			was(1, 2, opAppend, "a", "x;", "2"), was(3, 4, opAppend, "a", "y;", "4"), was(5, 6, opGet, "a", "", "x;y;"),
		}, "0 0 0 0 0"},
		{"lost", written("k", "1"), []Op{was(1, 2, opSet, "k", "2", "OK")}, "1 0 0 0 0"},
		{"lost token", written("a", "x;"), []Op{was(1, 2, opAppend, "a", "y;", "4")}, "1 0 0 0 0"},
		{"twice", written("k", "1", "k", "1"), []Op{was(1, 2, opSet, "k", "1", "OK")}, "0 1 0 0 0"},
		{"token twice", written("a", "x;", "a", "x;x;"), []Op{was(1, 2, opAppend, "a", "x;", "2")}, "0 1 0 0 0"},
		{"stale read", written("k", "1", "k", "2"), []Op{was(1, 2, opSet, "k", "2", "OK"), was(3, 4, opGet, "k", "", "1"), was(5, 6, opIncr, "k", "", "2")}, "0 0 1 0 0"},
		{"writes out of order", written("k", "2", "k", "1"), []Op{was(1, 2, opSet, "k", "1", "OK"), was(3, 4, opSet, "k", "2", "OK")}, "0 0 1 0 0"},
		{"read of nothing", written("k", "1"), []Op{was(1, 2, opGet, "k", "", "7"), was(1, 2, opGet, "k", "", "1")}, "0 0 0 1 0"},
		{"refused, yet there", written("k", "1"), []Op{unclear(was(1, 2, opSet, "k", "1", ""), Failed)}, "0 0 0 1 0"},
		{"another end", written("k", "1", "k", "2"), []Op{was(1, 2, opGet, "k", "", "1")}, "0 0 0 1 0"},
	} {
		v := judgeLog(tt.log, tt.ops...)
		if got := fmt.Sprint(v.Lost, v.Duplicated, v.Stale, v.Illegal, v.Undecided); got != tt.want {
			t.Errorf("%s: got %s, want %s: %q", tt.name, got, tt.want, v.Examples)
		}
	}
}

// TestFoldLog plants what no log may hold.
func TestFoldLog(t *testing.T) {
	change := func(do func(w *logWriter)) *logWriter { w := written("k", "1"); do(w); return w }
	sums := []string{bankKey(0), "1"}
	for i := range bankAccounts {
		sums = append(sums, accountKey(0, i), "100")
	}
	for _, tt := range []struct {
		name  string
		log   *logWriter
		wants string
	}{
		{"a deposed primary's record", change(func(w *logWriter) {
			old := *w
			w.record(recordEpoch, nil)
			old.log = w.log
			old.sets("k", "2")
			w.log = old.log
			w.sets("k", "3")
		}), ""},
		{"an epoch comes back", change(func(w *logWriter) { w.record(recordEpoch, nil); w.epoch--; w.record(recordEpoch, nil) }), "does not follow"},
		{"another chain", change(func(w *logWriter) { w.chain++; w.sets("k", "2") }), "does not follow"},
		{"a record is missing", change(func(w *logWriter) { w.index++; w.sets("k", "2") }), "does not follow"},
		{"a body is cut", change(func(w *logWriter) { w.record(recordData, []byte{effectSet, 1}) }), "not a record"},
		{"no record", change(func(w *logWriter) { w.log = append(w.log, logMessage{3, []byte("SL")}) }), "not a record"},
		{"half a unit", change(func(w *logWriter) { w.sets("{bank0}:x", "1", "{bank0}:y", "2"); w.log[2].data[recordHeader+2] = 0 }), "not whole"},
		{"a bank's sum", change(func(w *logWriter) { w.sets(sums...); w.sets(accountKey(0, 0), "90", accountKey(0, 1), "110") }), ""},
		{"money is lost", change(func(w *logWriter) { w.sets(sums...); w.sets(accountKey(0, 0), "90") }), "has 590"},
	} {
		v := judgeLog(tt.log)
		if got := strings.Join(v.Examples, "|"); (v.Faults() > 0) != (tt.wants != "") || !strings.Contains(got, tt.wants) {
			t.Errorf("%s: got %d faults %s, want %q", tt.name, v.Faults(), got, tt.wants)
		}
	}
}

// stored is a log as a file of JetStream's store.
func stored(log []logMessage) []byte {
	var raw []byte
	for _, m := range log {
		subject, headers := "wal.3", "NATS/1.0\r\n\r\n"
		size := storeHeader + len(subject) + 4 + len(headers) + len(m.data) + storeChecksum
		raw = binary.LittleEndian.AppendUint32(raw, uint32(size)|storeHeaders)
		raw = binary.LittleEndian.AppendUint64(raw, m.seq)
		raw = append(raw, make([]byte, 8)...)
		raw = binary.LittleEndian.AppendUint16(raw, uint16(len(subject)))
		raw = append(raw, subject...)
		raw = binary.LittleEndian.AppendUint32(raw, uint32(len(headers)))
		raw = append(append(append(raw, headers...), m.data...), make([]byte, storeChecksum)...)
	}
	return raw
}

// TestReadLog reads files that end within a record, and compares copies.
func TestReadLog(t *testing.T) {
	dir := t.TempDir()
	log := written("k", "1", "k", "2").log
	at := filepath.Join(dir, "log", "jetstream", "LOGS", "streams", "WAL_3", "msgs")
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{"9.blk": stored(log[:1]), "10.blk": append(stored(log[1:]), stored(log[:1])[:30]...)} {
		if err := os.WriteFile(filepath.Join(at, name), raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readLog(dir, 3)
	if err != nil || len(got) != 3 || string(got[2].data) != string(log[2].data) {
		t.Fatalf("got %d messages, %v", len(got), err)
	}
	other := slices.Clone(log)
	other[1].data = []byte("something else")
	for _, tt := range []struct {
		name   string
		copies [][]logMessage
		want   int
	}{
		{"equal", [][]logMessage{log, got, log[:1], nil}, 0}, {"different", [][]logMessage{log, other}, 1}, {"trimmed", [][]logMessage{log[1:]}, 1},
	} {
		var v Verdict
		if longestLog(&v, 3, tt.copies); v.Faults() != tt.want {
			t.Errorf("%s: got %d faults %q, want %d", tt.name, v.Faults(), v.Examples, tt.want)
		}
	}
}
