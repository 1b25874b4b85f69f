package node

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"shiplog/node/cluster"
	"shiplog/partitions/coordinator"
	"shiplog/wal"
)

// formatVersion is the version of the data directory's layout that this program writes and reads.
const formatVersion = 1

// The names in a data directory. Everything in it is readable only by its owner.
const (
	lockName   = "shiplog.lock"
	idName     = "node.id"
	formatName = "format"
	logName    = "log"
	stateName  = "state"
	mapName    = "cluster.json"
	copiesName = "snapshot"
	putName    = "snapshot.put"
	storeName  = "snapshot.store"
	modeName   = "mode"
	readerName = "changes.nats"
	resetName  = "reset"
	asideName  = "aside"
)

// Mode says what a data directory was made for. JetStream's files of a lone node are of no use to a cluster, and it would delete
// them.
type Mode string

// The modes.
const (
	ModeSolo    Mode = "solo"
	ModeCluster Mode = "cluster"
)

// DataDir is a data directory that this process, and no other, uses:
//
//	shiplog.lock        locked while a process uses the directory; holds that process's number
//	node.id             the node's identity, 40 hexadecimal digits, made once
//	format              the version of this layout
//	mode                solo or cluster; absent: solo
//	log/                JetStream's files: the log
//	state/PARTITION/    Pebble's files: the state; beside it PARTITION.seed while it is being filled from another node's
//	snapshot/           copies of states that other nodes are filled from; of no use to the next process
//	snapshot.put/       copies of states that are put into the snapshot store; the same
//	snapshot.store      the identity of the snapshot store that the node has seen
//	changes.nats        the URL with which NATS clients read changes, when the node has made their password
//	cluster.json        the newest cluster map that the node has seen, if it is in a cluster
//	aside               the node has started over, and lets no node in until it is told whom to meet
//	reset               the next process starts over as a new node: CLUSTER RESET was answered and not done yet
//	log/origin          when this file itself was made, in a cluster: what a copy of the directory says is not so
//	former/             log, state and node.id of an earlier life, until the cluster has taken in the present one
//	former.ids          the identities of earlier lives that the cluster has not replaced yet
type DataDir struct {
	Path   string
	NodeID wal.NodeID
	lock   *os.File
}

// OpenDataDir locks the data directory at path and makes what is missing of it. It refuses, in one
// line and without a change, a directory that another process uses, that a newer version has written, or that was made for
// another mode. What it makes is on the disk when it returns. Close gives the directory back.
func OpenDataDir(path string, mode Mode) (*DataDir, error) {
	if _, err := readFormat(path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	d, err := lockDataDir(path)
	if err != nil {
		return nil, err
	}
	if err := d.prepare(mode); err != nil {
		_ = d.Close()
		return nil, fmt.Errorf("data directory %s: %w", path, err)
	}
	return d, nil
}

// OpenExistingDataDir is OpenDataDir for a reader of a lone node's directory: it makes nothing, and refuses a directory that is not
// there and one of a cluster's node.
func OpenExistingDataDir(path string) (*DataDir, error) {
	version, err := readFormat(path)
	if err != nil {
		return nil, err
	}
	if version == 0 {
		return nil, fmt.Errorf("%s is not a data directory of shiplog", path)
	}
	d, err := lockDataDir(path)
	if err != nil {
		return nil, err
	}
	if d.NodeID, err = readNodeID(path); err == nil {
		err = d.refuseCluster()
	}
	if err != nil {
		_ = d.Close()
		return nil, fmt.Errorf("data directory %s: %w", path, err)
	}
	return d, nil
}

// refuseCluster refuses the directory of a cluster's node: its logs can only be read together with those of other nodes.
func (d *DataDir) refuseCluster() error {
	content, err := os.ReadFile(filepath.Join(d.Path, modeName))
	if errors.Is(err, fs.ErrNotExist) || err == nil && Mode(strings.TrimSpace(string(content))) != ModeCluster {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.New("it belongs to a node of a cluster, and a replicated log cannot be read from one directory alone: " +
		"shiplog log dump is for a lone node")
}

// LogDir is where the log's files are.
func (d *DataDir) LogDir() string { return filepath.Join(d.Path, logName) }

// StateDir is where the state of a partition is. It need not be there yet.
func (d *DataDir) StateDir(partition int) string {
	return filepath.Join(d.Path, stateName, strconv.Itoa(partition))
}

// SnapshotDir is where the copies of states are that other nodes are filled from. It need not be there yet.
func (d *DataDir) SnapshotDir() string { return filepath.Join(d.Path, copiesName) }

// PutDir is where the copies of states are that are put into the snapshot store. It need not be there yet.
func (d *DataDir) PutDir() string { return filepath.Join(d.Path, putName) }

// knownStore is the identity of the snapshot store that the node has seen, empty when it has seen none.
func (d *DataDir) knownStore() string {
	content, err := os.ReadFile(filepath.Join(d.Path, storeName))
	if err != nil {
		return "" // it has seen none, or an operator has removed the file so that it takes a new one
	}
	return strings.TrimSpace(string(content))
}

// keepStore notes which snapshot store the node has seen.
func (d *DataDir) keepStore(id string) error {
	return writeDurably(filepath.Join(d.Path, storeName), id)
}

// readMap returns the cluster map that writeMap has kept, nil if there is none.
func (d *DataDir) readMap() (*coordinator.Map, error) {
	content, err := os.ReadFile(filepath.Join(d.Path, mapName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	m, err := cluster.DecodeMap(content)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: the file %s: %w", d.Path, mapName, err)
	}
	return m, nil
}

// writeMap keeps a cluster map over a restart.
func (d *DataDir) writeMap(m *coordinator.Map) error {
	content, err := cluster.EncodeMap(m)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(d.Path, mapName), content, 0o600)
}

// Close unlocks the directory. Closing again does nothing.
func (d *DataDir) Close() error {
	if d.lock == nil {
		return nil
	}
	err := d.lock.Close()
	d.lock = nil
	return err
}

// lockDataDir takes the lock file of an existing directory. The system frees the lock when the process ends, however it ends.
func lockDataDir(path string) (*DataDir, error) {
	lock, err := os.OpenFile(filepath.Join(path, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		err = writePID(lock)
	} else if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("data directory %s is in use by process %s", path, readPID(path))
	}
	if err != nil {
		_ = lock.Close()
		return nil, err
	}
	return &DataDir{Path: path, lock: lock}, nil
}

func writePID(lock *os.File) error {
	if err := lock.Truncate(0); err != nil {
		return fmt.Errorf("lock file: %w", err)
	}
	if _, err := lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return fmt.Errorf("lock file: %w", err)
	}
	return nil
}

func readPID(path string) string {
	content, err := os.ReadFile(filepath.Join(path, lockName))
	if pid := strings.TrimSpace(string(content)); err == nil && pid != "" {
		return pid
	}
	return "unknown"
}

// prepare makes what is missing. The format file comes last: a directory that has one is complete.
func (d *DataDir) prepare(mode Mode) error {
	version, err := readFormat(d.Path)
	if err != nil {
		return err
	}
	if err := d.settle(mode, version > 0); err != nil {
		return err
	}
	if err := d.startOver(); err != nil {
		return err
	}
	for _, name := range []string{logName, stateName} {
		if err := os.MkdirAll(filepath.Join(d.Path, name), 0o700); err != nil {
			return err
		}
	}
	d.NodeID, err = readNodeID(d.Path)
	if version == 0 && errors.Is(err, fs.ErrNotExist) {
		d.NodeID, err = createNodeID(d.Path)
	}
	if err != nil || version > 0 {
		return err
	}
	if err := writeDurably(filepath.Join(d.Path, formatName), strconv.Itoa(formatVersion)); err != nil {
		return err
	}
	return syncDir(filepath.Dir(d.Path))
}

// settle refuses a directory of another mode, and notes the mode of a new one.
func (d *DataDir) settle(mode Mode, used bool) error {
	name := filepath.Join(d.Path, modeName)
	content, err := os.ReadFile(name)
	was := Mode(strings.TrimSpace(string(content)))
	switch {
	case errors.Is(err, fs.ErrNotExist) && used:
		was = ModeSolo
	case errors.Is(err, fs.ErrNotExist):
		return writeDurably(name, string(mode))
	case err != nil:
		return err
	}
	if was != mode {
		return fmt.Errorf("it belongs to a node in mode %s and cannot be used in mode %s: give the node another dir, or set cluster-enabled as it was", was, mode)
	}
	return nil
}

// readFormat returns the directory's version, 0 when there is none yet.
func readFormat(path string) (int, error) {
	content, err := os.ReadFile(filepath.Join(path, formatName))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("data directory: %w", err)
	}
	version, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil || version < 1 {
		return 0, fmt.Errorf("data directory %s: the file %s does not hold a version number", path, formatName)
	}
	if version > formatVersion {
		return 0, fmt.Errorf("data directory %s has format %d, which is newer than this program's %d: use a newer shiplog",
			path, version, formatVersion)
	}
	return version, nil
}

func readNodeID(path string) (id wal.NodeID, err error) {
	content, err := os.ReadFile(filepath.Join(path, idName))
	if err != nil {
		return id, err
	}
	text := strings.TrimSpace(string(content))
	if n, err := hex.Decode(id[:], []byte(text)[:min(len(text), 2*len(id))]); err != nil || n != len(id) || len(text) != 2*len(id) {
		return id, fmt.Errorf("the file %s does not hold %d hexadecimal digits", idName, 2*len(id))
	}
	return id, nil
}

func createNodeID(path string) (id wal.NodeID, err error) {
	if _, err := rand.Read(id[:]); err != nil {
		return id, err
	}
	return id, writeDurably(filepath.Join(path, idName), hex.EncodeToString(id[:]))
}

// writeDurably makes a small file that only its owner can read.
func writeDurably(name, line string) error {
	return replaceFile(name, []byte(line+"\n"), 0o600)
}
