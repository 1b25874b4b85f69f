package keyspace

// flagBig says in a top that the collection no longer has its small encoding. It never gets it back.
const flagBig byte = 1 << 0

// Encoding returns how Redis would keep the collection at key, which is there, as OBJECT ENCODING names it.
func (v *View) Encoding(key []byte) string {
	h := v.head(key)
	if h == nil || h.value.object() == 0 {
		return ""
	}
	switch h.value.Type {
	case TypeList:
		l := List{v: v, key: key}
		l.open(h)
		return l.encoding()
	case TypeHash:
		s := Hash{v: v, key: key}
		s.open(h)
		return s.encoding()
	case TypeSet:
		s := Set{v: v, key: key, h: h}
		return s.encoding()
	case TypeZSet:
		z := ZSet{v: v, key: key, h: h, top: topOfHead(h)}
		return z.encoding()
	default:
		s := Stream{v: v, key: key, h: h}
		return s.encoding()
	}
}

// Weigh returns about how many bytes the keys and values of the rows of the collection at key take. It looks at samples of them, 0: at
// all, and takes the others for as long.
func (v *View) Weigh(key []byte, samples int64) int64 {
	h := v.head(key)
	if h == nil || h.value.object() == 0 {
		return 0
	}
	rows, bytes := int64(0), int64(0)
	v.ascend(h, nil, []byte{0xff}, func(sub, value []byte) bool {
		rows, bytes = rows+1, bytes+elementBytes(string(sub), value)
		return samples == 0 || rows < samples
	})
	if count := topOfHead(h).count; samples != 0 && rows == samples && count > rows {
		bytes = int64(float64(bytes) / float64(rows) * float64(count))
	}
	return elementsOverhead + bytes
}
