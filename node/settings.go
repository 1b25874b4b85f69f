package node

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"shiplog/node/commands"
	"shiplog/partitions/keyspace"
)

// Settings is the configuration of a running server: what CONFIG GET, SET and REWRITE work on. All methods
// may be called from several goroutines.
type Settings struct {
	current atomic.Pointer[snapshot]
	change  sync.Mutex // held by Set; guards hooks
	hooks   map[string][]func(*Config)
	writing sync.Mutex // held by Rewrite, which may wait for the disk while Set must not
}

// snapshot is one state of the settings: the typed values, and the same by name.
type snapshot struct {
	config *Config
	texts  map[string]string
	ints   map[string]int64
}

func newSnapshot(c *Config) *snapshot {
	s := &snapshot{config: c, texts: make(map[string]string), ints: make(map[string]int64)}
	for i := range directives {
		d := &directives[i]
		text := d.show(c)
		s.texts[d.Name] = text
		s.ints[d.Name], _ = strconv.ParseInt(text, 10, 64)
		if text == "yes" {
			s.ints[d.Name] = 1
		}
	}
	return s
}

// NewSettings returns the settings of a server that starts with c, which Load returned.
func NewSettings(c *Config) *Settings {
	s := &Settings{hooks: make(map[string][]func(*Config))}
	s.current.Store(newSnapshot(c))
	return s
}

// Config returns the configuration as it is now. It costs one atomic load, so it can be asked for every
// command. The caller must not change what it points to; a later Set leaves it as it is.
func (s *Settings) Config() *Config { return s.current.Load().config }

// String returns the value of a directive as CONFIG GET shows it. name is spelled as in the reference; of
// an unknown name the value is empty. It is cheap enough for every command.
func (s *Settings) String(name string) string { return s.current.Load().texts[name] }

// Int is String for a number, in the directive's own unit, or a size in bytes. yes is 1; what is not a
// number is 0.
func (s *Settings) Int(name string) int64 { return s.current.Load().ints[name] }

// Limits returns up to where collections have Redis's small encodings. It is as cheap as Config.
func (s *Settings) Limits() keyspace.Limits { return s.current.Load().config.Types }

// OnChange has fn called, with the new configuration, after each Set that gives the directive called
// name another value. fn runs before that Set returns, must not block and must not call Set, Rewrite or OnChange.
func (s *Settings) OnChange(name string, fn func(*Config)) {
	s.change.Lock()
	defer s.change.Unlock()
	s.hooks[name] = append(s.hooks[name], fn)
}

// Lookup returns name and value of every directive whose name matches the glob pattern, whatever the case, in the
// order of the reference. A name that is no pattern comes back as it was spelled, as Redis does.
func (s *Settings) Lookup(pattern string) [][2]string {
	texts := s.current.Load().texts
	if !strings.ContainsAny(pattern, "[*?") {
		d := lookup(pattern)
		if d == nil {
			return nil
		}
		return [][2]string{{pattern, texts[d.Name]}}
	}
	var found [][2]string
	for i := range directives {
		if name := directives[i].Name; commands.Match([]byte(pattern), []byte(name), true) {
			found = append(found, [2]string{name, texts[name]})
		}
	}
	return found
}

// Set gives directives new values: all of them or, when it returns an error, none. The error's text is
// the error reply that Redis words.
func (s *Settings) Set(pairs [][2]string) error {
	s.change.Lock()
	defer s.change.Unlock()
	rows, err := changeable(pairs)
	if err != nil {
		return err
	}
	old := s.current.Load()
	next := *old.config
	for i, d := range rows {
		if err := d.set(&next, []string{pairs[i][1]}); err != nil {
			return setFailed(pairs[i][0], err)
		}
	}
	if err := next.check(); err != nil {
		return setFailed("requirepass", err) // the only live directive that check looks at
	}
	s.current.Store(newSnapshot(&next))
	next.Server.Level.Set(next.Server.Verbosity.Level())
	s.announce(rows, old, &next)
	return nil
}

// announce calls the hooks of the rows whose value is another now.
func (s *Settings) announce(rows []*Directive, old *snapshot, c *Config) {
	for _, d := range rows {
		if old.texts[d.Name] == d.show(c) {
			continue
		}
		for _, fn := range s.hooks[d.Name] {
			fn(c)
		}
	}
}

// changeable finds the rows of pairs, which Redis checks by their names before it looks at any value.
func changeable(pairs [][2]string) ([]*Directive, error) {
	rows := make([]*Directive, 0, len(pairs))
	for _, pair := range pairs {
		d := lookup(pair[0])
		switch {
		case d == nil:
			return nil, refusal(fmt.Sprintf("ERR Unknown option or number of arguments for CONFIG SET - '%s'", pair[0]))
		case d.Change == Fixed:
			return nil, setFailed(pair[0], refusal("can't set immutable config"))
		case d.Change == Protected:
			return nil, setFailed(pair[0], refusal("can't set protected config"))
		}
		for _, other := range rows {
			if other == d {
				return nil, setFailed(pair[0], refusal("duplicate parameter"))
			}
		}
		rows = append(rows, d)
	}
	return rows, nil
}

func setFailed(name string, err error) error {
	return refusal(fmt.Sprintf("ERR CONFIG SET failed (possibly related to argument '%s') - %v", name, err))
}
