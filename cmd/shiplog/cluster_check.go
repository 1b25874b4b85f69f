package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// lateAfter is how far behind a replica may be.
const lateAfter = time.Second

// survey is how every node sees the cluster at about one time.
type survey struct {
	first  clusterView // of the node that was asked first
	views  map[string]clusterView
	silent map[string]error // nodes that do not answer
}

// check looks for what is wrong with a cluster. What may pass by itself is looked at twice.
func (o *operator) check(c clusterOptions) error {
	before, err := o.survey(c.addrs[0])
	if err != nil {
		return err
	}
	problems := before.problems()
	late := before.late(before)
	if len(problems)+len(late) > 0 {
		time.Sleep(min(lateAfter, 5*o.every))
		after, err := o.survey(c.addrs[0])
		if err != nil {
			return err
		}
		problems, late = after.problems(), after.late(before)
		before = after
	}
	problems = append(problems, late...)
	if c.json {
		if err := printJSON(o.out, map[string]any{"problems": append([]string{}, problems...)}); err != nil {
			return err
		}
	} else {
		s := before.first.summary()
		for _, problem := range problems {
			fmt.Fprintln(o.out, problem)
		}
		if len(problems) == 0 {
			fmt.Fprintf(o.out, "ok: %d nodes agree on %d partitions with %d copies each, all of them live\n", s.Nodes, s.Partitions, s.Copies)
			o.warn(s)
		}
	}
	if len(problems) > 0 {
		return fmt.Errorf("the cluster has %d problems", len(problems))
	}
	return nil
}

// survey asks the node at addr, and then every node that it names.
func (o *operator) survey(addr string) (survey, error) {
	first, err := o.view(addr)
	s := survey{first: first, views: make(map[string]clusterView), silent: make(map[string]error)}
	if err != nil {
		return s, err
	}
	for _, n := range first.Nodes {
		if v, err := o.view(n.Address); err != nil {
			s.silent[n.Address] = err
		} else {
			s.views[n.Address] = v
		}
	}
	return s, nil
}

// problems lists what is wrong, in an order that does not change.
func (s *survey) problems() []string {
	var list []string
	for _, n := range s.first.Nodes {
		if err := s.silent[n.Address]; err != nil {
			list = append(list, fmt.Sprintf("node %s does not answer: %v", n.Address, err))
		} else if n.State != "ok" {
			list = append(list, fmt.Sprintf("node %s is %s", n.Address, n.State))
		}
	}
	if !s.first.exists() {
		return append(list, "there is no cluster yet: shiplog cluster create makes one")
	}
	copies := s.first.copies()
	for _, p := range s.first.Partitions {
		list = append(list, p.problems(copies)...)
	}
	return append(list, s.disagreements()...)
}

// problems lists what is wrong with a partition that should have so many copies.
func (p *partitionView) problems(copies int) (list []string) {
	if !p.Primary.lives() {
		list = append(list, fmt.Sprintf("partition %d (slots %s) has no primary that lives", p.Number, p.Slots))
	}
	live := 0
	for i := range p.Replicas {
		if p.Replicas[i].lives() {
			live++
		}
	}
	if live < copies-1 {
		list = append(list, fmt.Sprintf("partition %d (slots %s) has %d of %d replicas", p.Number, p.Slots, live, copies-1))
	}
	return list
}

// disagreements lists the nodes that see another map than the one that was asked first.
func (s *survey) disagreements() (list []string) {
	want := s.first.signature()
	for _, n := range s.first.Nodes {
		if v, ok := s.views[n.Address]; ok && v.signature() != want {
			list = append(list, fmt.Sprintf("node %s has another map of the cluster", n.Address))
		}
	}
	return list
}

// signature is what all nodes must agree on.
func (v *clusterView) signature() string {
	var b strings.Builder
	for _, p := range v.Partitions {
		fmt.Fprintf(&b, "%d %s", p.Number, p.Slots)
		var replicas []string
		for _, r := range p.Replicas {
			replicas = append(replicas, r.ID)
		}
		slices.Sort(replicas)
		if p.Primary != nil {
			b.WriteString(" " + p.Primary.ID)
		}
		fmt.Fprintln(&b, replicas)
	}
	return b.String()
}

// late lists the living replicas that have not applied yet what their primary had at the time of before. Each is asked for what it has itself: a node that was started
// just now has not heard from the others, and would find that nobody lacks anything.
func (s *survey) late(before survey) (list []string) {
	for _, p := range s.first.Partitions {
		old, err := before.first.partition(p.Number)
		if err != nil || old.Primary == nil {
			continue
		}
		had := before.applied(p.Number, old.Primary)
		for _, r := range p.Replicas {
			if has := s.applied(p.Number, &r); r.lives() && has < had {
				list = append(list, fmt.Sprintf("partition %d: replica %s is more than %v behind: it lacks %d records", p.Number, r.Address, lateAfter, had-has))
			}
		}
	}
	return list
}

// applied is how far the node of a copy says that it has come; 0 when it says nothing of it.
func (s *survey) applied(partition int, of *copyView) int64 {
	v := s.views[of.Address]
	p, err := v.partition(partition)
	if err != nil {
		return 0
	}
	for _, c := range p.all() {
		if c.ID == of.ID {
			return c.Applied
		}
	}
	return 0
}
