package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
)

// recorder stands before all nodes of a cluster, passes connections on and remembers what clients send first.
type recorder struct {
	addrs []string          // where to connect, for each node
	shown *strings.Replacer // nodes' addresses, in a line of a reply, to the recorder's

	mu    sync.Mutex
	heard [][]string // of each connection, the first words of its commands, as "CLUSTER SLOTS" or "GET"
	nodes map[string]bool
}

// record starts a recorder. Clients that connect to it are shown a cluster that has only its addresses.
func record(t *testing.T, nodes []string) *recorder {
	t.Helper()
	r := &recorder{nodes: make(map[string]bool)}
	var pairs []string
	for _, node := range nodes {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		addr := l.Addr().String()
		if len(addr) != len(node) {
			t.Fatalf("%s is not as long as %s: it would not fit into a reply", addr, node)
		}
		r.addrs = append(r.addrs, addr)
		_, old, _ := net.SplitHostPort(node)
		_, port, _ := net.SplitHostPort(addr)
		pairs = append(pairs, node, addr, fmt.Sprintf(":%s\r\n", old), fmt.Sprintf(":%s\r\n", port))
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go r.pass(conn, node)
			}
		}()
	}
	r.shown = strings.NewReplacer(pairs...)
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
	go r.listen(commands, node)
	go func() {
		defer client.Close()
		for replies := bufio.NewReader(server); ; {
			line, err := replies.ReadString('\n')
			if _, failed := io.WriteString(client, r.shown.Replace(line)); failed != nil || err != nil {
				return
			}
		}
	}()
	_, err = io.Copy(server, io.TeeReader(client, heard))
	_ = heard.CloseWithError(err)
}

// listen notes the commands in what a client sends.
func (r *recorder) listen(commands *io.PipeReader, node string) {
	defer func() { _, _ = io.Copy(io.Discard, commands) }()
	c := &Client{r: bufio.NewReader(commands)}
	r.mu.Lock()
	r.nodes[node] = true
	at := len(r.heard)
	r.heard = append(r.heard, nil)
	r.mu.Unlock()
	for {
		v, err := c.read(0)
		if err != nil || len(v.Elems) == 0 {
			return
		}
		name := strings.ToUpper(v.Elems[0].Text)
		words := strings.Fields(name)
		if len(v.Elems) > 1 && slices.Contains([]string{"CLUSTER", "CLIENT", "HELLO"}, name) {
			words = append(words, strings.ToUpper(v.Elems[1].Text))
		}
		r.mu.Lock()
		r.heard[at] = append(r.heard[at], strings.Join(words, " "))
		r.mu.Unlock()
	}
}

// first returns the commands that came first on the connections, at most n, each once.
func (r *recorder) first(n int) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for _, heard := range r.heard {
		for _, name := range heard {
			if !slices.Contains(names, name) && len(names) < n {
				names = append(names, name)
			}
		}
	}
	return names
}

// reached returns how many nodes were connected to.
func (r *recorder) reached() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.nodes)
}
