package commands

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// Bounds of a state: calls within calls, and values on the stack.
const (
	luaCalls     = 16000
	luaStack     = 2048
	luaStackMost = 1 << 18
	luaStackStep = 4096
)

// luaState is a Lua state for scripts, used for one after another. Scripts cannot change what the next one finds: the tables that
// they see as globals and libraries are empty and guarded, and what is in them is found through those.
type luaState struct {
	*lua.LState
	brake   brake
	env     *lua.LTable                 // the globals as scripts see them
	globals *lua.LTable                 // and what is there
	guarded map[*lua.LTable]*lua.LTable // what a guarded table shows
	onError *lua.LFunction
	run     *scriptRun // the script that runs
	random  drand48
	json    jsonSettings
	null    *lua.LUserData // cjson.null
	strings *lua.LTable    // what getmetatable shows of strings
	within  int            // protected calls within one another
	touched bool           // settings were changed, or a guard failed: it is not used again
}

// brake stops a state: the interpreter asks it before each step. It is the context of a state, because that is what the interpreter asks.
type brake struct {
	pulled  atomic.Bool
	stopped chan struct{} // closed from the beginning
	why     atomic.Pointer[string]
}

// pull stops the script that runs, with an error that it cannot catch. Only the first reason counts.
func (b *brake) pull(why string) {
	b.why.CompareAndSwap(nil, &why)
	b.pulled.Store(true)
}

func (b *brake) release() {
	b.pulled.Store(false)
	b.why.Store(nil)
}

// Done is never closed until the brake is pulled.
func (b *brake) Done() <-chan struct{} {
	if b.pulled.Load() {
		return b.stopped
	}
	return nil
}

// Err says why the brake is pulled.
func (b *brake) Err() error {
	if why := b.why.Load(); why != nil {
		return errStopped(*why)
	}
	return nil
}

// Deadline says that there is none.
func (b *brake) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value knows nothing.
func (b *brake) Value(any) any { return nil }

var _ context.Context = (*brake)(nil)

// errStopped is why a script was stopped.
type errStopped string

func (e errStopped) Error() string { return string(e) }

// newLuaState returns a state with the libraries that scripts may use.
func newLuaState() *luaState {
	st := &luaState{LState: lua.NewState(lua.Options{
		CallStackSize: luaCalls, MinimizeStackMemory: true,
		RegistrySize: luaStack, RegistryMaxSize: luaStackMost, RegistryGrowStep: luaStackStep, SkipOpenLibs: true,
	}), guarded: make(map[*lua.LTable]*lua.LTable)}
	st.brake.stopped = make(chan struct{})
	close(st.brake.stopped)
	st.null = st.NewUserData()
	st.json.reset()
	for name, open := range map[string]lua.LGFunction{
		lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable, lua.StringLibName: lua.OpenString,
		lua.MathLibName: lua.OpenMath, lua.CoroutineLibName: lua.OpenCoroutine,
	} {
		st.Push(st.NewFunction(open))
		st.Push(lua.LString(name))
		st.Call(1, 0)
	}
	st.globals = st.G.Global
	st.openBase()
	st.openCoroutine()
	st.openTable()
	st.openMath()
	st.openString()
	st.library("redis", st.redisFunctions(), redisValues())
	st.library("cjson", st.jsonFunctions(), map[string]lua.LValue{"_NAME": lua.LString("cjson"), "_VERSION": lua.LString("2.1.0"), "null": st.null})
	st.library("cmsgpack", packFunctions(), map[string]lua.LValue{"_NAME": lua.LString("cmsgpack"), "_VERSION": lua.LString("lua-cmsgpack 0.4.0")})
	st.library("struct", structFunctions(), nil)
	st.library("bit", bitFunctions(), nil)
	st.guard()
	st.onError = st.NewFunction(st.catch)
	st.SetContext(&st.brake)
	return st
}

// library makes a global table of functions and values.
func (st *luaState) library(name string, functions map[string]lua.LGFunction, values map[string]lua.LValue) {
	t := st.SetFuncs(st.NewTable(), functions)
	for key, value := range values {
		t.RawSetString(key, value)
	}
	st.globals.RawSetString(name, t)
}

// guard puts an empty table in the place of each library and of the globals, and has what is missing in them found where it is.
func (st *luaState) guard() {
	st.globals.ForEach(func(key, value lua.LValue) {
		if library, ok := value.(*lua.LTable); ok && library != st.globals {
			st.globals.RawSet(key, st.guardOf(library))
		}
	})
	text := st.NewTable()
	text.RawSetString("__index", st.globals.RawGetString("string"))
	st.SetMetatable(lua.LString(""), text)
	st.strings = st.guardOf(text)
	missing := st.NewTable()
	missing.RawSetString("__index", st.NewFunction(noSuchGlobal))
	st.globals.Metatable = missing
	st.env = st.guardOf(st.globals)
	st.globals.RawSetString("_G", st.env)
	st.Env = st.env
}

// guardOf returns an empty table that shows what is in real, and takes nothing.
func (st *luaState) guardOf(real *lua.LTable) *lua.LTable {
	guard, how := st.NewTable(), st.NewTable()
	how.RawSetString("__index", real)
	how.RawSetString("__newindex", st.NewFunction(func(l *lua.LState) int {
		l.RaiseError(readonlyTable)
		return 0
	}))
	guard.Metatable = how
	st.guarded[guard] = real
	return guard
}

const readonlyTable = "Attempt to modify a readonly table"

// noSuchGlobal is asked for globals that are not there.
func noSuchGlobal(l *lua.LState) int {
	l.RaiseError("Script attempted to access nonexistent global variable '%s'", l.Get(2).String())
	return 0
}

// intact tells whether nothing was put into the guarded tables behind the guards' back.
func (st *luaState) intact() bool {
	if st.touched {
		return false
	}
	for guard := range st.guarded {
		if key, _ := guard.Next(lua.LNil); key != lua.LNil {
			return false
		}
	}
	return true
}

// plainError raises an error without saying where.
func plainError(l *lua.LState, text string) int {
	l.Error(lua.LString(text), 0)
	return 0
}

// catch is called where an error is raised: it notes in which line.
func (st *luaState) catch(l *lua.LState) int {
	raised := l.Get(1)
	report, ok := raised.(*lua.LTable)
	if !ok {
		report = l.NewTable()
		report.RawSetString("err", lua.LString("ERR "+luaMessage(luaString(raised))))
	}
	for level := 1; level < 3; level++ {
		where, ok := l.GetStack(level)
		if !ok {
			break
		}
		if _, err := l.GetInfo("Sl", where, lua.LNil); err == nil && where.CurrentLine > 0 {
			report.RawSetString("source", lua.LString(chunkOf(where.Source)))
			report.RawSetString("line", lua.LNumber(where.CurrentLine))
			break
		}
	}
	l.Push(report)
	return 1
}

// chunkOf is what a script is called behind its errors: Lua calls a text without name by itself.
func chunkOf(source string) string {
	if text, ok := strings.CutPrefix(source, `[string "`); ok {
		return strings.TrimSuffix(text, `"]`)
	}
	return "@" + source
}
