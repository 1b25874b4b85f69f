package commands

import (
	"shiplog/node/reply"
	"shiplog/partitions/keyspace"
)

// stringReadRows are the commands that read one string.
func stringReadRows() []Row {
	return []Row{
		{Name: "get", Since: "1.0.0", Arity: 2, Flags: FlagReadonly | FlagFast,
			Summary:    "Get the value of a key",
			Syntax:     "key:key",
			Complexity: "O(1)",
			Keys:       oneKey("RO access"),
			Read:       get},
		{Name: "getrange", Since: "2.4.0", Arity: 4, Flags: FlagReadonly,
			Summary:    "Get a substring of the string stored at a key",
			Syntax:     "key:key start:integer end:integer",
			Complexity: "O(N) where N is the length of the returned string. The complexity is ultimately determined by the returned length, but because creating a substring from an existing string is very cheap, it can be considered O(1) for small strings.",
			Keys:       oneKey("RO access"),
			Read:       getRange},
		{Name: "strlen", Since: "2.2.0", Arity: 2, Flags: FlagReadonly | FlagFast,
			Summary:    "Get the length of the value stored in a key",
			Syntax:     "key:key",
			Complexity: "O(1)",
			Keys:       oneKey("RO"),
			Read:       strlen},
		{Name: "substr", Since: "1.0.0", Arity: 4, Flags: FlagReadonly,
			Summary:    "Get a substring of the string stored at a key",
			Syntax:     "key:key start:integer end:integer",
			Complexity: "O(N) where N is the length of the returned string. The complexity is ultimately determined by the returned length, but because creating a substring from an existing string is very cheap, it can be considered O(1) for small strings.",
			Deprecated: Deprecation{Since: "2.0.0", ReplacedBy: "`GETRANGE`"},
			Keys:       oneKey("RO access"),
			Read:       getRange},
	}
}

// GET key
func get(v *keyspace.View, a Args) reply.Reply {
	s, found, refusal := lookString(v, a[1])
	if refusal != nil {
		return *refusal
	}
	return bulkOrNull(s, found)
}

// STRLEN key
func strlen(v *keyspace.View, a Args) reply.Reply {
	s, _, refusal := lookString(v, a[1])
	if refusal != nil {
		return *refusal
	}
	return reply.Int(int64(len(s.Data)))
}

// GETRANGE key start end
// SUBSTR key start end
func getRange(v *keyspace.View, a Args) reply.Reply {
	start, startOK := parseInt(a[2])
	end, endOK := parseInt(a[3])
	if !startOK || !endOK {
		return reply.NotInteger()
	}
	s, _, refusal := lookString(v, a[1])
	if refusal != nil {
		return *refusal
	}
	return reply.Bulk(substring(s.Data, start, end))
}

// substring returns the bytes from start to end, both included and, when negative, counted from the end of b. What lies
// before the beginning counts as the first byte, unless both are negative and in the wrong order.
func substring(b []byte, start, end int64) []byte {
	if start < 0 && end < 0 && start > end {
		return nil
	}
	size := int64(len(b))
	if start < 0 {
		start = max(0, start+size)
	}
	if end < 0 {
		end = max(0, end+size)
	}
	end = min(end, size-1)
	if start > end {
		return nil
	}
	return b[start : end+1]
}
