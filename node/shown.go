package node

import (
	"context"
	"net"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"shiplog/node/admin"
	"shiplog/node/cluster"
	"shiplog/partitions"
	"shiplog/partitions/coordinator"
	"shiplog/wal"
)

// shown is how the node shows how it is: over HTTP where metrics-port asks for it.
type shown struct {
	pages    []net.Listener
	admin    *admin.Server // nil: nowhere
	measured atomic.Pointer[measured]
	refusing atomic.Bool // writes
	memory   usage
}

func (n *Node) openAdmin() {
	if len(n.pages) > 0 {
		n.admin = admin.New(admin.Config{Listeners: n.pages, Password: n.cfg.Metrics.Password, Snapshot: n.snapshot, Standing: n.standing})
	}
}

// show answers HTTP until ctx ends. That it cannot is no reason to serve no clients.
func (n *Node) show(ctx context.Context) {
	n.log.Info("metrics are shown", "at", "http://"+n.pages[0].Addr().String()+"/")
	if err := n.admin.Run(ctx); err != nil {
		n.log.Error("metrics are not shown any more", "error", err)
	}
}

// standing is what decides whether the node is ready.
func (n *Node) standing() *admin.Standing {
	s := n.holder.standing()
	select {
	case <-n.ready:
		s.Serving = true
	default:
	}
	return &s
}

// snapshot is all that is measured. It waits for the lock of a partition for a few milliseconds at most, and for no log.
func (n *Node) snapshot() *admin.Snapshot {
	c := n.settings.Config()
	s := &admin.Snapshot{
		Build: build(),
		Log:   admin.Log{Sync: string(c.Log.Sync), Retention: c.Log.Retention, RetentionBytes: c.Log.RetentionBytes, MaxBytes: c.Log.MaxBytes},
	}
	if m := n.measured.Load(); m != nil {
		s.Log.Elections = m.elections
	}
	n.countInto(s)
	copies, cluster := n.holder.figures()
	s.Cluster = cluster
	for i := range copies {
		s.Partitions = append(s.Partitions, copies[i].Partition)
	}
	s.Memory = n.memoryOf(copies)
	free, err := diskFree(n.dir.Path)
	s.Disk = admin.Disk{FreeBytes: free, Refused: err == nil && n.refusing.Load()}
	s.Changes = n.feeds.figures(copies)
	return s
}

// build says which program runs.
func build() admin.Build {
	b := admin.Build{Version: Version, Go: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Revision = s.Value
			}
		}
	}
	return b
}

// countInto adds what the command layer has counted.
func (n *Node) countInto(s *admin.Snapshot) {
	c := n.commands.Counts()
	s.Clients = admin.Clients{
		Connected: c.Clients, Blocked: c.Blocked, Tracking: c.Tracking, Max: c.MaxClients,
		Received: c.Connections, Rejected: c.RejectedConnections, BufferBytes: c.ClientBytes,
	}
	s.Traffic = admin.Traffic{Commands: c.Processed, Errors: c.ErrorReplies, BytesIn: c.BytesIn, BytesOut: c.BytesOut}
	for i := range c.Commands {
		k := &c.Commands[i]
		s.Commands = append(s.Commands, admin.Command{Name: k.Name, Calls: k.Calls, Took: k.Took, Failed: k.Failed, Rejected: k.Rejected})
	}
	for i, code := range c.ErrorCodes {
		s.Errors = append(s.Errors, admin.ErrorCount{Code: code, Count: c.ErrorCounts[i]})
	}
}

// copyFigures are what is measured of a copy, and what is measured of the node adds up.
type copyFigures struct {
	admin.Partition
	brief             *partitions.Brief // nil: it is not open
	memtables, blocks int64
}

// memoryOf is what the memory is used for.
func (n *Node) memoryOf(copies []copyFigures) (m admin.Memory) {
	for i := range copies {
		c := &copies[i]
		m.Memtables, m.BlockCache = m.Memtables+c.memtables, m.BlockCache+c.blocks
		if c.brief != nil {
			m.HotSet, m.Backlog = m.HotSet+c.brief.Figures.Hot.Bytes, m.Backlog+int64(c.brief.Figures.Backlog)
		}
	}
	m.Used = n.memory.now(m.BlockCache)
	return m
}

// figuresOf is what is measured of a partition that is open. tail is the newest record that anybody knows.
func (n *Node) figuresOf(number int, b *partitions.Brief, tail wal.Seq) admin.Partition {
	f := &b.Figures
	bounds := partitions.AppendBounds()
	p := admin.Partition{
		Number: number, Role: b.Standing.Role.String(), Epoch: uint64(b.Standing.Epoch), Applied: uint64(b.Applied), Durable: uint64(b.Durable),
		LagRecords: uint64(tail - min(tail, b.Applied)), Unanswered: b.Stuck, Appended: f.AppendedBytes,
		Keys: admin.Keys{
			Count: b.Keys, Expiring: f.Volatile, InMemory: int64(f.Hot.Keys),
			Hits: uint64(f.Tally.Hits), Misses: uint64(f.Tally.Misses), Expired: uint64(f.Tally.Expired),
		},
		Log:     n.logSize(number),
		Appends: admin.Histogram{Bounds: bounds[:], Counts: f.Appends[:], Total: b.Acks, Sum: b.AckTime},
		Load:    admin.Load{Commands: b.Commands},
		Turns:   admin.Turns(f.Turns),
	}
	if b.LagKnown && b.Standing.Role == partitions.Replica {
		p.Lag = &b.Lag
	}
	return p
}

func (n *Node) logSize(partition int) *admin.LogSize {
	held, known := n.logHeld(partition)
	if !known {
		return nil
	}
	return &admin.LogSize{First: held.First, Last: held.Last, Bytes: held.Bytes, Oldest: held.Oldest}
}

func (s *solo) figures() ([]copyFigures, *admin.Cluster) {
	b := s.partition.Brief()
	c := copyFigures{Partition: s.node.figuresOf(0, &b, b.Tail), brief: &b}
	c.StateBytes = s.partition.StateBytes()
	c.memtables, c.blocks = s.partition.Memory()
	return []copyFigures{c}, nil
}

func (s *solo) standing() admin.Standing {
	c := admin.Copy{Named: true, Role: s.partition.Standing().Role.String()}
	if b := s.partition.Brief(); b.Why != nil {
		c.Why = b.Why.Error()
	}
	return admin.Standing{Copies: []admin.Copy{c}}
}

func (m *members) figures() ([]copyFigures, *admin.Cluster) {
	view := m.agent.View()
	var all []copyFigures
	for _, c := range m.all() {
		all = append(all, c.figures(view))
	}
	return all, m.clusterFigures(view)
}

// figures are what is measured of the copy.
func (c *copyOf) figures(v cluster.View) copyFigures {
	n, end := c.members.node, wal.Seq(logEnd(v, c.number, c.members.self.ID))
	r, b := c.state()
	f := copyFigures{brief: b}
	if b != nil {
		f.Partition = n.figuresOf(c.number, b, max(b.Tail, end))
	} else {
		f.Partition = admin.Partition{Number: c.number, Log: n.logSize(c.number), Durable: r.Durable, LagRecords: uint64(end) - min(uint64(end), r.Durable)}
	}
	f.Role, f.StateBytes = string(r.Role), c.bytes.Load()
	f.Load.Bytes, f.Load.CPU, f.Load.Measured = uint64(c.cost.bytes.Load()), time.Duration(c.cost.took.Load()), true
	if b != nil {
		f.Load.CPU += b.Applying
	}
	if r.Role == coordinator.RoleSeeding && r.Seed != (coordinator.Seed{}) {
		f.Seed = &admin.Seed{Bytes: r.Seed.Have, TotalBytes: r.Seed.Total, RecordsBehind: r.Seed.Behind, Left: r.Seed.Left}
	}
	if p, done := c.use(); p != nil {
		f.memtables, f.blocks = p.Memory()
		done()
	}
	return f
}

// clusterFigures are what is measured of the cluster.
func (m *members) clusterFigures(v cluster.View) *admin.Cluster {
	c := &admin.Cluster{Coordinates: m.coordinates.Load(), Ignored: v.Ignored}
	known := m.agent.Map()
	if known == nil {
		return c
	}
	c.Version, c.Nodes, c.Alive, c.Partitions = known.Version, len(known.Nodes), heardOf(v, known), len(known.Partitions)
	reports := v.Reports()
	for i := range known.Partitions {
		if !slices.ContainsFunc(reports, func(r coordinator.Report) bool {
			at := partitionOf(&r, i)
			return at != nil && at.Role == coordinator.RolePrimary
		}) {
			c.Unled++
		}
	}
	c.OK = c.Unled == 0
	return c
}

// heardOf counts the nodes of a map that are heard.
func heardOf(v cluster.View, known *coordinator.Map) (heard int) {
	for i := range known.Nodes {
		if id := known.Nodes[i].ID; v.Peer(id) != nil && !v.Silent(id) {
			heard++
		}
	}
	return heard
}

func (m *members) standing() admin.Standing {
	s := admin.Standing{Leaving: m.leaving.Load(), Cluster: new(admin.Membership)}
	known := m.agent.Map()
	if known == nil {
		return s
	}
	*s.Cluster = admin.Membership{
		Created: true, Member: isIn(known, m.self.ID), Removed: known.IsFormer(m.self.ID),
		Nodes: len(known.Nodes), Heard: heardOf(m.agent.View(), known),
	}
	copies := make(map[int]*copyOf)
	for _, c := range m.all() {
		copies[c.number] = c
	}
	for i := range known.Partitions {
		if holds(known, i, m.self.ID) {
			s.Copies = append(s.Copies, copies[i].standing(i, known.Partitions[i].Primary == m.self.ID))
		}
	}
	return s
}

// standing is how a copy stands, nil: it is not begun.
func (c *copyOf) standing(number int, named bool) admin.Copy {
	if c == nil {
		return admin.Copy{Partition: number, Role: string(coordinator.RoleSeeding), Named: named}
	}
	r, _ := c.state()
	f := c.filling.Load()
	return admin.Copy{Partition: number, Role: string(r.Role), Named: named, Seeding: f != nil && f.from.Load() != nil && !f.resting.Load(), Why: r.Why}
}
