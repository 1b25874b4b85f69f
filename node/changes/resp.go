package changes

import (
	"math"
	"strconv"
	"time"

	"shiplog/partitions/slot"
	"shiplog/wal"
)

// Commands writes changes as commands for a plain Redis: one that is given all of them, in order, holds the same keys, values and
// expiries (FORMAT.md). It needs no state and no answer.
type Commands struct {
	// Slots returns the slots of a partition: a flush empties no others.
	Slots func(partition int) slot.Range
	// NowMS is the clock, in Unix milliseconds.
	NowMS func() int64
}

// expiryMargin is how far in the future an expiry lies at least when it is sent. What was written to the key before its end
// must not come after it: the key's end is in the log too.
const expiryMargin = 10 * time.Second

// Append appends the commands of a change, which may be none.
func (w *Commands) Append(dst []byte, c *Change) []byte {
	e := &c.Effect
	if c.Snapshot && e.Op.Collection() && e.Marks&wal.MarkCreated != 0 {
		dst = appendCommand(dst, "DEL", e.Key)
	}
	switch {
	case e.Op <= wal.OpFlush:
		return w.appendKey(dst, c)
	case e.Op <= wal.OpHExpire:
		return w.appendHash(dst, c)
	case e.Op <= wal.OpZRem:
		return appendMembers(dst, e)
	case e.Op <= wal.OpLRem:
		return appendList(dst, e)
	case e.Op == wal.OpRename:
		return appendCommand(dst, "RENAME", e.Key, e.To)
	default:
		return appendStream(dst, e)
	}
}

func (w *Commands) appendKey(dst []byte, c *Change) []byte {
	e := &c.Effect
	switch e.Op {
	case wal.OpSet:
		if e.ExpireAt != 0 {
			return appendCommand(dst, "SET", e.Key, e.Value, "PXAT", w.expiry(c))
		}
		return appendCommand(dst, "SET", e.Key, e.Value)
	case wal.OpDel:
		return appendCommand(dst, "DEL", e.Key)
	case wal.OpExpire:
		return appendCommand(dst, "PEXPIREAT", e.Key, w.expiry(c))
	case wal.OpPersist:
		return appendCommand(dst, "PERSIST", e.Key)
	}
	slots := w.Slots(c.Partition)
	if slots.First == 0 && slots.Last == slot.Count-1 {
		return appendCommand(dst, "FLUSHALL")
	}
	return appendCommand(dst, "EVAL", flushScript, 0, int64(slots.First), int64(slots.Last))
}

// expiry is when the other Redis may let the key or field go by itself: not before the changes that were made until then can have come
// to it, although the reader is behind.
func (w *Commands) expiry(c *Change) int64 {
	now := w.NowMS()
	return max(c.Effect.ExpireAt, now+max(now-c.CommitMS, 0)+expiryMargin.Milliseconds())
}

func (w *Commands) appendHash(dst []byte, c *Change) []byte {
	e := &c.Effect
	switch {
	case e.Op == wal.OpHDel:
		return appendCommand(dst, "HDEL", e.Key, e.Field)
	case e.Op == wal.OpHSet:
		dst = appendCommand(dst, "HSET", e.Key, e.Field, e.Value)
		if e.ExpireAt == 0 {
			return dst
		}
	case e.ExpireAt == 0:
		return appendCommand(dst, "HPERSIST", e.Key, "FIELDS", 1, e.Field)
	}
	return appendCommand(dst, "HPEXPIREAT", e.Key, w.expiry(c), "FIELDS", 1, e.Field)
}

func appendMembers(dst []byte, e *wal.Effect) []byte {
	switch e.Op {
	case wal.OpSAdd:
		return appendCommand(dst, "SADD", e.Key, e.Field)
	case wal.OpSRem:
		return appendCommand(dst, "SREM", e.Key, e.Field)
	case wal.OpZAdd:
		return appendCommand(dst, "ZADD", e.Key, e.Score, e.Field)
	default:
		return appendCommand(dst, "ZREM", e.Key, e.Field)
	}
}

func appendList(dst []byte, e *wal.Effect) []byte {
	switch e.Op {
	case wal.OpLPush:
		return appendCommand(dst, "LPUSH", e.Key, e.Value)
	case wal.OpRPush:
		return appendCommand(dst, "RPUSH", e.Key, e.Value)
	case wal.OpLPop:
		return appendPop(dst, "LPOP", e)
	case wal.OpRPop:
		return appendPop(dst, "RPOP", e)
	case wal.OpLSet:
		return appendCommand(dst, "LSET", e.Key, e.Index, e.Value)
	case wal.OpLInsert:
		return appendCommand(dst, "EVAL", insertScript, 1, e.Key, e.Index, e.Value)
	default:
		return appendCommand(dst, "EVAL", removeScript, 1, e.Key, e.Index)
	}
}

func appendPop(dst []byte, name string, e *wal.Effect) []byte {
	if e.Count == 1 {
		return appendCommand(dst, name, e.Key)
	}
	return appendCommand(dst, name, e.Key, e.Count)
}

func appendStream(dst []byte, e *wal.Effect) []byte {
	switch e.Op {
	case wal.OpXAdd:
		fields, _ := wal.StreamFields(e.Value)
		args := []any{e.Key, e.ID.String()}
		for _, field := range fields {
			args = append(args, field)
		}
		return appendCommand(dst, "XADD", args...)
	case wal.OpXDel:
		if e.Command == "XADD" || e.Command == "XTRIM" { // the oldest entry, which was trimmed: XDEL would be remembered as the greatest deleted
			return appendTrim(dst, e)
		}
		return appendCommand(dst, "XDEL", e.Key, e.ID.String())
	case wal.OpXTrim:
		return appendTrim(dst, e)
	case wal.OpXSetID:
		s, ok := streamState(e.Head)
		if !ok {
			return dst
		}
		return appendCommand(dst, "EVAL", setIDScript, 1, e.Key, s.last.String(), strconv.FormatUint(s.added, 10), s.deleted.String())
	default:
		return appendGroup(dst, e)
	}
}

// appendTrim removes the entries up to an id.
func appendTrim(dst []byte, e *wal.Effect) []byte {
	next, ok := e.ID.Next()
	if !ok { // it was the greatest id that there is
		return appendCommand(dst, "XTRIM", e.Key, "MAXLEN", 0)
	}
	return appendCommand(dst, "XTRIM", e.Key, "MINID", next.String())
}

func appendGroup(dst []byte, e *wal.Effect) []byte {
	switch e.Op {
	case wal.OpXGroup:
		return appendCommand(dst, "EVAL", groupScript, 1, e.Key, e.Field, e.ID.String(), e.Index)
	case wal.OpXUngroup:
		return appendCommand(dst, "XGROUP", "DESTROY", e.Key, e.Field)
	case wal.OpXConsumer:
		return appendCommand(dst, "XGROUP", "CREATECONSUMER", e.Key, e.Field, e.Who)
	case wal.OpXUnconsumer:
		return appendCommand(dst, "XGROUP", "DELCONSUMER", e.Key, e.Field, e.Who)
	case wal.OpXPend:
		return appendCommand(dst, "XCLAIM", e.Key, e.Field, e.Who, 0, e.ID.String(), "TIME", e.At, "RETRYCOUNT", e.Count, "FORCE", "JUSTID")
	default: // wal.OpXAck
		return appendCommand(dst, "XACK", e.Key, e.Field, e.ID.String())
	}
}

// The scripts do what no command of Redis does: insert and remove at an index, make a group or move it, set what a stream
// remembers, empty a range of slots. A marker that is in the list nowhere stands for an element that has none like it.
const (
	insertScript = `local k,i=KEYS[1],tonumber(ARGV[1]) ` +
		`if i>=redis.call('LLEN',k) then return redis.call('RPUSH',k,ARGV[2]) end ` +
		`local m='shiplog' while redis.call('LPOS',k,m) do m=m..'.' end ` +
		`local old=redis.call('LINDEX',k,i) redis.call('LSET',k,i,m) ` +
		`redis.call('LINSERT',k,'BEFORE',m,ARGV[2]) return redis.call('LSET',k,i+1,old)`
	removeScript = `local k=KEYS[1] local m='shiplog' while redis.call('LPOS',k,m) do m=m..'.' end ` +
		`redis.call('LSET',k,ARGV[1],m) return redis.call('LREM',k,1,m)`
	groupScript = `local r=redis.pcall('XGROUP','CREATE',KEYS[1],ARGV[1],ARGV[2],'MKSTREAM','ENTRIESREAD',ARGV[3]) ` +
		`if r.err then return redis.call('XGROUP','SETID',KEYS[1],ARGV[1],ARGV[2],'ENTRIESREAD',ARGV[3]) end return r`
	setIDScript = `local k=KEYS[1] if redis.call('EXISTS',k)==0 then redis.call('XGROUP','CREATE',k,'shiplog','0','MKSTREAM') ` +
		`redis.call('XGROUP','DESTROY',k,'shiplog') end ` +
		`return redis.call('XSETID',k,ARGV[1],'ENTRIESADDED',ARGV[2],'MAXDELETEDID',ARGV[3])`
	flushScript = `local function slot(k) local a=string.find(k,'{',1,true) if a then local z=string.find(k,'}',a+1,true) ` +
		`if z and z>a+1 then k=string.sub(k,a+1,z-1) end end local c=0 for i=1,#k do c=bit.bxor(c,bit.lshift(string.byte(k,i),8)) ` +
		`for _=1,8 do c=bit.lshift(c,1) if bit.band(c,65536)~=0 then c=bit.bxor(c,4129) end c=bit.band(c,65535) end end return c%16384 end ` +
		`for _,k in ipairs(redis.call('KEYS','*')) do local s=slot(k) ` +
		`if s>=tonumber(ARGV[1]) and s<=tonumber(ARGV[2]) then redis.call('DEL',k) end end return redis.status_reply('OK')`
)

// appendCommand appends a command. Its words are texts, bytes, whole numbers and scores.
func appendCommand(dst []byte, name string, args ...any) []byte {
	dst = strconv.AppendInt(append(dst, '*'), int64(len(args)+1), 10)
	dst = appendBulk(append(dst, '\r', '\n'), name)
	var buf [32]byte
	for _, arg := range args {
		switch a := arg.(type) {
		case string:
			dst = appendBulk(dst, a)
		case []byte:
			dst = appendBulk(dst, a)
		case int:
			dst = appendBulk(dst, strconv.AppendInt(buf[:0], int64(a), 10))
		case int64:
			dst = appendBulk(dst, strconv.AppendInt(buf[:0], a, 10))
		case float64:
			dst = appendBulk(dst, appendFloat(buf[:0], a))
		}
	}
	return dst
}

func appendBulk[T string | []byte](dst []byte, word T) []byte {
	dst = strconv.AppendInt(append(dst, '$'), int64(len(word)), 10)
	return append(append(append(dst, '\r', '\n'), word...), '\r', '\n')
}

func appendFloat(dst []byte, f float64) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}
