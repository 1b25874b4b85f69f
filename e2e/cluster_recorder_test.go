package e2e

import (
	"bufio"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
)

// recorder passes connections on to a node and remembers what clients send first.
type recorder struct {
	addr string // where to connect

	mu    sync.Mutex
	heard []string // the first words of commands, as "CLUSTER SLOTS" or "GET"
}

// record starts a recorder before a node.
func record(t *testing.T, node string) *recorder {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	r := &recorder{addr: l.Addr().String()}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go r.pass(conn, node)
		}
	}()
	return r
}

// pass copies both ways until one side ends.
func (r *recorder) pass(client net.Conn, node string) {
	defer client.Close()
	server, err := net.Dial("tcp", node)
	if err != nil {
		return
	}
	defer server.Close()
	commands, heard := io.Pipe()
	go r.listen(commands)
	go func() {
		defer client.Close()
		_, _ = io.Copy(client, server) // an end is an end
	}()
	_, err = io.Copy(server, io.TeeReader(client, heard))
	_ = heard.CloseWithError(err)
}

// listen notes the commands in what a client sends.
func (r *recorder) listen(commands *io.PipeReader) {
	defer func() { _, _ = io.Copy(io.Discard, commands) }()
	c := &Client{r: bufio.NewReader(commands)}
	for {
		v, err := c.read(0)
		if err != nil || len(v.Elems) == 0 {
			return
		}
		name := strings.ToUpper(v.Elems[0].Text)
		if len(v.Elems) > 1 && slices.Contains([]string{"CLUSTER", "CLIENT", "HELLO"}, name) {
			name += " " + strings.ToUpper(v.Elems[1].Text)
		}
		r.mu.Lock()
		r.heard = append(r.heard, name)
		r.mu.Unlock()
	}
}

// first returns the commands that came first, at most n, each once.
func (r *recorder) first(n int) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for _, name := range r.heard {
		if !slices.Contains(names, name) && len(names) < n {
			names = append(names, name)
		}
	}
	return names
}
