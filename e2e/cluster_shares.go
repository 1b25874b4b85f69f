package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
)

// copyJSON is a copy of a partition as "shiplog cluster partitions --json" shows it.
type copyJSON struct {
	Address string `json:"address"`
	Applied int64  `json:"applied"`
	Health  string `json:"health"`
	Moves   string `json:"moves"`
	Seeding string `json:"seeding"`
}

// partitionJSON is a partition there.
type partitionJSON struct {
	Number   int        `json:"number"`
	Slots    string     `json:"slots"` // the first and the last
	Epoch    int64      `json:"epoch"`
	Primary  copyJSON   `json:"primary"`
	Replicas []copyJSON `json:"replicas"`
}

// partitions asks a node for all partitions.
func (c *LocalCluster) partitions(m *LocalMember) (all []partitionJSON, err error) {
	out, err := Printed(exec.Command(c.binary, "cluster", "partitions", "--json", m.Addr))
	if err == nil {
		err = json.Unmarshal(out, &all)
	}
	return all, err
}

// Shares is how many copies each node has, and how many it leads; an error while any copy moves or is not well.
func (c *LocalCluster) Shares(ask *LocalMember) (copies, led map[string]int, err error) {
	all, err := c.partitions(ask)
	if err != nil {
		return nil, nil, err
	}
	copies, led = make(map[string]int), make(map[string]int)
	for _, p := range all {
		led[p.Primary.Address]++
		for _, at := range append(slices.Clone(p.Replicas), p.Primary) {
			copies[at.Address]++
			if at.Moves != "" || at.Health != "online" {
				return nil, nil, fmt.Errorf("partition %d: the copy of %s is %s %s", p.Number, at.Address, at.Moves, at.Health)
			}
		}
		if len(p.Replicas) != c.Copies-1 {
			return nil, nil, fmt.Errorf("partition %d has %d replicas", p.Number, len(p.Replicas))
		}
	}
	return copies, led, nil
}
