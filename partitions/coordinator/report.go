package coordinator

import "time"

// Role is what a node does for a partition.
type Role string

// The roles.
const (
	RolePrimary  Role = "primary"  // serves reads and writes
	RoleReplica  Role = "replica"  // follows the log
	RolePromoted Role = "promoted" // was named, and waits for the end of the log and of the old lease
	RoleHanding  Role = "handing"  // was primary and hands over
	RoleSeeding  Role = "seeding"  // is filled from a snapshot
	RoleStopped  Role = "stopped"  // has failed: the report says why
)

// Report is a node's heartbeat: who it is and how its partitions are.
type Report struct {
	Node    Node   `json:"node"`
	Run     string `json:"run"` // drawn at each start of the process
	Map     uint64 `json:"map"` // the version of the map that it follows, 0: none
	Cluster string `json:"cluster,omitempty"`
	Leaving bool   `json:"leaving,omitempty"` // it is told to stop: others should lead
	// Coordinates says that this node decides who leads, or believes to.
	Coordinates bool `json:"coordinates,omitempty"`
	// Blank says that its server has never heard of a JetStream meta group on its disk, Begins that it is told to begin one with all that are blank.
	Blank      bool              `json:"blank,omitempty"`
	Begins     bool              `json:"begins,omitempty"`
	FreeDisk   uint64            `json:"freeDisk"`
	Streams    int               `json:"streams,omitempty"` // that its server has a part of
	Load       float64           `json:"load"`              // commands a second, lately
	Partitions []PartitionReport `json:"partitions"`
}

// PartitionReport is how a node has one partition.
type PartitionReport struct {
	Partition    int           `json:"partition"`
	Role         Role          `json:"role"`
	Why          string        `json:"why,omitempty"`       // it stopped
	Term         uint64        `json:"term"`                // of the naming that it follows
	Epoch        uint64        `json:"epoch"`               // of the newest record applied
	Applied      uint64        `json:"applied"`             // sequence of the newest record applied
	Durable      uint64        `json:"durable"`             // up to here the state is on its disk
	First        uint64        `json:"first,omitempty"`     // a primary's: where the log begins, as far as it knows
	Tail         uint64        `json:"tail"`                // a primary's newest acknowledged record
	Stuck        time.Duration `json:"stuck"`               // age of a primary's oldest append without an outcome
	AckTook      time.Duration `json:"ackTook,omitempty"`   // that appends of a primary take lately; 0: there are none
	StreamLeader bool          `json:"streamLeader"`        // this node leads the partition's stream
	LogBehind    bool          `json:"logBehind,omitempty"` // this node's copy of the stream does not hold all that is committed, or it has none
	Keys         int64         `json:"keys"`
	StateBytes   uint64        `json:"stateBytes,omitempty"` // of the state on its disk, lately
	Seed         Seed          `json:"seed,omitzero"`        // how far it is, while its role is seeding
	Load         float64       `json:"load"`                 // commands a second, lately
	Bytes        float64       `json:"bytes,omitempty"`      // of those and of their replies, a second
	CPU          float64       `json:"cpu,omitempty"`        // processors that run them and apply their effects: 1 is all of one
}

// Seed is how far the filling of a copy is.
type Seed struct {
	From   NodeID        `json:"from"`           // whose snapshot it gets
	Have   uint64        `json:"have"`           // bytes of it
	Total  uint64        `json:"total"`          // bytes; 0: not known yet
	Behind uint64        `json:"behind"`         // records between the snapshot, or what is applied since, and the end of the log
	Left   time.Duration `json:"left,omitempty"` // until all of the snapshot is here, about; 0: not known
}
