package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// nodes are those that a feed reads from. It asks them who they are, again and again since all of them may be replaced while a feed runs, and for each
// partition goes where it is sent, or to the next one when there is no answer. Its methods are safe from any goroutine; a partition is asked for by one
// at a time.
type nodes struct {
	access access
	named  string           // the one that was given
	now    func() time.Time // the clock

	mu      sync.Mutex
	addrs   []string // of the cluster as a node has told it, those that are well first
	learned time.Time
	conns   map[int]*asker
	at      map[int]string // where a partition is asked for, when that is not the first of addrs
}

// How long it waits before it asks again, and how much a node may answer; how often it asks who the others are.
const (
	askAgain     = 100 * time.Millisecond
	mostToAnswer = 1 << 30
	learnEvery   = 5 * time.Second
)

func newNodes(addr string, a access) *nodes {
	return &nodes{access: a, named: addr, now: time.Now, addrs: []string{addr}, conns: make(map[int]*asker), at: make(map[int]string)}
}

func (n *nodes) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		c.close()
	}
	clear(n.conns)
}

// anyPartition stands for what every node answers.
const anyPartition = -1

// partitions asks how many there are.
func (n *nodes) partitions(ctx context.Context, patience time.Duration) (int, error) {
	a, err := n.ask(ctx, anyPartition, patience, []string{"CHANGES", "POSITIONS"}, true)
	if err == nil && len(a.list) == 0 {
		err = errors.New("the node knows no partition")
	}
	return len(a.list), err
}

// ask asks for a partition until there is an answer, for as long as patience says, 0: for ever. Only an again question may be put to another node
// than the one before. What a node refuses for good is an error.
func (n *nodes) ask(ctx context.Context, partition int, patience time.Duration, words []string, again bool) (answer, error) {
	for began := time.Now(); ; {
		a, err := n.once(ctx, partition, words)
		if err == nil || ctx.Err() != nil {
			return a, errors.Join(err, context.Cause(ctx))
		}
		moved, passes := verdictOn(err)
		if !again && moved == "" || !passes || patience > 0 && time.Since(began) > patience {
			return a, explain(err)
		}
		n.turn(partition, moved)
		if moved == "" {
			pauseFor(ctx, askAgain)
		}
	}
}

// explain makes what a node refuses something that a person can go on with.
func explain(err error) error {
	_, tokens, trimmed := strings.Cut(err.Error(), "TRIMMED ")
	if !trimmed {
		return err
	}
	first, _, _ := strings.Cut(tokens, " ")
	return fmt.Errorf("the log no longer has what follows: begin again with --with-snapshot, or go on with --from begin and a gap (the log of this partition begins at %s)", first)
}

// verdictOn tells where an error sends the question to, and whether the question may be put again at all: not when the node has
// refused it for good.
func verdictOn(err error) (moved string, passes bool) {
	if !errors.Is(err, errReply) {
		return "", true // no connection
	}
	text := err.Error()
	_, text, _ = strings.Cut(text, errReply.Error()+": ")
	words := strings.Fields(text)
	if len(words) == 3 && words[0] == "MOVED" {
		return dialable(words[2]), true
	}
	return "", len(words) > 0 && slices.Contains([]string{"TRYAGAIN", "CLUSTERDOWN", "LOADING"}, words[0])
}

func pauseFor(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// once puts a question to the node that the partition is asked for at now.
func (n *nodes) once(ctx context.Context, partition int, words []string) (answer, error) {
	c, err := n.conn(partition)
	if err != nil {
		return answer{}, err
	}
	stop := context.AfterFunc(ctx, c.close) // so that a signal need not wait for an answer
	defer stop()
	a, err := c.ask(words...)
	switch {
	case err == nil && n.dueToLearn():
		n.learn(c)
	case err != nil && !errors.Is(err, errReply):
		n.drop(partition)
	}
	return a, err
}

// where is the node that a partition is asked for at.
func (n *nodes) where(partition int) string {
	if addr, sent := n.at[partition]; sent {
		return addr
	}
	return n.addrs[0]
}

// conn returns the connection for a partition.
func (n *nodes) conn(partition int) (*asker, error) {
	n.mu.Lock()
	c, addr := n.conns[partition], n.where(partition)
	n.mu.Unlock()
	if c != nil {
		return c, nil
	}
	c, err := connect(addr, n.access)
	if err != nil {
		return nil, err
	}
	c.most = mostToAnswer
	n.learn(c)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns[partition] = c
	return c, nil
}

// dueToLearn tells, to one of those who ask, that it is time to ask who the nodes are.
func (n *nodes) dueToLearn() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.now().Sub(n.learned) < learnEvery {
		return false
	}
	n.learned = n.now()
	return true
}

// learn asks a node who the others are. A lone node has none.
func (n *nodes) learn(c *asker) {
	a, err := c.ask("CLUSTER", "NODES")
	if err != nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.learned = n.now()
	n.addrs = merge(n.addrs, n.named, readNodes(a.text))
}

// merge returns which nodes to ask, of those that are known and those that one has told: the latter alone, and the one that was named, for what has left the
// cluster may be another's now. But a node that tells of nobody else may itself have left it.
func merge(known []string, named string, told []nodeView) (addrs []string) {
	add := func(addr string) {
		if addr != "" && !slices.Contains(addrs, addr) {
			addrs = append(addrs, addr)
		}
	}
	for _, well := range []bool{true, false} {
		for i := range told {
			if (told[i].State == "ok") == well {
				add(told[i].Address)
			}
		}
	}
	if len(addrs) < 2 {
		for _, addr := range known {
			add(addr)
		}
	}
	add(named)
	return addrs
}

func (n *nodes) drop(partition int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.conns[partition]; c != nil {
		c.close()
		delete(n.conns, partition)
	}
}

// turn has a partition asked for at another node: where an answer sends it, or the next that is known.
func (n *nodes) turn(partition int, moved string) {
	n.drop(partition)
	n.mu.Lock()
	defer n.mu.Unlock()
	if moved == "" {
		moved = n.addrs[(slices.Index(n.addrs, n.where(partition))+1)%len(n.addrs)]
	}
	n.at[partition] = moved
}
