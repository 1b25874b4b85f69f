package keyspace

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"shiplog/wal"
)

// TestCrashImages cuts the power at random moments (1,000 images) and checks that what Pebble then has is the fold of
// a prefix of the log: exactly the state that the model had at the applied position (I1, I9), and never
// less than what was reported durable.
func TestCrashImages(t *testing.T) {
	const images = 25
	for seed := range seeds(42) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			c := crash{rnd: rand.New(rand.NewPCG(seed, 2)), fs: vfs.NewCrashableMem(), states: map[wal.Seq]model{0: {}}}
			c.noise = make([]byte, 128<<10)
			rand.NewChaCha8([32]byte{byte(seed)}).Read(c.noise)
			c.rig = newRig(t, c.fs)
			for range images {
				c.work(t)
				c.cut(t)
			}
			if err := c.rig.store.Close(); err != nil {
				t.Fatalf("Close: %v", err)
			}
		})
	}
}

type crash struct {
	rnd     *rand.Rand
	fs      *vfs.MemFS
	rig     *rig
	model   model
	states  map[wal.Seq]model
	durable wal.Seq
	noise   []byte // does not compress
}

// work does some batches of writes, with values large enough to rotate memtables, and now and then a flush.
func (c *crash) work(t *testing.T) {
	if c.model == nil {
		c.model = model{}
	}
	for range 1 + c.rnd.IntN(20) {
		c.model = c.rig.step(c.rnd, c.model)
		if c.rnd.IntN(3) == 0 {
			c.big()
		}
		c.rig.seal()
		c.rig.apply()
		c.states[c.rig.seq] = maps.Clone(c.model)
	}
	if c.rnd.IntN(8) == 0 {
		if err := c.rig.store.Flush(); err != nil {
			t.Fatalf("Flush: %v", err)
		}
	}
	p, err := c.rig.store.Durable()
	if err != nil {
		t.Fatalf("Durable: %v", err)
	}
	if p.Seq < c.durable {
		t.Fatalf("the durable position went back from %d to %d", c.durable, p.Seq)
	}
	c.durable = p.Seq
}

// big writes a value of up to 64 KiB.
func (c *crash) big() {
	key := fmt.Appendf(nil, "key:%d", c.rnd.IntN(40))
	from := c.rnd.IntN(len(c.noise))
	data := c.noise[from : from+c.rnd.IntN(min(64<<10, len(c.noise)-from))]
	c.rig.unit(func(tx *Tx) bool { tx.Set(key, data, 0, false); return true })
	c.model = maps.Clone(c.model)
	c.model[string(key)] = Value{Type: TypeString, Data: data}
}

// cut opens what a power cut now would leave on the disk.
func (c *crash) cut(t *testing.T) {
	image := c.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: c.rnd.IntN(101), RNG: c.rnd})
	r := newRig(t, image)
	defer r.store.Abandon()
	at := r.store.Position().Seq
	if at < c.durable {
		t.Fatalf("the image is at %d, %d was durable", at, c.durable)
	}
	want, ok := c.states[at]
	if !ok {
		t.Fatalf("the image is at %d, where no batch ended", at)
	}
	r.now = c.rig.now
	r.check(want)
}
