package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// table prints rows of words in columns.
func table(w io.Writer, rows [][]any) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		words := make([]string, len(row))
		for i, word := range row {
			words[i] = fmt.Sprint(word)
		}
		fmt.Fprintln(t, strings.Join(words, "\t"))
	}
	return t.Flush()
}

// printJSON prints v for programs.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// info prints how the cluster is as a whole.
func (o *operator) info(c clusterOptions) error {
	v, err := o.view(c.addrs[0])
	if err != nil {
		return err
	}
	s := v.summary()
	if c.json {
		return printJSON(o.out, s)
	}
	return table(o.out, [][]any{
		{"state", s.State}, {"nodes", s.Nodes}, {"nodes that failed", s.FailedNodes},
		{"partitions", s.Partitions}, {"partitions without primary", s.Leaderless}, {"copies of each", s.Copies},
		{"automatic failover", yesOr(s.Failover, noFailover)},
	})
}

// clusterSummary is the cluster in a few numbers.
type clusterSummary struct {
	State       string `json:"state"`
	Nodes       int    `json:"nodes"`
	FailedNodes int    `json:"failedNodes"`
	Partitions  int    `json:"partitions"`
	Leaderless  int    `json:"partitionsWithoutPrimary"`
	Copies      int    `json:"copies"`
	Failover    bool   `json:"automaticFailover"` // the loss of one node is survived without a hand
}

// noFailover is what too few copies cost.
const noFailover = "no: with fewer than 3 copies, the loss of a node stops its partitions until it is back"

// yesOr words a property that should be there.
func yesOr(yes bool, no string) string {
	if yes {
		return "yes"
	}
	return no
}

func (v *clusterView) summary() clusterSummary {
	s := clusterSummary{State: v.State, Nodes: len(v.Nodes), Partitions: len(v.Partitions), Copies: v.copies()}
	s.Failover = s.Copies >= 3
	for _, n := range v.Nodes {
		if n.State == "failed" {
			s.FailedNodes++
		}
	}
	for _, p := range v.Partitions {
		if !p.Primary.lives() {
			s.Leaderless++
		}
	}
	return s
}

// copies is how many copies the partitions have, the living and the others; one that moves counts once.
func (v *clusterView) copies() int {
	most := 0
	for _, p := range v.Partitions {
		have := p.all()
		if slices.ContainsFunc(have, func(c copyView) bool { return c.Moves == "arriving" }) {
			have = have[1:]
		}
		most = max(most, len(have))
	}
	return most
}

// nodes prints every node.
func (o *operator) nodes(c clusterOptions) error {
	v, err := o.view(c.addrs[0])
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(o.out, v.Nodes)
	}
	rows := [][]any{{"NAME", "ADDRESS", "CLUSTER PORT", "STATE", "DUTY", "LEADS", "FOLLOWS", "ID"}}
	for _, n := range v.Nodes {
		rows = append(rows, []any{orDash(n.Name), n.Address, n.BusPort, n.State, orDash(n.Duty), n.Leads, n.Follows, n.ID})
	}
	return table(o.out, rows)
}

// partitions prints every partition.
func (o *operator) partitions(c clusterOptions) error {
	v, err := o.view(c.addrs[0])
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(o.out, v.Partitions)
	}
	rows := [][]any{{"PARTITION", "SLOTS", "EPOCH", "PRIMARY", "APPLIED", "COMMANDS/S", "BYTES/S", "CPU", "REPLICAS"}}
	for _, p := range v.Partitions {
		primary, applied := "none", int64(0)
		if p.Primary != nil {
			primary, applied = p.Primary.Address+unwell(p.Primary), p.Primary.Applied
		}
		var replicas []string
		for i := range p.Replicas {
			replicas = append(replicas, p.Replicas[i].standing())
		}
		rows = append(rows, []any{p.Number, p.Slots, p.Epoch, primary, applied, p.Load.Commands, p.Load.Bytes, p.Load.cpu(),
			orDash(strings.Join(replicas, ", "))})
	}
	if err := table(o.out, rows); err != nil {
		return err
	}
	if hot := v.hottest(shownHot); hot != "" {
		fmt.Fprintln(o.out, "\nthe most load:", hot)
	}
	return nil
}

// shownHot is how many of the partitions with the most load are named.
const shownHot = 3

// cpu is a part of a processor in percent.
func (l loadView) cpu() string { return fmt.Sprintf("%.1f%%", float64(l.CPUPermille)/10) }

// hottest names the partitions with the most load, at most count of them, the heaviest first.
func (v *clusterView) hottest(count int) string {
	all := slices.Clone(v.Partitions)
	slices.SortStableFunc(all, func(a, b partitionView) int {
		return cmp.Or(cmp.Compare(b.Load.CPUPermille, a.Load.CPUPermille), cmp.Compare(b.Load.Commands, a.Load.Commands))
	})
	var hot []string
	for _, p := range all[:min(count, len(all))] {
		if p.Load.Commands > 0 && p.Primary != nil {
			hot = append(hot, fmt.Sprintf("partition %d on %s", p.Number, p.Primary.Address))
		}
	}
	return strings.Join(hot, ", ")
}

// standing is a replica in a word or two.
func (c *copyView) standing() string {
	text := c.Address + unwell(c)
	if c.Moves != "" {
		text += " (" + c.Moves + ")"
	}
	if c.Seeding != "" {
		return text + " [" + c.Seeding + "]"
	}
	if c.Lag > 0 {
		text += fmt.Sprintf(" (%d behind)", c.Lag)
	}
	return text
}

// unwell says how a copy is when it is not well.
func unwell(c *copyView) string {
	switch c.Health {
	case "online":
		return ""
	case "fail":
		return " (failed)"
	default:
		return " (" + c.Health + ")"
	}
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
