//go:build failpoints

package jetstream

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// What the connection of appends does at random, by the environment variable SHIPLOG_FAILPOINT_ACKS="LOSE,DROP,LATE", parts in a
// thousand: lose a message, drop the answer to one, or hold an answer back for up to latest. Each time it adds a letter to the file that
// SHIPLOG_FAILPOINT_COUNTS names: p, d or l.
const (
	fateLose = iota
	fateDrop
	fateLate
)

// latest is longer than an append waits for its answer.
const latest = 3 * time.Second

// meddled returns the connection that appends go out on, with something in between.
func meddled(conn net.Conn) net.Conn {
	var chances [3]int
	if n, _ := fmt.Sscanf(os.Getenv("SHIPLOG_FAILPOINT_ACKS"), "%d,%d,%d", &chances[fateLose], &chances[fateDrop], &chances[fateLate]); n != len(chances) {
		return conn
	}
	reader, writer := net.Pipe()
	m := &meddling{Conn: conn, reader: reader, writer: writer, chances: chances}
	go m.pump() // ends with the connection
	return m
}

// meddling is a connection to the server whose frames may get lost or late.
type meddling struct {
	net.Conn
	reader  net.Conn
	writer  net.Conn
	chances [3]int
}

// happens draws whether a fate strikes, and counts it.
func (m *meddling) happens(fate int) bool {
	if rand.IntN(1000) >= m.chances[fate] {
		return false
	}
	if f, err := os.OpenFile(os.Getenv("SHIPLOG_FAILPOINT_COUNTS"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644); err == nil {
		_, _ = f.Write([]byte{"pdl"[fate]}) // a count that is lost harms nobody
		_ = f.Close()
	}
	return true
}

// Read reads what pump lets through.
func (m *meddling) Read(b []byte) (int, error) { return m.reader.Read(b) }

// SetReadDeadline is that of the reading side.
func (m *meddling) SetReadDeadline(t time.Time) error { return m.reader.SetReadDeadline(t) }

// Close ends both sides.
func (m *meddling) Close() error {
	_ = m.reader.Close()
	return m.Conn.Close()
}

// Write writes a frame of a message in one piece, or not at all. What is larger than a frame that is copied comes in several pieces and is let through.
func (m *meddling) Write(b []byte) (int, error) {
	line, rest, found := bytes.Cut(b, []byte("\r\n"))
	if fields := bytes.Fields(line); found && len(fields) == 5 && string(fields[0]) == "HPUB" {
		if size, err := strconv.Atoi(string(fields[4])); err == nil && len(rest) == size+2 && m.happens(fateLose) {
			return len(b), nil
		}
	}
	return m.Conn.Write(b)
}

// pump moves the server's frames on.
func (m *meddling) pump() {
	defer func() { _ = m.writer.Close() }()
	in := bufio.NewReader(m.Conn)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		frame := []byte(line)
		if fields := strings.Fields(line); len(fields) > 0 && strings.HasSuffix(fields[0], "MSG") {
			size, err := strconv.Atoi(fields[len(fields)-1])
			if err != nil {
				return
			}
			body := make([]byte, size+2)
			if _, err := io.ReadFull(in, body); err != nil {
				return
			}
			frame = append(frame, body...)
			switch {
			case m.happens(fateDrop):
				continue
			case m.happens(fateLate):
				time.AfterFunc(time.Duration(rand.Int64N(int64(latest))), func() { _, _ = m.writer.Write(frame) })
				continue
			}
		}
		if _, err := m.writer.Write(frame); err != nil {
			return
		}
	}
}
