package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"time"

	"shiplog/e2e"
)

// costOf is what loads under one kind of follower have cost.
type costOf struct{ rates, server, follower []float64 } // writes a second; microseconds of processor time a write

// followedLoad is a load whose server's cost is measured while somebody follows.
type followedLoad struct {
	server, followed string                                       // addresses: of who writes, and of who is followed
	apply            func() (rate float64, writes int, err error) // puts the server under the load
}

// followerCost loads a server without a follower and with one in each form, in turn. On a machine whose processors are all busy whatever else
// runs takes writes away, the follower's own process with it: so the server's processor time is taken as well.
func (b *bench) followerCost(durability string, pipeline int) func() ([]fact, error) {
	c := comparison{test: "set", clients: 50, pipeline: pipeline, keys: 100_000, requests: 60_000}
	if pipeline > 1 {
		c.requests = 1_000_000
	}
	return func() (facts []fact, err error) {
		programs := []e2e.Program{b.shiplog}
		if b.beside != "" {
			programs = append(programs, e2e.Program{b.beside, "serve"})
		}
		var loads []followedLoad
		for _, program := range programs {
			if b.serveOn != "" {
				program = append(e2e.Program{"taskset", "-c", b.serveOn}, program...)
			}
			n, err := b.start(program, "--appendfsync", durability)
			if err != nil {
				return nil, err
			}
			defer n.Kill()
			loads = append(loads, followedLoad{n.Addr(), n.Addr(), func() (float64, int, error) {
				rate, err := load(n, c)
				return rate, c.requests, err
			}})
		}
		costs, err := b.costs(loads)
		for i := range costs {
			name := "P" + strconv.Itoa(pipeline) + " " + durability
			if i > 0 {
				name += " (beside)"
			}
			facts = append(facts, costFacts(name, costs[i])...)
		}
		return facts, err
	}
}

// replicaCost is followerCost for three nodes with one partition, of which a replica is followed. They share the machine's processors: what a follower costs its
// own node is taken from the primary too.
func (b *bench) replicaCost() (facts []fact, err error) {
	b.partitions = 1
	ctx := context.Background()
	s, err := b.startShiplog(ctx)
	if s != nil {
		defer s.close()
	}
	if err != nil {
		return nil, err
	}
	o, err := readOwnership(s.addrs[0])
	if err != nil {
		return nil, err
	}
	l := followedLoad{server: o.primaries()[0], followed: s.addrs[0]}
	if l.followed == l.server {
		l.followed = s.addrs[1]
	}
	for _, pipeline := range []int{1, 16} {
		p := pressure{pipeline: pipeline, clients: 50, keys: 100_000, lasts: 2 * time.Second}
		l.apply = func() (float64, int, error) {
			t, err := p.apply(ctx, o)
			return t.perSecond(), t.commands, err
		}
		costs, err := b.costs([]followedLoad{l})
		if err != nil {
			return facts, err
		}
		facts = append(facts, costFacts(fmt.Sprintf("P%d, 3 nodes, on a replica", pipeline), costs[0])...)
	}
	return facts, nil
}

// costs applies loads in turn, under each kind of follower.
func (b *bench) costs(loads []followedLoad) ([]map[string]*costOf, error) {
	all := make([]map[string]*costOf, len(loads))
	for i := range all {
		all[i] = map[string]*costOf{"": {}, "binary": {}, "json": {}}
	}
	forms := []string{"", "binary", "json"}
	for round := range b.rounds + 1 {
		forms = append(forms[1:], forms[0]) // none is always the first
		for _, form := range forms {
			for i := range loads {
				if err := loads[i].measure(form, all[i][form]); err != nil {
					return nil, err
				}
				if round == 0 { // to warm up
					*all[i][form] = costOf{}
				}
			}
		}
	}
	return all, nil
}

// costFacts says what followers take away.
func costFacts(name string, costs map[string]*costOf) []fact {
	none := costs[""]
	alone, alongside := spreadOf(none.rates).Median, spreadOf(none.server).Median
	facts := []fact{
		newFact("writes per second, "+name+", without a follower", "", alone, 0, 0),
		newFact("processor time of the server for a write, "+name, "us", alongside, 0, 0),
	}
	for _, form := range []string{"binary", "json"} {
		c := costs[form]
		losses := spreadOf(lossesOf(c.rates, none.rates))
		facts = append(facts,
			newFact("what a follower in "+form+" takes away, "+name, "%", losses.Median, followLoss, 0),
			newFact("  in the round in which it took least, "+form+", "+name, "%", losses.Min, 0, 0),
			newFact("  in the round in which it took most, "+form+", "+name, "%", losses.Max, 0, 0),
			newFact("what the server needs more for a write, "+form+", "+name, "us", spreadOf(c.server).Median-alongside, 0, 0),
			newFact("what the server needs more for a write, "+form+", "+name, "%", -spreadOf(lossesOf(c.server, none.server)).Median, 0, 0),
			newFact("what the follower itself needs for a write, "+form+", "+name, "us", spreadOf(c.follower).Median, 0, 0))
	}
	return facts
}

// lossesOf is how many percent less figures with a follower are than those without one, round by round.
func lossesOf(followed, alone []float64) (losses []float64) {
	for i := range followed {
		losses = append(losses, 100*(1-followed[i]/alone[i]))
	}
	return losses
}

// measure applies the load while one follower reads in a form, or none, and adds what it cost.
func (l *followedLoad) measure(form string, cost *costOf) error {
	asking, err := e2e.Dial(l.server)
	if err != nil {
		return err
	}
	defer asking.Close()
	if form != "" {
		f, err := drain(l.followed, form)
		if err != nil {
			return err
		}
		defer f.close()
	}
	before, err := processorTime(asking)
	if err != nil {
		return err
	}
	own := ownTime()
	rate, writes, err := l.apply()
	if err != nil {
		return err
	}
	own = ownTime() - own
	after, err := processorTime(asking)
	if err == nil && writes == 0 {
		err = errors.New("nothing was written")
	}
	if err != nil {
		return err
	}
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(writes) }
	cost.rates, cost.server, cost.follower = append(cost.rates, rate), append(cost.server, each(after-before)), append(cost.follower, each(own))
	return nil
}

// ownTime is the processor time of this process. While a server is loaded by another it does nothing but to follow.
func ownTime() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
