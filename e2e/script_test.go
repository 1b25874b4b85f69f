package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A step is one line of a script with the directives that stand before it.
//
// A script is a text file. A line is a command in redis-cli's quoting, sent to both servers; the replies must be
// equal. "b> " in front sends it on another connection; "b>> " sends it there without reading the reply and goes on
// when both servers report the connection as blocked; "b<<" then reads and compares the reply. ${x*300} in a word is
// x three hundred times, ${id:b} what the server calls connection b. Lines that begin with # are comments; those that
// begin with @ are directives for the next command:
//
//	@unordered        the elements of the reply may come in any order; @deep: on every level
//	@pairs            fields and values, or members and scores, in any order of the pairs
//	@type-only        only the kind of the reply counts; @shape: the kinds on every level
//	@near N           integers may differ by N (negative ones must not)
//	@scan             SCAN 0 ..., HSCAN k 0 ...: follow the cursor to its end and compare what was returned as sets
//	@closed           the server closes the connection after its reply
//	@raw N "bytes"    instead of a command: send the bytes as they are and read N replies
//	@wait DURATION    let time pass
//	@want "bytes"     there is no oracle for this: the reply must be these bytes
//	@skip2, @skip3    not in RESP2, not in RESP3
type step struct {
	file    string
	line    int
	text    string // as in the script
	conn    string
	words   []string
	blocks  bool   // the reply is for a later step to read
	reads   bool   // nothing is sent: the reply is an earlier step's
	raw     []byte // sent instead of words when not nil
	replies int
	rule    rule
	wait    time.Duration
	want    string
	skip    int // the protocol in which the step is left out
}

// loadScript reads a script and fails the test for what it cannot understand.
func loadScript(t *testing.T, file string) (steps []step) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	next := step{}
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		next.file, next.line = filepath.Base(file), i+1
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '@':
			done, err := next.directive(line[1:])
			if err != nil {
				t.Fatalf("%s:%d: %v", next.file, next.line, err)
			}
			if done {
				steps, next = append(steps, next), step{}
			}
		default:
			if err := next.command(line); err != nil {
				t.Fatalf("%s:%d: %v", next.file, next.line, err)
			}
			steps, next = append(steps, next), step{}
		}
	}
	return steps
}

var onConnection = regexp.MustCompile(`^([a-z])(> |>> |<<)(.*)$`)

// command parses a line that is a command.
func (s *step) command(line string) error {
	s.text, s.conn, s.replies = line, "a", 1
	if m := onConnection.FindStringSubmatch(line); m != nil {
		s.conn, s.blocks, s.reads, line = m[1], m[2] == ">> ", m[2] == "<<", m[3]
	}
	words, err := splitWords(line)
	s.words = words
	switch {
	case err != nil:
		return err
	case s.reads == (len(words) > 0):
		return errors.New("a command, or << and none")
	case (s.reads || s.blocks) && s.want != "":
		return errors.New("@want is for one server, which would leave the other with a reply to read")
	}
	return nil
}

// directive parses a directive; done says that it is a step by itself.
func (s *step) directive(line string) (done bool, err error) {
	name, rest, _ := strings.Cut(line, " ")
	switch name {
	case "unordered", "deep", "pairs", "type-only", "shape", "scan", "closed":
		s.rule.name = name
	case "near":
		s.rule.name = name
		s.rule.near, err = strconv.ParseInt(rest, 10, 64)
	case "wait":
		s.wait, err = time.ParseDuration(rest)
		return true, err
	case "skip2", "skip3":
		s.skip = int(name[4] - '0')
	case "want":
		words, err := splitWords(rest)
		if err != nil || len(words) != 1 {
			return false, fmt.Errorf("@want needs one word: %v", err)
		}
		s.want = words[0]
	case "raw":
		words, err := splitWords(rest)
		if err != nil || len(words) != 2 {
			return false, fmt.Errorf("@raw needs a number and bytes: %v", err)
		}
		s.text, s.conn, s.raw = line, "a", []byte(words[1])
		s.replies, err = strconv.Atoi(words[0])
		return true, err
	default:
		err = fmt.Errorf("unknown directive %q", name)
	}
	return false, err
}

var repeated = regexp.MustCompile(`\$\{(.)\*(\d+)\}`)

// splitWords splits a line as redis-cli does, then expands the repetitions.
func splitWords(line string) (words []string, err error) {
	for line = strings.TrimLeft(line, " \t"); line != ""; line = strings.TrimLeft(line, " \t") {
		var word string
		if word, line, err = cutWord(line); err != nil {
			return nil, err
		}
		words = append(words, repeated.ReplaceAllStringFunc(word, func(m string) string {
			parts := repeated.FindStringSubmatch(m)
			n, _ := strconv.Atoi(parts[2]) // digits, as the expression says
			return strings.Repeat(parts[1], n)
		}))
	}
	return words, nil
}

func cutWord(line string) (word, rest string, err error) {
	switch line[0] {
	case '"':
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			return "", "", fmt.Errorf("bad quotes in %q", line)
		}
		word, err = strconv.Unquote(quoted)
		return word, line[len(quoted):], err
	case '\'':
		word, rest, found := strings.Cut(line[1:], "'")
		if !found {
			return "", "", errors.New("no closing quote")
		}
		return word, rest, nil
	}
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		return line[:i], line[i:], nil
	}
	return line, "", nil
}
