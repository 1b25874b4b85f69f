package keyspace

import (
	"cmp"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"shiplog/partitions/slot"
	"shiplog/wal"
)

// ErrNewerFormat says that the state was written by a newer version of the program.
var ErrNewerFormat = errors.New("the state has a newer format")

// Options are what a Store is opened with. A zero size takes the engine's default.
type Options struct {
	FS         vfs.FS     // nil: the operating system's
	BlockCache int64      // bytes of Pebble's cache of blocks
	MemTable   uint64     // bytes of one memtable
	HotSet     int64      // bytes of keys kept in memory beside those not yet applied
	Filter     int64      // bytes of the filter of keys at most (FORMAT.md); 0: 16 MiB, less: no filter
	Slots      slot.Range // what the partition has; the zero Range: all slots
	Logger     pebble.Logger
	Listener   *pebble.EventListener
	Touched    func(key string, origin uint64) // told of each changed key, under the lock
	Emptied    func()                          // told that all keys are gone, under the lock
}

// Tally counts what happened in a Store since it was opened: lookups of reading commands, and keys
// removed because their time was over.
type Tally struct{ Hits, Misses, Expired int64 }

// Store is the state of one partition. View, Begin, Watch, Unwatch, Await, Unawait, TakeReady, Snapshot, Reset and SetReplica need the
// partition's lock; Apply, Flush, Durable and Due do not, but Apply has one caller at a time, and needs it on a replica. A Store
// owns the goroutine that fills its filter.
//
// Records are counted by the partition, from 1 in each life of the process: that count, not the log's
// sequence, says what is open, acknowledged and applied here.
type Store struct {
	db      *pebble.DB
	slots   slot.Range
	filter  *filter
	replica bool
	hot     *hotSet
	open    uint64 // the record that units are being added to
	newest  uint64 // the newest record that has effects
	units   uint64 // begun so far
	flushed uint64 // the newest record that emptied the partition
	counts  counts
	tally   Tally
	timed   timedHashes
	interest
	view View
	tx   Tx

	life     atomic.Uint64 // counts the changes of role: what was found out in one life may be wrong in the next
	applied  atomic.Uint64 // the newest record that Pebble has
	position wal.Position  // the applier's
	stored   counts        // the applier's
	apply    applying
}

// Open opens or creates the database in dir. Nothing is running in it but Pebble's own goroutines and the one that fills the
// filter.
func Open(dir string, o Options) (*Store, error) {
	db, err := pebble.Open(dir, pebbleOptions(o))
	if err != nil {
		return nil, fmt.Errorf("open the state in %s: %w", dir, err)
	}
	s := &Store{db: db, slots: o.Slots, interest: interest{watches: make(map[string][]watcher), touched: o.Touched, emptied: o.Emptied}}
	if s.slots == (slot.Range{}) {
		s.slots.Last = slot.Count - 1
	}
	s.hot = newHotSet(o.HotSet, &s.applied)
	s.view.store, s.tx.store = s, s
	s.apply.init()
	if err := s.recall(); err != nil {
		return nil, errors.Join(fmt.Errorf("read the state in %s: %w", dir, err), db.Close())
	}
	s.beginFilter(cmp.Or(o.Filter, filterMost))
	return s, nil
}

// beginFilter begins to fill a filter of at most the given bytes.
func (s *Store) beginFilter(most int64) {
	s.filter = newFilter(s.db, filterLeast, most)
	if s.filter != nil {
		s.filter.refill(s.stored.keys)
	}
}

func pebbleOptions(o Options) *pebble.Options {
	po := &pebble.Options{
		FS:                          yieldingFS{cmp.Or(o.FS, vfs.Default)},
		DisableWAL:                  true, // the log is the WAL
		FormatMajorVersion:          pebble.FormatNewest,
		MemTableSize:                o.MemTable,
		MemTableStopWritesThreshold: 4,
		CacheSize:                   o.BlockCache,
		MaxOpenFiles:                512,
		BytesPerSync:                256 << 10, // little at a time: the log's fsyncs wait for what is being written
		Logger:                      o.Logger,
		EventListener:               o.Listener,
	}
	po.Experimental.CompactionScheduler = newCompactions()
	for i := range po.Levels {
		po.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return po
}

// recall reads what the database says of itself and of the log.
func (s *Store) recall() error {
	version, err := s.row(rowFormat)
	if err != nil {
		return err
	}
	switch {
	case version == nil:
		return s.db.Set([]byte(rowFormat), []byte{formatVersion}, pebble.NoSync)
	case len(version) != 1 || version[0] == 0:
		return errRow
	case version[0] > formatVersion:
		return ErrNewerFormat
	case version[0] < formatVersion: // nothing that older formats have has changed
		if err := s.db.Set([]byte(rowFormat), []byte{formatVersion}, pebble.NoSync); err != nil {
			return err
		}
	}
	if row, err := s.row(rowApplied); err != nil {
		return err
	} else if row != nil {
		if s.position, err = parsePosition(row); err != nil {
			return err
		}
	}
	if row, err := s.row(rowCounts); err != nil {
		return err
	} else if row != nil {
		if s.stored, err = parseCounts(row); err != nil {
			return err
		}
	}
	s.counts = s.stored
	return nil
}

// row returns a copy of a row, nil when there is none.
func (s *Store) row(key string) ([]byte, error) {
	value, closer, err := s.db.Get([]byte(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return clone(value), closer.Close()
}

// read returns what Pebble holds of key.
func (s *Store) read(key []byte) (value Value, exists bool, err error) {
	var buf [64]byte
	id := slot.Of(key)
	header, closer, err := s.db.Get(appendRowKey(buf[:0], id, areaHeader, key))
	if errors.Is(err, pebble.ErrNotFound) {
		return Value{}, false, nil
	}
	if err != nil {
		return Value{}, false, fmt.Errorf("read a key: %w", err)
	}
	value, err = parseHeader(header)
	value.Data = clone(value.Data)
	if err = errors.Join(err, closer.Close()); err != nil {
		return Value{}, false, err
	}
	expiry, closer, err := s.db.Get(appendRowKey(buf[:0], id, areaExpiry, key))
	if errors.Is(err, pebble.ErrNotFound) {
		return value, true, nil
	}
	if err != nil {
		return Value{}, false, fmt.Errorf("read an expiry: %w", err)
	}
	value.ExpireAt, err = parseExpiry(expiry)
	return value, true, errors.Join(err, closer.Close())
}

// View begins a read at now (Unix milliseconds). It is valid until the next View or the end of the lock.
func (s *Store) View(now int64) *View {
	s.view = View{store: s, now: now, cold: s.view.cold[:0]}
	return &s.view
}

// Probe makes the View report keys that are not in memory as missing, and remember them, instead of reading
// Pebble under the lock. What the command answers is then void if Cold is not empty.
func (v *View) Probe() { v.probe = true }

// Cold is a key, or rows of a collection, that a probing View did not find in memory.
type Cold struct {
	key      string
	object   uint64 // of the rows; 0: the key itself
	from, to []byte // nil to: only the row from
}

// Cold returns what a probing View did not find in memory.
func (v *View) Cold() []Cold { return v.cold }

// Seen returns the newest record that the View saw an effect of, 0 when all it saw is in Pebble.
func (v *View) Seen() uint64 { return v.seen }

// Err returns the first failure of Pebble that the View met. What the command answered is then void.
func (v *View) Err() error { return v.err }

// Count adds the View's lookups to the Tally, once its command has run for good.
func (v *View) Count() {
	v.store.tally.Hits += v.hits
	v.store.tally.Misses += v.miss
}

// Tally returns what was counted. It needs the lock.
func (s *Store) Tally() Tally { return s.tally }

// Volatile returns the number of keys that have a deadline, as the units so far have left them. It needs the lock.
func (s *Store) Volatile() int64 { return s.counts.volatile }

// Watched returns the number of keys that somebody watches. It needs the lock.
func (s *Store) Watched() int { return len(s.watches) }

// warmRows is how many rows of a collection Warm reads at most.
const warmRows = 4096

// Warm brings what Pebble holds of something cold into its cache, without the lock.
func (s *Store) Warm(c Cold) error {
	if c.object == 0 {
		_, _, err := s.read([]byte(c.key))
		return err
	}
	if c.to == nil {
		c.to = after(c.from)
	}
	w, err := s.walkObject(c.object, c.from, c.to)
	if err != nil {
		return err
	}
	for n, ok := 0, w.First(); ok && n < warmRows; n, ok = n+1, w.Next() {
		_ = w.Value()
	}
	return errors.Join(w.Error(), w.Close())
}

// Begin begins a unit at now (Unix milliseconds) in the record that is open, whose body is *out. It must end with
// Commit or Rollback before the lock is given up. It panics on a replica.
func (s *Store) Begin(now int64, record uint64, out *[]byte) *Tx {
	if s.replica {
		panic("keyspace: a replica is written to")
	}
	s.open = record
	t := &s.tx
	t.View = View{store: s, now: now}
	t.cause, t.causer, t.origin = wal.CauseClient, causer{}, 0
	t.out, t.start = out, len(*out)
	t.effects, t.counts, t.flushed, t.newest = 0, s.counts, s.flushed, s.newest
	s.units++
	t.unit = s.units
	return t
}

// Reset forgets everything that is not in Pebble: effects that will never be acknowledged. No Apply may be
// running.
func (s *Store) Reset() {
	if s.flushed > s.applied.Load() { // what is known since then is known of an empty partition
		s.hot = newHotSet(s.hot.limit, &s.applied)
	} else {
		s.hot.dropUnapplied()
	}
	s.counts = s.stored
	s.flushed = 0
	s.newest = s.applied.Load()
	s.dirtyWatches()
}

// Position returns how far Pebble has come in the log. It belongs to the caller of Apply.
func (s *Store) Position() wal.Position { return s.position }

// Applied returns the newest record that Pebble has.
func (s *Store) Applied() uint64 { return s.applied.Load() }

// Metrics returns Pebble's own figures.
func (s *Store) Metrics() *pebble.Metrics { return s.db.Metrics() }

// HotBytes returns the size of the keys that are in memory. It needs the lock.
func (s *Store) HotBytes() int64 { return s.hot.bytes }

// HotKeys returns how many keys are in memory. It needs the lock.
func (s *Store) HotKeys() int { return len(s.hot.heads) }

// Flush makes everything applied so far durable.
func (s *Store) Flush() error {
	if bug("no-flush") {
		return nil
	}
	if err := s.db.Flush(); err != nil {
		return fmt.Errorf("flush the state: %w", err)
	}
	return nil
}

// Durable returns the position that the state would have after a power cut now.
func (s *Store) Durable() (p wal.Position, err error) {
	it, err := s.db.NewIter(&pebble.IterOptions{OnlyReadGuaranteedDurable: true, LowerBound: []byte(rowApplied)})
	if err != nil {
		return p, fmt.Errorf("read the durable position: %w", err)
	}
	if it.First() && string(it.Key()) == rowApplied {
		p, err = parsePosition(it.Value())
	}
	return p, errors.Join(err, it.Error(), it.Close())
}

// Close flushes and closes the database. Nothing may be running in the Store.
func (s *Store) Close() error {
	s.filter.close()
	return errors.Join(s.db.Flush(), s.db.Close())
}

// Abandon closes the database without flushing it, as if the process had died.
func (s *Store) Abandon() error {
	s.filter.close()
	return s.db.Close()
}
