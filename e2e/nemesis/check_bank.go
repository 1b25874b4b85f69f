package nemesis

import (
	"cmp"
	"slices"

	"shiplog/e2e"
)

// The operations on a bank. The reply of each is EXEC's array; its last element is the array of all balances, and
// before it stands the number of the transfer for a transfer.
const (
	opTransfer = "TRANSFER"
	opBalances = "BALANCES"
)

// CheckBank judges transfers between accounts whose sum never changes: every transaction must see the same total,
// and the transfers' own numbers must be a counter (CheckCounter). The last operation of each bank reads the
// balances and the counter.
func CheckBank(ops []Op, total int64) Verdict {
	var v Verdict
	var numbers []Op
	for _, op := range ops {
		if op.Outcome == OK {
			checkTotal(&v, op, total)
		}
		if op, counts := asCounter(op); counts {
			numbers = append(numbers, op)
		}
	}
	counted := CheckCounter(numbers)
	counted.Checked = 0 // they are the same operations
	v.Checked = len(ops)
	v.add(counted)
	return v
}

func checkTotal(v *Verdict, op Op, total int64) {
	if op.Reply.Kind != '*' || len(op.Reply.Elems) < 2 {
		v.fault(&v.Illegal, "%s: EXEC's reply: %v", op.Key, op)
		return
	}
	sum := int64(0)
	for _, e := range op.Reply.Elems[1:] { // the first is the number
		n, err := e.Int()
		if err != nil {
			v.fault(&v.Illegal, "%s: a balance is %v: %v", op.Key, e, op)
			return
		}
		sum += n
	}
	if sum != total {
		v.fault(&v.Illegal, "%s: the balances sum up to %d, want %d: %v", op.Key, sum, total, op)
	}
}

// asCounter shows a bank's operation as one on the counter of its transfers.
func asCounter(op Op) (Op, bool) {
	op.Name = map[string]string{opTransfer: opIncr, opBalances: opGet}[op.Name]
	if op.Outcome != OK {
		return op, true
	}
	if len(op.Reply.Elems) == 0 {
		return op, false // CheckBank has counted it as illegal
	}
	op.Reply = op.Reply.Elems[0]
	return op, true
}

// CheckCounter judges INCR and GET on counters that nothing else writes: the last read of a key lies between the
// number of acknowledged increments and that plus the unknown ones, no two increments get the same number, and no
// operation sees less than what one that had returned before it began had seen.
func CheckCounter(ops []Op) Verdict {
	var v Verdict
	keys, histories := byKey(ops)
	for _, key := range keys {
		v.Checked += len(histories[key])
		checkBounds(&v, key, histories[key])
		checkRising(&v, key, histories[key])
	}
	return v
}

func checkBounds(v *Verdict, key string, ops []Op) {
	acked, unknown := int64(0), int64(0)
	by := make(map[int64]Op)
	for _, op := range ops {
		if op.Name != opIncr || op.Outcome == Failed {
			continue
		}
		if op.Outcome == Unknown {
			unknown++
			continue
		}
		acked++
		n, _ := op.Reply.Int() // checkRising tells of one that is none
		if before, twice := by[n]; twice {
			v.fault(&v.Duplicated, "%s: %d twice: %v and %v", key, n, before, op)
		}
		by[n] = op
	}
	last := ops[len(ops)-1]
	if last.Name != opGet || last.Outcome != OK {
		v.fault(&v.Undecided, "%s: there is no last read: %v", key, last)
		return
	}
	final, _ := counted(last.Reply)
	if final < acked {
		v.fault(&v.Lost, "%s: %d at the end, acknowledged %d (and %d unknown)", key, final, acked, unknown)
	}
	for i := range unknown {
		v.resolved(i < final-acked)
	}
	if final > acked+unknown {
		v.fault(&v.Duplicated, "%s: %d at the end, acknowledged %d and %d unknown", key, final, acked, unknown)
	}
}

// counted reads a counter's reply; no value is 0.
func counted(v e2e.Value) (int64, error) {
	if v.IsNull() {
		return 0, nil
	}
	return v.Int()
}

// checkRising walks through the operations by the time of their calls, and through their returns beside it.
func checkRising(v *Verdict, key string, ops []Op) {
	var known []Op
	for _, op := range ops {
		if op.Outcome != OK {
			continue
		}
		if _, err := counted(op.Reply); err != nil {
			v.fault(&v.Illegal, "%s: no number: %v", key, op)
			continue
		}
		known = append(known, op)
	}
	returns := slices.Clone(known)
	slices.SortFunc(known, func(x, y Op) int { return cmp.Compare(x.Call, y.Call) })
	slices.SortFunc(returns, func(x, y Op) int { return cmp.Compare(x.Return, y.Return) })
	highest, by := int64(0), Op{}
	for _, op := range known {
		for len(returns) > 0 && returns[0].Return < op.Call {
			if n, _ := counted(returns[0].Reply); n > highest {
				highest, by = n, returns[0]
			}
			returns = returns[1:]
		}
		n, _ := counted(op.Reply)
		if n < highest || (op.Name == opIncr && n == highest && highest > 0) {
			v.fault(&v.Stale, "%s: %v, though before it %v", key, op, by)
		}
	}
}
