package changes

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"shiplog/wal"
)

// Position is where a reader of a partition stands: behind a whole body, and behind so many effects of the one that follows.
type Position struct {
	Partition int
	wal.Position
	Effects int
}

// Token is a position that a client keeps: of one partition, or, with All set, of every partition, in the order of their
// numbers. Its text is opaque, printable and checksummed (FORMAT.md).
type Token struct {
	All        bool
	Partitions []Position
}

// ErrToken says that a text is no token.
var ErrToken = errors.New("invalid token")

// What a token's bytes begin with, and how many partitions it may speak of.
const (
	tokenVersion = 1
	tokenOne     = 0
	tokenAll     = 1
	tokenMost    = 1 << 14 // partitions: there are no more than slots
)

// tokenPrefix is what every token's text begins with: it is told from numbers and words at sight.
const tokenPrefix = "sl1"

// String is the token's text.
func (t Token) String() string {
	b := []byte{tokenVersion, tokenOne}
	if t.All {
		b[1] = tokenAll
	}
	b = binary.AppendUvarint(b, uint64(len(t.Partitions)))
	for i := range t.Partitions {
		p := &t.Partitions[i]
		b = binary.AppendUvarint(b, uint64(p.Partition))
		b = append(b, p.Incarnation[:]...)
		b = binary.BigEndian.AppendUint64(b, p.Chain)
		for _, n := range [...]uint64{uint64(p.Seq), uint64(p.Epoch), p.Index, uint64(p.Effects), uint64(p.CommitMS)} {
			b = binary.AppendUvarint(b, n)
		}
	}
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(b)
}

// ParseToken reads a token's text. The error is ErrToken.
func ParseToken(text string) (Token, error) {
	if len(text) < len(tokenPrefix) || text[:len(tokenPrefix)] != tokenPrefix {
		return Token{}, fmt.Errorf("%w: it does not begin with %q", ErrToken, tokenPrefix)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text[len(tokenPrefix):])
	if err != nil || len(b) < 7 {
		return Token{}, fmt.Errorf("%w: it is cut off or has other characters", ErrToken)
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)) != sum {
		return Token{}, fmt.Errorf("%w: its checksum is wrong", ErrToken)
	}
	if body[0] != tokenVersion || body[1] > tokenAll {
		return Token{}, fmt.Errorf("%w: it is of a newer version", ErrToken)
	}
	t := Token{All: body[1] == tokenAll}
	if !t.read(body[2:]) || t.String() != text {
		return Token{}, fmt.Errorf("%w: it is damaged", ErrToken)
	}
	return t, nil
}

// read reads the positions, and tells whether they are sound.
func (t *Token) read(b []byte) bool {
	n, b, ok := uvarint(b)
	if !ok || n == 0 || n > tokenMost || !t.All && n != 1 {
		return false
	}
	for range n {
		var p Position
		if p, b, ok = readPosition(b); !ok {
			return false
		}
		if len(t.Partitions) > 0 && p.Partition <= t.Partitions[len(t.Partitions)-1].Partition {
			return false
		}
		t.Partitions = append(t.Partitions, p)
	}
	return len(b) == 0
}

func readPosition(b []byte) (p Position, rest []byte, ok bool) {
	number, b, ok := uvarint(b)
	if !ok || number >= tokenMost || len(b) < len(p.Incarnation)+8 {
		return p, nil, false
	}
	p.Partition = int(number)
	b = b[copy(p.Incarnation[:], b):]
	p.Chain, b = binary.BigEndian.Uint64(b), b[8:]
	var n [5]uint64
	for i := range n {
		if n[i], b, ok = uvarint(b); !ok {
			return p, nil, false
		}
	}
	p.Seq, p.Epoch, p.Index, p.Effects, p.CommitMS = wal.Seq(n[0]), wal.Epoch(n[1]), n[2], int(n[3]), int64(n[4])
	return p, b, p.Effects >= 0
}

func uvarint(b []byte) (uint64, []byte, bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 {
		return 0, nil, false
	}
	return n, b[size:], true
}

// Of returns the token's position of a partition.
func (t *Token) Of(partition int) (Position, bool) {
	i := slices.IndexFunc(t.Partitions, func(p Position) bool { return p.Partition == partition })
	if i < 0 {
		return Position{}, false
	}
	return t.Partitions[i], true
}

// With returns the token with another position of p's partition.
func (t *Token) With(p Position) Token {
	changed := Token{All: t.All, Partitions: slices.Clone(t.Partitions)}
	for i := range changed.Partitions {
		if changed.Partitions[i].Partition == p.Partition {
			changed.Partitions[i] = p
		}
	}
	return changed
}

// Compare returns -1, 0 or 1 as the position is before, at or behind other in the same log.
func (p *Position) Compare(other *Position) int {
	return cmp.Or(cmp.Compare(p.Seq, other.Seq), cmp.Compare(p.Effects, other.Effects))
}
