package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// mayDebug tells whether enable-debug-command lets this connection use DEBUG.
func (s *Session) mayDebug() bool {
	switch s.srv.tune().debug {
	case "yes":
		return true
	case "local":
		return s.conn.Loopback || s.conn.Unix
	default:
		return false
	}
}

// notAllowed answers a protected command where it is not enabled.
func notAllowed(row *Row) reply.Reply {
	name := strings.ToUpper(row.Name)
	return reply.Errorf("ERR %s command not allowed. If the enable-%s-command option is set to \"local\", you can run it from a local "+
		"connection, otherwise you need to set this option in the configuration file, and then restart the server.",
		name, row.Name)
}

// DEBUG subcommand [arg [arg ...]]
func debugCommand(s *Session, a Args) reply.Reply {
	one := len(a) == 3
	switch {
	case is(a[1], "help"):
		return debugHelp()
	case is(a[1], "sleep") && one:
		return debugSleep(s, a)
	case is(a[1], "object") && (one || len(a) == 4):
		return debugObject(s, a)
	case is(a[1], "partition") && one && s.srv.cluster != nil:
		return debugPartition(s, a[2])
	case is(a[1], "set-active-expire") && one:
		on, ok := parseInt(a[2])
		if !ok {
			return reply.NotInteger()
		}
		s.srv.engine.SetActiveExpire(on != 0)
		return reply.OK()
	case is(a[1], "error") && one:
		return reply.Error(string(a[2]))
	case is(a[1], "protocol") && one:
		return debugProtocol(s, a[2])
	case is(a[1], "log") && one, is(a[1], "change-repl-id"), is(a[1], "quicklist-packed-threshold") && one,
		is(a[1], "set-disable-deny-scripts") && one:
		return reply.OK() // what these change is not here
	default:
		return subSyntax(a)
	}
}

func debugHelp() reply.Reply {
	var lines []reply.Reply
	for _, line := range []string{
		"DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
		"ERROR <text>", "    Answer with an error of this text.",
		"OBJECT <key>", "    Show how the key's value is stored.",
		"PARTITION <number>", "    Show how far this node's copy of a partition has come, and a digest of what it holds.",
		"PROTOCOL <type>", "    Answer with a value of a type of RESP.",
		"SET-ACTIVE-EXPIRE <0|1>", "    Turn the removal of keys whose time is over off or on.",
		"SLEEP <seconds>", "    Let this connection wait.",
		"HELP", "    Print this help.",
	} {
		lines = append(lines, reply.Status(line))
	}
	return reply.Array(lines...)
}

// debugSleep holds this connection only: the others need not wait here.
func debugSleep(s *Session, a Args) reply.Reply {
	length, err := strconv.ParseFloat(string(a[2]), 64)
	if err != nil || math.IsNaN(length) || length < 0 {
		length = 0
	}
	return s.Later(func(ctx context.Context) Result {
		ctx, stop := withTimeout(ctx, time.Duration(min(length, 1e9)*float64(time.Second)))
		defer stop()
		<-ctx.Done()
		return Result{Reply: reply.OK()}
	})
}

// debugPartition tells how far this node's copy of a partition has come and what it holds, to compare copies.
func debugPartition(s *Session, word []byte) reply.Reply {
	number, ok := parseInt(word)
	if !ok {
		return reply.NotInteger()
	}
	return s.Later(func(context.Context) Result {
		applied, digest, err := s.srv.cluster.Digest(int(number))
		if err != nil {
			return Result{Reply: reply.Error("ERR " + strings.TrimPrefix(err.Error(), "ERR "))}
		}
		return Result{Reply: reply.Status(fmt.Sprintf("applied %d digest %016x", applied, digest))}
	})
}

// objectRead is DEBUG OBJECT as a read of a partition.
type objectRead struct {
	key   []byte
	reply reply.Reply
}

// Read describes the key's value.
func (o *objectRead) Read(v *keyspace.View) {
	value, there := v.Peek(o.key)
	if !there {
		o.reply = reply.NoSuchKey()
		return
	}
	idle := v.IdleMS(o.key) / 1000
	lru := (v.Now()/1000 - idle) & (1<<24 - 1)
	o.reply = reply.Status(fmt.Sprintf("Value at:0x0 refcount:1 encoding:%s serializedlength:%d lru:%d lru_seconds_idle:%d",
		encodingOf(v, o.key, value), int64(len(value.Data))+1+v.Weigh(o.key, 1000), lru, idle))
}

func debugObject(s *Session, a Args) reply.Reply {
	if s.multi.running {
		return reply.Error("ERR DEBUG OBJECT is not allowed inside a transaction")
	}
	p, elsewhere, hold := s.srv.engine.Route(s.srv.table.Lookup([]byte("get")), Args{[]byte("get"), a[2]}, s.standing)
	switch {
	case hold != nil:
		return s.holdOwn(hold, s.srv.table.Lookup(a[0]), a)
	case elsewhere != nil:
		return *elsewhere
	}
	read := &objectRead{key: bytes.Clone(a[2])}
	wait, err := p.View(read)
	switch {
	case errors.Is(err, ErrRouteAgain):
		return s.holdOwn(s.holdFor(err, p), s.srv.table.Lookup(a[0]), a)
	case err != nil:
		result := s.failed(err)
		s.outcome.Close = result.Close
		return result.Reply
	}
	s.outcome.Wait = wait
	return read.reply
}

// debugProtocol answers with a value of each type that RESP has, for the tests of client libraries.
func debugProtocol(s *Session, kind []byte) reply.Reply {
	elems := []reply.Reply{reply.Int(0), reply.Int(1), reply.Int(2)}
	switch strings.ToLower(string(kind)) {
	case "string":
		return reply.BulkString("Hello World")
	case "integer":
		return reply.Int(12345)
	case "double":
		return reply.Double(3.141)
	case "null":
		return reply.Null()
	case "array":
		return reply.Array(elems...)
	case "set":
		return reply.Set(elems...)
	case "map":
		return reply.Map(reply.Int(0), reply.Bool(false), reply.Int(1), reply.Bool(true), reply.Int(2), reply.Bool(false))
	case "bignum":
		return reply.Reply{Kind: reply.KindBigNumber, Text: "1234567999999999999999999999999999999"}
	case "true":
		return reply.Bool(true)
	case "false":
		return reply.Bool(false)
	case "verbatim":
		return reply.Verbatim("This is a verbatim\nstring")
	case "push":
		if s.Proto() == 2 {
			return reply.Error("ERR RESP2 is not supported by this command")
		}
		s.transport.Push(reply.Push(reply.BulkString("server-cpu-usage"), reply.Int(42)))
		return reply.BulkString("Some real reply following the push reply")
	default:
		return reply.Error("ERR Wrong protocol type name. Please use one of the following: " +
			"string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false")
	}
}
