package commands

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"

	"shiplog/node/reply"
)

// clusterMoveRows are the sub-commands by which slots go to another node. Slots go with their partition, which is handed over to a node that
// holds a copy of it: no key is moved.
func clusterMoveRows() []Row {
	change := FlagAdmin | FlagStale | FlagNoAsyncLoading
	return []Row{
		{Name: "cluster|setslot", Since: "3.0.0", Arity: -4, Flags: change,
			Summary:    "Bind a hash slot to a specific node",
			Syntax:     "slot:integer subcommand(IMPORTING=node-id|MIGRATING=node-id|NODE=node-id|STABLE)",
			Complexity: "O(1)",
			Session:    clustered(clusterSetSlot)},
		{Name: "cluster|replicate", Since: "3.0.0", Arity: 3, Flags: change,
			Summary:    "Reconfigure a node as a replica of the specified master node",
			Syntax:     "node-id",
			Complexity: "O(1)",
			Session:    pictured(clusterReplicate)},
		{Name: "cluster|migrateslots", Since: "9.0.0", Arity: -4, Flags: change,
			Summary:    "Hands partitions over to nodes that hold copies of them",
			Syntax:     "migration(SLOTSRANGE=ranges(start-slot:integer end-slot:integer)* NODE=node-id)*",
			Complexity: "O(N) where N is the number of slots",
			Session:    clustered(clusterMigrateSlots)},
		{Name: "cluster|getslotmigrations", Since: "9.0.0", Arity: 2, Flags: change,
			Summary:    "Returns what CLUSTER MIGRATESLOTS has begun on this node",
			Complexity: "O(N) where N is the number of migrations",
			Session:    clustered(clusterMigrations)},
		{Name: "cluster|cancelslotmigrations", Since: "9.0.0", Arity: 2, Flags: change,
			Summary:    "Has nothing to cancel: a partition is handed over at once",
			Complexity: "O(1)",
			Session:    pictured(func(*Topology, Args) reply.Reply { return reply.OK() })},
	}
}

// migration is one hand-over that was asked for with CLUSTER MIGRATESLOTS.
type migration struct {
	name           string
	slots          []string // first-last
	partitions     []int
	source, target string
	begunMS        int64
	refusal        string // why it was not done
	done           bool
}

// migrations are the newest of this node, the oldest first.
type migrations struct {
	mu   sync.Mutex
	list []*migration
}

// keptMigrations is how many are remembered.
const keptMigrations = 64

// CLUSTER SETSLOT slot IMPORTING node-id
// CLUSTER SETSLOT slot MIGRATING node-id
// CLUSTER SETSLOT slot NODE node-id
// CLUSTER SETSLOT slot STABLE
//
// A slot is stable always, and goes nowhere without the others of its partition.
func clusterSetSlot(s *Session, c Cluster, a Args) reply.Reply {
	slot, ok := parseInt(a[2])
	if !ok || slot < 0 || slot >= slotCount {
		return reply.Error("ERR Invalid or out of range slot")
	}
	t := c.Topology()
	r := t.at(int(slot))
	named := len(a) == 5 && (is(a[3], "importing") || is(a[3], "migrating") || is(a[3], "node"))
	switch {
	case r == nil || r.Primary < 0:
		return reply.Error("ERR There is no cluster yet: CLUSTER CREATE makes one")
	case len(a) == 4 && is(a[3], "stable"):
		return reply.OK()
	case !named:
		return reply.Error("ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP")
	case t.find(string(a[4])) < 0:
		return unknownNode(a[4])
	case is(a[3], "node") && t.Nodes[r.Primary].ID == string(a[4]):
		return reply.OK()
	case is(a[3], "node") && r.First == r.Last:
		return s.migrate(c, t, []*migration{{target: string(a[4]), partitions: []int{r.Partition}}})
	}
	to := string(a[4])
	if is(a[3], "importing") { // it names where the slot comes from
		to = t.MyID
	}
	return reply.Errorf("ERR Slot %d goes with its partition, slots %d-%d: CLUSTER MIGRATESLOTS SLOTSRANGE %d %d NODE %s hands it over", slot,
		r.First, r.Last, r.First, r.Last, to)
}

// CLUSTER REPLICATE node-id
//
// A node is a replica of another when it holds a copy of all that the other leads. Where copies are is the coordinator's business.
func clusterReplicate(t *Topology, a Args) reply.Reply {
	master, self := t.find(string(a[2])), t.self()
	switch {
	case master < 0:
		return unknownNode(a[2])
	case master == self:
		return reply.Error("ERR Can't replicate myself")
	case len(t.led(master)) == 0:
		return reply.Error("ERR You can only replicate a master, not a replica.")
	case len(t.led(self)) > 0:
		return reply.Error("ERR To set a master the node must be empty and without assigned slots.")
	}
	for i := range t.Ranges {
		if r := &t.Ranges[i]; r.Primary == master && !slices.Contains(r.Replicas, self) {
			return reply.Errorf("ERR This node holds no copy of slots %d-%d: copies are placed by the coordinator: CLUSTER REBALANCE spreads them, CLUSTER DRAIN empties a node", r.First, r.Last)
		}
	}
	return reply.OK()
}

// CLUSTER MIGRATESLOTS SLOTSRANGE start-slot end-slot [start-slot end-slot ...] NODE node-id [SLOTSRANGE ... NODE node-id ...]
func clusterMigrateSlots(s *Session, c Cluster, a Args) reply.Reply {
	t := c.Topology()
	var jobs []*migration
	for words := a[2:]; len(words) > 0; {
		job, rest, refusal := t.readMigration(words)
		if refusal != nil {
			return *refusal
		}
		jobs, words = append(jobs, job), rest
	}
	return s.migrate(c, t, jobs)
}

// readMigration reads one SLOTSRANGE ... NODE, and returns the words behind it. The slots must be those of whole partitions.
func (t *Topology) readMigration(words Args) (job *migration, rest Args, refusal *reply.Reply) {
	if !is(words[0], "slotsrange") {
		return nil, nil, refuse(reply.Syntax())
	}
	words = words[1:]
	var covered [slotCount]bool
	for len(words) >= 2 && !is(words[0], "node") {
		first, ok1 := parseInt(words[0])
		last, ok2 := parseInt(words[1])
		switch {
		case !ok1 || !ok2 || first < 0 || last < 0 || first >= slotCount || last >= slotCount:
			return nil, nil, refuse(reply.Error("ERR Invalid or out of range slot"))
		case first > last:
			return nil, nil, refuse(reply.Errorf("ERR start slot number %d is greater than end slot number %d", first, last))
		}
		for slot := first; slot <= last; slot++ {
			covered[slot] = true
		}
		words = words[2:]
	}
	if len(words) < 2 || !is(words[0], "node") {
		return nil, nil, refuse(reply.Syntax())
	}
	if t.find(string(words[1])) < 0 {
		return nil, nil, refuse(unknownNode(words[1]))
	}
	job = &migration{target: string(words[1])}
	for i := range t.Ranges {
		r := &t.Ranges[i]
		within := covered[r.First : r.Last+1]
		switch {
		case !slices.Contains(within, true):
		case slices.Contains(within, false):
			return nil, nil, refuse(reply.Errorf("ERR Slots go with their partition: ask for all of %d-%d", r.First, r.Last))
		default:
			job.partitions = append(job.partitions, r.Partition)
		}
	}
	if len(job.partitions) == 0 {
		return nil, nil, refuse(reply.Syntax())
	}
	return job, words[2:], nil
}

// migrate hands partitions over as jobs say, or refuses all of them.
func (s *Session) migrate(c Cluster, t *Topology, jobs []*migration) reply.Reply {
	now := time.Now().UnixMilli()
	for _, job := range jobs {
		target := t.find(job.target)
		for _, p := range job.partitions {
			r := t.partition(p)
			switch {
			case r.Primary == target:
				return reply.Errorf("ERR Node %s leads slots %d-%d already", job.target, r.First, r.Last)
			case !slices.Contains(r.Replicas, target):
				return reply.Errorf("ERR Node %s holds no copy of slots %d-%d: copies are placed by the coordinator: CLUSTER REBALANCE spreads them, CLUSTER DRAIN empties a node", job.target, r.First, r.Last)
			}
			job.slots = append(job.slots, spanOf([2]int{r.First, r.Last}))
			job.source = cmp.Or(job.source, t.Nodes[r.Primary].ID)
		}
		var name [20]byte
		_, _ = rand.Read(name[:]) // it never fails
		job.name, job.begunMS = hex.EncodeToString(name[:]), now
	}
	s.srv.moves.add(jobs)
	return s.changing(func(ctx context.Context) error { return s.srv.moves.run(ctx, c, jobs) })
}

func (m *migrations) add(jobs []*migration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.list = append(m.list, jobs...)
	m.list = slices.Clone(m.list[max(0, len(m.list)-keptMigrations):])
}

// run asks for each hand-over, and ends with the first that is refused.
func (m *migrations) run(ctx context.Context, c Cluster, jobs []*migration) error {
	var failed error
	for _, job := range jobs {
		for _, p := range job.partitions {
			if failed == nil {
				failed = c.HandOver(ctx, p, job.target)
			}
		}
		if failed != nil {
			m.mu.Lock()
			job.refusal = failed.Error()
			m.mu.Unlock()
		}
	}
	return failed
}

// CLUSTER GETSLOTMIGRATIONS
func clusterMigrations(s *Session, c Cluster, _ Args) reply.Reply {
	t := c.Topology()
	m := &s.srv.moves
	m.mu.Lock()
	defer m.mu.Unlock()
	entries := []reply.Reply{}
	for _, job := range slices.Backward(m.list) {
		job.done = job.done || !slices.ContainsFunc(job.partitions, func(p int) bool {
			r := t.partition(p)
			return r == nil || r.Primary < 0 || t.Nodes[r.Primary].ID != job.target
		})
		state, operation := "in-progress", "EXPORT"
		switch {
		case job.refusal != "":
			state = "failed"
		case job.done:
			state = "success"
		}
		if job.target == t.MyID {
			operation = "IMPORT"
		}
		entries = append(entries, pairs("name", job.name, "operation", operation, "slot_ranges", strings.Join(job.slots, " "),
			"target_node", job.target, "source_node", job.source, "create_time", job.begunMS/1000, "last_update_time", job.begunMS/1000,
			"last_ack_time", job.begunMS/1000, "state", state, "message", job.refusal, "cow_size", 0, "remaining_repl_size", 0))
	}
	return reply.Array(entries...)
}

// partition returns a partition by its number, nil if there is none.
func (t *Topology) partition(number int) *TopologyRange {
	i := slices.IndexFunc(t.Ranges, func(r TopologyRange) bool { return r.Partition == number })
	if i < 0 {
		return nil
	}
	return &t.Ranges[i]
}
