package commands

import (
	"context"
	"errors"
	"runtime/metrics"
	"sync"
	"time"

	"shiplog/node/reply"
)

// scripting is a server's scripts, those that run, and states to run them in.
type scripting struct {
	cache scriptCache

	mu      sync.Mutex
	running map[*scriptRun]runningScript
	changed chan struct{} // closed when a script has ended
	idle    []*luaState
}

// runningScript is a script that runs.
type runningScript struct {
	partition Partition
	since     time.Duration // by the server's clock
	brake     *brake
	memory    *memoryGuard
}

// idleStates is how many states are kept for other scripts.
const idleStates = 32

func (sc *scripting) start() {
	sc.cache.start()
	sc.running = make(map[*scriptRun]runningScript)
	sc.changed = make(chan struct{})
}

// take returns a state to run a script in.
func (sc *scripting) take() *luaState {
	sc.mu.Lock()
	n := len(sc.idle)
	if n == 0 {
		sc.mu.Unlock()
		return newLuaState()
	}
	st := sc.idle[n-1]
	sc.idle = sc.idle[:n-1]
	sc.mu.Unlock()
	return st
}

// give takes a state back, if the next script finds it as the last one has.
func (sc *scripting) give(st *luaState) {
	st.SetTop(0)
	st.brake.release()
	if !st.intact() {
		return
	}
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if len(sc.idle) < idleStates {
		sc.idle = append(sc.idle, st)
	}
}

// bytes is about how much memory the states take.
func (sc *scripting) bytes() int64 {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	return int64(len(sc.idle)+len(sc.running)) * luaStateSize
}

// begin takes note that a script has begun to run.
func (sc *scripting) begin(r *scriptRun) {
	guard := guardMemory(&r.state.brake)
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.running[r] = runningScript{partition: r.partition, since: r.s.srv.now(), brake: &r.state.brake, memory: guard}
}

// end takes note that it has ended.
func (sc *scripting) end(r *scriptRun) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.running[r].memory.stop()
	delete(sc.running, r)
	close(sc.changed)
	sc.changed = make(chan struct{})
}

// stop stops what runs for a session.
func (sc *scripting) stop(s *Session, why error) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	for r, run := range sc.running {
		if r.s == s {
			run.brake.pull("ERR " + why.Error())
		}
	}
}

// killAfter is how long a script must have run for SCRIPT KILL to mean it.
const killAfter = 10 * time.Millisecond

// kill stops the scripts that keep others waiting with BUSY, or else the one that has run for the longest time. Nothing of what they have done
// is kept. It tells whether there was one.
func (sc *scripting) kill(now, busyAfter time.Duration) bool {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	killed := false
	var oldest *runningScript
	for _, run := range sc.running {
		ran := now - run.since
		if busyAfter > 0 && ran >= busyAfter {
			run.brake.pull(killedText)
			killed = true
		}
		if ran >= killAfter && (oldest == nil || run.since < oldest.since) {
			oldest = &run
		}
	}
	if !killed && oldest != nil {
		oldest.brake.pull(killedText)
		return true
	}
	return killed
}

const killedText = "ERR Script killed by user with SCRIPT KILL..."

// oldest returns when the script began that has run for the longest time in p (nil: anywhere), and a channel that is closed when one ends.
func (sc *scripting) oldest(p Partition) (since time.Duration, running bool, changed <-chan struct{}) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	for _, run := range sc.running {
		if (p == nil || run.partition == p) && (!running || run.since < since) {
			since, running = run.since, true
		}
	}
	return since, running, sc.changed
}

// busy is the Hold of a command whose partition a script has for itself.
type busy struct {
	srv       *Server
	partition Partition // nil: any
}

// busyReply is what commands are told while a script runs for too long.
func busyReply() reply.Reply {
	return reply.Error("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.")
}

// Await waits until the script has ended, or has run for so long that others are told.
func (b busy) Await(ctx context.Context) *reply.Reply {
	since, running, changed := b.srv.scripts.oldest(b.partition)
	if !running {
		return lapse{}.Await(ctx)
	}
	var over <-chan time.Time
	if after := b.srv.tune().busyAfter; after > 0 {
		left := since + after - b.srv.now()
		if left <= 0 {
			return refuse(busyReply())
		}
		timer := time.NewTimer(left)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-changed:
		return nil
	case <-over:
		return refuse(busyReply())
	case <-ctx.Done():
		return refuse(clusterDown())
	}
}

// holdFor returns what a command waits for that a partition has not run, whose error wraps ErrRouteAgain.
func (s *Session) holdFor(err error, p Partition) Hold {
	if errors.Is(err, ErrOccupied) {
		return busy{s.srv, p}
	}
	return lapse{}
}

// How much memory the process may take while a script runs, beyond what it had, and how often that is looked at.
const (
	scriptMemory = 1 << 30
	memoryLook   = 10 * time.Millisecond
)

// memoryGuard stops a script while which the process's memory grows too much. Whose memory it is cannot be known; so the bound is wide.
type memoryGuard struct {
	timer *time.Timer
	mu    sync.Mutex
	over  bool
}

func guardMemory(b *brake) *memoryGuard {
	g := &memoryGuard{}
	var before uint64
	g.mu.Lock()
	defer g.mu.Unlock()
	g.timer = time.AfterFunc(memoryLook, func() {
		now := heapBytes()
		if before == 0 {
			before = now // a script that takes no longer than this is not looked at
		}
		if now > before+scriptMemory {
			b.pull("ERR the script uses too much memory")
			return
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		if !g.over {
			g.timer.Reset(memoryLook)
		}
	})
	return g
}

func (g *memoryGuard) stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
	g.timer.Stop()
}

// heapBytes is how much memory the process's objects take.
func heapBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
