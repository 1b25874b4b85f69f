package keyspace

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// compacting is a database that has compactions to do.
type compacting struct {
	mu      sync.Mutex
	allowed int
	waiting int
	begun   int
	asked   int // how often it was asked whether something waits
}

func (c *compacting) GetAllowedWithoutPermission() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.allowed
}

func (c *compacting) GetWaitingCompaction() (bool, pebble.WaitingCompaction) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	return c.waiting > 0, pebble.WaitingCompaction{}
}

func (c *compacting) Schedule(pebble.CompactionGrantHandle) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting == 0 {
		return false
	}
	c.waiting--
	c.begun++
	return true
}

func (c *compacting) set(allowed, waiting int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.allowed, c.waiting = allowed, waiting
}

func (c *compacting) counts() (begun, asked int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.begun, c.asked
}

// TestCompactionsRunAsSoonAsTheyMay follows a compaction that is refused until there is room, in each of the ways in which room comes.
func TestCompactionsRunAsSoonAsTheyMay(t *testing.T) {
	for name, room := range map[string]func(c *compactions, db *compacting){
		"one has ended":         func(c *compactions, _ *compacting) { c.Done() },
		"a flush has ended":     func(c *compactions, db *compacting) { db.set(2, 1); c.UpdateGetAllowedWithoutPermission() },
		"nobody says so":        func(_ *compactions, db *compacting) { db.set(2, 1) },
		"several, and one ends": func(c *compactions, db *compacting) { db.set(3, 2); c.Done() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, db := newCompactions(), &compacting{allowed: 1}
				c.Register(2, db)
				if granted, _ := c.TrySchedule(); !granted {
					t.Fatal("the first is refused")
				}
				if granted, _ := c.TrySchedule(); granted {
					t.Fatal("the second is granted while one is allowed")
				}
				db.set(1, 1)
				time.Sleep(10 * lookForRoom)
				if begun, _ := db.counts(); begun != 0 {
					t.Fatal("the second runs while one is allowed")
				}
				want := 1
				if name == "several, and one ends" {
					want = 2
				}
				room(c, db)
				time.Sleep(2 * lookForRoom)
				synctest.Wait()
				if begun, _ := db.counts(); begun != want {
					t.Errorf("%d have begun, want %d", begun, want)
				}
				c.Unregister()
			})
		})
	}
}

// TestIdleCompactionsSleep holds that a database with nothing to do is not looked at.
func TestIdleCompactionsSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, db := newCompactions(), &compacting{allowed: 1}
		c.Register(2, db)
		c.TrySchedule()
		c.TrySchedule() // refused
		c.Done()
		time.Sleep(time.Second)
		_, before := db.counts()
		time.Sleep(time.Hour)
		if _, after := db.counts(); after != before {
			t.Errorf("asked %d times in an hour in which nothing waited", after-before)
		}
		c.Unregister()
		if granted, _ := c.TrySchedule(); granted {
			t.Error("granted after the end")
		}
	})
}
