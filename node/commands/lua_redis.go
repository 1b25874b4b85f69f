package commands

import (
	"crypto/sha1"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"shiplog/node/reply"
)

// redisFunctions are the functions of the table redis.
func (st *luaState) redisFunctions() map[string]lua.LGFunction {
	none := func(*lua.LState) int { return 0 }
	return map[string]lua.LGFunction{
		"call":               func(l *lua.LState) int { return st.redisCall(l, true) },
		"pcall":              func(l *lua.LState) int { return st.redisCall(l, false) },
		"error_reply":        func(l *lua.LState) int { return singleField(l, "err") },
		"status_reply":       func(l *lua.LState) int { return singleField(l, "ok") },
		"sha1hex":            redisSHA1,
		"log":                st.redisLog,
		"setresp":            st.redisSetresp,
		"set_repl":           redisSetRepl,
		"replicate_commands": func(l *lua.LState) int { l.Push(lua.LTrue); return 1 },
		"acl_check_cmd":      st.redisACLCheck,
		"breakpoint":         func(l *lua.LState) int { l.Push(lua.LFalse); return 1 },
		"debug":              none,
	}
}

// redisValues are the constants of the table redis.
func redisValues() map[string]lua.LValue {
	return map[string]lua.LValue{
		"LOG_DEBUG": lua.LNumber(0), "LOG_VERBOSE": lua.LNumber(1), "LOG_NOTICE": lua.LNumber(2), "LOG_WARNING": lua.LNumber(3),
		"REPL_NONE": lua.LNumber(0), "REPL_AOF": lua.LNumber(1), "REPL_SLAVE": lua.LNumber(2), "REPL_REPLICA": lua.LNumber(2), "REPL_ALL": lua.LNumber(3),
		"REDIS_VERSION": lua.LString(RedisVersion), "REDIS_VERSION_NUM": lua.LNumber(0x07000f),
	}
}

// errorTable is an error as scripts have it.
func errorTable(l *lua.LState, text string) *lua.LTable {
	t := l.NewTable()
	t.RawSetString("err", lua.LString(text))
	return t
}

// raiseReply raises an error that is an error reply.
func raiseReply(l *lua.LState, text string) int {
	l.Error(errorTable(l, text), 0)
	return 0
}

// redisCall runs a command. An error is raised, or is what it returns.
func (st *luaState) redisCall(l *lua.LState, raise bool) int {
	r, text := st.callCommand(l)
	if text == "" && r.IsError() {
		text = r.Text
	}
	if text == "" {
		l.Push(st.fromReply(l, &r))
		return 1
	}
	t := errorTable(l, text)
	if raise {
		l.Error(t, 0)
		return 0
	}
	t.RawSetString("ignore_error_stats_update", lua.LTrue)
	l.Push(t)
	return 1
}

// callCommand runs a command, or says why it cannot.
func (st *luaState) callCommand(l *lua.LState) (r reply.Reply, refusal string) {
	n := l.GetTop()
	if n == 0 {
		return r, "ERR Please specify at least one argument for this redis lib call"
	}
	words, ok := luaWords(l, n)
	if !ok {
		return r, "ERR Lua redis lib command arguments must be strings or integers"
	}
	return st.run.command(words), ""
}

// luaWords returns the arguments as the words of a command.
func luaWords(l *lua.LState, n int) (Args, bool) {
	size := 0
	for i := 1; i <= n; i++ {
		switch v := l.Get(i).(type) {
		case lua.LString:
			size += len(v)
		case lua.LNumber:
			size += 24
		default:
			return nil, false
		}
	}
	all, words := make([]byte, 0, size), make(Args, n)
	for i := range n {
		start := len(all)
		switch v := l.Get(i + 1).(type) {
		case lua.LString:
			all = append(all, v...)
		case lua.LNumber:
			all = reply.AppendDouble(all, float64(v))
		}
		words[i] = all[start:len(all):len(all)]
	}
	return words, true
}

// singleField makes a table with one field of its argument (redis.error_reply, redis.status_reply).
func singleField(l *lua.LState, field string) int {
	text, ok := l.Get(1).(lua.LString)
	if l.GetTop() != 1 || !ok {
		l.Push(errorTable(l, "ERR wrong number or type of arguments"))
		return 1
	}
	said := string(text)
	if field == "err" {
		if said = strings.TrimPrefix(said, "-"); !strings.Contains(said, " ") {
			said = "ERR " + said
		}
	}
	t := l.NewTable()
	t.RawSetString(field, lua.LString(said))
	l.Push(t)
	return 1
}

func redisSHA1(l *lua.LState) int {
	if l.GetTop() != 1 {
		return raiseReply(l, "ERR wrong number of arguments")
	}
	l.Push(lua.LString(hexOf(sha1.Sum([]byte(luaString(l.Get(1)))))))
	return 1
}

func (st *luaState) redisLog(l *lua.LState) int {
	level, ok := l.Get(1).(lua.LNumber)
	switch {
	case l.GetTop() < 2:
		return raiseReply(l, "ERR redis.log() requires two arguments or more.")
	case !ok:
		return raiseReply(l, "ERR First argument must be a number (log level).")
	case level < 0 || level > 3:
		return raiseReply(l, "ERR Invalid debug level.")
	}
	var words []string
	for i := 2; i <= l.GetTop(); i++ {
		if v := l.Get(i); v.Type() == lua.LTString || v.Type() == lua.LTNumber {
			words = append(words, luaString(v))
		}
	}
	st.run.note(int(level), strings.Join(words, " "))
	return 0
}

func (st *luaState) redisSetresp(l *lua.LState) int {
	version, _ := l.Get(1).(lua.LNumber)
	switch {
	case l.GetTop() != 1:
		return raiseReply(l, "ERR redis.setresp() requires one argument.")
	case version != 2 && version != 3:
		return raiseReply(l, "ERR RESP version must be 2 or 3.")
	}
	st.run.resp = int(version)
	return 0
}

// redisSetRepl accepts what Redis accepts. What a script has done is in the log in any case.
func redisSetRepl(l *lua.LState) int {
	flags, ok := l.Get(1).(lua.LNumber)
	switch {
	case l.GetTop() != 1:
		return raiseReply(l, "ERR redis.set_repl() requires two arguments.")
	case !ok || flags != lua.LNumber(int(flags)) || flags < 0 || flags > 3:
		return raiseReply(l, "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.")
	}
	return 0
}

// redisACLCheck says that whoever may run the script may run the command: there are no users.
func (st *luaState) redisACLCheck(l *lua.LState) int {
	n := l.GetTop()
	if n == 0 {
		return raiseReply(l, "ERR Please specify at least one argument for this redis lib call")
	}
	words, ok := luaWords(l, n)
	switch {
	case !ok:
		return raiseReply(l, "ERR Lua redis lib command arguments must be strings or integers")
	case st.run.s.srv.table.Resolve(words) == nil:
		return raiseReply(l, "ERR Invalid command passed to redis.acl_check_cmd()")
	}
	l.Push(lua.LTrue)
	return 1
}
