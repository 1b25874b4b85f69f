package shipper

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"shiplog/wal"
)

// The limits of a manifest: those of one message between nodes.
const (
	maxManifest = 4 << 20
	maxFiles    = 32 << 10
	maxName     = 128
)

// SnapshotID names one snapshot among all that were ever taken.
type SnapshotID [16]byte

// String returns 32 hexadecimal digits.
func (id SnapshotID) String() string { return hex.EncodeToString(id[:]) }

// Copied says what a copy of a state is of.
type Copied struct {
	Position wal.Position // in the log
	Rows     uint8        // the format of the state's rows
	Engine   uint8        // the format of the engine's files
}

// File is one file of a snapshot.
type File struct {
	Name string
	Size int64
	Sum  Sum
}

// Manifest says what a snapshot is made of (FORMAT.md).
type Manifest struct {
	ID        SnapshotID
	Partition int
	Sums      Sums // of its files
	Copied
	Files []File // in the order of their names
}

// Bytes is the size of all files together.
func (m *Manifest) Bytes() (n int64) {
	for i := range m.Files {
		n += m.Files[i].Size
	}
	return n
}

// ErrManifest says that bytes are not a manifest of a version that this program knows.
var ErrManifest = errors.New("not a manifest of a snapshot")

// What a manifest begins with, and the size of what precedes its files.
const (
	manifestMagic = "SLsn"
	manifestHead  = 88
)

// EncodeManifest returns m as FORMAT.md has it.
func EncodeManifest(m *Manifest) ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	b := make([]byte, 0, manifestHead+len(m.Files)*(maxName/2+m.Sums.size())+sha256.Size)
	b = append(b, manifestMagic...)
	b = append(b, byte(m.Sums), m.Engine, m.Rows, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(m.Partition))
	b = append(b, m.ID[:]...)
	p := &m.Position
	b = append(b, p.Incarnation[:]...)
	for _, n := range []uint64{uint64(p.Seq), uint64(p.Epoch), p.Index, p.Chain, uint64(p.CommitMS)} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(m.Files)))
	for i := range m.Files {
		f := &m.Files[i]
		b = append(append(b, byte(len(f.Name))), f.Name...)
		b = binary.BigEndian.AppendUint64(b, uint64(f.Size))
		b = append(b, f.Sum[:m.Sums.size()]...)
	}
	sum := sha256.Sum256(b)
	if b = append(b, sum[:]...); len(b) > maxManifest {
		return nil, fmt.Errorf("%w: %d bytes, %d are allowed", ErrManifest, len(b), maxManifest)
	}
	return b, nil
}

// DecodeManifest is the inverse of EncodeManifest. An error wraps ErrManifest.
func DecodeManifest(data []byte) (*Manifest, error) {
	if len(data) < manifestHead+sha256.Size || len(data) > maxManifest || string(data[:4]) != manifestMagic {
		return nil, fmt.Errorf("%w: %d bytes", ErrManifest, len(data))
	}
	if Sums(data[4]).size() == 0 || data[7] != 0 {
		return nil, fmt.Errorf("%w: version %d, this program knows 1 and 2", ErrManifest, data[4])
	}
	body, sum := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	if want := sha256.Sum256(body); !bytes.Equal(sum, want[:]) {
		return nil, fmt.Errorf("%w: damaged", ErrManifest)
	}
	m := &Manifest{Sums: Sums(data[4]), Partition: int(binary.BigEndian.Uint32(data[8:]))}
	m.Engine, m.Rows = data[5], data[6]
	copy(m.ID[:], data[12:])
	p := &m.Position
	copy(p.Incarnation[:], data[28:])
	p.Seq, p.Epoch = wal.Seq(binary.BigEndian.Uint64(data[44:])), wal.Epoch(binary.BigEndian.Uint64(data[52:]))
	p.Index, p.Chain = binary.BigEndian.Uint64(data[60:]), binary.BigEndian.Uint64(data[68:])
	p.CommitMS = int64(binary.BigEndian.Uint64(data[76:]))
	if err := m.decodeFiles(body[manifestHead:], binary.BigEndian.Uint32(data[84:])); err != nil {
		return nil, err
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	return m, nil
}

// decodeFiles reads count files, and nothing behind them.
func (m *Manifest) decodeFiles(rest []byte, count uint32) error {
	size := m.Sums.size()
	for range count {
		if len(rest) < 1 || len(rest) < 1+int(rest[0])+8+size {
			return fmt.Errorf("%w: it ends within file %d", ErrManifest, len(m.Files))
		}
		end := 1 + int(rest[0])
		f := File{Name: string(rest[1:end]), Size: int64(binary.BigEndian.Uint64(rest[end:]))}
		copy(f.Sum[:size], rest[end+8:])
		m.Files, rest = append(m.Files, f), rest[end+8+size:]
	}
	if len(rest) > 0 {
		return fmt.Errorf("%w: %d bytes too many", ErrManifest, len(rest))
	}
	return nil
}

// check holds a manifest to its rules. A name that could lead out of a folder is never let in.
func (m *Manifest) check() error {
	if m.Sums.size() == 0 {
		return fmt.Errorf("%w: sums %d", ErrManifest, m.Sums)
	}
	if m.Partition < 0 || m.Partition >= maxPartitions || len(m.Files) == 0 || len(m.Files) > maxFiles {
		return fmt.Errorf("%w: partition %d, %d files", ErrManifest, m.Partition, len(m.Files))
	}
	total := int64(0)
	for i := range m.Files {
		f := &m.Files[i]
		if !isFileName(f.Name) || f.Size < 0 || f.Size > maxBytes || i > 0 && m.Files[i-1].Name >= f.Name {
			return fmt.Errorf("%w: file %d: %.50q of %d bytes", ErrManifest, i, f.Name, f.Size)
		}
		if total += f.Size; total > maxBytes {
			return fmt.Errorf("%w: more than %d bytes", ErrManifest, int64(maxBytes))
		}
	}
	return nil
}

const (
	maxPartitions = 1 << 14 // one for each slot
	maxBytes      = 1 << 50 // beyond any disk, and far from where sums overflow
)

// isFileName tells whether name is one of a file in a folder, and not one of ours beside them.
func isFileName(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.' && i > 0:
		default:
			return false
		}
	}
	return name != "" && len(name) <= maxName && filepath.Ext(name) != partial && name != manifestName
}

// summed is a file whose sum is known.
type summed struct {
	info os.FileInfo
	sum  Sum
}

// same tells whether info is of the very same file, unchanged, perhaps by another hard link.
func (s *summed) same(info os.FileInfo) bool {
	return s.info != nil && os.SameFile(s.info, info) && s.info.Size() == info.Size() && s.info.ModTime().Equal(info.ModTime())
}

// describe makes the manifest of the files in a folder. known has those whose sums are known, by their names; the result has
// those of this folder.
func describe(dir string, m *Manifest, known map[string]summed) (map[string]summed, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	found := make(map[string]summed, len(entries))
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() || !isFileName(entry.Name()) || entry.Name() == lockFile {
			continue
		}
		f := File{Name: entry.Name(), Size: info.Size()}
		if old := known[f.Name]; old.same(info) {
			f.Sum = old.sum
		} else if f.Sum, err = m.Sums.of(filepath.Join(dir, f.Name)); err != nil {
			return nil, err
		}
		m.Files = append(m.Files, f)
		found[f.Name] = summed{info, f.Sum}
	}
	return found, m.check()
}

// lockFile is what an engine keeps others from a folder with. It is empty, and made anew by whoever opens a copy.
const lockFile = "LOCK"
