package partitions

import (
	"errors"
	"os"

	"shiplog/partitions/keyspace"
	"shiplog/shipper"
	"shiplog/wal"
)

var _ shipper.Copier = (*Partition)(nil)

// CopyTo makes the folder dir and in it a durable copy of the state as it is now or a little later, and says what that is of
// (shipper.Copier). It may be called in any role, until Close is.
func (p *Partition) CopyTo(dir string) (shipper.Copied, error) {
	err := p.store.CopyTo(dir)
	if err != nil {
		return shipper.Copied{}, err
	}
	c, err := Inspect(dir, p.cfg.Store)
	if err != nil {
		return c, errors.Join(err, os.RemoveAll(dir))
	}
	return c, nil
}

// Position returns how far the state has come in its log. It is for the time between Open and Run.
func (p *Partition) Position() wal.Position { return p.store.Position() }

// StateBytes returns how large the state is on disk. It takes no lock of the partition, and must not be called after Close.
func (p *Partition) StateBytes() uint64 { return p.store.Metrics().DiskSpaceUsage() }

// Inspect says what the state in a folder is of, and changes nothing there. o is what it would be opened with.
func Inspect(dir string, o keyspace.Options) (shipper.Copied, error) {
	c, err := keyspace.Inspect(dir, o)
	return shipper.Copied{Position: c.Position, Rows: c.Rows, Engine: c.Engine}, err
}
