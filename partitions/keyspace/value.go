package keyspace

// Type is what kind of value a key holds.
type Type uint8

// The types, numbered as the header rows write them (FORMAT.md).
const (
	TypeString Type = 1
	TypeList   Type = 2
	TypeSet    Type = 3
	TypeZSet   Type = 4
	TypeHash   Type = 5
	TypeStream Type = 6
)

// String is the type's name as the TYPE command answers it.
func (t Type) String() string {
	names := [...]string{"none", "string", "list", "set", "zset", "hash", "stream"}
	if int(t) < len(names) {
		return names[t]
	}
	return "unknown"
}

// Value is what a key holds, as a command sees it. Data is a string's bytes, or what is kept of a collection as a whole (top):
// nobody may change them, and they stay valid after the View that showed them. ExpireAt is in Unix milliseconds, 0 for never. Raw tells
// that the string was made in place (APPEND, SETRANGE), Text that it is text although it may look like an integer
// (INCRBYFLOAT); OBJECT ENCODING shows both.
type Value struct {
	Type     Type
	Raw      bool
	Text     bool
	ExpireAt int64
	Data     []byte
}

// expired tells whether the value's time is over at now (Unix milliseconds). A key expires when the
// clock has passed its deadline, not when it reaches it, as in Redis.
func (v *Value) expired(now int64) bool {
	return v.ExpireAt != 0 && v.ExpireAt < now
}
