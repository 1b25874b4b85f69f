package resp

import (
	"bytes"
	"fmt"
)

// The bounds of a frame that Redis has, too. Before authentication a client has less.
const (
	maxLine        = 64 << 10 // an inline command, or the line of a count
	maxArgs        = 1 << 20
	maxUnauthArgs  = 10
	maxUnauthBulk  = 16 << 10
	maxUnauthQuery = 1 << 20
)

// protocolError is why a client's bytes are not a command, in Redis's words. The connection is closed after it.
type protocolError string

// Error implements error.
func (e protocolError) Error() string { return "ERR Protocol error: " + string(e) }

const (
	errMultibulkLength   = protocolError("invalid multibulk length")
	errBulkLength        = protocolError("invalid bulk length")
	errBigInline         = protocolError("too big inline request")
	errBigMultibulkLine  = protocolError("too big mbulk count string")
	errBigBulkLine       = protocolError("too big bulk count string")
	errUnauthMultibulk   = protocolError("unauthenticated multibulk length")
	errUnauthBulk        = protocolError("unauthenticated bulk length")
	errUnbalancedQuotes  = protocolError("unbalanced quotes in request")
	fmtExpectedBulk      = "expected '$', got '%c'"
	idleArgs             = 1024 // a longer slice of arguments is not kept for the next command
	spanBytes, argsBytes = 16, 24
)

// bounds are the limits that hold for the next command.
type bounds struct {
	args, bulk int
	authed     bool
}

// span is where an argument lies, relative to the beginning of its command.
type span struct{ start, end int }

// parser cuts the bytes of one connection into commands. It is incremental: what it knows of an unfinished
// command is kept, so that no byte is looked at twice, however the bytes arrive.
//
// The bytes lie in a queryBuffer; the arguments of a command alias it and are valid until the next call.
type parser struct {
	queryBuffer
	pos   int // where parsing goes on, relative to the beginning of the command
	left  int // arguments still to come; 0: at the beginning of a command
	bulk  int // length of the argument that is arriving, or -1
	spans []span
	args  [][]byte
}

func newParser() parser { return parser{bulk: -1} }

// next returns the next command. Without one (nil) more bytes are needed. Empty commands are passed over, as
// Redis does. After an error the parser must not be used again.
func (p *parser) next(b bounds) ([][]byte, error) {
	for {
		if p.left == 0 {
			if p.start == p.end {
				return nil, nil
			}
			done, err := p.begin(b)
			if !done || err != nil {
				return nil, err
			}
		}
		if p.left > 0 {
			if done, err := p.bulks(b); !done || err != nil {
				return nil, err
			}
			p.cutArgs()
		}
		p.consume(p.pos)
		p.pos = 0
		if len(p.args) > 0 {
			return p.args, nil
		}
	}
}

// begin reads an inline command, or the count that a multibulk command begins with. With done false there
// is no complete line yet.
func (p *parser) begin(b bounds) (done bool, err error) {
	p.args = p.args[:0]
	data := p.unread()
	if data[0] != '*' {
		return p.inline(data)
	}
	n, next, err := p.number(data, 1, errBigMultibulkLine, errMultibulkLength)
	if next == 0 || err != nil {
		return false, err
	}
	if n > int64(b.args) || n > maxUnauthArgs && !b.authed {
		if n > int64(b.args) {
			return false, errMultibulkLength
		}
		return false, errUnauthMultibulk
	}
	p.pos, p.left = next, int(max(n, 0))
	return true, nil
}

// bulks reads the arguments of a multibulk command. With done false some have not arrived.
func (p *parser) bulks(b bounds) (done bool, err error) {
	data := p.unread()
	for p.left > 0 {
		if p.bulk < 0 {
			if done, err := p.bulkHeader(data, b); !done || err != nil {
				return false, err
			}
		}
		if len(data)-p.pos < p.bulk+2 {
			return false, nil
		}
		p.spans = append(p.spans, span{p.pos, p.pos + p.bulk})
		p.pos += p.bulk + 2 // what the last two bytes are does not matter to Redis either
		p.bulk = -1
		p.left--
	}
	return true, nil
}

// bulkHeader reads the "$n" before an argument.
func (p *parser) bulkHeader(data []byte, b bounds) (done bool, err error) {
	pos := p.pos
	if pos+4 <= len(data) && data[pos] == '$' && data[pos+2] == '\r' && data[pos+1]-'0' <= 9 {
		p.bulk, p.pos = int(data[pos+1]-'0'), pos+4 // most arguments are short
		if p.bulk <= b.bulk {
			return true, nil
		}
		return false, errBulkLength
	}
	if pos == len(data) {
		return false, nil
	}
	n, next, err := p.number(data, pos+1, errBigBulkLine, errBulkLength)
	if next == 0 {
		return false, err
	}
	if data[pos] != '$' {
		return false, expectedBulk(data[pos])
	}
	switch {
	case err != nil:
		return false, err
	case n < 0 || n > int64(b.bulk):
		return false, errBulkLength
	case n > maxUnauthBulk && !b.authed:
		return false, errUnauthBulk
	}
	p.bulk, p.pos = int(n), next
	return true, nil
}

// number reads the number that stands in data from at to the end of the line, and returns where the next
// line begins: 0 when the line is not complete.
func (p *parser) number(data []byte, at int, tooLong, invalid error) (n int64, next int, err error) {
	line := data[min(at, len(data)):]
	end := bytes.IndexByte(line[:min(len(line), maxLine)], '\r')
	if end < 0 {
		if len(line) >= maxLine {
			err = tooLong
		}
		return 0, 0, err
	}
	if end+1 >= len(line) {
		return 0, 0, nil
	}
	n, ok := parseInt(line[:end])
	if !ok {
		err = invalid
	}
	return n, at + end + 2, err
}

// inline reads a command that is a line of words.
func (p *parser) inline(data []byte) (done bool, err error) {
	seen := p.pos // no end of line up to here
	end := bytes.IndexByte(data[seen:min(len(data), maxLine)], '\n')
	if end < 0 {
		p.pos = min(len(data), maxLine)
		if len(data) >= maxLine {
			return false, errBigInline
		}
		return false, nil
	}
	end += seen
	p.pos = end + 1
	line := data[:end]
	if end > 0 && line[end-1] == '\r' {
		line = line[:end-1]
	}
	args, ok := splitInline(line, p.args)
	if !ok {
		return false, errUnbalancedQuotes
	}
	p.args = args
	return true, nil
}

// cutArgs makes the arguments of a multibulk command that is complete.
func (p *parser) cutArgs() {
	data := p.unread()
	if cap(p.args) < len(p.spans) {
		p.args = make([][]byte, 0, len(p.spans))
	}
	for _, s := range p.spans {
		p.args = append(p.args, data[s.start:s.end:s.end])
	}
	p.spans = p.spans[:0]
}

// need is how many bytes the command that is arriving has at least, as far as it is known.
func (p *parser) need() int {
	if p.bulk >= 0 {
		return p.pos + p.bulk + 2
	}
	return 0
}

// forget lets go of the arguments of the last command, and of memory that only a large command needs.
func (p *parser) forget() {
	if cap(p.args) > idleArgs {
		p.args = nil
	}
	if p.left == 0 && cap(p.spans) > idleArgs {
		p.spans = nil
	}
}

// bytesHeld is the memory that the parser holds: its own buffer and its arguments.
func (p *parser) bytesHeld() int {
	return len(p.own) + cap(p.spans)*spanBytes + cap(p.args)*argsBytes
}

func expectedBulk(c byte) error {
	if c == '\r' || c == '\n' {
		c = ' ' // it must not end the reply
	}
	return protocolError(fmt.Sprintf(fmtExpectedBulk, c))
}

// parseInt reads a 64-bit integer as strictly as Redis reads lengths: no '+', no leading zeros, no spaces.
func parseInt(text []byte) (n int64, ok bool) {
	digits := text
	negative := len(text) > 1 && text[0] == '-'
	if negative {
		digits = text[1:]
	}
	if len(digits) == 1 && digits[0] == '0' {
		return 0, !negative
	}
	if len(digits) == 0 || len(digits) > 18 || digits[0] == '0' {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}
