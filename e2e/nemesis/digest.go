package nemesis

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Digests is how the replicas of all partitions compared at the end.
type Digests struct {
	Compared  int      `json:"compared"`  // pairs of nodes that had applied equally much of a partition
	Different int      `json:"different"` // of these, the pairs whose states differed
	Behind    int      `json:"behind"`    // partitions of which no two nodes, or not all, had applied equally much in time
	Examples  []string `json:"examples,omitempty"`
}

// digest is a node's state of one partition: its hash after so many records.
type digest struct {
	node    string
	applied uint64
	hash    string
}

// CompareReplicas asks every node for the digest of every partition (DEBUG PARTITION n) until all that hold it
// have applied equally much, or limit is over. Nodes that have applied equally much must have equal digests.
func CompareReplicas(a Access, partitions int, limit time.Duration) Digests {
	var d Digests
	deadline := time.Now().Add(limit)
	for p := range partitions {
		found := digestsOf(a, p)
		for lagging(found) != "" && time.Now().Before(deadline) {
			time.Sleep(100 * time.Millisecond)
			found = digestsOf(a, p)
		}
		if behind := lagging(found); behind != "" {
			d.Behind++
			d.Examples = append(d.Examples, fmt.Sprintf("partition %d: after %v %s", p, limit, behind))
		}
		d.compare(p, found)
	}
	return d
}

// digestsOf asks every node for one partition. Those that do not hold it answer with an error.
func digestsOf(a Access, partition int) []digest {
	var found []digest
	for _, addr := range a.Seeds {
		v, err := a.ask(addr, "DEBUG", "PARTITION", strconv.Itoa(partition))
		if err != nil {
			continue
		}
		if g, err := parseDigest(addr, v.Text); err == nil {
			found = append(found, g)
		}
	}
	return found
}

// parseDigest reads "applied SEQ digest HEX"; more words may follow.
func parseDigest(node, text string) (digest, error) {
	words := strings.Fields(text)
	applied, at := uint64(0), slices.Index(words, "applied")
	hash := slices.Index(words, "digest")
	if at < 0 || hash < 0 || at+1 >= len(words) || hash+1 >= len(words) {
		return digest{}, fmt.Errorf("digest %q of %s", text, node)
	}
	applied, err := strconv.ParseUint(words[at+1], 10, 64)
	if err != nil {
		return digest{}, fmt.Errorf("digest %q of %s: %w", text, node, err)
	}
	return digest{node, applied, words[hash+1]}, nil
}

// lagging says who has applied less than another, or that there are not two to compare; "" when all is well.
func lagging(found []digest) string {
	if len(found) < 2 {
		return fmt.Sprintf("%d nodes tell their digest", len(found))
	}
	for _, g := range found[1:] {
		if g.applied != found[0].applied {
			return fmt.Sprintf("%s has applied %d, %s %d", found[0].node, found[0].applied, g.node, g.applied)
		}
	}
	return ""
}

// compare counts the pairs that can be compared.
func (d *Digests) compare(partition int, found []digest) {
	for i, x := range found {
		for _, y := range found[i+1:] {
			if x.applied != y.applied {
				continue
			}
			d.Compared++
			if x.hash != y.hash {
				d.Different++
				d.Examples = append(d.Examples, fmt.Sprintf("partition %d at %d: %s has %s, %s has %s",
					partition, x.applied, x.node, x.hash, y.node, y.hash))
			}
		}
	}
}
