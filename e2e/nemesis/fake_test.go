package nemesis

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// fakeNode answers commands as a test says. Reply "" closes the connection instead.
type fakeNode struct {
	addr string

	mu     sync.Mutex
	got    []string // commands but CLUSTER SLOTS and SHARDS, as one line each
	answer func(line string) string
}

func newFakeNode(t *testing.T, answer func(line string) string) *fakeNode {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeNode{addr: l.Addr().String(), answer: answer}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { f.serve(conn) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return f
}

func (f *fakeNode) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		line, err := readCommand(r)
		if err != nil {
			return
		}
		f.mu.Lock()
		if line != "CLUSTER SLOTS" && line != "CLUSTER SHARDS" {
			f.got = append(f.got, line)
		}
		reply := f.answer(line)
		f.mu.Unlock()
		if reply == "" {
			return
		}
		if _, err := io.WriteString(conn, reply); err != nil {
			return
		}
	}
}

// commands returns what the node was asked.
func (f *fakeNode) commands() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.got, "|")
}

func readCommand(r *bufio.Reader) (string, error) {
	n, err := readNumber(r, '*')
	if err != nil {
		return "", err
	}
	words := make([]string, n)
	for i := range words {
		size, err := readNumber(r, '$')
		if err != nil {
			return "", err
		}
		data := make([]byte, size+2)
		if _, err := io.ReadFull(r, data); err != nil {
			return "", err
		}
		words[i] = string(data[:size])
	}
	return strings.Join(words, " "), nil
}

func readNumber(r *bufio.Reader, kind byte) (int, error) {
	line, err := r.ReadString('\n')
	if err != nil || line[0] != kind {
		return 0, fmt.Errorf("line %q: %w", line, err)
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}

// slotsReply is a reply of CLUSTER SLOTS that gives all slots to one node.
func slotsReply(addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	return fmt.Sprintf("*1\r\n*3\r\n:0\r\n:16383\r\n*4\r\n$%d\r\n%s\r\n:%s\r\n$2\r\nid\r\n*0\r\n", len(host), host, port)
}
