package commands

import (
	"strings"

	"shiplog/node/reply"
)

// flagNames are the flags in the order in which COMMAND INFO shows them. Flags that it does not show are not here.
func flagNames() []struct {
	flag Flags
	name string
} {
	return []struct {
		flag Flags
		name string
	}{
		{FlagWrite, "write"}, {FlagReadonly, "readonly"}, {FlagDenyOOM, "denyoom"}, {FlagModule, "module"},
		{FlagAdmin, "admin"}, {FlagPubsub, "pubsub"}, {FlagNoScript, "noscript"}, {FlagBlocking, "blocking"},
		{FlagLoading, "loading"}, {FlagStale, "stale"}, {FlagSkipMonitor, "skip_monitor"},
		{FlagSkipSlowlog, "skip_slowlog"}, {FlagAsking, "asking"}, {FlagFast, "fast"}, {FlagNoAuth, "no_auth"},
		{FlagMayReplicate, "may_replicate"}, {FlagNoMandatoryKeys, "no_mandatory_keys"},
		{FlagNoAsyncLoading, "no_async_loading"}, {FlagNoMulti, "no_multi"},
		{FlagMovableKeys, "movablekeys"}, {FlagAllowBusy, "allow_busy"},
	}
}

func (r *Row) flagStatuses() []reply.Reply {
	var out []reply.Reply
	for _, f := range flagNames() {
		if r.Flags&f.flag != 0 {
			out = append(out, reply.Status(f.name))
		}
	}
	return out
}

// categoryNames are the ACL categories in the order in which COMMAND INFO shows them.
func categoryNames() []string {
	return strings.Fields("keyspace read write set sortedset list hash string bitmap hyperloglog geo stream pubsub " +
		"admin fast slow blocking dangerous connection transaction scripting")
}

// in tells whether the row belongs to an ACL category, by its flags or by name.
func (r *Row) in(category string) bool {
	for _, own := range r.Categories {
		if own == category {
			return true
		}
	}
	switch category {
	case "write":
		return r.Flags&FlagWrite != 0
	case "read":
		return r.Flags&FlagReadonly != 0
	case "admin", "dangerous":
		return r.Flags&FlagAdmin != 0
	case "pubsub":
		return r.Flags&FlagPubsub != 0
	case "fast":
		return r.Flags&FlagFast != 0
	case "slow":
		return r.Flags&FlagFast == 0
	case "blocking":
		return r.Flags&FlagBlocking != 0
	default:
		return false
	}
}

// info is the row as COMMAND INFO shows it.
func (r *Row) info() reply.Reply {
	first, last, step := r.span()
	var categories, specs, subs []reply.Reply
	for _, name := range categoryNames() {
		if r.in(name) {
			categories = append(categories, reply.Status("@"+name))
		}
	}
	for i := range r.Keys {
		specs = append(specs, r.Keys[i].info())
	}
	for i := range r.Subcommands {
		subs = append(subs, r.Subcommands[i].info())
	}
	sub := reply.Array(subs...)
	if len(subs) == 0 {
		sub = reply.Set()
	}
	return reply.Array(
		reply.BulkString(r.Name), reply.Int(int64(r.Arity)), reply.Set(r.flagStatuses()...),
		reply.Int(int64(first)), reply.Int(int64(last)), reply.Int(int64(step)),
		reply.Set(categories...), reply.Set(reply.Bulks(r.Tips...).Elems...), reply.Set(specs...), sub,
	)
}

// info is the specification as COMMAND INFO shows it.
func (k *KeySpec) info() reply.Reply {
	var pairs []reply.Reply
	if k.Notes != "" {
		pairs = append(pairs, reply.BulkString("notes"), reply.BulkString(k.Notes))
	}
	begin := typed("index", "index", k.Index)
	if k.Keyword != "" {
		begin = typed("keyword", "keyword", k.Keyword, "startfrom", k.From)
	}
	keys := typed("range", "lastkey", k.Last, "keystep", max(k.Step, 1), "limit", k.Limit)
	if k.KeyNum {
		keys = typed("keynum", "keynumidx", k.NumIndex, "firstkey", k.FirstKey, "keystep", max(k.Step, 1))
	}
	if k.Find != nil {
		begin, keys = typed("unknown"), typed("unknown")
	}
	return reply.Map(append(pairs,
		reply.BulkString("flags"), k.flagSet(),
		reply.BulkString("begin_search"), begin,
		reply.BulkString("find_keys"), keys)...)
}

func (k *KeySpec) flagSet() reply.Reply {
	var flags []reply.Reply
	for _, name := range strings.Fields(k.Flags) {
		flags = append(flags, reply.Status(name))
	}
	return reply.Set(flags...)
}

// typed is {type: name, spec: {pairs}}, as both halves of a key specification are shown.
func typed(name string, pairs ...any) reply.Reply {
	var spec []reply.Reply
	for _, part := range pairs {
		switch p := part.(type) {
		case string:
			spec = append(spec, reply.BulkString(p))
		case int:
			spec = append(spec, reply.Int(int64(p)))
		}
	}
	return reply.Map(reply.BulkString("type"), reply.BulkString(name), reply.BulkString("spec"), reply.Map(spec...))
}

// docs is the row as COMMAND DOCS shows it.
func (r *Row) docs() reply.Reply {
	var pairs []reply.Reply
	add := func(name, value string) {
		if value != "" {
			pairs = append(pairs, reply.BulkString(name), reply.BulkString(value))
		}
	}
	add("summary", r.Summary)
	add("since", r.Since)
	add("group", r.Group)
	add("complexity", r.Complexity)
	if r.Deprecated.Since != "" {
		pairs = append(pairs, reply.BulkString("doc_flags"), reply.Set(reply.Status("deprecated")))
		add("deprecated_since", r.Deprecated.Since)
		add("replaced_by", r.Deprecated.ReplacedBy)
	}
	if len(r.History) > 0 {
		var changes []reply.Reply
		for _, c := range r.History {
			changes = append(changes, reply.Bulks(c.Since, c.What))
		}
		pairs = append(pairs, reply.BulkString("history"), reply.Set(changes...))
	}
	if len(r.state.syntax) > 0 {
		pairs = append(pairs, reply.BulkString("arguments"), argumentDocs(r.state.syntax))
	}
	if len(r.Subcommands) > 0 {
		var subs []reply.Reply
		for i := range r.Subcommands {
			subs = append(subs, reply.BulkString(r.Subcommands[i].Name), r.Subcommands[i].docs())
		}
		pairs = append(pairs, reply.BulkString("subcommands"), reply.Map(subs...))
	}
	return reply.Map(pairs...)
}

// COMMAND
func commandAll(s *Session, _ Args) reply.Reply {
	rows := s.srv.table.rows
	out := make([]reply.Reply, len(rows))
	for i, row := range rows {
		out[i] = row.info()
	}
	return reply.Array(out...)
}

// COMMAND COUNT
func commandCount(s *Session, _ Args) reply.Reply { return reply.Int(int64(len(s.srv.table.rows))) }

// COMMAND INFO [command-name [command-name ...]]
func commandInfo(s *Session, a Args) reply.Reply {
	if len(a) == 2 {
		return commandAll(s, a)
	}
	var out []reply.Reply
	for _, name := range a[2:] {
		if row := s.srv.table.ByFullName(string(name)); row != nil {
			out = append(out, row.info())
		} else {
			out = append(out, reply.Null())
		}
	}
	return reply.Array(out...)
}

// COMMAND DOCS [command-name [command-name ...]]
func commandDocs(s *Session, a Args) reply.Reply {
	rows := s.srv.table.rows
	if len(a) > 2 {
		rows = nil
		for _, name := range a[2:] {
			if row := s.srv.table.ByFullName(string(name)); row != nil {
				rows = append(rows, row)
			}
		}
	}
	var pairs []reply.Reply
	for _, row := range rows {
		pairs = append(pairs, reply.BulkString(row.Name), row.docs())
	}
	return reply.Map(pairs...)
}

// COMMAND LIST [FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]
func commandList(s *Session, a Args) reply.Reply {
	keep := func(*Row) bool { return true }
	switch {
	case len(a) == 2:
	case len(a) != 5 || !is(a[2], "filterby"):
		return reply.Syntax()
	case is(a[3], "module"):
		keep = func(*Row) bool { return false }
	case is(a[3], "aclcat"):
		category := strings.ToLower(string(a[4]))
		keep = func(r *Row) bool { return r.in(category) }
	case is(a[3], "pattern"):
		keep = func(r *Row) bool { return Match(a[4], []byte(r.Name), true) }
	default:
		return reply.Syntax()
	}
	var names []string
	s.srv.table.each(func(r *Row) {
		if keep(r) {
			names = append(names, r.Name)
		}
	})
	return reply.Bulks(names...)
}

// COMMAND GETKEYS command [arg [arg ...]]
func commandGetkeys(s *Session, a Args) reply.Reply {
	return s.keysOf(a[2:], func(key []byte, _ *KeySpec) reply.Reply { return reply.Bulk(copied(key)) })
}

// COMMAND GETKEYSANDFLAGS command [arg [arg ...]]
func commandGetkeysandflags(s *Session, a Args) reply.Reply {
	words := a[2:]
	return s.keysOf(words, func(key []byte, spec *KeySpec) reply.Reply {
		return reply.Array(reply.Bulk(copied(key)), spec.usedBy(words).flagSet())
	})
}

// usedBy is the specification as it stands for these words: the flags of SET depend on its options.
func (k *KeySpec) usedBy(a Args) *KeySpec {
	if !strings.Contains(k.Flags, "variable_flags") {
		return k
	}
	flags := "OW update"
	for _, word := range a[min(3, len(a)):] {
		switch {
		case is(word, "get"):
			return &KeySpec{Flags: "RW access update"}
		case is(word, "ifeq"), is(word, "ifne"), is(word, "ifdeq"), is(word, "ifdne"):
			flags = "RW update"
		}
	}
	return &KeySpec{Flags: flags}
}

func (s *Session) keysOf(a Args, show func(key []byte, spec *KeySpec) reply.Reply) reply.Reply {
	row := s.srv.table.Resolve(a)
	switch {
	case row == nil:
		return reply.Error("ERR Invalid command specified")
	case len(row.Keys) == 0:
		return reply.Error("ERR The command has no key arguments")
	case !row.arityOK(len(a)):
		return reply.Error("ERR Invalid number of arguments specified for command")
	}
	var keys []reply.Reply
	row.eachKeySpec(a, func(key []byte, spec *KeySpec) bool {
		keys = append(keys, show(key, spec))
		return true
	})
	if len(keys) == 0 && row.Flags&FlagNoMandatoryKeys == 0 {
		return reply.Error("ERR Invalid arguments specified for command")
	}
	return reply.Array(keys...)
}
