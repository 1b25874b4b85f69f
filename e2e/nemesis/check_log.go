package nemesis

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// modelled is the state that the logs give: of each key every value that it ever had, in order. A key that is gone has the value "",
// which no workload writes.
type modelled struct {
	versions map[string][]string
	places   map[string]map[string]int // of a key, where a value stands among its versions; -1 twice
	records  int
	terms    int // how often a primary began
	stale    int // records of a deposed primary, which change nothing
}

func newModelled() *modelled {
	return &modelled{versions: make(map[string][]string), places: make(map[string]map[string]int)}
}

// foldLog takes the whole log of partition p of n in. What does not follow the rules of FORMAT.md is a fault.
func (m *modelled) foldLog(v *Verdict, p, n int, log []logMessage) {
	var at logRecord
	var body []byte
	for _, message := range log {
		m.records++
		r, err := parseRecord(message.data)
		switch {
		case err != nil:
			v.fault(&v.Illegal, "partition %d, record %d: %v", p, message.seq, err)
			return
		case r.epoch < at.epoch:
			m.stale++
			continue
		case message.seq > 1 && r.incarnation != at.incarnation, r.prev != at.chain,
			r.kind == recordEpoch && (r.epoch <= at.epoch || r.index != 0),
			r.kind != recordEpoch && (r.epoch != at.epoch || r.index != at.index+1):
			v.fault(&v.Illegal, "partition %d, record %d: kind %d of epoch %d, index %d, does not follow epoch %d, index %d", p, message.seq,
				r.kind, r.epoch, r.index, at.epoch, at.index)
			return
		}
		at = r
		if r.kind == recordEpoch {
			m.terms++
		}
		if r.part&partFirst != 0 {
			body = nil
		}
		body = append(body, r.body...)
		if r.kind != recordData || r.part&partLast == 0 {
			continue
		}
		effects, err := parseEffects(body)
		if err != nil {
			v.fault(&v.Illegal, "partition %d, record %d: %v", p, message.seq, err)
			return
		}
		m.foldEffects(v, fmt.Sprintf("partition %d, record %d", p, message.seq), effects, func(slot int) bool {
			return p*slotCount/n <= slot && slot < (p+1)*slotCount/n
		})
	}
}

// foldEffects takes the effects of one record in. Each unit must be whole, and what it moves between accounts must add up.
func (m *modelled) foldEffects(v *Verdict, where string, effects []logEffect, ours func(slot int) bool) {
	open := false
	for _, e := range effects {
		if first := e.marks&markFirst != 0; first == open {
			v.fault(&v.Illegal, "%s: a unit is not whole at %q", where, e.key)
		}
		open = e.marks&markLast == 0
		if e.op != effectFlush && (e.slot != Slot(e.key) || !ours(e.slot)) {
			v.fault(&v.Illegal, "%s: %q has slot %d", where, e.key, e.slot)
		}
		switch e.op {
		case effectSet:
			m.write(e.key, e.value)
		case effectDel:
			m.write(e.key, "")
		case effectExpire, effectPersist:
		default:
			v.fault(&v.Undecided, "%s: an effect %d, which no workload has", where, e.op)
		}
		bank, account := strings.CutPrefix(e.key, "{bank")
		if !open && account {
			m.checkSum(v, where, bank)
		}
	}
	if open {
		v.fault(&v.Illegal, "%s: the last unit is not whole", where)
	}
}

func (m *modelled) write(key, value string) {
	m.versions[key] = append(m.versions[key], value)
	if m.places[key] == nil {
		m.places[key] = make(map[string]int)
	}
	if _, again := m.places[key][value]; again {
		m.places[key][value] = -1
		return
	}
	m.places[key][value] = len(m.versions[key])
}

// newest is what a key holds after all.
func (m *modelled) newest(key string) string {
	if all := m.versions[key]; len(all) > 0 {
		return all[len(all)-1]
	}
	return ""
}

// checkSum holds that a bank has the same money after each unit.
func (m *modelled) checkSum(v *Verdict, where, key string) {
	name, _, _ := strings.Cut(key, "}")
	b, err := strconv.Atoi(name)
	if err != nil {
		return
	}
	sum := 0
	for i := range bankAccounts {
		n, _ := strconv.Atoi(m.newest(accountKey(b, i))) // none: 0
		sum += n
	}
	if sum != bankTotal {
		v.fault(&v.Illegal, "%s: bank %d has %d after a unit, not %d", where, b, sum, bankTotal)
	}
}

// shows is what an operation tells of its key: the value that it left there, or the one that it found. known is false when it tells
// nothing.
func shows(op Op) (value string, wrote, known bool) {
	text := op.Reply.Text
	switch op.Name {
	case opSet, opGetSet:
		return op.Arg, true, true
	case opSetNX:
		return op.Arg, true, text == "1"
	case opIncr:
		return text, true, true
	case opAppend:
		return op.Arg, true, true // the value ends in it
	case opGet:
		return text, false, true
	case opTransfer, opBalances:
		if len(op.Reply.Elems) == 0 {
			return "", false, false
		}
		return op.Reply.Elems[0].Text, op.Name == opTransfer, true
	}
	return "", false, false
}

// placed is an operation and where it stands among the versions of its key: a write at its version, a read behind it.
type placed struct {
	Op
	place int
}

// CheckLog judges operations by what the logs hold: every acknowledged write stands there once, no refused one does, every read shows a
// version, and the order of versions contradicts neither real time nor what was read last.
func (m *modelled) check(v *Verdict, ops []Op) {
	keys, histories := byKey(ops)
	for _, key := range keys {
		m.checkKey(v, key, histories[key])
	}
}

func (m *modelled) checkKey(v *Verdict, key string, ops []Op) {
	tails := m.tails(key, ops)
	var all []placed
	for _, op := range ops {
		value, wrote, known := shows(op)
		if op.Outcome != OK {
			m.checkUndone(v, key, op, tails)
			continue
		}
		if !known {
			continue
		}
		v.Checked++
		place, there := m.places[key][value]
		if op.Name == opAppend {
			place, there = tails[value]
		}
		switch {
		case !wrote && value == "" && !there:
			place, there = 0, true
		case wrote && !there:
			v.fault(&v.Lost, "%s: acknowledged, and not in the log: %v", key, op)
		case !there:
			v.fault(&v.Illegal, "%s: read, and not in the log: %v", key, op)
		case place < 0 && wrote:
			v.fault(&v.Duplicated, "%s: twice in the log: %v", key, op)
		}
		if there && place >= 0 {
			place *= 2
			if !wrote {
				place++
			}
			all = append(all, placed{op, place})
		}
	}
	checkPlaces(v, key, all)
	if last := ops[len(ops)-1]; last.Outcome == OK && (last.Name == opGet || last.Name == opBalances) {
		if value, _, known := shows(last); known && value != m.newest(key) {
			v.fault(&v.Illegal, "%s: the log ends with %.40q: %v", key, m.newest(key), last)
		}
	}
}

// tails is where each token of a key that only grows was appended; -1 twice.
func (m *modelled) tails(key string, ops []Op) map[string]int {
	if !slices.ContainsFunc(ops, func(op Op) bool { return op.Name == opAppend }) {
		return nil
	}
	tails := make(map[string]int)
	for i, value := range m.versions[key] {
		all := tokens(value)
		token := all[len(all)-1]
		if _, twice := tails[token]; twice {
			tails[token] = -1
			continue
		}
		tails[token] = i + 1
	}
	return tails
}

// checkUndone looks for a write that was refused, and counts one of which nobody knows.
func (m *modelled) checkUndone(v *Verdict, key string, op Op, tails map[string]int) {
	if op.Arg == "" || op.Name == opTransfer {
		return // its value is not known
	}
	_, there := m.places[key][op.Arg]
	if op.Name == opAppend {
		_, there = tails[op.Arg]
	}
	switch {
	case op.Outcome == Unknown:
		v.resolved(there)
	case there:
		v.fault(&v.Illegal, "%s: refused, and in the log: %v", key, op)
	}
}

// checkPlaces holds that no operation stands before one that had ended when it began.
func checkPlaces(v *Verdict, key string, all []placed) {
	byReturn := slices.Clone(all)
	slices.SortFunc(byReturn, func(x, y placed) int { return cmp.Compare(x.Return, y.Return) })
	slices.SortFunc(all, func(x, y placed) int { return cmp.Compare(x.Call, y.Call) })
	highest, by := -1, placed{}
	for _, op := range all {
		for len(byReturn) > 0 && byReturn[0].Return < op.Call {
			if byReturn[0].place > highest {
				highest, by = byReturn[0].place, byReturn[0]
			}
			byReturn = byReturn[1:]
		}
		if op.place < highest {
			v.fault(&v.Stale, "%s: version %d in the log, after version %d (%v): %v", key, op.place/2, highest/2, by.Op, op.Op)
		}
	}
}

// LogFound is what the logs on the nodes' disks told.
type LogFound struct {
	Records int           `json:"records"`
	Terms   int           `json:"terms"` // EPOCH records of all partitions, the first ones too
	Stale   int           `json:"stale"` // of deposed primaries; they change nothing
	Took    time.Duration `json:"took"`
	Found   Verdict       `json:"found"`
}

// readLogs ends every node, folds the logs that their disks have, and judges everything that clients saw by them.
func (r *runner) readLogs() LogFound {
	begin := time.Now()
	var found LogFound
	m := newModelled()
	for _, n := range r.stage.nodes {
		_ = n.Kill9() // so that the files stand still; it never fails
	}
	for p := range r.options.Partitions {
		var copies [][]logMessage
		for _, n := range r.stage.nodes {
			messages, err := readLog(n.DataDir(), p)
			if err != nil {
				found.Found.fault(&found.Found.Undecided, "partition %d: %v", p, err)
			}
			copies = append(copies, messages)
		}
		m.foldLog(&found.Found, p, r.options.Partitions, longestLog(&found.Found, p, copies))
	}
	for _, w := range append(r.workloads, r.probes) {
		m.check(&found.Found, w.all())
	}
	found.Records, found.Terms, found.Stale, found.Took = m.records, m.terms, m.stale, time.Since(begin)
	return found
}
