package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"shiplog/partitions/coordinator"
)

// ErrReset ends a Run because a client had the node start over. What it was in the cluster, and its data directory but for what says
// whose it is, are void: after Close, Open makes a new node of it. Until somebody meets it, it should be a node that
// knows nobody: Config.Unjoined.
var ErrReset = errors.New("a client asked for a reset")

// Unjoined returns c without whom to join and how many nodes to make a cluster of.
func (c *Config) Unjoined() *Config {
	alone := *c
	alone.Cluster.Join, alone.Cluster.Expect = nil, 0
	return &alone
}

// resetWithin is how long a node that is told to start over waits to hear that it was removed: whoever removed it may have asked another node.
const resetWithin = 5 * time.Second

// Reset makes this node one that belongs to no cluster, if it was removed from its cluster or is in none. It blocks until that is certain to
// happen, also after a crash.
func (m *members) Reset(ctx context.Context) error {
	deadline := time.NewTimer(resetWithin)
	defer deadline.Stop()
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	for !mayReset(m.agent.Map(), m.self.ID, m.blank.Load()) {
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return errors.New("ERR CLUSTER RESET can't be called with nodes of a cluster: drain this one (shiplog cluster drain) and send CLUSTER FORGET to another first")
		}
	}
	if err := m.node.dir.markReset(); err != nil {
		return fmt.Errorf("ERR CLUSTER RESET: %w", err)
	}
	m.node.stop(ErrReset)
	return nil
}

// mayReset tells whether a node belongs to no cluster: it was removed from one, or it is in no map and its server, which is blank then, in no group. One
// whose server is in a group counts there, known or not: if it were gone, the loss of others could cost the majority.
func mayReset(known *coordinator.Map, self coordinator.NodeID, blank bool) bool {
	return known != nil && known.IsFormer(self) || blank && !isIn(known, self)
}

// markReset has the next process or Open that uses the directory start over. It is on the disk when it returns.
func (d *DataDir) markReset() error {
	return writeDurably(filepath.Join(d.Path, resetName), "start over")
}

// startOver empties a directory that is marked for it, but for what says whose it is, and gives it another identity. Interrupted, it is done
// again by the next.
func (d *DataDir) startOver() error {
	mark := filepath.Join(d.Path, resetName)
	if _, err := os.Stat(mark); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	for _, name := range []string{logName, stateName, copiesName, putName, mapName, formerName, idsName} {
		if err := os.RemoveAll(filepath.Join(d.Path, name)); err != nil {
			return err
		}
	}
	if _, err := createNodeID(d.Path); err != nil {
		return err
	}
	if err := writeDurably(filepath.Join(d.Path, asideName), "in no cluster until it is told whom to meet"); err != nil {
		return err
	}
	if err := os.Remove(mark); err != nil {
		return err
	}
	return syncDir(d.Path)
}

// aside tells whether a node that has started over is to stay alone: the servers of the cluster that it was in call its address for
// ever, and would take it in again within a second. So its server has a secret of its own until it is told whom to meet, by CLUSTER MEET,
// join or expect.
func (n *Node) aside() (bool, error) {
	_, err := os.Stat(filepath.Join(n.dir.Path, asideName))
	if err != nil {
		return false, unlessAbsent(err)
	}
	if c := &n.cfg.Cluster; len(c.Join) > 0 || c.Expect > 0 {
		return false, n.dir.comeBack()
	}
	return true, nil
}

// unlessAbsent is err, but nil if it says that a file is not there.
func unlessAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// comeBack ends being aside, also after a crash.
func (d *DataDir) comeBack() error {
	if err := os.Remove(filepath.Join(d.Path, asideName)); err != nil {
		return unlessAbsent(err)
	}
	return syncDir(d.Path)
}
