package nemesis

import (
	"math"
	"strconv"
	"time"

	"github.com/anishathalye/porcupine"
)

// The operations on registers. All values are integers; those that are set are never set twice.
const (
	opSet    = "SET"
	opGet    = "GET"
	opSetNX  = "SETNX"
	opGetSet = "GETSET"
	opIncr   = "INCR"
)

// cell is what a register holds.
type cell struct {
	set   bool
	value int64
}

// registerInput is an operation as the model takes it, and registerOutput its reply.
type registerInput struct {
	name string
	arg  int64
}

type registerOutput struct {
	known bool // what it did is known
	sense bool // the reply has the form that it must have
	cell
}

// CheckRegisters looks for an order of all operations on each key that explains every reply and keeps real time. An
// Unknown operation may take effect at any time after its call, up to infinity. A key whose order is not
// found within limit is undecided.
func CheckRegisters(ops []Op, limit time.Duration) Verdict {
	var v Verdict
	keys, histories := byKey(ops)
	for _, key := range keys {
		history := registerHistory(histories[key])
		v.Checked += len(history)
		switch porcupine.CheckOperationsTimeout(registerModel(), history, limit) {
		case porcupine.Ok:
		case porcupine.Unknown:
			v.fault(&v.Undecided, "%s: no verdict on %d operations within %v", key, len(history), limit)
		case porcupine.Illegal:
			v.fault(&v.Illegal, "%s: no order explains its %d operations", key, len(history))
			explainRegister(&v, histories[key])
		}
	}
	return v
}

// registerHistory drops what was not done and the reads that saw nothing, and lets what is unknown return never.
func registerHistory(ops []Op) []porcupine.Operation {
	var history []porcupine.Operation
	for _, op := range ops {
		if op.Outcome == Failed || (op.Outcome == Unknown && op.Name == opGet) {
			continue
		}
		arg, _ := strconv.ParseInt(op.Arg, 10, 64) // GET and INCR have none: 0
		o := porcupine.Operation{
			ClientId: op.Client, Call: int64(op.Call), Return: int64(op.Return),
			Input: registerInput{op.Name, arg}, Output: registerReply(op),
		}
		if op.Outcome == Unknown {
			o.Return = math.MaxInt64
		}
		history = append(history, o)
	}
	return history
}

// registerReply parses a reply. SET's OK counts as a set cell, and so does SETNX's 1.
func registerReply(op Op) registerOutput {
	if op.Outcome != OK {
		return registerOutput{}
	}
	switch op.Name {
	case opSet:
		return registerOutput{known: true, sense: op.Reply.String() == `+"OK"`, cell: cell{set: true}}
	case opSetNX:
		n, err := op.Reply.Int()
		return registerOutput{known: true, sense: err == nil && (n == 0 || n == 1), cell: cell{set: n == 1}}
	}
	if op.Reply.IsNull() {
		return registerOutput{known: true, sense: op.Name != opIncr}
	}
	n, err := op.Reply.Int()
	return registerOutput{known: true, sense: err == nil, cell: cell{set: true, value: n}}
}

func registerModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return cell{} },
		Step: func(state, input, output any) (bool, any) {
			return stepRegister(state.(cell), input.(registerInput), output.(registerOutput))
		},
		Hash: func(state any) uint64 { return uint64(state.(cell).value) },
	}
}

// stepRegister tells whether an operation on a register that holds now may reply so, and what it holds then.
func stepRegister(now cell, in registerInput, out registerOutput) (bool, cell) {
	if out.known && !out.sense {
		return false, now
	}
	switch in.name {
	case opGet:
		return out.cell == now, now
	case opSet:
		return true, cell{true, in.arg}
	case opGetSet:
		return !out.known || out.cell == now, cell{true, in.arg}
	case opSetNX:
		if now.set {
			return !out.known || !out.set, now
		}
		return !out.known || out.set, cell{true, in.arg}
	case opIncr:
		next := cell{true, now.value + 1}
		return !out.known || out.cell == next, next
	}
	return false, now
}

// explainRegister looks for plain signs in an illegal history: a read of a value that an acknowledged SET had
// replaced before the read began. In the last read of a key that means that the SET was lost.
func explainRegister(v *Verdict, ops []Op) {
	setBy := make(map[int64]Op)
	for _, op := range ops {
		if arg, err := strconv.ParseInt(op.Arg, 10, 64); err == nil {
			setBy[arg] = op
		}
	}
	for i, read := range ops {
		if read.Name != opGet || read.Outcome != OK {
			continue
		}
		newer, found := replacedBefore(ops, read, setBy)
		switch {
		case !found:
		case i == len(ops)-1:
			v.fault(&v.Lost, "lost: %v, yet later %v", newer, read)
		default:
			v.fault(&v.Stale, "stale: %v, yet later %v", newer, read)
		}
	}
}

// replacedBefore finds an acknowledged SET that began after the one whose value was read had returned, and
// returned before the read began.
func replacedBefore(ops []Op, read Op, setBy map[int64]Op) (newer Op, found bool) {
	since := time.Duration(-1) // when the value that was read had certainly been written
	if !read.Reply.IsNull() {
		n, _ := read.Reply.Int() // a reply without sense has no writer either
		writer, known := setBy[n-n%valueStep]
		if !known || writer.Outcome != OK {
			return Op{}, false // it may have been written at any time
		}
		since = writer.Return
	}
	for _, op := range ops {
		if op.Name == opSet && op.Outcome == OK && op.Call > since && op.Return < read.Call {
			return op, true
		}
	}
	return Op{}, false
}
