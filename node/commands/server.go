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
	facts := s.srv.engine.Facts()
	replicas := make([]reply.Reply, 0, len(facts.Log.ReplicaSeqs))
	for _, r := range facts.Log.ReplicaSeqs {
		replicas = append(replicas, reply.Bulks(r.Addr, strconv.Itoa(r.Port), strconv.FormatUint(r.Seq, 10)))
	}
	return reply.Array(reply.BulkString(facts.Node.role()), reply.Int(int64(facts.Log.LastSeq)), reply.Array(replicas...))
}
