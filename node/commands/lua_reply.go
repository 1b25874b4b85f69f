package commands

import (
	"bytes"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"shiplog/node/reply"
)

// fromReply makes a Lua value of a command's reply, in the version of RESP that the script has chosen.
func (st *luaState) fromReply(l *lua.LState, r *reply.Reply) lua.LValue {
	switch r.Kind {
	case reply.KindStatus:
		t := l.NewTable()
		t.RawSetString("ok", lua.LString(r.Text))
		return t
	case reply.KindError:
		return errorTable(l, r.Text)
	case reply.KindInt:
		return lua.LNumber(r.Int)
	case reply.KindBulk:
		return lua.LString(textOfReply(r))
	case reply.KindArray, reply.KindPush, reply.KindElems:
		return st.fromElems(l, r)
	}
	if st.run.resp == 3 {
		return st.fromReply3(l, r)
	}
	return st.fromReply2(l, r)
}

// textOfReply is what a bulk string says.
func textOfReply(r *reply.Reply) string {
	if r.Bytes == nil {
		return r.Text
	}
	return string(r.Bytes)
}

// doubleText is a double as it is sent.
func doubleText(r *reply.Reply) string {
	if r.Text != "" {
		return r.Text
	}
	return string(reply.AppendDouble(nil, r.Float()))
}

// fromReply2 makes what RESP2 has of kinds that it does not have.
func (st *luaState) fromReply2(l *lua.LState, r *reply.Reply) lua.LValue {
	switch r.Kind {
	case reply.KindDouble:
		return lua.LString(doubleText(r))
	case reply.KindBigNumber, reply.KindVerbatim:
		return lua.LString(textOfReply(r))
	case reply.KindBool:
		return lua.LNumber(r.Int)
	case reply.KindMap, reply.KindSet:
		return st.fromElems(l, r)
	case reply.KindPairMap:
		t := l.NewTable()
		for i := 0; i+1 < len(r.Elems); i += 2 {
			pair := l.NewTable()
			pair.Append(st.fromReply(l, &r.Elems[i]))
			pair.Append(st.fromReply(l, &r.Elems[i+1]))
			t.Append(pair)
		}
		return t
	case reply.KindPairs:
		t := l.NewTable()
		for i := range r.Elems {
			for j := range r.Elems[i].Elems {
				t.Append(st.fromReply(l, &r.Elems[i].Elems[j]))
			}
		}
		return t
	default:
		return lua.LFalse
	}
}

// fromReply3 makes the tables that scripts have for what only RESP3 has.
func (st *luaState) fromReply3(l *lua.LState, r *reply.Reply) lua.LValue {
	field := func(name string, v lua.LValue) lua.LValue {
		t := l.NewTable()
		t.RawSetString(name, v)
		return t
	}
	switch r.Kind {
	case reply.KindDouble:
		f := r.Float()
		if r.Text != "" {
			f, _ = strconv.ParseFloat(r.Text, 64)
		}
		return field("double", lua.LNumber(f))
	case reply.KindBigNumber:
		return field("big_number", lua.LString(r.Text))
	case reply.KindVerbatim:
		t := l.NewTable()
		t.RawSetString("format", lua.LString("txt"))
		t.RawSetString("string", lua.LString(textOfReply(r)))
		return field("verbatim_string", t)
	case reply.KindBool:
		return lua.LBool(r.Int != 0)
	case reply.KindMap, reply.KindPairMap:
		t, flat := l.NewTable(), st.elems(l, r)
		for i := 0; i+1 < len(flat); i += 2 {
			t.RawSet(flat[i], flat[i+1])
		}
		return field("map", t)
	case reply.KindSet:
		t := l.NewTable()
		for _, v := range st.elems(l, r) {
			t.RawSet(v, lua.LTrue)
		}
		return field("set", t)
	case reply.KindPairs, reply.KindPair:
		return st.fromElems(l, r)
	default:
		return lua.LNil
	}
}

func (st *luaState) fromElems(l *lua.LState, r *reply.Reply) lua.LValue {
	elems := st.elems(l, r)
	t := l.CreateTable(len(elems), 0)
	for i, v := range elems {
		t.RawSetInt(i+1, v)
	}
	return t
}

// elems are an aggregate's elements: those that are encoded already, and the others.
func (st *luaState) elems(l *lua.LState, r *reply.Reply) []lua.LValue {
	values := make([]lua.LValue, 0, r.Count())
	for packed := r.Bytes; len(packed) > 0; {
		end := bytes.IndexByte(packed, '\r')
		n, _ := strconv.Atoi(string(packed[1:end])) // as BulkArray makes it
		start := end + len("\r\n")
		values = append(values, lua.LString(packed[start:start+n]))
		packed = packed[start+n+len("\r\n"):]
	}
	for i := range r.Elems {
		values = append(values, st.fromReply(l, &r.Elems[i]))
	}
	return values
}

// replyLevels is how deep a script's answer may be nested.
const replyLevels = 1000

// toReply makes a reply of what a script has returned.
func (st *luaState) toReply(v lua.LValue, level int) reply.Reply {
	switch v := v.(type) {
	case lua.LString:
		return reply.BulkString(string(v))
	case lua.LNumber:
		return reply.Int(int64(v))
	case lua.LBool:
		switch {
		case st.run.resp == 3:
			return reply.Bool(bool(v))
		case bool(v):
			return reply.Int(1)
		}
		return reply.Null()
	case *lua.LTable:
		if level > replyLevels {
			return reply.Error("ERR reached lua stack limit")
		}
		return st.tableReply(st.real(v), level+1)
	default:
		return reply.Null()
	}
}

// tableReply makes a reply of a table: what its one field says, or an array.
func (st *luaState) tableReply(t *lua.LTable, level int) reply.Reply {
	if text, ok := t.RawGetString("err").(lua.LString); ok {
		return reply.Error(string(text))
	}
	if text, ok := t.RawGetString("ok").(lua.LString); ok {
		return reply.Status(oneLine(string(text)))
	}
	if f, ok := t.RawGetString("double").(lua.LNumber); ok {
		return reply.Double(float64(f))
	}
	if m, ok := t.RawGetString("map").(*lua.LTable); ok {
		return reply.Map(st.pairs(m, level, true)...)
	}
	if m, ok := t.RawGetString("set").(*lua.LTable); ok {
		return reply.Set(st.pairs(m, level, false)...)
	}
	if text, ok := t.RawGetString("big_number").(lua.LString); ok {
		return reply.Reply{Kind: reply.KindBigNumber, Text: oneLine(string(text))}
	}
	if m, ok := t.RawGetString("verbatim_string").(*lua.LTable); ok {
		if text, ok := m.RawGetString("string").(lua.LString); ok && m.RawGetString("format").Type() == lua.LTString {
			return reply.Verbatim(string(text))
		}
	}
	var elems []reply.Reply
	for i := 1; ; i++ {
		v := t.RawGetInt(i)
		if v == lua.LNil {
			return reply.Array(elems...)
		}
		if elems = append(elems, st.toReply(v, level)); deepError(&elems[i-1]) {
			return elems[i-1]
		}
	}
}

// deepError tells whether an element is the error of an answer that is nested too deep.
func deepError(r *reply.Reply) bool {
	return r.Kind == reply.KindError && r.Text == "ERR reached lua stack limit"
}

// pairs are a table's keys, with their values if these are wanted too.
func (st *luaState) pairs(t *lua.LTable, level int, values bool) (elems []reply.Reply) {
	for key, value := t.Next(lua.LNil); key != lua.LNil; key, value = t.Next(key) {
		elems = append(elems, st.toReply(key, level))
		if values {
			elems = append(elems, st.toReply(value, level))
		}
	}
	return elems
}

// oneLine keeps text from ending a reply early.
func oneLine(text string) string {
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(text)
}
