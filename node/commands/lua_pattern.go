package commands

import (
	"errors"
	"strings"
)

// luaPattern matches a Lua pattern (Lua 5.1 reference manual, 5.4.1). Before each step it asks whether it may go on: patterns can take
// time beyond all bounds.
type luaPattern struct {
	src, pat string
	captures []luaCapture
	depth    int
	steps    int
	stopped  func() bool
	err      error
}

// luaCapture is what a part of the pattern has matched.
type luaCapture struct{ start, length int }

// The lengths of captures that are none, and the bounds of Lua's own matcher.
const (
	captureOpen     = -1
	capturePosition = -2
	capturesMost    = 32
	patternDepth    = 50000
	patternLook     = 1 << 12 // steps between two questions whether to stop
)

var (
	errPatternEnd     = errors.New("malformed pattern (ends with '%')")
	errPatternSet     = errors.New("malformed pattern (missing ']')")
	errPatternBalance = errors.New("unbalanced pattern")
	errPatternIndex   = errors.New("invalid capture index")
	errPatternCapture = errors.New("invalid pattern capture")
	errPatternOpen    = errors.New("unfinished capture")
	errPatternMany    = errors.New("too many captures")
	errPatternFront   = errors.New("missing '[' after '%f' in pattern")
	errPatternDeep    = errors.New("pattern too complex")
	errPatternStopped = errors.New("the script is stopped")
)

// fail notes the first error, and is no match.
func (m *luaPattern) fail(err error) int {
	if m.err == nil {
		m.err = err
	}
	return -1
}

// at matches the whole pattern at an offset, and returns where the match ends, less than 0 if there is none.
func (m *luaPattern) at(s int) int {
	m.captures = m.captures[:0]
	return m.match(s, 0)
}

// match matches the pattern from p on at s.
func (m *luaPattern) match(s, p int) int {
	if m.depth++; m.depth > patternDepth {
		return m.fail(errPatternDeep)
	}
	defer func() { m.depth-- }()
	for m.err == nil {
		if m.steps++; m.steps%patternLook == 0 && m.stopped() {
			return m.fail(errPatternStopped)
		}
		if p == len(m.pat) {
			return s
		}
		switch c := m.pat[p]; {
		case c == '(' && p+1 < len(m.pat) && m.pat[p+1] == ')':
			return m.open(s, p+2, capturePosition)
		case c == '(':
			return m.open(s, p+1, captureOpen)
		case c == ')':
			return m.close(s, p+1)
		case c == '$' && p+1 == len(m.pat):
			if s == len(m.src) {
				return s
			}
			return -1
		case c == '%' && p+1 < len(m.pat) && m.pat[p+1] == 'b':
			if s = m.balance(s, p+2); s < 0 {
				return -1
			}
			p += 4
			continue
		case c == '%' && p+1 < len(m.pat) && m.pat[p+1] == 'f':
			end, ok := m.frontier(s, p+2)
			if !ok {
				return -1
			}
			p = end
			continue
		case c == '%' && p+1 < len(m.pat) && '0' <= m.pat[p+1] && m.pat[p+1] <= '9':
			if s = m.again(s, m.pat[p+1]); s < 0 {
				return -1
			}
			p += 2
			continue
		}
		end := m.classEnd(p)
		if end < 0 {
			return -1
		}
		var done bool
		if s, p, done = m.single(s, p, end); done {
			return s
		}
	}
	return -1
}

// single matches a class with what follows it, from end on; done says that s is the result.
func (m *luaPattern) single(s, p, end int) (next, pat int, done bool) {
	here := s < len(m.src) && m.one(m.src[s], p, end)
	suffix := byte(0)
	if end < len(m.pat) {
		suffix = m.pat[end]
	}
	switch suffix {
	case '?':
		if here {
			if r := m.match(s+1, end+1); r >= 0 {
				return r, 0, true
			}
		}
		return s, end + 1, false
	case '*':
		return m.most(s, p, end, 0), 0, true
	case '+':
		return m.most(s, p, end, 1), 0, true
	case '-':
		return m.least(s, p, end), 0, true
	}
	if !here {
		return -1, 0, true
	}
	return s + 1, end, false
}

// most matches as many of a class as there are, and fewer if need be.
func (m *luaPattern) most(s, p, end, least int) int {
	n := 0
	for s+n < len(m.src) && m.one(m.src[s+n], p, end) {
		n++
	}
	for ; n >= least && m.err == nil; n-- {
		if r := m.match(s+n, end+1); r >= 0 {
			return r
		}
	}
	return -1
}

// least matches as few of a class as possible.
func (m *luaPattern) least(s, p, end int) int {
	for m.err == nil {
		if r := m.match(s, end+1); r >= 0 {
			return r
		}
		if s >= len(m.src) || !m.one(m.src[s], p, end) {
			return -1
		}
		s++
	}
	return -1
}

func (m *luaPattern) open(s, p, what int) int {
	if len(m.captures) >= capturesMost {
		return m.fail(errPatternMany)
	}
	m.captures = append(m.captures, luaCapture{s, what})
	level := len(m.captures)
	r := m.match(s, p)
	if r < 0 {
		m.captures = m.captures[:level-1]
	}
	return r
}

func (m *luaPattern) close(s, p int) int {
	for i := len(m.captures) - 1; i >= 0; i-- {
		if m.captures[i].length != captureOpen {
			continue
		}
		m.captures[i].length = s - m.captures[i].start
		r := m.match(s, p)
		if r < 0 && i < len(m.captures) {
			m.captures[i].length = captureOpen
		}
		return r
	}
	return m.fail(errPatternCapture)
}

// balance matches %b: from one character to the other that belongs to it.
func (m *luaPattern) balance(s, p int) int {
	if p+1 >= len(m.pat) {
		return m.fail(errPatternBalance)
	}
	if s >= len(m.src) || m.src[s] != m.pat[p] {
		return -1
	}
	open, shut, level := m.pat[p], m.pat[p+1], 1
	for i := s + 1; i < len(m.src); i++ {
		switch m.src[i] {
		case shut:
			if level--; level == 0 {
				return i + 1
			}
		case open:
			level++
		}
	}
	return -1
}

// frontier matches %f: a place where a set begins.
func (m *luaPattern) frontier(s, p int) (end int, ok bool) {
	if p >= len(m.pat) || m.pat[p] != '[' {
		m.fail(errPatternFront)
		return 0, false
	}
	if end = m.classEnd(p); end < 0 {
		return 0, false
	}
	var before, here byte
	if s > 0 {
		before = m.src[s-1]
	}
	if s < len(m.src) {
		here = m.src[s]
	}
	return end, !m.set(before, p, end-1) && m.set(here, p, end-1)
}

// again matches what a capture has matched.
func (m *luaPattern) again(s int, digit byte) int {
	i := int(digit) - '1'
	if i < 0 || i >= len(m.captures) || m.captures[i].length == captureOpen {
		return m.fail(errPatternIndex)
	}
	c := m.captures[i]
	if text := m.src[c.start : c.start+max(c.length, 0)]; strings.HasPrefix(m.src[s:], text) {
		return s + len(text)
	}
	return -1
}

// classEnd returns where the class ends that begins at p.
func (m *luaPattern) classEnd(p int) int {
	c := m.pat[p]
	p++
	switch c {
	case '%':
		if p == len(m.pat) {
			return m.fail(errPatternEnd)
		}
		return p + 1
	case '[':
		if p < len(m.pat) && m.pat[p] == '^' {
			p++
		}
		for first := true; first || p >= len(m.pat) || m.pat[p] != ']'; first = false {
			if p >= len(m.pat) {
				return m.fail(errPatternSet)
			}
			p++
			if m.pat[p-1] == '%' {
				p++
			}
		}
		return p + 1
	}
	return p
}

// one tells whether c is of the class from p to end.
func (m *luaPattern) one(c byte, p, end int) bool {
	switch m.pat[p] {
	case '.':
		return true
	case '%':
		return inClass(c, m.pat[p+1])
	case '[':
		return m.set(c, p, end-1)
	default:
		return c == m.pat[p]
	}
}

// set tells whether c is in the set from p to its last bracket.
func (m *luaPattern) set(c byte, p, last int) bool {
	p++
	in := true
	if m.pat[p] == '^' {
		in = false
		p++
	}
	for ; p < last; p++ {
		switch {
		case m.pat[p] == '%':
			p++
			if inClass(c, m.pat[p]) {
				return in
			}
		case p+2 < last && m.pat[p+1] == '-':
			if m.pat[p] <= c && c <= m.pat[p+2] {
				return in
			}
			p += 2
		case m.pat[p] == c:
			return in
		}
	}
	return !in
}

// inClass tells whether c is of the class that a letter names; a capital names all others. Another character stands for itself.
func inClass(c, class byte) bool {
	letter := 'a' <= c|0x20 && c|0x20 <= 'z'
	digit := '0' <= c && c <= '9'
	var in bool
	switch class | 0x20 {
	case 'a':
		in = letter
	case 'c':
		in = c < 32 || c == 127
	case 'd':
		in = digit
	case 'l':
		in = 'a' <= c && c <= 'z'
	case 'p':
		in = c > 32 && c < 127 && !letter && !digit
	case 's':
		in = c == ' ' || 9 <= c && c <= 13
	case 'u':
		in = 'A' <= c && c <= 'Z'
	case 'w':
		in = letter || digit
	case 'x':
		in = isHex(c)
	case 'z':
		in = c == 0
	default:
		return class == c
	}
	if class < 'a' { // a capital
		return !in && 'A' <= class && class <= 'Z' || class == c && (class < 'A' || class > 'Z')
	}
	return in
}
