package commands

import (
	"math"

	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// objectRows are the sub-commands of OBJECT. They do not count as a use of the key.
func objectRows() []Row {
	return []Row{
		{Name: "object|encoding", Since: "2.2.3", Arity: 3, Flags: FlagReadonly,
			Summary:    "Inspect the internal encoding of a Redis object",
			Syntax:     "key:key",
			Complexity: "O(1)",
			Tips:       []string{"nondeterministic_output"},
			Keys:       []KeySpec{{Flags: "RO", Index: 2, Step: 1}},
			Read:       objectEncoding},
		{Name: "object|freq", Since: "4.0.0", Arity: 3, Flags: FlagReadonly,
			Summary:    "Get the logarithmic access frequency counter of a Redis object",
			Syntax:     "key:key",
			Complexity: "O(1)",
			Tips:       []string{"nondeterministic_output"},
			Keys:       []KeySpec{{Flags: "RO", Index: 2, Step: 1}},
			Read:       objectFreq},
		{Name: "object|help", Since: "6.2.0", Arity: 2, Flags: FlagLoading | FlagStale,
			Summary:    "Show helpful text about the different subcommands",
			Complexity: "O(1)",
			Session:    objectHelp},
		{Name: "object|idletime", Since: "2.2.3", Arity: 3, Flags: FlagReadonly,
			Summary:    "Get the time since a Redis object was last accessed",
			Syntax:     "key:key",
			Complexity: "O(1)",
			Tips:       []string{"nondeterministic_output"},
			Keys:       []KeySpec{{Flags: "RO", Index: 2, Step: 1}},
			Read:       objectIdleTime},
		{Name: "object|refcount", Since: "2.2.3", Arity: 3, Flags: FlagReadonly,
			Summary:    "Get the number of references to the value of the key",
			Syntax:     "key:key",
			Complexity: "O(1)",
			Tips:       []string{"nondeterministic_output"},
			Keys:       []KeySpec{{Flags: "RO", Index: 2, Step: 1}},
			Read:       objectRefCount},
	}
}

// The limits that Redis draws between its ways to keep a string.
const (
	longestInt      = 20 // digits and sign of a 64-bit integer
	longestEmbedded = 44
	sharedInts      = 10000 // Redis keeps the integers below once for all keys
)

// encodingOf is how Redis would keep the value of a key.
func encodingOf(view *keyspace.View, key []byte, v keyspace.Value) string {
	if v.Type != keyspace.TypeString {
		return view.Encoding(key)
	}
	if v.Raw {
		return "raw"
	}
	if !v.Text && len(v.Data) <= longestInt {
		if _, ok := parseInt(v.Data); ok {
			return "int"
		}
	}
	if len(v.Data) <= longestEmbedded {
		return "embstr"
	}
	return "raw"
}

// OBJECT ENCODING key
func objectEncoding(v *keyspace.View, a Args) reply.Reply {
	value, found := v.Peek(a[2])
	if !found {
		return reply.Null()
	}
	return reply.BulkString(encodingOf(v, a[2], value))
}

// OBJECT FREQ key
//
// There is no eviction by frequency, so frequencies are not tracked.
func objectFreq(v *keyspace.View, a Args) reply.Reply {
	if _, found := v.Peek(a[2]); !found {
		return reply.Null()
	}
	return reply.Error("ERR An LFU maxmemory policy is not selected, access frequency not tracked. " +
		"Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.")
}

// OBJECT IDLETIME key
func objectIdleTime(v *keyspace.View, a Args) reply.Reply {
	if _, found := v.Peek(a[2]); !found {
		return reply.Null()
	}
	return reply.Int(v.IdleMS(a[2]) / second)
}

// OBJECT REFCOUNT key
func objectRefCount(v *keyspace.View, a Args) reply.Reply {
	value, found := v.Peek(a[2])
	if !found {
		return reply.Null()
	}
	if n, _ := parseInt(value.Data); encodingOf(v, a[2], value) == "int" && 0 <= n && n < sharedInts {
		return reply.Int(math.MaxInt32)
	}
	return reply.Int(1)
}

// OBJECT HELP
func objectHelp(_ *Session, _ Args) reply.Reply {
	lines := []string{
		"OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
		"ENCODING <key>",
		"    Return the kind of internal representation used in order to store the value",
		"    associated with a <key>.",
		"FREQ <key>",
		"    Return the access frequency index of the <key>. The returned integer is",
		"    proportional to the logarithm of the recent access frequency of the key.",
		"IDLETIME <key>",
		"    Return the idle time of the <key>, that is the approximated number of",
		"    seconds elapsed since the last access to the key.",
		"REFCOUNT <key>",
		"    Return the number of references of the value associated with the specified",
		"    <key>.",
		"HELP",
		"    Prints this help.",
	}
	elems := make([]reply.Reply, len(lines))
	for i, line := range lines {
		elems[i] = reply.Status(line)
	}
	return reply.Array(elems...)
}
