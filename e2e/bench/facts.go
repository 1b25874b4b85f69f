package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"shiplog/e2e"
)

// fact is one figure of the product alone.
type fact struct {
	Name    string  `json:"name"`
	Value   float64 `json:"value"`
	Unit    string  `json:"unit"`
	AtMost  float64 `json:"at_most,omitempty"`
	AtLeast float64 `json:"at_least,omitempty"`
	OK      bool    `json:"ok"`
}

func newFact(name, unit string, value, atMost, atLeast float64) fact {
	return fact{name, value, unit, atMost, atLeast, (atMost == 0 || value <= atMost) && (atLeast == 0 || value >= atLeast)}
}

func (f fact) asked() string {
	switch {
	case f.AtMost > 0:
		return fmt.Sprintf("<= %g", f.AtMost)
	case f.AtLeast > 0:
		return fmt.Sprintf(">= %g", f.AtLeast)
	}
	return "-"
}

// facts measures start-up times, memory, and the log against a raw publish. What could not be measured is in the error,
// beside the figures of the rest.
func (b *bench) facts() (all []fact, err error) {
	steps := []struct {
		name    string
		measure func() ([]fact, error)
	}{{"empty", b.empty}, {"million", func() ([]fact, error) { return b.loaded(1_000_000, 3) }}, {"append", b.appends}}
	if b.keys10m {
		steps = append(steps, struct {
			name    string
			measure func() ([]fact, error)
		}{"10m", func() ([]fact, error) { return b.loaded(10_000_000, 0) }})
	}
	for _, s := range steps {
		if b.only != "" && !strings.Contains(s.name, b.only) {
			continue
		}
		facts, failed := s.measure()
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", s.name, failed))
		}
		all = append(all, facts...)
	}
	return all, err
}

// empty starts on empty directories, and lets the last one idle.
func (b *bench) empty() ([]fact, error) {
	var took []float64
	var rss int64
	for round := range b.rounds {
		begin := time.Now()
		n, err := b.start(b.shiplog, "--appendfsync", "always")
		if err != nil {
			return nil, err
		}
		took = append(took, time.Since(begin).Seconds())
		if round == b.rounds-1 {
			time.Sleep(3 * time.Second)
			rss, err = n.RSS()
		}
		n.Kill()
		if err != nil {
			return nil, err
		}
	}
	return []fact{newFact("ready on an empty directory, median", "s", spreadOf(took).Median, 1, 0),
		newFact("idle memory", "MB", float64(rss)/(1<<20), 80, 0)}, nil
}

// loaded loads keys, and restarts after a stop and after a kill. A limit of 0 asks for nothing.
func (b *bench) loaded(keys int, limit float64) (facts []fact, err error) {
	n, err := b.start(b.shiplog, "--appendfsync", "everysec")
	if err != nil {
		return nil, err
	}
	defer n.Kill()
	if err := fill(n, keys); err != nil {
		return nil, err
	}
	rss, err := n.RSS()
	if err != nil {
		return nil, err
	}
	facts = append(facts, newFact(fmt.Sprintf("memory after loading %d keys", keys), "MB", float64(rss)/(1<<20), 0, 0))
	for _, how := range []string{"stop", "kill"} {
		if how == "kill" {
			n.Kill()
		} else if _, _, err := n.Stop(30 * time.Second); err != nil {
			return nil, err
		}
		begin := time.Now()
		if err := n.Start(); err != nil {
			return nil, err
		}
		name := fmt.Sprintf("ready with %d keys after a %s", keys, how)
		facts = append(facts, newFact(name, "s", time.Since(begin).Seconds(), limit, 0))
	}
	return facts, nil
}

// fill sets keys with values of 64 bytes.
func fill(n *e2e.Node, keys int) error {
	c, err := e2e.Dial(n.Addr())
	if err != nil {
		return err
	}
	defer c.Close()
	c.Timeout = time.Minute
	const group = 1000
	value := strings.Repeat("x", 64)
	for base := 0; base < keys; base += group {
		words := []string{"MSET"}
		for i := base; i < min(keys, base+group); i++ {
			words = append(words, fmt.Sprintf("key:%012d", i), value)
		}
		if v, err := c.Do(words...); err != nil || v.IsError() {
			return fmt.Errorf("MSET: %v, %w", v, err)
		}
	}
	return nil
}
