package coordinator

import (
	"maps"
	"slices"
	"strings"
)

// The words of scripts that set values.

// pairs calls do with each KEY=VALUE.
func (r *rig) pairs(args []string, do map[string]func(value string)) {
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		if do[key] == nil {
			r.t.Fatalf("unknown key %q, want one of %q", key, slices.Sorted(maps.Keys(do)))
		}
		do[key](value)
	}
}

func (r *rig) set(args []string) {
	s := &r.settings
	r.pairs(args, map[string]func(string){
		"silent":     func(v string) { s.SilentAfter = r.duration(v) },
		"stuck":      func(v string) { s.StuckAfter = r.duration(v) },
		"expect":     func(v string) { s.Expect = r.number(v) },
		"partitions": func(v string) { s.Partitions = r.number(v) },
		"copies":     func(v string) { s.Copies = r.number(v) },
		"fewer":      func(v string) { s.FewerCopies = v == "yes" },
		"gone":       func(v string) { s.GoneAfter = r.duration(v) },
		"balance":    func(v string) { s.Balance, s.BalanceAfter = true, r.duration(v) },
	})
}

func (r *rig) describe(n *rigNode, args []string) {
	r.pairs(args, map[string]func(string){
		"cluster": func(v string) { n.report.Cluster, n.report.Map = v, 1 },
		"leaving": func(v string) { n.report.Leaving = v == "yes" },
		"host":    func(v string) { n.report.Node.Host = v },
		"streams": func(v string) { n.report.Streams = r.number(v) },
	})
}

func (r *rig) say(n *rigNode, args []string) {
	p := r.number(args[0])
	said, ok := n.said[p]
	if !ok {
		said = r.obedient(n, p)
	}
	r.pairs(args[1:], map[string]func(string){
		"role":    func(v string) { said.Role = Role(v) },
		"why":     func(v string) { said.Why = v },
		"term":    func(v string) { said.Term = uint64(r.number(v)) },
		"epoch":   func(v string) { said.Epoch = uint64(r.number(v)) },
		"applied": func(v string) { said.Applied = uint64(r.number(v)) },
		"tail":    func(v string) { said.Tail = uint64(r.number(v)) },
		"stuck":   func(v string) { said.Stuck = r.duration(v) },
		"stream":  func(v string) { said.StreamLeader = v == "yes" },
		"behind":  func(v string) { said.LogBehind = v == "yes" },
	})
	n.said[p] = said
}

func (r *rig) wish(args []string) Wish {
	w := Wish{Verb: args[0]}
	r.pairs(args[1:], map[string]func(string){
		"partition":  func(v string) { w.Partition = r.number(v) },
		"to":         func(v string) { w.To = NodeID(v) },
		"node":       func(v string) { w.Node = NodeID(v) },
		"all":        func(v string) { w.All = v == "yes" },
		"cancel":     func(v string) { w.Cancel = v == "yes" },
		"nodes":      func(v string) { w.Nodes = r.number(v) },
		"copies":     func(v string) { w.Copies = r.number(v) },
		"partitions": func(v string) { w.Partitions = r.number(v) },
		"cluster":    func(v string) { w.Cluster = v },
	})
	return w
}
