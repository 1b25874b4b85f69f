package embedded

import (
	"fmt"
	"sync"
	"time"
	_ "unsafe" // for go:linkname

	"github.com/nats-io/nats-server/v2/server"
)

// The timers of the server's elections, which no option of its reaches. With its own a group without a
// leader waits 4 to 9 s. When the first server of a cluster has started in this process they are never written.
var (
	minElectionTimeout time.Duration
	maxElectionTimeout time.Duration
	hbInterval         time.Duration
	lostQuorumInterval time.Duration
	lostQuorumCheck    time.Duration
)

//go:linkname minElectionTimeout github.com/nats-io/nats-server/v2/server.minElectionTimeout
//go:linkname maxElectionTimeout github.com/nats-io/nats-server/v2/server.maxElectionTimeout
//go:linkname hbInterval github.com/nats-io/nats-server/v2/server.hbInterval
//go:linkname lostQuorumInterval github.com/nats-io/nats-server/v2/server.lostQuorumInterval
//go:linkname lostQuorumCheck github.com/nats-io/nats-server/v2/server.lostQuorumCheck

// This does not compile with another version of the server: what the timers mean must be read again first.
var _ = map[bool]struct{}{false: {}, server.VERSION == "2.15.2": {}}

// tuning is held while the timers are compared and set. It is never written.
var tuning sync.Mutex

// shortestElection is the least that makes sense: below it a busy machine elects all the time.
const shortestElection = 100 * time.Millisecond

// timers are the times of elections.
type timers struct{ min, max, heartbeat, lostQuorum, checkQuorum time.Duration }

// stockTimers are the server's own.
func stockTimers() timers {
	return timers{min: 4 * time.Second, max: 9 * time.Second, heartbeat: time.Second, lostQuorum: 10 * time.Second, checkQuorum: 10 * time.Second}
}

// timersFor nearly keeps the relations of the server's own timers: three heartbeats are lost before a follower
// stands for election, where the server loses four, since a node of many partitions sends one for each; and a leader without a
// quorum gives up after its followers did.
func timersFor(shortest time.Duration) timers {
	return timers{min: shortest, max: 2 * shortest, heartbeat: shortest / 3, lostQuorum: 5 * shortest / 2, checkQuorum: shortest}
}

func timersInForce() timers {
	return timers{min: minElectionTimeout, max: maxElectionTimeout, heartbeat: hbInterval, lostQuorum: lostQuorumInterval, checkQuorum: lostQuorumCheck}
}

// tune makes elections of this process begin after shortest at the earliest. All servers of the process share the
// timers: who comes later and asks for others gets an error, and so does everyone if the server is not
// as this package knows it. Then the timers are as they were.
func tune(shortest time.Duration) error {
	if shortest < shortestElection {
		return fmt.Errorf("elections after %v: the least is %v", shortest, shortestElection)
	}
	tuning.Lock()
	defer tuning.Unlock()
	want := timersFor(shortest)
	switch have := timersInForce(); have {
	case want:
		return nil
	case stockTimers(): // what reads so is the server's own variables, not others of the same name
	default:
		return fmt.Errorf("elections after %v: the timers in force are %v, neither the server's own nor these", shortest, have)
	}
	minElectionTimeout, maxElectionTimeout = want.min, want.max
	hbInterval, lostQuorumInterval, lostQuorumCheck = want.heartbeat, want.lostQuorum, want.checkQuorum
	return nil
}

// ElectionTimers returns between which times without a leader a group begins an election: for the lines of the
// start-up. They are the server's own, 4 to 9 s, if Cluster.Election is 0 or could not be had.
func (s *Server) ElectionTimers() (shortest, longest time.Duration) {
	tuning.Lock()
	defer tuning.Unlock()
	return minElectionTimeout, maxElectionTimeout
}
