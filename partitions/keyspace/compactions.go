package keyspace

import (
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// compactions lets one database compact as many tables at once as it says that it may. Pebble's own scheduler does the same, but looks ten times
// a second whether anything waits; a node has a database for each partition, and idle ones should cost nothing. This one looks only while
// a compaction waits that was refused. It lives as long as the database, which calls all of its methods.
type compactions struct {
	db    pebble.DBForCompaction // set before anything else is called
	again *time.Timer            // calls look

	mu       sync.Mutex
	idle     *sync.Cond // granting has ended
	running  int
	refused  bool // a compaction waits
	granting bool
	closed   bool
}

// lookForRoom is how often is looked whether a compaction that was refused may run.
const lookForRoom = 100 * time.Millisecond

var _ pebble.CompactionScheduler = (*compactions)(nil)

func newCompactions() *compactions {
	c := &compactions{}
	c.idle = sync.NewCond(&c.mu)
	c.again = time.AfterFunc(time.Hour, c.look)
	c.again.Stop()
	return c
}

// Register implements pebble.CompactionScheduler.
func (c *compactions) Register(_ int, db pebble.DBForCompaction) { c.db = db }

// Unregister implements pebble.CompactionScheduler.
func (c *compactions) Unregister() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.again.Stop()
	for c.granting {
		c.idle.Wait()
	}
}

// TrySchedule implements pebble.CompactionScheduler.
func (c *compactions) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return false, nil
	case c.db.GetAllowedWithoutPermission() <= c.running:
		c.refused = true
		c.again.Reset(lookForRoom)
		return false, nil
	}
	c.running++
	return true, c
}

// UpdateGetAllowedWithoutPermission implements pebble.CompactionScheduler. It is called with locks held that granting needs.
func (c *compactions) UpdateGetAllowedWithoutPermission() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused && !c.closed {
		c.again.Reset(0)
	}
}

// Started implements pebble.CompactionGrantHandle.
func (c *compactions) Started() {}

// MeasureCPU implements pebble.CompactionGrantHandle.
func (c *compactions) MeasureCPU(pebble.CompactionGoroutineKind) {}

// CumulativeStats implements pebble.CompactionGrantHandle.
func (c *compactions) CumulativeStats(pebble.CompactionGrantHandleStats) {}

// Done implements pebble.CompactionGrantHandle.
func (c *compactions) Done() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
	c.grant()
}

// look grants what may run now, and comes back while something waits.
func (c *compactions) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.grant()
	if c.refused && !c.closed {
		c.again.Reset(lookForRoom)
	}
}

// grant lets compactions run that wait, as many as may. It needs the lock, and gives it up meanwhile: the database's own locks come first.
func (c *compactions) grant() {
	for c.granting {
		c.idle.Wait()
	}
	if c.closed {
		return
	}
	c.granting = true
	for !c.closed && c.db.GetAllowedWithoutPermission() > c.running {
		c.refused = false // unless somebody is refused from here on
		c.mu.Unlock()
		waiting, _ := c.db.GetWaitingCompaction()
		granted := waiting && c.db.Schedule(c)
		c.mu.Lock()
		if !granted {
			break
		}
		c.running, c.refused = c.running+1, true // there may be more that wait
	}
	c.granting = false
	c.idle.Broadcast()
}
