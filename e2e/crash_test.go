package e2e

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"testing"
	"time"
)

// TestKill kills the server under load again and again and looks for what was acknowledged after each restart.
// Without fsync too nothing may be lost, since a process that dies leaves its written bytes to the kernel.
func TestKill(t *testing.T) {
	for _, mode := range []string{"always", "everysec"} {
		t.Run(mode, func(t *testing.T) {
			rng := seeded(t)
			n := startShiplog(t, "--appendfsync", mode)
			w := newWorkload(t, dial(t, n), rng)
			rounds := pick(5, 50)
			for range rounds {
				w.loadFor(t, n, time.Duration(100+rng.IntN(900))*time.Millisecond, n.Kill)
				if err := n.Start(); err != nil {
					t.Fatal(err)
				}
				w.check(t, n)
				if t.Failed() {
					return
				}
			}
			t.Logf("%d rounds, %d acknowledged, %d refused", rounds, w.acked.Load(), w.refused.Load())
			if least := int64(rounds) * 100; w.acked.Load() < least || w.refused.Load() > 0 {
				t.Errorf("got %d acknowledged, %d refused (%v): too little load to prove anything, want %d and 0",
					w.acked.Load(), w.refused.Load(), w.refusal, least)
			}
		})
	}
}

// TestPowerCut cuts the power of the file system under a loaded server: with appendfsync always nothing that was
// acknowledged is lost. The server is stopped an instant before, as the power takes both away at once: an fsync
// that is under way while ext4 is shut down may report success and have written nothing.
func TestPowerCut(t *testing.T) {
	rng := seeded(t)
	im := newImage(t, 2<<30)
	n := startIn(t, im.dataDir(t))
	w := newWorkload(t, dial(t, n), rng)
	rounds := pick(3, 20)
	for range rounds {
		w.loadFor(t, n, time.Duration(300+rng.IntN(900))*time.Millisecond, func() {
			if err := n.Pause(); err != nil {
				t.Error(err)
			}
			im.cutPower(t)
			n.Kill()
		})
		im.detach(t)
		im.attach(t)
		if err := n.Start(); err != nil {
			t.Fatal(err)
		}
		w.check(t, n)
		if t.Failed() {
			return
		}
	}
	n.Kill() // before the file system goes
	t.Logf("%d power cuts, %d acknowledged, 0 lost", rounds, w.acked.Load())
	if w.acked.Load() < int64(rounds)*100 {
		t.Errorf("got %d acknowledged: too little load to prove anything", w.acked.Load())
	}
}

// TestDiskFull fills the disk under a loaded server: writes are refused in words, reads go on, nothing that was
// refused is done, and when there is space again writes work without anybody's help. Once the server keeps its
// reserve of space, and once it writes until the last byte.
func TestDiskFull(t *testing.T) {
	for _, reserve := range []string{"64mb", "0"} {
		t.Run("min-free-disk "+reserve, func(t *testing.T) { fullDisk(t, reserve) })
	}
}

func fullDisk(t *testing.T, reserve string) {
	im := newImage(t, 400<<20)
	n := startIn(t, im.dataDir(t), "--min-free-disk", reserve)
	c := dial(t, n)
	c.Timeout = 30 * time.Second
	w := newWorkload(t, c, seeded(t))
	stop := w.run(t, n)
	time.Sleep(500 * time.Millisecond)
	filler := im.fill(t)
	wantRefusal(t, n)
	if w.acked.Load() == 0 {
		t.Error("no write was acknowledged before the disk was full")
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, func() error {
		_, err := reply(c.Do("SET", "after", "space"))
		return err
	})
	before := w.acked.Load()
	eventually(t, 10*time.Second, func() error {
		if w.acked.Load() < before+100 {
			return errors.New("the clients do not get on")
		}
		return nil
	})
	stop()
	w.check(t, n)
	n.Kill()
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	w.check(t, n)
	t.Logf("%d acknowledged, %d refused, as in %v", w.acked.Load(), w.refused.Load(), w.refusal)
	n.Kill() // before the file system goes
}

// wantRefusal writes until a write is refused, and sees that reads go on meanwhile. Each write has a connection
// of its own: one that was on its way when the space ended may have to wait until its outcome is known.
func wantRefusal(t *testing.T, n *Node) {
	t.Helper()
	words := regexp.MustCompile(`^(MISCONF|OOM) .{10,}`)
	eventually(t, 20*time.Second, func() error {
		c := dial(t, n)
		c.Timeout = 3 * time.Second
		v, err := c.Do("SET", "big", string(make([]byte, 100<<10)))
		if err != nil || !v.IsError() {
			return fmt.Errorf("a write on a full disk is not refused: got %v, %w", v.Kind, err)
		}
		if !words.MatchString(v.Text) {
			t.Errorf("a write on a full disk: got %q, want -MISCONF or -OOM and a reason", v.Text)
		}
		return nil
	})
	c := dial(t, n)
	expect(t, c, "0", "EXISTS", "nowhere")
	if _, err := number(c, "counter:none"); err != nil {
		t.Errorf("a read on a full disk: %v", err)
	}
}
