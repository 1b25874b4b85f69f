package commands

import (
	"fmt"
	"strings"

	"shiplog/node/reply"
)

// argument is one node of the tree in which COMMAND DOCS shows a command's arguments.
//
// A Row's Syntax writes that tree on one line. Arguments are separated by spaces, and each is one of
//
//	name           a string; name:type has another type, name:key is a key of the first key specification, name:key1 of the second,
//	               name:key2 of the third; name:pattern1 is a pattern of keys of the second
//	TOKEN          a word that stands for itself
//	name(a b)      a block: all of these in this order
//	name(a|b)      one of these
//
// In front of it TOKEN= is the word that introduces it, in quotes if it has a character that means something here. Behind it ? says that it is optional, * that it may be repeated,
// + that its token is repeated with it, ~1.2.3 since when it exists and !1.2.3 since when it should not be used.
type argument struct {
	name, kind, token             string
	key                           int // of kind "key": its key specification
	since, deprecated             string
	optional, multiple, withToken bool
	parts                         []argument
}

// syntaxReader reads a Syntax. Errors are the program's, so it panics.
type syntaxReader struct{ text, rest string }

// parseSyntax reads a row's Syntax. It panics when it is malformed: the program is wrong then.
func parseSyntax(text string) []argument {
	if text == "" {
		return nil
	}
	r := &syntaxReader{text: text, rest: text}
	args := r.list(' ')
	if r.rest != "" {
		r.fail()
	}
	return args
}

func (r *syntaxReader) fail() {
	panic(fmt.Sprintf("commands: bad syntax %q at %q", r.text, r.rest))
}

// list reads arguments as long as one separator stands between them.
func (r *syntaxReader) list(separator byte) []argument {
	args := []argument{r.argument()}
	for r.skip(separator) {
		args = append(args, r.argument())
	}
	return args
}

// group reads what stands in brackets: a block, or alternatives.
func (r *syntaxReader) group() (kind string, parts []argument) {
	kind, parts = "block", r.list(' ')
	if len(parts) == 1 && r.skip('|') {
		kind, parts = "oneof", append(parts, r.list('|')...)
	}
	if !r.skip(')') {
		r.fail()
	}
	return kind, parts
}

func (r *syntaxReader) argument() (a argument) {
	word := r.word()
	if r.skip('=') {
		a.token, word = word, r.word()
	}
	switch {
	case r.skip('('):
		a.name = word
		a.kind, a.parts = r.group()
	case word == strings.ToUpper(word):
		a.name, a.kind, a.token = strings.ToLower(word), "pure-token", word
	default:
		a.setType(word)
	}
	r.suffixes(&a)
	return a
}

// setType takes "name" or "name:type" apart. A name may have a colon itself.
func (a *argument) setType(word string) {
	a.name, a.kind = word, "string"
	if colon := strings.LastIndexByte(word, ':'); colon >= 0 {
		a.name, a.kind = word[:colon], word[colon+1:]
	}
	switch a.kind {
	case "key1":
		a.kind, a.key = "key", 1
	case "key2":
		a.kind, a.key = "key", 2
	case "pattern1":
		a.kind, a.key = "pattern", 1
	}
}

func (r *syntaxReader) suffixes(a *argument) {
	for {
		switch {
		case r.skip('?'):
			a.optional = true
		case r.skip('*'):
			a.multiple = true
		case r.skip('+'):
			a.withToken = true
		case r.skip('~'):
			a.since = r.word()
		case r.skip('!'):
			a.deprecated = r.word()
		default:
			return
		}
	}
}

// word reads up to a character that means something; there must be something before it.
func (r *syntaxReader) word() string {
	if quoted, ok := strings.CutPrefix(r.rest, `"`); ok {
		word, rest, closed := strings.Cut(quoted, `"`)
		if !closed {
			r.fail()
		}
		r.rest = rest
		return word
	}
	end := strings.IndexAny(r.rest, " |()=?*+~!")
	if end < 0 {
		end = len(r.rest)
	}
	if end == 0 {
		r.fail()
	}
	word := r.rest[:end]
	r.rest = r.rest[end:]
	return word
}

func (r *syntaxReader) skip(c byte) bool {
	if r.rest == "" || r.rest[0] != c {
		return false
	}
	r.rest = r.rest[1:]
	return true
}

// argumentDocs are arguments as COMMAND DOCS shows them.
func argumentDocs(args []argument) reply.Reply {
	docs := make([]reply.Reply, len(args))
	for i := range args {
		docs[i] = args[i].docs()
	}
	return reply.Array(docs...)
}

func (a *argument) docs() reply.Reply {
	pairs := []reply.Reply{reply.BulkString("name"), reply.BulkString(a.name), reply.BulkString("type"), reply.BulkString(a.kind)}
	if a.kind == "key" || a.key > 0 {
		pairs = append(pairs, reply.BulkString("key_spec_index"), reply.Int(int64(a.key)))
	}
	for _, field := range [][2]string{{"token", a.token}, {"since", a.since}, {"deprecated_since", a.deprecated}} {
		if field[1] != "" {
			pairs = append(pairs, reply.BulkString(field[0]), reply.BulkString(field[1]))
		}
	}
	var flags []reply.Reply
	for _, flag := range []struct {
		name string
		has  bool
	}{{"optional", a.optional}, {"multiple", a.multiple}, {"multiple_token", a.withToken}} {
		if flag.has {
			flags = append(flags, reply.Status(flag.name))
		}
	}
	if len(flags) > 0 {
		pairs = append(pairs, reply.BulkString("flags"), reply.Set(flags...))
	}
	if len(a.parts) > 0 {
		pairs = append(pairs, reply.BulkString("arguments"), argumentDocs(a.parts))
	}
	return reply.Map(pairs...)
}
