package commands

import (
	"bytes"
	lru "container/list"
	"crypto/sha1"
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"shiplog/node/reply"
)

// script is a compiled script. It does not change.
type script struct {
	sha      string
	size     int
	proto    *lua.FunctionProto
	readonly bool // flag no-writes
	anySlot  bool // flag allow-cross-slot-keys
	solo     bool // flag no-cluster
}

// What the cache holds at most: scripts that came with EVAL are forgotten when there are more of them (as in Redis 7.4), the
// oldest first; SCRIPT LOAD is refused when all are larger together.
const (
	evaluatedMost = 500
	scriptsMost   = 256 << 20
	scriptExtra   = 20 // about how many times as large a compiled script is as its text
)

// scriptCache is the scripts that a node knows by their SHA1.
type scriptCache struct {
	compile func(body []byte, sha string) (*script, *reply.Reply)

	mu        sync.Mutex
	scripts   map[string]*cachedScript
	evaluated lru.List // of *cachedScript, the one used last in front
	bytes     int
}

type cachedScript struct {
	*script
	place *lru.Element // nil: it was loaded, and stays
}

func (c *scriptCache) start() {
	c.compile = compileScript
	c.scripts = make(map[string]*cachedScript)
}

// compiled returns the script with a text, and keeps it: for good with load.
func (c *scriptCache) compiled(body []byte, load bool) (*script, *reply.Reply) {
	sha := hexOf(sha1.Sum(body))
	if found := c.use(sha, load); found != nil {
		return found, nil
	}
	made, refusal := c.compile(body, sha)
	if refusal != nil {
		return nil, refusal
	}
	if !c.keep(made, load) {
		return nil, refuse(reply.Error("ERR the scripts take too much memory together: SCRIPT FLUSH makes room"))
	}
	return made, nil
}

// find returns a script by its name, nil when it is not there.
func (c *scriptCache) find(sha string) *script { return c.use(sha, false) }

// use returns a script that is there, and makes it one that stays with load.
func (c *scriptCache) use(sha string, load bool) *script {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.scripts[sha]
	if found == nil {
		return nil
	}
	switch {
	case found.place == nil:
	case load:
		c.evaluated.Remove(found.place)
		found.place = nil
	default:
		c.evaluated.MoveToFront(found.place)
	}
	return found.script
}

func (c *scriptCache) keep(s *script, load bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.scripts[s.sha] != nil {
		return true // somebody was faster
	}
	for c.evaluated.Len() >= evaluatedMost || c.bytes+s.size > scriptsMost && c.evaluated.Len() > 0 {
		c.forget(c.evaluated.Back().Value.(*cachedScript))
	}
	if c.bytes+s.size > scriptsMost {
		return !load
	}
	kept := &cachedScript{script: s}
	if !load {
		kept.place = c.evaluated.PushFront(kept)
	}
	c.scripts[s.sha] = kept
	c.bytes += s.size
	return true
}

func (c *scriptCache) forget(s *cachedScript) {
	c.evaluated.Remove(s.place)
	delete(c.scripts, s.sha)
	c.bytes -= s.size
}

func (c *scriptCache) has(sha string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.scripts[strings.ToLower(sha)] != nil
}

func (c *scriptCache) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.scripts)
	c.evaluated.Init()
	c.bytes = 0
}

// held returns how many scripts there are and about how many bytes they take.
func (c *scriptCache) held() (count, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.scripts), c.bytes
}

// compileScript compiles a script's text, whose first line may say in which language it is and what it does.
func compileScript(body []byte, sha string) (*script, *reply.Reply) {
	s := &script{sha: sha, size: len(body) * (1 + scriptExtra)}
	text := body
	if bytes.HasPrefix(body, []byte("#!")) {
		end := bytes.IndexByte(body, '\n')
		if end < 0 {
			return nil, refuse(reply.Error("ERR Invalid script shebang"))
		}
		if refusal := s.shebang(string(body[:end])); refusal != nil {
			return nil, refusal
		}
		text = body[end:] // with the end of the line, so that lines are counted as they stand
	}
	proto, err := compileLua(text, scriptChunk)
	if err != nil {
		return nil, refuse(reply.Errorf("ERR Error compiling script (new function): %s", err))
	}
	s.proto = proto
	return s, nil
}

// shebang reads a script's first line.
func (s *script) shebang(line string) *reply.Reply {
	words := strings.Fields(line)
	if words[0] != "#!lua" {
		return refuse(reply.Errorf("ERR Unexpected engine in script shebang: %s", words[0]))
	}
	for _, word := range words[1:] {
		flags, ok := strings.CutPrefix(word, "flags=")
		if !ok {
			return refuse(reply.Errorf("ERR Unknown lua shebang option: %s", word))
		}
		for _, flag := range strings.Split(flags, ",") {
			switch flag {
			case "no-writes":
				s.readonly = true
			case "allow-cross-slot-keys":
				s.anySlot = true
			case "no-cluster":
				s.solo = true
			case "allow-stale", "allow-oom", "":
			default:
				return refuse(reply.Errorf("ERR Unexpected flag in script shebang: %s", flag))
			}
		}
	}
	return nil
}
