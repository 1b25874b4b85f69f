package coordinator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// rig is the small cluster of a script: nodes that report five times a second, one or two coordinators, the stored map.
// Its commands are:
//
//	set KEY=VALUE ...        settings: silent stuck expect partitions copies fewer balance
//	coordinator NAME ...     new coordinators, which learn the stored map
//	unlearned NAME ...       new coordinators, which do not
//	up NODE ...              nodes begin to report; they follow the stored map, unless told else by "say"
//	down NODE ...            nodes are silent
//	node NODE KEY=VALUE ...  what it reports of itself: cluster leaving host map
//	say NODE P KEY=VALUE ... what it reports of partition P from now on: role term epoch applied tail stuck stream why
//	load P N ...             the primary of partition P runs N commands a second, of 100 bytes, and so on
//	follow NODE ...          nodes follow the stored map again
//	run TIME                 time goes by
//	sleep TIME               time goes by, but the coordinators sleep
//	ask VERB KEY=VALUE ...   partition to node all nodes copies partitions cluster
//	hold / release           the answers to Stores are held back / are given
//	foreign P NODE           another hand names NODE for P just now; coordinators learn of it later
//	learn                    coordinators learn the stored map
//	learn first              coordinators learn the first map once more
//	streams stay / move      Relocates are in vain / are not
//	map / state              print
type rig struct {
	t        *testing.T
	settings Settings
	now      time.Duration
	nodes    map[string]*rigNode
	names    []string // of the coordinators, in the order of their creation
	states   map[string]State
	stored   *Map
	first    *Map
	held     bool
	waiting  []func()
	asked    uint64
	loads    map[int]float64 // commands a second, by partition
	out      strings.Builder

	streams     map[int][]NodeID // where they lie
	heldStreams bool             // and stay
	streamWaits string           // for what; empty: nothing is under way
}

type rigNode struct {
	report Report
	up     bool
	said   map[int]PartitionReport
}

func newRig(t *testing.T) *rig {
	return &rig{t: t, nodes: map[string]*rigNode{}, states: map[string]State{}, loads: map[int]float64{}, settings: Settings{
		SilentAfter: time.Second, StuckAfter: 5 * time.Second, Cluster: "c1", Partitions: 3, Copies: 3, BalanceAfter: 10 * time.Second,
	}}
}

func playScript(t *testing.T, script string) []byte {
	r := newRig(t)
	for line := range strings.Lines(script) {
		line = strings.TrimRight(line, "\n")
		command, isCommand := strings.CutPrefix(line, "> ")
		if isCommand || strings.HasPrefix(line, "#") || line == "" {
			r.out.WriteString(line + "\n")
		}
		if isCommand {
			words := strings.Fields(command)
			r.do(words[0], words[1:])
		}
	}
	return []byte(r.out.String())
}

func (r *rig) do(command string, args []string) {
	switch command {
	case "set":
		r.set(args)
	case "coordinator":
		for _, name := range args {
			r.names = append(r.names, name)
			r.states[name] = New(r.settings, NodeID(name))
			r.feed(name, Learned{Now: r.now, Map: r.stored})
		}
	case "unlearned":
		for _, name := range args {
			r.names = append(r.names, name)
			r.states[name] = New(r.settings, NodeID(name))
		}
	case "up", "down", "follow":
		for _, name := range args {
			n := r.node(name)
			n.up = command != "down"
			clear(n.said)
		}
	case "node":
		r.describe(r.node(args[0]), args[1:])
	case "say":
		r.say(r.node(args[0]), args[1:])
	case "load":
		for i := 0; i+1 < len(args); i += 2 {
			r.loads[r.number(args[i])] = float64(r.number(args[i+1]))
		}
	case "run":
		r.run(args[0], true)
	case "sleep":
		r.run(args[0], false)
	case "ask":
		r.asked++
		r.feedAll(Asked{Now: r.now, ID: r.asked, Wish: r.wish(args)})
	default:
		r.doStored(command, args)
	}
}

func (r *rig) doStored(command string, args []string) {
	switch command {
	case "hold":
		r.held = true
	case "release":
		r.held = false
		waiting := r.waiting
		r.waiting = nil
		for _, answer := range waiting {
			answer()
		}
	case "foreign":
		m := r.stored.clone()
		m.Version++
		part := &m.Partitions[r.number(args[0])]
		part.Primary, part.Term = NodeID(args[1]), part.Term+1
		r.stored = m
	case "learn":
		m := r.stored
		if len(args) > 0 {
			m = r.first
		}
		r.feedAll(Learned{Now: r.now, Map: m})
	case "streams":
		r.heldStreams, r.streamWaits = args[0] != "move", strings.Join(args[1:], " ")
	case "map":
		fmt.Fprintln(&r.out, r.stored)
	case "state":
		for _, name := range r.names {
			fmt.Fprintln(&r.out, r.states[name])
		}
	default:
		r.t.Fatalf("unknown command %q", command)
	}
}

// run lets time go by: nodes report every 200 ms, a little after each other, coordinators tick every 100 ms.
func (r *rig) run(text string, awake bool) {
	for end := r.now + r.duration(text); r.now < end; {
		r.now += 10 * time.Millisecond
		if !awake {
			continue
		}
		for i, name := range sortedKeys(r.nodes) {
			n := r.nodes[name]
			if n.up && r.now%(200*time.Millisecond) == time.Duration(i+1)*10*time.Millisecond {
				r.feedAll(Heard{Now: r.now, Report: r.report(n)})
			}
		}
		if r.now%(100*time.Millisecond) == 0 {
			r.feedAll(Tick{Now: r.now})
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (r *rig) feedAll(e Event) {
	for _, name := range r.names {
		r.feed(name, e)
	}
}

func (r *rig) feed(name string, e Event) {
	state, actions := Step(r.states[name], e)
	r.states[name] = state
	for _, a := range actions {
		prefix := r.now.String() + " "
		if len(r.names) > 1 {
			prefix += name + ": "
		}
		if s, ok := a.(Store); ok {
			fmt.Fprintf(&r.out, "%sstore map %d\n", prefix, s.Map.Version)
			r.store(name, s.Map)
			continue
		}
		fmt.Fprintf(&r.out, "%s%s\n", prefix, a)
		if relocate, ok := a.(Relocate); ok {
			r.relocate(name, relocate)
		}
		r.sweep(name, a)
	}
}

// store is the compare-and-set; what it changes is printed.
func (r *rig) store(by string, m *Map) {
	version := uint64(0)
	if r.stored != nil {
		version = r.stored.Version
	}
	if m.Version == version+1 {
		was := strings.Split(fmt.Sprint(r.stored), "\n")[1:]
		for _, line := range strings.Split(m.String(), "\n")[1:] {
			if !slices.Contains(was, line) {
				fmt.Fprintf(&r.out, "    %s\n", line)
			}
		}
		r.stored = m
		if r.first == nil {
			r.first = m
		}
	} else {
		fmt.Fprintf(&r.out, "    refused: version %d is stored\n", version)
	}
	answer := func() { r.feed(by, Learned{Now: r.now, Map: r.stored}) }
	if r.held {
		r.waiting = append(r.waiting, answer)
		return
	}
	answer()
	for _, name := range r.names {
		if name != by && len(r.names) > 1 {
			r.waiting = append(r.waiting, func() { r.feed(name, Learned{Now: r.now, Map: r.stored}) })
		}
	}
}

func (r *rig) node(name string) *rigNode {
	if r.nodes[name] == nil {
		r.nodes[name] = &rigNode{said: map[int]PartitionReport{}, report: Report{
			Node: Node{ID: NodeID(name), Name: name, Server: "s-" + name, Host: "h", Port: 7000, BusPort: 17000},
		}}
	}
	return r.nodes[name]
}

// report is what a node says now: it does what the stored map asks for, but for what it was told to say.
func (r *rig) report(n *rigNode) Report {
	report := n.report
	if r.stored == nil || report.Cluster != "" && report.Cluster != r.stored.Cluster {
		return report
	}
	report.Map, report.Cluster = r.stored.Version, r.stored.Cluster
	report.Streams += r.streamsOn(report.Node.ID)
	for _, p := range r.stored.holds(report.Node.ID) {
		if said, ok := n.said[p]; ok {
			report.Partitions = append(report.Partitions, said)
			continue
		}
		report.Partitions = append(report.Partitions, r.obedient(n, p))
	}
	return report
}

func (r *rig) obedient(n *rigNode, p int) PartitionReport {
	part := &r.stored.Partitions[p]
	at := PartitionReport{Partition: p, Role: RoleReplica, Term: part.Term, Epoch: part.Term, Applied: 100}
	at.LogBehind = !slices.Contains(r.lies(p), n.report.Node.ID)
	if part.Primary == n.report.Node.ID {
		at.Role, at.Tail, at.StreamLeader = RolePrimary, 100, true
		at.Load = r.loads[p]
		at.Bytes, at.CPU = 100*at.Load, at.Load/1e5
	}
	return at
}

func (r *rig) duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

func (r *rig) number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}
