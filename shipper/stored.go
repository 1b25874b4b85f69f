package shipper

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"shiplog/wal"
)

// Stored is a snapshot that lies in a Store, as its own file there says (FORMAT.md). It is never changed.
type Stored struct {
	*Manifest            // with SHA-256 sums, which name the files in the store
	Taken      time.Time // to the millisecond, by the clock of the node that put it there
	By         wal.NodeID
	First      uint16 // the partition's slots
	Last       uint16
	Partitions int // that there are in all
}

// ErrStored says that bytes are not a stored snapshot of a version that this program knows.
var ErrStored = errors.New("not a stored snapshot")

// The frame of a stored snapshot.
const (
	storedMagic   = "SLst"
	storedVersion = 1
	storedHead    = 48
	maxStored     = storedHead + maxManifest + sha256.Size
	maxSlot       = maxPartitions - 1
)

// EncodeStored returns s as FORMAT.md has it.
func EncodeStored(s *Stored) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	manifest, err := EncodeManifest(s.Manifest)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, storedHead+len(manifest)+sha256.Size)
	b = append(b, storedMagic...)
	b = append(b, storedVersion, 0, 0, 0)
	b = binary.BigEndian.AppendUint64(b, uint64(s.Taken.UnixMilli()))
	b = append(b, s.By[:]...)
	b = binary.BigEndian.AppendUint16(b, s.First)
	b = binary.BigEndian.AppendUint16(b, s.Last)
	b = binary.BigEndian.AppendUint32(b, uint32(s.Partitions))
	b = binary.BigEndian.AppendUint32(b, uint32(len(manifest)))
	b = append(b, manifest...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...), nil
}

// DecodeStored is the inverse of EncodeStored. An error wraps ErrStored.
func DecodeStored(data []byte) (*Stored, error) {
	if len(data) < storedHead+sha256.Size || len(data) > maxStored || string(data[:4]) != storedMagic {
		return nil, fmt.Errorf("%w: %d bytes", ErrStored, len(data))
	}
	if data[4] != storedVersion || data[5]|data[6]|data[7] != 0 {
		return nil, fmt.Errorf("%w: version %d, this program knows 1", ErrStored, data[4])
	}
	body, sum := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	if want := sha256.Sum256(body); !bytes.Equal(sum, want[:]) {
		return nil, fmt.Errorf("%w: damaged", ErrStored)
	}
	if n := binary.BigEndian.Uint32(data[44:]); int64(n) != int64(len(body)-storedHead) {
		return nil, fmt.Errorf("%w: a manifest of %d bytes in %d", ErrStored, n, len(body)-storedHead)
	}
	m, err := DecodeManifest(body[storedHead:])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStored, err)
	}
	s := &Stored{Manifest: m, Taken: time.UnixMilli(int64(binary.BigEndian.Uint64(data[8:])))}
	copy(s.By[:], data[16:])
	s.First, s.Last = binary.BigEndian.Uint16(data[36:]), binary.BigEndian.Uint16(data[38:])
	s.Partitions = int(binary.BigEndian.Uint32(data[40:]))
	return s, s.check()
}

// check holds what is around the manifest to its rules.
func (s *Stored) check() error {
	switch {
	case s.Manifest == nil || s.Sums != SHA256:
		return fmt.Errorf("%w: its files must have SHA-256 sums", ErrStored)
	case s.First > s.Last || s.Last > maxSlot:
		return fmt.Errorf("%w: slots %d to %d", ErrStored, s.First, s.Last)
	case s.Partitions <= s.Partition || s.Partitions > maxPartitions:
		return fmt.Errorf("%w: partition %d of %d", ErrStored, s.Partition, s.Partitions)
	}
	return nil
}

// Fitting returns those of a partition's stored snapshots that a state can begin with and then tail its log, the newest first: of the log's
// life, not beyond its end, and what comes behind them is still there. Whether they are of the same history the log's records say
// (Compare).
func Fitting(all []*Stored, life wal.Incarnation, b wal.Bounds) (fit []*Stored) {
	for _, s := range all {
		if p := s.Position; p.Incarnation == life && p.Seq > 0 && p.Seq <= b.Last && b.First <= p.Seq+1 {
			fit = append(fit, s)
		}
	}
	slices.SortStableFunc(fit, func(a, b *Stored) int { return newer(b, a) })
	return fit
}

// newer compares snapshots by how far they are, and then by when they were taken.
func newer(a, b *Stored) int {
	return cmp.Or(cmp.Compare(a.Position.Seq, b.Position.Seq), a.Taken.Compare(b.Taken))
}

// Life returns the incarnation of a log, as its first record that is there has it. wal.ErrNotFound says that there is none.
func Life(ctx context.Context, log wal.Log) (in wal.Incarnation, b wal.Bounds, err error) {
	if b, err = log.Bounds(ctx); err != nil {
		return in, b, err
	}
	if b.Last < b.First {
		return in, b, wal.ErrNotFound
	}
	r, err := record(ctx, log, b.First)
	return r.Incarnation, b, err
}
