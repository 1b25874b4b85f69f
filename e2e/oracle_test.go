package e2e

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// scriptLimit is proto-max-bulk-len in the scripts' servers, small enough to reach.
const scriptLimit = "1048576"

// TestOracle sends every script to the server under test and to redis-server, in RESP2 and RESP3, and compares
// each reply.
func TestOracle(t *testing.T) {
	known := loadDifferences(t)
	files, err := filepath.Glob("testdata/*.script")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	directives := []string{"--proto-max-bulk-len", scriptLimit}
	nodes := [2]*Node{startShiplog(t, directives...), startRedis(t, append(directives, "--appendfsync", "always")...)}
	ran := 0
	for _, file := range files {
		for proto := 2; proto <= 3; proto++ {
			name := fmt.Sprintf("%s/RESP%d", strings.TrimSuffix(filepath.Base(file), ".script"), proto)
			t.Run(name, func(t *testing.T) {
				ran++
				b := &bout{t: t, proto: proto, nodes: nodes, known: known, conns: map[string][2]*Client{}, ids: map[*Client]string{}}
				b.run(loadScript(t, file))
			})
		}
	}
	if ran == 2*len(files) {
		reportDifferences(t, known)
	}
}

// bout is one script's run against two servers: the one under test first, the oracle second.
type bout struct {
	t     *testing.T
	proto int
	nodes [2]*Node
	known []*difference
	conns map[string][2]*Client
	ids   map[*Client]string // what the server calls a connection, where somebody asked
	steps int
}

// run runs a script from empty databases.
func (b *bout) run(steps []step) {
	defer b.hangUp()
	for _, c := range b.pair("a") {
		do(b.t, c, "FLUSHALL")
		do(b.t, c, "CONFIG", "RESETSTAT")
	}
	for _, s := range steps {
		if s.skip == b.proto {
			continue
		}
		if s.wait > 0 {
			time.Sleep(s.wait)
			continue
		}
		b.step(s)
	}
	b.t.Logf("%d commands", b.steps)
}

// hangUp leaves nobody waiting for the next script's values.
func (b *bout) hangUp() {
	for name := range b.conns {
		b.drop(name)
	}
}

// pair returns the connections of one name, opened when first used.
func (b *bout) pair(name string) [2]*Client {
	b.t.Helper()
	if _, ok := b.conns[name]; !ok {
		var pair [2]*Client
		for i, n := range b.nodes {
			c, err := Dial(n.Addr())
			if err != nil {
				b.t.Fatal(err)
			}
			if b.proto == 3 {
				do(b.t, c, "HELLO", "3")
			}
			pair[i] = c
		}
		b.conns[name] = pair
	}
	return b.conns[name]
}

func (b *bout) drop(name string) {
	for _, c := range b.conns[name] {
		c.Close()
	}
	delete(b.conns, name)
}

// step sends one step to both and compares.
func (b *bout) step(s step) {
	b.steps++
	pair := b.pair(s.conn)
	if s.want != "" {
		b.wanted(s, pair[0])
		return
	}
	var got [2][]Value
	var errs [2]error
	if s.blocks {
		b.send(s)
		return
	}
	for i, c := range pair {
		got[i], errs[i] = b.on(i, s).ask(c)
	}
	if errs[1] != nil && !errors.Is(errs[1], io.EOF) {
		b.t.Fatalf("%s:%d: %s: the oracle says nothing: %v", s.file, s.line, s.text, errs[1])
	}
	if errs[0] != nil || errs[1] != nil {
		b.drop(s.conn)
	}
	if fmt.Sprint(errs[0]) != fmt.Sprint(errs[1]) || len(got[0]) != len(got[1]) {
		b.differ(s, fmt.Sprintf("got  %v, then %v\nwant %v, then %v", got[0], errs[0], got[1], errs[1]))
		return
	}
	for i := range got[0] {
		diff := s.rule.differs(got[0][i], got[1][i])
		if diff != "" && !excused(b.known, strings.TrimPrefix(s.text, s.conn+"> "), got[0][i], got[1][i]) {
			b.differ(s, diff)
		}
	}
}

// on returns a step as one of the servers gets it, with the ids that it gave to connections.
func (b *bout) on(server int, s step) *step {
	s.words = slices.Clone(s.words)
	for i, word := range s.words {
		if name, ok := strings.CutPrefix(word, "${id:"); ok {
			s.words[i] = b.id(server, strings.TrimSuffix(name, "}"))
		}
	}
	return &s
}

// id is what a server calls a connection. It is asked for before the connection blocks, and once.
func (b *bout) id(server int, name string) string {
	b.t.Helper()
	client := b.pair(name)[server]
	if b.ids[client] == "" {
		b.ids[client] = do(b.t, client, "CLIENT", "ID").Text
	}
	return b.ids[client]
}

// send sends a step whose reply a later one reads, and waits until both servers say that its connection is blocked.
func (b *bout) send(s step) {
	b.t.Helper()
	for i, c := range b.pair(s.conn) {
		id := b.id(i, s.conn)
		if err := c.Send(b.on(i, s).words...); err != nil {
			b.t.Fatalf("%s:%d: %v", s.file, s.line, err)
		}
		eventually(b.t, blockedWithin, func() error {
			list := do(b.t, b.pair("@")[i], "CLIENT", "LIST", "ID", id).Text
			if !isBlocked.MatchString(list) {
				return fmt.Errorf("%s:%d: %s: server %d does not report the client as blocked: %s", s.file, s.line, s.text, i, list)
			}
			return nil
		})
	}
}

// blockedWithin is how long a blocking command may take until it shows in CLIENT LIST.
const blockedWithin = 5 * time.Second

var isBlocked = regexp.MustCompile(` flags=[a-zA-Z]*b[a-zA-Z]* `)

func (b *bout) differ(s step, how string) {
	b.t.Helper()
	b.t.Errorf("%s:%d: %.200s\n%s", s.file, s.line, s.text, how)
}

// wanted compares a reply with what the script says.
func (b *bout) wanted(s step, c *Client) {
	got, err := s.ask(c)
	if err != nil {
		b.drop(s.conn)
		b.differ(s, err.Error())
		return
	}
	want, err := decode(s.want)
	if err != nil {
		b.t.Fatalf("%s:%d: @want: %v", s.file, s.line, err)
	}
	if diff := s.rule.differs(got[0], want); diff != "" {
		b.differ(s, diff)
	}
}

// ask sends a step and reads its replies; io.EOF after them is an answer too.
func (s *step) ask(c *Client) (values []Value, err error) {
	if s.rule.name == "scan" {
		v, err := scanAll(c, s.words)
		return []Value{v}, err
	}
	raw := s.raw
	if raw == nil && !s.reads {
		raw = Command(nil, s.words...)
	}
	if err := c.Write(raw); err != nil {
		return nil, hungUp(err)
	}
	for range s.replies {
		v, err := c.Read()
		if err != nil {
			return values, hungUp(err)
		}
		values = append(values, v)
	}
	if s.rule.name == "closed" {
		_, err = c.Read()
	}
	return values, hungUp(err)
}

// hungUp makes io.EOF of a reset or broken pipe, which is how a close looks when the server had not read everything.
func hungUp(err error) error {
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return io.EOF
	}
	return err
}

// scanAll follows a SCAN, HSCAN, SSCAN or ZSCAN to its end and returns the keys, or the pairs of field and value or
// member and score, as a sorted array, each once; errors as they are.
func scanAll(c *Client, words []string) (Value, error) {
	words = append([]string{}, words...)
	cursor, width := 2, 2
	switch strings.ToUpper(words[0]) {
	case "SCAN":
		cursor, width = 1, 1
	case "SSCAN":
		width = 1
	}
	found := map[string]Value{}
	for calls := 0; ; calls++ {
		v, err := c.Do(words...)
		if err != nil || v.IsError() {
			return v, err
		}
		if len(v.Elems) != 2 || len(v.Elems[1].Elems)%width != 0 || calls > 1_000_000 {
			return v, fmt.Errorf("SCAN: call %d returned %v", calls, v)
		}
		for e := range slices.Chunk(v.Elems[1].Elems, width) {
			found[e[0].Text] = Value{Kind: '*', Elems: e}
		}
		words[cursor] = v.Elems[0].Text
		if words[cursor] == "0" {
			break
		}
	}
	all := Value{Kind: '*'}
	for _, e := range found {
		all.Elems = append(all.Elems, e)
	}
	return sorted(all, false), nil
}
