package jetstream

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"shiplog/wal"
	"shiplog/wal/waltest"
)

// faults stand between a writer and its server: they lose messages and lose or hold the answers to
// them, by the sequence that a message is for.
type faults struct {
	mu        sync.Mutex
	by        map[wal.Seq]waltest.Fault
	sequences map[string]wal.Seq // of the reply subjects that were used
	held      []func()
}

func newFaults() *faults {
	return &faults{by: make(map[wal.Seq]waltest.Fault), sequences: make(map[string]wal.Seq)}
}

func (f *faults) Fault(at wal.Seq, fault waltest.Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.by[at] = fault
}

func (f *faults) Heal() {
	f.mu.Lock()
	held := f.held
	f.held = nil
	clear(f.by)
	f.mu.Unlock()
	for _, deliver := range held {
		deliver()
	}
}

// between wraps the connections of dial.
func (f *faults) between(dial func() (net.Conn, error)) func() (net.Conn, error) {
	return func() (net.Conn, error) {
		conn, err := dial()
		if err != nil {
			return nil, err
		}
		reader, writer := net.Pipe()
		faulty := &faultyConn{Conn: conn, faults: f, reader: reader, writer: writer}
		go faulty.pump()
		return faulty, nil
	}
}

// faultyConn reads what pump lets through.
type faultyConn struct {
	net.Conn
	faults *faults
	reader net.Conn
	writer net.Conn
}

func (c *faultyConn) Read(b []byte) (int, error) { return c.reader.Read(b) }

// SetReadDeadline is that of the reading side.
func (c *faultyConn) SetReadDeadline(t time.Time) error { return c.reader.SetReadDeadline(t) }

func (c *faultyConn) Close() error {
	_ = c.reader.Close()
	return c.Conn.Close()
}

func (c *faultyConn) Write(b []byte) (int, error) {
	if line, rest, found := bytes.Cut(b, []byte("\r\n")); found && bytes.HasPrefix(line, []byte("HPUB ")) {
		if c.faults.published(string(bytes.Fields(line)[2]), rest) == waltest.LosePublish {
			return len(b), nil
		}
	}
	return c.Conn.Write(b)
}

// published notes which sequence an answer to reply will be about.
func (f *faults) published(reply string, rest []byte) waltest.Fault {
	header, _, _ := bytes.Cut(rest[len(fence):], []byte("\r\n"))
	last, err := strconv.ParseUint(string(header), 10, 64)
	if err != nil {
		panic(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sequences[reply] = wal.Seq(last + 1)
	return f.by[wal.Seq(last+1)]
}

// pump moves the server's frames on, but for those that a fault loses or holds.
func (c *faultyConn) pump() {
	defer func() { _ = c.writer.Close() }()
	in := bufio.NewReader(c.Conn)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		frame := []byte(line)
		fields := strings.Fields(line)
		if strings.HasSuffix(fields[0], "MSG") {
			size, err := strconv.Atoi(fields[len(fields)-1])
			if err != nil {
				panic(err)
			}
			body := make([]byte, size+2)
			if _, err := io.ReadFull(in, body); err != nil {
				return
			}
			frame = append(frame, body...)
			if c.faults.answered(fields[1], func() { _, _ = c.writer.Write(frame) }) {
				continue
			}
		}
		if _, err := c.writer.Write(frame); err != nil {
			return
		}
	}
}

// answered says whether the answer to a reply subject is lost or held.
func (f *faults) answered(subject string, deliver func()) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch f.by[f.sequences[subject]] {
	case waltest.LoseAck:
		return true
	case waltest.HoldAck:
		f.held = append(f.held, deliver)
		return true
	}
	return false
}
