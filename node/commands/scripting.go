package commands

import (
	"encoding/hex"
	"strings"

	"shiplog/node/reply"
)

// scriptingRows are the commands that run and keep scripts. The scripts are those of server.
func scriptingRows(kept *scriptCache) []Row {
	eval := func(name, since, summary, what string, flags Flags, keys KeySpec) Row {
		find := kept.given
		if strings.HasPrefix(name, "evalsha") {
			find = kept.named
		}
		return Row{Name: name, Group: "scripting", Since: since, Arity: -3, Summary: summary,
			Flags:      FlagNoScript | FlagStale | FlagSkipMonitor | FlagNoMandatoryKeys | FlagMovableKeys | FlagOffLoop | flags,
			Syntax:     what + " numkeys:integer key:key*? arg*?",
			Complexity: "Depends on the script that is executed.",
			Categories: []string{"scripting"},
			Keys:       []KeySpec{keys},
			state:      &rowState{script: find}}
	}
	writes := KeySpec{Flags: "RW access update", Index: 2, KeyNum: true, FirstKey: 1}
	reads := KeySpec{Flags: "RO access", Index: 2, KeyNum: true, FirstKey: 1}
	noted := func(k KeySpec, flags string) KeySpec {
		k.Notes = "We cannot tell how the keys will be used so we assume the worst, " + flags
		return k
	}
	return []Row{
		eval("eval", "2.6.0", "Execute a Lua script server side", "script", 0, noted(writes, "RW and UPDATE")),
		eval("evalsha", "2.6.0", "Execute a Lua script server side", "sha1", 0, writes),
		eval("eval_ro", "7.0.0", "Execute a read-only Lua script server side", "script", FlagReadonly, noted(reads, "RO and ACCESS")),
		eval("evalsha_ro", "7.0.0", "Execute a read-only Lua script server side", "sha1", FlagReadonly, reads),
		{Name: "script", Group: "scripting", Since: "2.6.0", Arity: -2,
			Summary:     "A container for Lua scripts management commands",
			Complexity:  "Depends on subcommand.",
			Subcommands: scriptRows()},
	}
}

// scriptRows are the sub-commands of SCRIPT.
func scriptRows() []Row {
	own := []string{"scripting"}
	return []Row{
		{Name: "script|debug", Group: "scripting", Since: "3.2.0", Arity: 3, Flags: FlagNoScript,
			Summary:    "Set the debug mode for executed scripts.",
			Syntax:     "mode(YES|SYNC|NO)",
			Complexity: "O(1)", Categories: own, Session: scriptDebug},
		{Name: "script|exists", Group: "scripting", Since: "2.6.0", Arity: -3, Flags: FlagNoScript,
			Summary:    "Check existence of scripts in the script cache.",
			Syntax:     "sha1*",
			Complexity: "O(N) with N being the number of scripts to check (so checking a single script is an O(1) operation).",
			Tips:       []string{"request_policy:all_shards", "response_policy:agg_logical_and"},
			Categories: own, Session: scriptExists},
		{Name: "script|flush", Group: "scripting", Since: "2.6.0", Arity: -2, Flags: FlagNoScript,
			Summary:    "Remove all the scripts from the script cache.",
			Syntax:     "async(ASYNC|SYNC)?~6.2.0",
			Complexity: "O(N) with N being the number of scripts in cache",
			History:    []Change{{"6.2.0", "Added the `ASYNC` and `SYNC` flushing mode modifiers."}},
			Tips:       []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
			Categories: own, Session: scriptFlush},
		{Name: "script|help", Group: "scripting", Since: "5.0.0", Arity: 2, Flags: FlagLoading | FlagStale,
			Summary:    "Show helpful text about the different subcommands",
			Complexity: "O(1)", Categories: own, Session: help},
		{Name: "script|kill", Group: "scripting", Since: "2.6.0", Arity: 2, Flags: FlagNoScript | FlagAllowBusy,
			Summary:    "Kill the script currently in execution.",
			Complexity: "O(1)",
			Tips:       []string{"request_policy:all_shards", "response_policy:one_succeeded"},
			Categories: own, Session: scriptKill},
		{Name: "script|load", Group: "scripting", Since: "2.6.0", Arity: 3, Flags: FlagNoScript | FlagStale,
			Summary:    "Load the specified Lua script into the script cache.",
			Syntax:     "script",
			Complexity: "O(N) with N being the length in bytes of the script body.",
			Tips:       []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
			Categories: own, Session: scriptLoad},
	}
}

// EVAL script numkeys [key [key ...]] [arg [arg ...]]
// EVAL_RO script numkeys [key [key ...]] [arg [arg ...]]
func (c *scriptCache) given(a Args) (*script, *reply.Reply) {
	if refusal := keyCount(a); refusal != nil {
		return nil, refusal
	}
	return c.compiled(a[1], false)
}

// EVALSHA sha1 numkeys [key [key ...]] [arg [arg ...]]
// EVALSHA_RO sha1 numkeys [key [key ...]] [arg [arg ...]]
func (c *scriptCache) named(a Args) (*script, *reply.Reply) {
	none := refuse(reply.Error("NOSCRIPT No matching script. Please use EVAL."))
	if len(a[1]) != 2*shaSize {
		return nil, none
	}
	if refusal := keyCount(a); refusal != nil {
		return nil, refusal
	}
	if found := c.find(strings.ToLower(string(a[1]))); found != nil {
		return found, nil
	}
	return nil, none
}

// keyCount checks the number of keys of a script.
func keyCount(a Args) *reply.Reply {
	n, ok := parseInt(a[2])
	switch {
	case !ok:
		return refuse(reply.NotInteger())
	case n > int64(len(a)-3):
		return refuse(reply.Error("ERR Number of keys can't be greater than number of args"))
	case n < 0:
		return refuse(reply.Error("ERR Number of keys can't be negative"))
	default:
		return nil
	}
}

// shaSize is how many bytes name a script.
const shaSize = 20

func hexOf(sum [shaSize]byte) string { return hex.EncodeToString(sum[:]) }

// SCRIPT LOAD script
func scriptLoad(s *Session, a Args) reply.Reply {
	loaded, refusal := s.srv.scripts.cache.compiled(a[2], true)
	if refusal != nil {
		return *refusal
	}
	return reply.BulkString(loaded.sha)
}

// SCRIPT EXISTS sha1 [sha1 ...]
func scriptExists(s *Session, a Args) reply.Reply {
	there := make([]reply.Reply, 0, len(a)-2)
	for _, name := range a[2:] {
		there = append(there, reply.Bool01(s.srv.scripts.cache.has(string(name))))
	}
	return reply.Array(there...)
}

// SCRIPT FLUSH [ASYNC | SYNC]
func scriptFlush(s *Session, a Args) reply.Reply {
	if len(a) > 3 || len(a) == 3 && !is(a[2], "sync") && !is(a[2], "async") {
		return reply.Error("ERR SCRIPT FLUSH only support SYNC|ASYNC option")
	}
	s.srv.scripts.cache.flush()
	return reply.OK()
}

// SCRIPT KILL
func scriptKill(s *Session, _ Args) reply.Reply {
	if !s.srv.scripts.kill(s.srv.now(), s.srv.tune().busyAfter) {
		return reply.Error("NOTBUSY No scripts in execution right now.")
	}
	return reply.OK()
}

// SCRIPT DEBUG <YES | SYNC | NO>
func scriptDebug(_ *Session, a Args) reply.Reply {
	switch {
	case is(a[2], "no"):
		return reply.OK()
	case is(a[2], "yes"), is(a[2], "sync"):
		return reply.Error("ERR there is no debugger for scripts here: debug them with redis-server")
	default:
		return reply.Error("ERR Use SCRIPT DEBUG YES/SYNC/NO")
	}
}
