package node

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// statement is one directive with its words, and where it was written.
type statement struct {
	where string // "FILE:LINE" or "command line"
	text  string // as it was written
	words []string
}

// refuse words an error about the statement in one line.
func (s statement) refuse(reason any) error {
	return fmt.Errorf("%s: %s: %v", s.where, strconv.Quote(s.text), reason)
}

// parseFile splits the text of a configuration file into statements. Blank lines and lines that begin
// with '#' say nothing; a '#' further on is an ordinary character, as in redis.conf.
func parseFile(name, content string) ([]statement, error) {
	var statements []statement
	number := 0
	for line := range strings.SplitSeq(content, "\n") {
		number++
		line = strings.Trim(line, spaces)
		if line == "" || line[0] == '#' {
			continue
		}
		s := statement{where: fmt.Sprintf("%s:%d", name, number), text: line}
		words, ok := splitWords(line)
		if !ok {
			return nil, s.refuse("unbalanced quotes")
		}
		s.words = words
		statements = append(statements, s)
	}
	return statements, nil
}

// readFile reads and splits a configuration file.
func readFile(name string) ([]statement, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	return parseFile(name, string(content))
}

// parseArguments splits a command line "--directive value ..." into statements. The directive and its
// values may also be one argument, as redis-server allows: "--port 7000".
func parseArguments(args []string) ([]statement, error) {
	var statements []statement
	for _, arg := range args {
		directive, ok := strings.CutPrefix(arg, "--")
		if ok {
			s := statement{where: "command line", text: arg}
			if s.words, ok = splitWords(directive); !ok || len(s.words) == 0 {
				return nil, s.refuse("expected --directive")
			}
			statements = append(statements, s)
			continue
		}
		if len(statements) == 0 {
			return nil, statement{where: "command line", text: arg}.refuse("expected --directive")
		}
		last := &statements[len(statements)-1]
		last.words = append(last.words, arg)
		last.text += " " + quoteWord(arg)
	}
	for i := range statements {
		// redis-server takes a lone --save as "no snapshots".
		if s := &statements[i]; len(s.words) == 1 && strings.EqualFold(s.words[0], "save") {
			s.words = append(s.words, "")
		}
	}
	return statements, nil
}

// splitWords splits a line into words as redis.conf does: in double quotes the escapes \n \r \t \b \a and \xHH
// are known and any other escaped character stands for itself, in single quotes only \' is, and a closing
// quote must be followed by a space or the end. It reports false when the quotes do not balance.
func splitWords(line string) ([]string, bool) {
	var words []string
	for {
		line = strings.TrimLeft(line, spaces)
		if line == "" {
			return words, true
		}
		word, rest, ok := cutWord(line)
		if !ok {
			return nil, false
		}
		words, line = append(words, word), rest
	}
}

// spaces are the characters that C's isspace knows.
const spaces = " \t\n\v\f\r"

// cutWord cuts the first word off a line that does not begin with a space.
func cutWord(line string) (word, rest string, ok bool) {
	var b strings.Builder
	for line != "" {
		switch c := line[0]; {
		case strings.IndexByte(spaces, c) >= 0:
			return b.String(), line, true
		case c == '"' || c == '\'':
			rest, ok := unquote(line[1:], c, &b)
			if !ok || rest != "" && strings.IndexByte(spaces, rest[0]) < 0 {
				return "", "", false
			}
			line = rest
		default:
			b.WriteByte(c)
			line = line[1:]
		}
	}
	return b.String(), "", true
}

// unquote writes the text up to the closing quote to b and returns what follows that quote.
func unquote(line string, quote byte, b *strings.Builder) (rest string, ok bool) {
	for line != "" {
		switch {
		case line[0] == quote:
			return line[1:], true
		case quote == '"' && line[0] == '\\' && len(line) > 1:
			c, used := unescape(line[1:])
			b.WriteByte(c)
			line = line[1+used:]
		case quote == '\'' && strings.HasPrefix(line, `\'`):
			b.WriteByte('\'')
			line = line[2:]
		default:
			b.WriteByte(line[0])
			line = line[1:]
		}
	}
	return "", false
}

// unescape returns the character that text, which stood after a backslash, begins with, and how many
// characters name it.
func unescape(text string) (c byte, used int) {
	if len(text) >= 3 && text[0] == 'x' {
		if n, err := strconv.ParseUint(text[1:3], 16, 8); err == nil {
			return byte(n), 3
		}
	}
	if i := strings.IndexByte("nrtba", text[0]); i >= 0 {
		return "\n\r\t\b\a"[i], 1
	}
	return text[0], 1
}

// quoteWord spells a word so that splitWords reads it back as it is.
func quoteWord(word string) string {
	plain := word != ""
	for i := range len(word) {
		if c := word[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '\'' || c == '\\' || c == '#' {
			plain = false
		}
	}
	if plain {
		return word
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(word) {
		switch c := word[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
