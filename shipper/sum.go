package shipper

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/zeebo/xxh3"
)

// Sum is the checksum of a file, with zeros behind it where it is shorter.
type Sum [sha256.Size]byte

// Sums says how the files of a snapshot are summed. It is the version of the manifest too.
type Sums uint8

// The sums that there are. Files are summed to find what was damaged on the way, twice for each that is fetched, between nodes that
// trust each other: XXH3 is enough for that, and takes a twentieth of what SHA-256 takes.
const (
	SHA256  Sums = 1 // as version 1 of the manifest had it
	XXH3128 Sums = 2
)

// size is how many bytes of a Sum are used, 0 for sums that this program does not know.
func (s Sums) size() int {
	switch s {
	case SHA256:
		return sha256.Size
	case XXH3128:
		return 16
	}
	return 0
}

// start returns what sums a file up. The sums must be known.
func (s Sums) start() hash.Hash {
	if s == SHA256 {
		return sha256.New()
	}
	return xxh3.New128()
}

// finish returns the sum of what h was given.
func finish(h hash.Hash) (sum Sum) {
	h.Sum(sum[:0])
	return sum
}

// of reads a file and returns its sum.
func (s Sums) of(path string) (sum Sum, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer f.Close() // it was only read
	h := s.start()
	if _, err := io.CopyBuffer(onlyWriter{h}, onlyReader{f}, make([]byte, sumBuffer)); err != nil {
		return sum, fmt.Errorf("read %s: %w", path, err)
	}
	return finish(h), nil
}

// sumBuffer is how much of a file is read at a time.
const sumBuffer = 256 << 10

// onlyReader and onlyWriter hide what else a file and a hash can do, so that the buffer is used.
type (
	onlyReader struct{ io.Reader }
	onlyWriter struct{ io.Writer }
)
