package reply

import (
	"fmt"
	"strings"
)

// Error is an error reply whose text begins with its code, such as "ERR syntax error". CR and LF in it become
// spaces, so that text that a client sent cannot end the reply early.
func Error(text string) Reply {
	if strings.ContainsAny(text, "\r\n") {
		text = strings.NewReplacer("\r", " ", "\n", " ").Replace(text)
	}
	return Reply{Kind: KindError, Text: text}
}

// Errorf is Error with formatting.
func Errorf(format string, args ...any) Reply { return Error(fmt.Sprintf(format, args...)) }

// The errors below are worded as redis-server 7.0.15 words them.

// WrongType answers a command on a key of another type.
func WrongType() Reply {
	return Error("WRONGTYPE Operation against a key holding the wrong kind of value")
}

// Syntax answers options that cannot be understood.
func Syntax() Reply { return Error("ERR syntax error") }

// NotInteger answers an argument that is not a 64-bit integer.
func NotInteger() Reply { return Error("ERR value is not an integer or out of range") }

// NotFloat answers an argument that is not a float.
func NotFloat() Reply { return Error("ERR value is not a valid float") }

// NoSuchKey answers a command that needs a key that is not there.
func NoSuchKey() Reply { return Error("ERR no such key") }

// WrongArity answers a command with a wrong number of arguments. name is the command's full name in
// lower case ("client|kill" for a sub-command).
func WrongArity(name string) Reply {
	return Errorf("ERR wrong number of arguments for '%s' command", name)
}
