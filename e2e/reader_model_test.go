package e2e

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
)

// Reader keeps what a stranger would who has nothing but the stream of effects and what wal/FORMAT.md says of them: plain maps and slices,
// and none of what the engine keeps in its rows.
type Reader struct {
	Keys map[string]*Kept
}

// Kept is what a Reader has under a key. One of its parts is used.
type Kept struct {
	Kind    string // as TYPE says
	Expires string
	Text    string
	List    []string
	Fields  map[string]string
	// Deadlines are of those fields of a hash that have one.
	Deadlines map[string]string
	Members   map[string]float64
	Entries   []KeptEntry
	Groups    map[string]*KeptGroup
}

// KeptEntry is an entry of a stream.
type KeptEntry struct {
	ID     string
	Fields []string
}

// KeptGroup is a consumer group of a stream.
type KeptGroup struct {
	Last      string
	Pending   map[string]string // the consumer of each entry
	Consumers map[string]bool
}

// effect is one of "log dump --json".
type effect struct {
	Op, Expires, ID   string
	Key, Value, Field *string
	To, Consumer      *string
	KeyHex            *string `json:"key_hex"`
	ValueHex          *string `json:"value_hex"`
	FieldHex          *string `json:"field_hex"`
	ToHex             *string `json:"to_hex"`
	ConsumerHex       *string `json:"consumer_hex"`
	Score             string
	Index, Count      int64
}

// words of an effect, from either form.
func either(text, digits *string) string {
	switch {
	case text != nil:
		return *text
	case digits != nil:
		b, err := hex.DecodeString(*digits)
		if err != nil {
			panic("the dump shows bytes that are no hexadecimal digits: " + *digits)
		}
		return string(b)
	}
	return ""
}

// Read follows a dump to its end.
func (r *Reader) Read(dump io.Reader) (effects int, err error) {
	r.Keys = map[string]*Kept{}
	lines := bufio.NewReaderSize(dump, 1<<20)
	for decoder := json.NewDecoder(lines); ; {
		var record struct {
			Verdict string
			Effects []effect
		}
		if err := decoder.Decode(&record); err == io.EOF {
			return effects, nil
		} else if err != nil {
			return effects, err
		}
		for i := range record.Effects {
			effects++
			if err := r.apply(&record.Effects[i]); err != nil {
				return effects, fmt.Errorf("effect %+v: %w", record.Effects[i], err)
			}
		}
	}
}

// apply changes what is kept.
func (r *Reader) apply(e *effect) error {
	key := either(e.Key, e.KeyHex)
	k := r.Keys[key]
	switch e.Op {
	case "flush":
		clear(r.Keys)
	case "del":
		delete(r.Keys, key)
	case "set":
		r.Keys[key] = &Kept{Kind: "string", Text: either(e.Value, e.ValueHex), Expires: e.Expires}
	case "rename":
		r.Keys[either(e.To, e.ToHex)] = k
		delete(r.Keys, key)
	case "expire", "persist":
		if k == nil {
			return fmt.Errorf("of a key that is not there")
		}
		k.Expires = e.Expires
	default:
		if k == nil {
			k = &Kept{}
			r.Keys[key] = k
		}
		return k.change(e)
	}
	return nil
}

// change changes a collection.
func (k *Kept) change(e *effect) error {
	switch e.Op[0] {
	case 'h', 's':
		return k.changeFields(e)
	case 'z':
		return k.changeMembers(e)
	case 'x':
		return k.changeStream(e)
	default:
		return k.changeList(e)
	}
}

func (k *Kept) changeFields(e *effect) error {
	if k.Fields == nil {
		k.Fields, k.Deadlines = map[string]string{}, map[string]string{}
	}
	field := either(e.Field, e.FieldHex)
	switch e.Op {
	case "hset", "sadd":
		k.Kind = map[string]string{"hset": "hash", "sadd": "set"}[e.Op]
		k.Fields[field] = either(e.Value, e.ValueHex)
		k.expire(field, e.Expires)
	case "hdel", "srem":
		if _, there := k.Fields[field]; !there {
			return fmt.Errorf("%q is not there", field)
		}
		delete(k.Fields, field)
		k.expire(field, "")
	case "hexpire":
		k.expire(field, e.Expires)
	default:
		return fmt.Errorf("unknown")
	}
	return nil
}

// expire notes when a field expires, "" for never.
func (k *Kept) expire(field, at string) {
	if k.Deadlines[field] = at; at == "" {
		delete(k.Deadlines, field)
	}
}

// deadlines counts the fields that expire.
func (r *Reader) deadlines() (n int) {
	for _, k := range r.Keys {
		n += len(k.Deadlines)
	}
	return n
}

func (k *Kept) changeMembers(e *effect) (err error) {
	if k.Members == nil {
		k.Kind, k.Members = "zset", map[string]float64{}
	}
	if e.Op == "zrem" {
		delete(k.Members, either(e.Field, e.FieldHex))
		return nil
	}
	k.Members[either(e.Field, e.FieldHex)], err = strconv.ParseFloat(e.Score, 64)
	return err
}

func (k *Kept) changeList(e *effect) error {
	k.Kind = "list"
	value, i, n := either(e.Value, e.ValueHex), int(e.Index), int(e.Count)
	if i < 0 || i > len(k.List) || n < 0 || n > len(k.List) {
		return fmt.Errorf("of a list of %d", len(k.List))
	}
	switch e.Op {
	case "lpush":
		k.List = slices.Insert(k.List, 0, value)
	case "rpush":
		k.List = append(k.List, value)
	case "lpop":
		k.List = k.List[n:]
	case "rpop":
		k.List = k.List[:len(k.List)-n]
	case "lset":
		k.List[i] = value
	case "linsert":
		k.List = slices.Insert(k.List, i, value)
	case "lrem":
		k.List = slices.Delete(k.List, i, i+1)
	default:
		return fmt.Errorf("unknown")
	}
	return nil
}

func (k *Kept) changeStream(e *effect) error {
	if k.Groups == nil {
		k.Kind, k.Groups = "stream", map[string]*KeptGroup{}
	}
	switch e.Op {
	case "xadd":
		fields, err := unpack([]byte(either(e.Value, e.ValueHex)))
		k.Entries = append(k.Entries, KeptEntry{e.ID, fields})
		return err
	case "xdel":
		k.Entries = slices.DeleteFunc(k.Entries, func(x KeptEntry) bool { return x.ID == e.ID })
	case "xtrim":
		if n := int(e.Count); n < 1 || n > len(k.Entries) || k.Entries[n-1].ID != e.ID {
			return fmt.Errorf("is not what the stream holds")
		}
		k.Entries = k.Entries[e.Count:]
	case "xsetid":
	default:
		return k.changeGroup(e)
	}
	return nil
}

func (k *Kept) changeGroup(e *effect) error {
	name, who := either(e.Field, e.FieldHex), either(e.Consumer, e.ConsumerHex)
	g := k.Groups[name]
	if g == nil && e.Op != "xgroup" {
		return fmt.Errorf("there is no group %q", name)
	}
	switch e.Op {
	case "xgroup":
		if g == nil {
			g = &KeptGroup{Pending: map[string]string{}, Consumers: map[string]bool{}}
			k.Groups[name] = g
		}
		g.Last = e.ID
	case "xungroup":
		delete(k.Groups, name)
	case "xconsumer":
		g.Consumers[who] = true
	case "xunconsumer":
		delete(g.Consumers, who)
	case "xpend":
		g.Pending[e.ID] = who
	case "xack":
		delete(g.Pending, e.ID)
	default:
		return fmt.Errorf("unknown")
	}
	return nil
}

// unpack reads the fields and values of an entry, each behind its length.
func unpack(b []byte) (words []string, err error) {
	for len(b) > 0 {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return nil, fmt.Errorf("an entry's value ends early")
		}
		words = append(words, string(b[size:size+int(n)]))
		b = b[size+int(n):]
	}
	return words, nil
}

// Ordered are the members of a sorted set in their order, each with its score.
func (k *Kept) Ordered() (names []string) {
	return slices.SortedFunc(maps.Keys(k.Members), func(a, b string) int {
		switch x, y := k.Members[a], k.Members[b]; {
		case x < y:
			return -1
		case x > y:
			return 1
		case a < b:
			return -1
		}
		return 1
	})
}
