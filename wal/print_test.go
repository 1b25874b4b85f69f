package wal

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// printedLog is a small log with everything that a Printer has a word for.
func printedLog() [][]byte {
	h := goldenHeader()
	h.Epoch, h.Index, h.Prev, h.Kind = 1, 0, 0, KindEpoch
	var messages [][]byte
	seal := func(part Part, body []byte) {
		h.Part = part
		b := append(make([]byte, HeaderSize), body...)
		SealRecord(b, &h)
		messages = append(messages, b)
		h.Kind, h.Prev, h.Index = KindData, h.Chain, h.Index+1
	}
	body := appendAll(nil, goldenEffects())
	seal(PartFirst|PartLast, nil)
	seal(PartFirst|PartLast, body)
	for part, b := range Split(body, len(body)/2+1) {
		seal(part, b)
	}
	seal(PartFirst|PartLast, AppendEffect(nil, &Effect{Op: OpSet, Cause: CauseClient, Key: []byte{0xFF}, Value: []byte("v")}))
	seal(PartFirst|PartLast, appendAll(nil, goldenTextEffects()))
	stale := h
	h.Kind, h.Epoch, h.Index = KindEpoch, 2, 0
	seal(PartFirst|PartLast, nil)
	messages = append(messages, message(stale, nil))
	h.Prev++
	seal(PartFirst|PartLast, nil)
	return append(messages, []byte("nonsense"))
}

func TestPrinterText(t *testing.T) {
	var out bytes.Buffer
	p := NewPrinter(&out, false)
	for i, m := range printedLog() {
		if err := p.Record(Seq(i+1), m); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	wants := []string{
		"1 epoch epoch=1 index=0 part=whole committed=2023-11-14T22:13:20.123Z primary=7072696d617279", // and so on
		"2 data epoch=1 index=1 part=whole",
		`    set key="foo" value="bar" cause=client command=SET marks=first,last,created slot=12182`,
		`    set key="foo" value="baz" expires=2023-11-14T22:14:20.000Z previously_expires=2023-11-14T22:13:20.500Z cause=client command=SET marks=first,last,raw slot=12182`,
		`    expire key="k" expires=1970-01-01T00:00:00.009Z previously_expires=1970-01-01T00:00:00.008Z cause=script command=EVAL marks=first slot=1`,
		`    persist key="k" previously_expires=1970-01-01T00:00:00.009Z cause=script command=EVAL marks=last,rename slot=1`,
		`    del key="" previously_expires=1970-01-01T00:00:00.005Z cause=expire marks=first,last slot=16383`,
		`    del key="x" cause=evict`,
		`    del key="y" cause=migrate command=MIGRATE`,
		`    flush cause=flush command=FLUSHALL`,
		"3 data epoch=1 index=2 part=first",
		"4 data epoch=1 index=3 part=last",
	}
	for i, want := range wants {
		if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
			t.Fatalf("line %d = %s\nwant %s", i+1, lines[i], want)
		}
	}
	text := out.String()
	for _, want := range []string{"set key=0xff value=\"v\"", "command=INCRBYFLOAT marks=first,last,created,text slot=12182",
		": stale\n", "broken chain", "10 bytes=8: not a record\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("output lacks %q:\n%s", want, text)
		}
	}
}

func TestPrinterJSON(t *testing.T) {
	var out bytes.Buffer
	p := NewPrinter(&out, true)
	messages := printedLog()
	for i, m := range messages {
		if err := p.Record(Seq(i+1), m); err != nil {
			t.Fatal(err)
		}
	}
	decoder := json.NewDecoder(&out)
	for i := range messages {
		var got map[string]any
		if err := decoder.Decode(&got); err != nil {
			t.Fatal(err)
		}
		if got["sequence"] != float64(i+1) || got["verdict"] == "" {
			t.Errorf("record %d = %v", i+1, got)
		}
	}
}

// Beginning in the middle of a body of several parts is not an error, and what follows is shown.
func TestPrinterBeginsInTheMiddle(t *testing.T) {
	var out bytes.Buffer
	p := NewPrinter(&out, false)
	for i, m := range printedLog()[3:5] {
		if err := p.Record(Seq(i+4), m); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"the body began before what is shown", "5 data", "    set key=0xff"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, out.String())
		}
	}
}
