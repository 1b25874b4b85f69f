package keyspace

// Limits say up to where Redis keeps collections in its small encodings, which OBJECT ENCODING shows and some commands let clients
// notice. An encoding is chosen when a collection is written, by the limits at that time.
type Limits struct {
	Hash      PackLimits // hash-max-listpack-entries, -value
	Set       PackLimits // set-max-listpack-entries, -value; 0 entries: sets have no such encoding, as in Redis 7.0
	ZSet      PackLimits // zset-max-listpack-entries, -value
	Integers  int64      // set-max-intset-entries
	ListNode  int64      // list-max-listpack-size
	ListDepth int64      // list-compress-depth
	Stream    NodeLimits // stream-node-max-bytes, -entries
	Sparse    int64      // hll-sparse-max-bytes
}

// PackLimits are how many elements a small encoding may have, and of how many bytes.
type PackLimits struct{ Entries, Value int64 }
