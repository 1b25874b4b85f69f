package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// shownChange is a change as its JSON has it (node/changes/FORMAT.md), read by the letter of that document.
type shownChange struct {
	V           int    `json:"v"`
	Partition   int    `json:"partition"`
	Incarnation string `json:"incarnation"`
	Sequence    uint64 `json:"sequence"`
	Index       int    `json:"index"`
	Op          string `json:"op"`
	Cause       string `json:"cause"`
	First       bool   `json:"first"`
	Last        bool   `json:"last"`
	ExpireAt    int64  `json:"expire_at"`
	At          int    `json:"at"`
	Count       int    `json:"count"`
	ID          string `json:"id"`
	Delivered   int64  `json:"delivered"`
	Deliveries  int64  `json:"deliveries"`
	Read        int64  `json:"entries_read"`

	bytes map[string]string // members that hold bytes
	score string
	list  []string
	last  [3]string // of an xsetid
}

// parseShown reads a change.
func parseShown(t *testing.T, text string) (c shownChange) {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if err := json.Unmarshal([]byte(text), &all); err != nil || c.V != 1 {
		t.Fatalf("%v: %s", err, text)
	}
	c.bytes = map[string]string{}
	for name, raw := range all {
		plain, coded := strings.CutSuffix(name, "64")
		switch plain {
		case "key", "value", "field", "member", "group", "consumer", "to":
			var s string
			noError(t, json.Unmarshal(raw, &s))
			c.bytes[plain] = decoded(t, s, coded)
		case "fields":
			var list []string
			noError(t, json.Unmarshal(raw, &list))
			for _, s := range list {
				c.list = append(c.list, decoded(t, s, coded))
			}
		case "score":
			c.score = strings.Trim(string(raw), `"`)
		case "last_id":
			c.last[0] = strings.Trim(string(raw), `"`)
		case "entries_added":
			c.last[1] = string(raw)
		case "max_deleted_id":
			c.last[2] = strings.Trim(string(raw), `"`)
		}
	}
	return c
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func decoded(t *testing.T, s string, coded bool) string {
	t.Helper()
	if !coded {
		return s
	}
	b, err := base64.StdEncoding.DecodeString(s)
	noError(t, err)
	return string(b)
}

// changeModel is what somebody knows of the keys who has only read changes.
type changeModel map[string]*modelKey

// modelKey is what a key holds.
type modelKey struct {
	kind    string
	expires int64
	text    string
	list    []string
	members map[string]string // fields and values, members and scores
	ends    map[string]int64  // of those fields that expire, when
	entries []Value           // of a stream, as XRANGE shows them
	groups  map[string]*modelGroup
	last    [3]string
}

// modelGroup is a group of a stream.
type modelGroup struct {
	last      string
	read      int64
	consumers map[string]bool
	pending   map[string][2]string // consumer and deliveries, by id
}

// key returns what a key holds, which is made if there is nothing.
func (m changeModel) key(name, kind string) *modelKey {
	k := m[name]
	if k == nil {
		k = &modelKey{kind: kind, members: map[string]string{}, ends: map[string]int64{}, groups: map[string]*modelGroup{}}
		m[name] = k
	}
	return k
}

// apply folds one change.
func (m changeModel) apply(t *testing.T, c *shownChange) {
	t.Helper()
	name, value := c.bytes["key"], c.bytes["value"]
	if m[name] == nil && slices.Contains([]string{"expire", "persist", "rename", "hdel", "hexpire", "srem", "zrem"}, c.Op) {
		t.Fatalf("%s of %q, which is not there", c.Op, name)
	}
	switch c.Op {
	case "set":
		m[name] = &modelKey{kind: "string", text: value, expires: c.ExpireAt}
	case "del":
		delete(m, name)
	case "expire", "persist":
		m[name].expires = c.ExpireAt
	case "flush":
		clear(m)
	case "rename":
		m[c.bytes["to"]] = m[name]
		delete(m, name)
	case "hset":
		k := m.key(name, "hash")
		k.members[c.bytes["field"]] = value
		k.expire(c.bytes["field"], c.ExpireAt)
	case "hdel":
		delete(m[name].members, c.bytes["field"])
		m[name].expire(c.bytes["field"], 0)
	case "hexpire":
		m[name].expire(c.bytes["field"], c.ExpireAt)
	case "sadd":
		m.key(name, "set").members[c.bytes["member"]] = ""
	case "srem", "zrem":
		delete(m[name].members, c.bytes["member"])
	case "zadd":
		m.key(name, "zset").members[c.bytes["member"]] = c.score
	default:
		if c.Op[0] == 'x' {
			m.key(name, "stream").stream(t, c)
		} else {
			m.key(name, "list").edit(t, c)
		}
	}
}

// expire notes when a field expires, 0 for never.
func (k *modelKey) expire(field string, at int64) {
	if k.ends[field] = at; at <= 0 {
		delete(k.ends, field)
	}
}

// edit folds a change to a list.
func (k *modelKey) edit(t *testing.T, c *shownChange) {
	t.Helper()
	value := c.bytes["value"]
	switch c.Op {
	case "lpush":
		k.list = slices.Insert(k.list, 0, value)
	case "rpush":
		k.list = append(k.list, value)
	case "lpop":
		k.list = k.list[c.Count:]
	case "rpop":
		k.list = k.list[:len(k.list)-c.Count]
	case "lset":
		k.list[c.At] = value
	case "linsert":
		k.list = slices.Insert(k.list, c.At, value)
	case "lrem":
		k.list = slices.Delete(k.list, c.At, c.At+1)
	default:
		t.Fatalf("unknown operation %s", c.Op)
	}
}

// stream folds a change to a stream.
func (k *modelKey) stream(t *testing.T, c *shownChange) {
	t.Helper()
	group := k.groups[c.bytes["group"]]
	switch c.Op {
	case "xadd":
		entry := Value{Kind: '*', Elems: []Value{{Kind: '$', Text: c.ID}, {Kind: '*'}}}
		for _, field := range c.list {
			entry.Elems[1].Elems = append(entry.Elems[1].Elems, Value{Kind: '$', Text: field})
		}
		k.entries = append(k.entries, entry)
	case "xdel":
		k.entries = slices.DeleteFunc(k.entries, func(e Value) bool { return e.Elems[0].Text == c.ID })
	case "xtrim":
		if k.entries[c.Count-1].Elems[0].Text != c.ID {
			t.Fatalf("a trim of %d to %s ends at %v", c.Count, c.ID, k.entries[c.Count-1])
		}
		k.entries = k.entries[c.Count:]
	case "xsetid":
		k.last = c.last
	case "xgroup":
		if group == nil {
			group = &modelGroup{consumers: map[string]bool{}, pending: map[string][2]string{}}
			k.groups[c.bytes["group"]] = group
		}
		group.last, group.read = c.ID, c.Read
	case "xungroup":
		delete(k.groups, c.bytes["group"])
	case "xconsumer":
		group.consumers[c.bytes["consumer"]] = true
	case "xunconsumer":
		delete(group.consumers, c.bytes["consumer"])
	case "xpend":
		group.pending[c.ID] = [2]string{c.bytes["consumer"], fmt.Sprint(c.Deliveries)}
	case "xack":
		delete(group.pending, c.ID)
	default:
		t.Fatalf("unknown operation %s", c.Op)
	}
}

// compare compares the model with what a server holds.
func (m changeModel) compare(t *testing.T, c *Client) {
	t.Helper()
	found, err := scanAll(c, []string{"SCAN", "0", "COUNT", "1000"})
	noError(t, err)
	keys := names(found)
	slices.Sort(keys)
	if want := slices.Sorted(maps.Keys(m)); !slices.Equal(keys, want) {
		t.Errorf("the server holds %d keys, the model %d:\n%q\n%q", len(keys), len(want), keys, want)
		return
	}
	for _, key := range keys {
		if got, want := serverPortrait(t, c, key), m[key].portrait(); got != want {
			t.Errorf("%q holds\n%.2000s\nthe model\n%.2000s", key, got, want)
			return
		}
	}
}

// portrait is all that the model knows of a key, in the form of serverPortrait.
func (k *modelKey) portrait() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s until %d\n", k.kind, k.expires)
	switch k.kind {
	case "string":
		fmt.Fprintf(&b, "%q", k.text)
	case "list":
		fmt.Fprintf(&b, "%q", k.list)
	case "set", "hash", "zset":
		for _, name := range slices.Sorted(maps.Keys(k.members)) {
			fmt.Fprintf(&b, "%q=%q until %d\n", name, numeric(k.kind, k.members[name]), k.ends[name])
		}
	case "stream":
		fmt.Fprintf(&b, "%v\n", Value{Kind: '*', Elems: k.entries})
		for _, name := range slices.Sorted(maps.Keys(k.groups)) {
			g := k.groups[name]
			fmt.Fprintf(&b, "%q to %s, %d: %q\n", name, g.last, g.read, slices.Sorted(maps.Keys(g.consumers)))
			var lines []string
			for id, p := range g.pending {
				lines = append(lines, fmt.Sprintf("%s %q %s", id, p[0], p[1]))
			}
			slices.Sort(lines)
			fmt.Fprintf(&b, "%s\n", strings.Join(lines, "\n"))
		}
	}
	return b.String()
}

// numeric makes one text of the texts that a score may have.
func numeric(kind, text string) string {
	if f, err := strconv.ParseFloat(text, 64); kind == "zset" && err == nil {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return text
}

// serverPortrait is all that a server says of a key.
func serverPortrait(t *testing.T, c *Client, key string) string {
	t.Helper()
	k := modelKey{kind: do(t, c, "TYPE", key).Text, members: map[string]string{}, ends: map[string]int64{}, groups: map[string]*modelGroup{}}
	if at, err := do(t, c, "PEXPIRETIME", key).Int(); err == nil && at > 0 {
		k.expires = at
	}
	pairs := func(v Value) {
		for i := 0; i+1 < len(v.Elems); i += 2 {
			k.members[v.Elems[i].Text] = v.Elems[i+1].Text
		}
	}
	switch k.kind {
	case "string":
		k.text = do(t, c, "GET", key).Text
	case "list":
		for _, e := range do(t, c, "LRANGE", key, "0", "-1").Elems {
			k.list = append(k.list, e.Text)
		}
	case "set":
		for _, e := range do(t, c, "SMEMBERS", key).Elems {
			k.members[e.Text] = ""
		}
	case "hash":
		all := do(t, c, "HGETALL", key)
		pairs(all)
		words := texts(all)
		for i, at := range fieldsExpire(t, c, key, words) {
			k.expire(words[2*i], at)
		}
	case "zset":
		pairs(do(t, c, "ZRANGE", key, "0", "-1", "WITHSCORES"))
	case "stream":
		k.entries = do(t, c, "XRANGE", key, "-", "+").Elems
		for _, group := range do(t, c, "XINFO", "GROUPS", key).Elems {
			k.addGroup(t, c, key, fields(group))
		}
	}
	return k.portrait()
}

func (k *modelKey) addGroup(t *testing.T, c *Client, key string, info map[string]Value) {
	t.Helper()
	name := info["name"].Text
	g := &modelGroup{last: info["last-delivered-id"].Text, read: -1, consumers: map[string]bool{}, pending: map[string][2]string{}}
	if read, err := info["entries-read"].Int(); err == nil && !info["entries-read"].IsNull() {
		g.read = read
	}
	for _, consumer := range do(t, c, "XINFO", "CONSUMERS", key, name).Elems {
		g.consumers[fields(consumer)["name"].Text] = true
	}
	for _, p := range do(t, c, "XPENDING", key, name, "-", "+", "1000000").Elems {
		g.pending[p.Elems[0].Text] = [2]string{p.Elems[1].Text, p.Elems[3].Text}
	}
	k.groups[name] = g
}
