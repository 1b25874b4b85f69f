package keyspace

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"shiplog/wal"
)

// CopyTo makes the folder dir and in it a durable copy of everything applied until now, and perhaps of some of what is applied
// meanwhile: Inspect tells. It costs a flush and hard links, needs no lock, and may run beside Apply. dir must be on the file system of
// the Store and must not be there. After an error nothing is left of it.
func (s *Store) CopyTo(dir string) error {
	if err := s.Flush(); err != nil {
		return err
	}
	if err := s.db.Checkpoint(dir); err != nil {
		return fmt.Errorf("copy the state to %s: %w", dir, err)
	}
	return nil
}

// Contents says what the state in a folder is of.
type Contents struct {
	Position wal.Position
	Rows     uint8 // the format of its rows
	Engine   uint8 // the format of Pebble's files
}

// Inspect says what the state in the folder dir is of. It changes nothing there but the lock that it takes meanwhile. o is what
// the state would be opened with.
func Inspect(dir string, o Options) (c Contents, err error) {
	po := pebbleOptions(o)
	po.ReadOnly, po.ErrorIfNotExists = true, true
	po.CacheSize, po.EventListener = inspectCache, nil
	db, err := pebble.Open(dir, po)
	if err != nil {
		return c, fmt.Errorf("inspect the state in %s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s := &Store{db: db}
	version, err := s.row(rowFormat)
	switch {
	case err != nil:
		return c, fmt.Errorf("inspect the state in %s: %w", dir, err)
	case len(version) != 1 || version[0] == 0:
		return c, fmt.Errorf("inspect the state in %s: its format: %w", dir, errRow)
	case version[0] > formatVersion:
		return c, fmt.Errorf("inspect the state in %s: %w", dir, ErrNewerFormat)
	}
	c.Rows, c.Engine = version[0], uint8(db.FormatMajorVersion())
	position, err := s.row(rowApplied)
	if err == nil && position != nil {
		c.Position, err = parsePosition(position)
	}
	if err != nil {
		return c, fmt.Errorf("inspect the state in %s: its position: %w", dir, err)
	}
	return c, nil
}

// inspectCache is enough for a few rows.
const inspectCache = 1 << 20
