package node

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"shiplog/embedded"
	"shiplog/partitions/coordinator"
)

// A node of a cluster has voted, and has acknowledged records that count as being on its disk. If its log is older than that, or gone, it may vote twice in
// a term, and what it acknowledged may be lost with the next node. So such a directory begins another life: under a new identity, and thus as
// another peer of JetStream's groups, the node joins the cluster and is filled like any new one, and what it was is replaced and removed.

// The names of what a life leaves behind.
const (
	originName = "origin"
	formerName = "former"
	idsName    = "former.ids"
)

// evidence is what tells whether a cluster node's directory holds all that the node ever had.
type evidence struct {
	copied bool // its files were made later than they say
	member bool // it knows a cluster that it is a member of
	formed bool // its log's server has heard of the cluster's group
}

// doubt says why the directory is not to be believed; empty: it is.
func (e evidence) doubt() string {
	switch {
	case e.copied:
		return "its log is a copy, and the node may have gone on since it was made"
	case e.member && !e.formed:
		return "it belongs to a member of a cluster, and its log is gone"
	}
	return ""
}

// live begins a new life if the directory is not to be believed, and then says why; after that it has the directory recognised for what it
// is. The log's server must not run yet. What it does is on the disk when it returns; after a crash in the middle the next call begins one more.
func (d *DataDir) live() (doubt string, err error) {
	e, err := d.evidence()
	if err != nil {
		return "", fmt.Errorf("data directory %s: %w", d.Path, err)
	}
	if doubt = e.doubt(); doubt != "" {
		err = d.beginLife()
	}
	if err == nil {
		err = d.certify()
	}
	if err != nil {
		return "", fmt.Errorf("data directory %s: %w", d.Path, err)
	}
	return doubt, nil
}

func (d *DataDir) evidence() (e evidence, err error) {
	known, err := d.readMap()
	if err != nil {
		return e, err
	}
	e.member = isIn(known, coordinator.NodeID(hex.EncodeToString(d.NodeID[:])))
	if e.formed, err = embedded.Formed(d.LogDir()); err != nil {
		return e, err
	}
	e.copied, err = d.isCopy()
	return e, err
}

func (d *DataDir) origin() string { return filepath.Join(d.LogDir(), originName) }

// isCopy tells whether the log's directory is a copy, also one that was put in the place of the original. A directory that does not say when it was made is
// taken for the original: it is an older version's, or an operator wants that.
func (d *DataDir) isCopy() (bool, error) {
	said, err := os.ReadFile(d.origin())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	born, err := birth(d.origin())
	return err == nil && born != strings.TrimSpace(string(said)), err
}

// unborn is when a file was made of which the file system does not say that.
const unborn = "unknown"

// birth is when a file was made, which nobody can set: a copy has another one, whatever it is copied with. It stays when the file is renamed.
func birth(name string) (string, error) {
	var info unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, name, 0, unix.STATX_BTIME, &info); err != nil {
		return "", err
	}
	if info.Mask&unix.STATX_BTIME == 0 {
		return unborn, nil
	}
	return fmt.Sprintf("%d.%09d", info.Btime.Sec, info.Btime.Nsec), nil
}

// certify has the log's directory say when it was made. It does so at each start, so that older words in a newer file are found out, too.
func (d *DataDir) certify() (err error) {
	made := d.origin() + ".new"
	if err := os.RemoveAll(made); err != nil {
		return err
	}
	if err := os.WriteFile(made, nil, 0o600); err != nil {
		return err
	}
	born, err := birth(made)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(made, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(born + "\n")
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(made, d.origin()); err != nil {
		return err
	}
	return syncDir(d.LogDir())
}

// beginLife makes the directory that of a new node. What the old one had is put aside.
func (d *DataDir) beginLife() (err error) {
	was := hex.EncodeToString(d.NodeID[:])
	if err := d.keepFormer(append(d.formerIDs(), was)); err != nil {
		return err
	}
	former := filepath.Join(d.Path, formerName)
	if err := os.MkdirAll(former, 0o700); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(former, idName)); errors.Is(err, fs.ErrNotExist) { // for an operator who wants all of it back
		if err := writeDurably(filepath.Join(former, idName), was); err != nil {
			return err
		}
	}
	if d.NodeID, err = createNodeID(d.Path); err != nil {
		return err
	}
	for _, name := range []string{logName, stateName} {
		if err := d.putAside(name); err != nil {
			return err
		}
	}
	return syncDir(d.Path)
}

// putAside moves a part of the directory away, and makes an empty one in its place. What was put aside before is more than what came after it.
func (d *DataDir) putAside(name string) error {
	from, to := filepath.Join(d.Path, name), filepath.Join(d.Path, formerName, name)
	_, err := os.Stat(to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = os.Rename(from, to)
	case err == nil:
		err = os.RemoveAll(from)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.MkdirAll(from, 0o700)
}

// formerIDs are the identities of earlier lives that the cluster has not replaced yet.
func (d *DataDir) formerIDs() []string {
	content, err := os.ReadFile(filepath.Join(d.Path, idsName))
	if err != nil {
		return nil // there are none, or it is an operator who removes them
	}
	return strings.Fields(string(content))
}

// keepFormer notes the identities of earlier lives.
func (d *DataDir) keepFormer(ids []string) error {
	name := filepath.Join(d.Path, idsName)
	if len(ids) > 0 {
		return writeDurably(name, strings.Join(ids, "\n"))
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(d.Path)
}

// dropFormer deletes what earlier lives have left.
func (d *DataDir) dropFormer() error { return os.RemoveAll(filepath.Join(d.Path, formerName)) }
