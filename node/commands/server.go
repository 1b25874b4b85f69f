package commands

import (
	"context"
	"strconv"
	"time"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// blocking makes a Later of a function that may block for a short time: on files.
func blocking(fn func() reply.Reply) func(context.Context) Result {
	return func(context.Context) Result { return Result{Reply: fn()} }
}

// DBSIZE
func dbsize(v *keyspace.View, _ Args) reply.Reply { return reply.Int(v.Len()) }

// FLUSHALL [ASYNC | SYNC]
// FLUSHDB [ASYNC | SYNC]
func flushall(tx *keyspace.Tx, a Args) reply.Reply {
	if len(a) > 2 || len(a) == 2 && !is(a[1], "async") && !is(a[1], "sync") {
		return reply.Syntax()
	}
	tx.Flush()
	return reply.OK()
}

// TIME
func timeNow(_ *Session, _ Args) reply.Reply {
	now := time.Now()
	return reply.Bulks(strconv.FormatInt(now.Unix(), 10), strconv.Itoa(now.Nanosecond()/1000))
}

// LOLWUT [VERSION version]
func lolwut(_ *Session, a Args) reply.Reply {
	if len(a) > 2 && is(a[1], "version") {
		if _, ok := parseInt(a[2]); !ok {
			return reply.NotInteger()
		}
	}
	return reply.Verbatim("Redis ver. " + RedisVersion + "\n")
}

// ROLE
func role(s *Session, _ Args) reply.Reply {
	t, seq := s.srv.topology(), int64(s.srv.engine.Facts().Log.LastSeq)
	if master := s.srv.following(t); master != nil {
		return reply.Array(reply.BulkString("slave"), reply.BulkString(master.Host), reply.Int(int64(master.Port)),
			reply.BulkString("connected"), reply.Int(t.applied()))
	}
	followers := t.followers()
	replicas := make([]reply.Reply, len(followers))
	for i, f := range followers {
		replicas[i] = reply.Bulks(f.node.Host, strconv.Itoa(f.node.Port), strconv.FormatInt(f.applied, 10))
	}
	return reply.Array(reply.BulkString("master"), reply.Int(seq), reply.Array(replicas...))
}
