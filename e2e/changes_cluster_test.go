package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// TestChangesThroughFailures reads the changes of a cluster while nodes are killed and partitions handed over. Readers ask any node, are killed
// and begin again at tokens that they have kept; others begin with a snapshot, during which the partition is handed over. Of what clients were told was written nothing may be missing, everything comes in order,
// and what comes twice has the same position.
func TestChangesThroughFailures(t *testing.T) {
	c := startLocal(t, "--partitions", "4")
	rng := seeded(t)
	w, began := writeNumbers(t, c), time.Now()
	readers := make([]*clusterReader, 4)
	for p := range readers {
		readers[p] = readCluster(c, p, rng.Uint64())
	}
	groups := []*groupWorker{workGroup(t, c, "one", rng.Uint64()), workGroup(t, c, "two", rng.Uint64())}
	var copies []bootstrap
	rounds := 0
	for ; rounds < pick(2, 40) || w.written() < pick(0, 1_050_000); rounds++ {
		w.await(t, 300)
		victim := c.Members[rng.IntN(len(c.Members))]
		noError(t, c.KillMember(victim))
		w.await(t, 300)
		noError(t, c.Restart(victim))
		eventually(t, settleWithin, c.Check)
		copies = append(copies, bootstrapped(t, c, c.Members[rng.IntN(len(c.Members))], rounds%4))
		w.await(t, pick(100, 20_000))
	}
	faults := time.Since(began)
	acked := w.stop()
	seen, checked, again := make(map[string][]int), 0, 0
	for _, r := range readers {
		r.finish(t)
		maps.Copy(seen, r.seen) // a key's changes are in one partition
		checked, again = checked+len(r.known), again+r.again
	}
	total := 0
	for key, numbers := range acked {
		total += len(numbers)
		if missing := lacking(numbers, seen[key]); len(missing) > 0 {
			t.Errorf("%s: %v were acknowledged, and are in no change", key, missing)
		}
	}
	conn, err := DialTimeout(c.Members[0].Addr, 20*time.Second)
	noError(t, err)
	defer conn.Close()
	for i := range copies {
		copies[i].check(t, conn, acked)
	}
	read := time.Since(began)
	finishGroups(t, groups, acked)
	t.Logf("%v of faults, %v until all was read, %v until the group was done", faults, read-faults, time.Since(began)-read)
	t.Logf("%d kills, %d changes checked for %d acknowledged writes; readers were killed %d times, and saw %d changes again",
		rounds, checked, total, readers[0].killed+readers[1].killed+readers[2].killed+readers[3].killed, again)
}

// lacking returns the numbers that are not among others, which are sorted.
func lacking(numbers, others []int) (missing []int) {
	for _, n := range numbers {
		if _, found := slices.BinarySearch(others, n); !found {
			missing = append(missing, n)
		}
	}
	return missing
}

// numberWriter sets keys to rising numbers, each key on a goroutine of its own, and keeps those that were acknowledged.
type numberWriter struct {
	client *redis.ClusterClient
	end    context.CancelFunc
	done   sync.WaitGroup

	mu    sync.Mutex
	acked map[string][]int
	count int
}

func writeNumbers(t *testing.T, c *LocalCluster) *numberWriter {
	ctx, end := context.WithCancel(context.Background())
	w := &numberWriter{client: redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.Addrs(), MaxRedirects: 20}), end: end, acked: map[string][]int{}}
	for i := range pick(12, 48) {
		key := fmt.Sprintf("number:%d", i)
		w.done.Go(func() { w.write(ctx, key) })
	}
	t.Cleanup(func() {
		end()
		w.done.Wait()
		_ = w.client.Close()
	})
	return w
}

func (w *numberWriter) write(ctx context.Context, key string) {
	for n := 1; ctx.Err() == nil; n++ {
		if w.client.Set(ctx, key, n, 0).Err() != nil {
			continue // it may have been done, and may not
		}
		w.mu.Lock()
		w.acked[key] = append(w.acked[key], n)
		w.count++
		w.mu.Unlock()
	}
}

// written is how many writes are acknowledged.
func (w *numberWriter) written() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

// await waits until n more writes are acknowledged.
func (w *numberWriter) await(t *testing.T, n int) {
	t.Helper()
	goal := w.written() + n
	eventually(t, time.Duration(pick(30, 120))*time.Second, func() error {
		if now := w.written(); now < goal {
			return fmt.Errorf("%d writes, want %d", now, goal)
		}
		return nil
	})
}

// stop ends the writing and returns what was acknowledged.
func (w *numberWriter) stop() map[string][]int {
	w.end()
	w.done.Wait()
	return w.acked
}

// clusterReader reads the changes of one partition, from any node that answers.
type clusterReader struct {
	cluster   *LocalCluster
	partition string
	rng       *rand.Rand
	draining  chan struct{} // closed when nothing more is written
	hurry     time.Time     // when draining must have ended; set before that
	done      sync.WaitGroup
	conn      *Client

	token  string
	kept   string // a token of earlier
	killed int
	newest shownAt
	known  map[shownAt]uint64 // all that was seen: a hash of the change
	again  int                // seen another time
	seen   map[string][]int   // numbers by key
	err    error
}

// shownAt is where a change stands in its partition.
type shownAt struct {
	Sequence uint64
	Index    int
}

func (at shownAt) before(other shownAt) bool {
	return at.Sequence < other.Sequence || at.Sequence == other.Sequence && at.Index < other.Index
}

func readCluster(c *LocalCluster, partition int, seed uint64) *clusterReader {
	r := &clusterReader{
		cluster: c, partition: strconv.Itoa(partition), rng: rand.New(rand.NewPCG(seed, 1)), draining: make(chan struct{}),
		token: "BEGIN", kept: "BEGIN", known: map[shownAt]uint64{}, seen: map[string][]int{},
	}
	r.done.Go(r.run)
	return r
}

// run reads until nothing more comes after the writing has ended, or something is wrong.
func (r *clusterReader) run() {
	for r.err == nil {
		draining := false
		select {
		case <-r.draining:
			draining = true
		default:
		}
		n, err := r.read()
		switch {
		case err == nil && n == 0 && draining:
			return
		case draining && time.Now().After(r.hurry):
			r.err = fmt.Errorf("partition %s is not read to its end in time, the last answer has %d changes, %w", r.partition, n, err)
		case err != nil || r.rng.IntN(20) == 0:
			r.leave()
		}
		if r.rng.IntN(30) == 0 { // as if it had been killed, and had kept a token of earlier
			r.killed++
			r.token = r.kept
		}
		if r.rng.IntN(8) == 0 {
			r.kept = r.token
		}
	}
}

func (r *clusterReader) leave() {
	if r.conn != nil {
		r.conn.Close()
	}
	r.conn = nil
}

// read reads once.
func (r *clusterReader) read() (n int, err error) {
	if r.conn == nil {
		members := r.cluster.Members
		if r.conn, err = DialTimeout(members[r.rng.IntN(len(members))].Addr, 20*time.Second); err != nil {
			return 0, err
		}
	}
	v, err := r.conn.Do("CHANGES", "READ", r.partition, "FROM", r.token, "COUNT", strconv.Itoa(1+r.rng.IntN(pick(60, 600))), "BLOCK", "300")
	if err != nil {
		return 0, err
	}
	if v.IsError() {
		if !temporary(v.Text) {
			r.err = fmt.Errorf("partition %s: %s", r.partition, v.Text)
		}
		return 0, fmt.Errorf("%s", v.Text)
	}
	r.token = v.Elems[0].Text
	for _, item := range v.Elems[1].Elems {
		if r.err == nil {
			r.err = r.take(item.Text)
		}
	}
	return len(v.Elems[1].Elems), nil
}

// temporary tells whether an answer says that others are to be asked, or the same later.
func temporary(text string) bool {
	word, _, _ := strings.Cut(text, " ")
	return slices.Contains([]string{"MOVED", "TRYAGAIN", "CLUSTERDOWN", "LOADING"}, word)
}

func (r *clusterReader) finish(t *testing.T) {
	t.Helper()
	r.hurry = time.Now().Add(2 * settleWithin)
	close(r.draining)
	r.done.Wait()
	r.leave()
	noError(t, r.err)
}

// take looks at a change, and keeps its number. What comes twice must be the same, and what is new must be behind everything else.
func (r *clusterReader) take(text string) error {
	var c struct {
		shownAt
		Key, Value string
	}
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return fmt.Errorf("%w: %s", err, text)
	}
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(text)) // never fails
	switch before, twice := r.known[c.shownAt]; {
	case twice && before != hash.Sum64():
		return fmt.Errorf("partition %s: two changes at %v, one of them %s", r.partition, c.shownAt, text)
	case twice:
		r.again++
		return nil
	case c.shownAt.before(r.newest):
		return fmt.Errorf("partition %s: %v comes for the first time behind %v", r.partition, c.shownAt, r.newest)
	}
	r.newest, r.known[c.shownAt] = c.shownAt, hash.Sum64()
	numbers := r.seen[c.Key]
	n, err := strconv.Atoi(c.Value)
	if err != nil || len(numbers) > 0 && n < numbers[len(numbers)-1] { // the client may have sent one twice
		return fmt.Errorf("a number does not rise: %s", text)
	}
	r.seen[c.Key] = append(numbers, n)
	return nil
}
