package commands

import (
	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// expireReadRows are the commands that ask when a key expires.
func expireReadRows() []Row {
	return []Row{
		{Name: "expiretime", Since: "7.0.0", Arity: 2, Flags: FlagReadonly | FlagFast,
			Summary:    "Get the expiration Unix timestamp for a key",
			Syntax:     "key:key",
			Complexity: "O(1)",
			Keys:       oneKey("RO access"),
			Read:       expireTime(second)},
		{Name: "pexpiretime", Since: "7.0.0", Arity: 2, Flags: FlagReadonly | FlagFast,
			Summary:    "Get the expiration Unix timestamp for a key in milliseconds",
			Syntax:     "key:key",
			Complexity: "O(1)",
			Keys:       oneKey("RO access"),
			Read:       expireTime(millisecond)},
		{Name: "pttl", Since: "2.6.0", Arity: 2, Flags: FlagReadonly | FlagFast,
			Summary:    "Get the time to live for a key in milliseconds",
			Syntax:     "key:key",
			Complexity: "O(1)",
			Tips:       []string{"nondeterministic_output"},
			History:    []Change{{"2.8.0", "Added the -2 reply."}},
			Keys:       oneKey("RO access"),
			Read:       ttl(millisecond)},
		{Name: "ttl", Since: "1.0.0", Arity: 2, Flags: FlagReadonly | FlagFast,
			Summary:    "Get the time to live for a key in seconds",
			Syntax:     "key:key",
			Complexity: "O(1)",
			Tips:       []string{"nondeterministic_output"},
			History:    []Change{{"2.8.0", "Added the -2 reply."}},
			Keys:       oneKey("RO access"),
			Read:       ttl(second)},
	}
}

// What TTL and EXPIRETIME answer where there is no time to tell.
const (
	ttlNoKey    = -2
	ttlNoExpiry = -1
)

// TTL key
// PTTL key
func ttl(unit int64) func(*keyspace.View, Args) reply.Reply {
	return func(v *keyspace.View, a Args) reply.Reply {
		return expiryReply(v, a[1], unit, v.Now())
	}
}

// EXPIRETIME key
// PEXPIRETIME key
func expireTime(unit int64) func(*keyspace.View, Args) reply.Reply {
	return func(v *keyspace.View, a Args) reply.Reply {
		return expiryReply(v, a[1], unit, 0)
	}
}

// expiryReply answers how long after base key expires, in rounded units.
func expiryReply(v *keyspace.View, key []byte, unit, base int64) reply.Reply {
	value, found := v.Peek(key)
	switch {
	case !found:
		return reply.Int(ttlNoKey)
	case value.ExpireAt == 0:
		return reply.Int(ttlNoExpiry)
	}
	ms := uint64(max(0, value.ExpireAt-base)) // unsigned: adding a half must not overflow
	return reply.Int(int64((ms + uint64(unit)/2) / uint64(unit)))
}
