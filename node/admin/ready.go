package admin

import (
	"fmt"
	"strings"
)

// Standing is what decides whether a node is ready.
type Standing struct {
	Serving bool        // clients are accepted: everything is recovered
	Leaving bool        // it is told to stop
	Cluster *Membership // nil: a lone node
	Copies  []Copy      // those that the cluster map gives to the node
}

// Membership is a node's part in a cluster.
type Membership struct {
	Created      bool // there is a cluster
	Member       bool // that the node is in; Removed: it was
	Removed      bool
	Nodes, Heard int // of the cluster, and those of them that are heard, the node itself included
}

// Copy is one partition that the cluster map gives to the node.
type Copy struct {
	Partition int
	Role      string // as Partition's
	Named     bool   // the map wants the node to lead it
	Seeding   bool   // a source is filling it
	Why       string // it does not go on; may be empty
}

// Unready says why a node does not serve, a line for each reason, in the words with which Redis refuses commands: LOADING and CLUSTERDOWN.
// It is empty when the node serves what the cluster wants it to: as primary, as replica, or with a copy that another node is filling.
func Unready(s *Standing) (reasons []string) {
	if !s.Serving {
		reasons = append(reasons, "LOADING the node is loading its data and accepts no clients yet")
	}
	if s.Leaving {
		reasons = append(reasons, "LOADING the node is stopping, and hands over what it leads")
	}
	if s.Cluster != nil {
		reasons = append(reasons, s.Cluster.unready()...)
	}
	for i := range s.Copies {
		if why := s.Copies[i].unready(); why != "" {
			reasons = append(reasons, why)
		}
	}
	return reasons
}

func (m *Membership) unready() []string {
	switch {
	case !m.Created:
		return []string{"CLUSTERDOWN the cluster is not created yet, or the node has not heard of it"}
	case m.Removed:
		return []string{"CLUSTERDOWN the node was removed from the cluster"}
	case !m.Member:
		return []string{"CLUSTERDOWN the node is not in the cluster yet"}
	case 2*m.Heard <= m.Nodes:
		return []string{fmt.Sprintf("CLUSTERDOWN the node hears %d of the cluster's %d nodes, itself included: no majority", m.Heard, m.Nodes)}
	}
	return nil
}

func (c *Copy) unready() string {
	switch {
	case c.Role == "stopped":
		return c.because("CLUSTERDOWN partition %d has stopped here")
	case c.Seeding:
		return ""
	case c.Role == "seeding":
		return c.because("LOADING partition %d is not open here yet")
	case c.Named && c.Role != "primary":
		return c.because("LOADING partition %d is to be led here, and is not yet")
	}
	return ""
}

// because adds why the copy does not go on.
func (c *Copy) because(format string) string {
	text := fmt.Sprintf(format, c.Partition)
	if c.Why != "" {
		text += ": " + strings.Join(strings.Fields(c.Why), " ")
	}
	return text
}
