package cluster

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"shiplog/partitions/coordinator"
)

// Config says whose part in the cluster an Agent plays. Everything but Known, Every and Logger is required. The functions may be
// called from several goroutines at once, OnMap and OnReport from one each.
type Config struct {
	Connect  func() (*nats.Conn, error) // to the node's own NATS server, with all rights in the account of the logs
	Self     coordinator.Node
	Leads    func() bool // this node leads JetStream's meta group; cheap
	Settings coordinator.Settings
	Copies   int // of the map: 3 wanted, as many as there are nodes until there are so many
	// Report is how the node is now, a value that nobody changes afterwards. It is cheap.
	Report func() coordinator.Report
	// Steer asks for a partition's stream to be led by the server of a node. It may block until ctx ends.
	Steer func(ctx context.Context, partition int, to coordinator.Node) error
	// Relocate has a partition's stream lie on the servers of nodes: one step towards that, unless it is only to look, and where it lies now. Vacate has everything else
	// leave a node's server, Expel a server the meta group. They are called by one goroutine, and may block until ctx ends.
	Relocate func(ctx context.Context, r Relocation) (Location, error)
	Vacate   func(ctx context.Context, node coordinator.Node) error
	Expel    func(ctx context.Context, server string) error
	// OnMap gets newer maps in the order of their versions, not always each of them, and never Known. It may block: then it gets the
	// newest one next. The map must not be changed.
	OnMap func(m *coordinator.Map)
	// OnReport gets each heartbeat that is heard and believed, own ones included. It is quick: others wait behind it.
	OnReport func(r coordinator.Report)
	Clock    func() time.Duration // monotonic, and runs through suspend
	Every    time.Duration        // between two heartbeats; 0: 200 ms
	Logger   *slog.Logger         // nil: nobody is told
	// Known is the newest map that the node knew when it was last stopped, nil if none. It holds until there is a newer one, and
	// from the start the node is one of that map's cluster.
	Known *coordinator.Map
}

// Location is where a partition's stream lies.
type Location struct {
	Servers []string // none: that is not known
	Settled bool     // no change of that is under way
	Waits   string   // what a change that is under way waits for; may be empty
}

// Relocation is where a partition's stream is to lie.
type Relocation struct {
	Partition int
	Wanted    []coordinator.Node
	Gone      []coordinator.Node // nodes that are dead: they can do nothing for it
	Look      bool               // it is only to be looked where it lies
	Clear     bool               // a consumer that this waits for is to be given up
}

// The errors of this package.
var (
	// ErrMalformed says that bytes are not what FORMAT.md says, or beyond its limits.
	ErrMalformed = errors.New("malformed")
	// ErrStopped says that the Agent's Run has returned.
	ErrStopped = errors.New("the node takes no part in the cluster any more")

	errConflict = errors.New("another map was stored in the meantime")
	errDeposed  = errors.New("this node does not coordinate any more")
)

// How often things are done.
const (
	beatEvery    = 200 * time.Millisecond
	tickEvery    = 100 * time.Millisecond // what coordinator.Tick wants
	rereadEvery  = 3 * time.Second        // who has missed an announcement learns of the map so late at most
	rereadPause  = 100 * time.Millisecond // between two readings at least
	complainOnce = time.Minute            // what goes wrong again and again is said once in so long
)

// How long things may take.
const (
	readWithin  = 500 * time.Millisecond // a leader that has just died does not answer
	tryWithin   = 300 * time.Millisecond // one attempt to store
	retryPause  = 50 * time.Millisecond
	storeWithin = 4 * time.Second // all attempts: less than the coordinator's patience
	steerWithin = 2 * time.Second
	widenWithin = 5 * time.Second
	choreWithin = 4 * time.Second
	replyWithin = 6 * time.Second // an answer to a wish: more than storeWithin
	wishPause   = 100 * time.Millisecond
	forgetAfter = time.Minute // a node that no map names, and that is silent
)

// The bounds of the queues.
const (
	maxUnheard = 512 // heartbeats that wait to be heard; when full they are lost, and the next ones come soon
	maxWishes  = 64  // wishes that wait for the coordinator; when full they are lost, and asked again
	maxSteers  = 256 // streams that wait to be steered; when full the coordinator asks again later
	maxChores  = 64  // streams that wait to be moved, servers that wait to be emptied; the same
)

// The bounds of what is heard.
const (
	maxBeat  = 4 << 20 // bytes of a heartbeat
	maxMap   = 6 << 20 // bytes of a map: a message of the log's server holds 8 MiB
	maxWish  = 64 << 10
	maxNodes = 1024 // in a map, and heard of
	maxName  = 255  // bytes of a host or a name
	maxWhy   = 1024 // bytes of why a partition has stopped
)
