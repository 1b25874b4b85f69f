package embedded

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	_ "unsafe" // for go:linkname

	"github.com/nats-io/nats-server/v2/server"
)

// How JetStream's meta group begins. Its election has one rule beside Raft's: a server whose log is empty is elected by servers whose logs are
// empty, if it takes as many of them as it believes that there are servers. That number is all that keeps servers that are new, or have lost their
// disk, from deposing the leader of a cluster that they come to, whose streams would then be gone. So a server that has never heard of a
// group believes in more than there can ever be, until Begin says otherwise.

// none is how many servers are needed to begin a group when this one is not to begin any: half of it never are there.
const none = 1 << 20

// metaGroup is the group's name in nats-server.
const metaGroup = "_meta_"

//go:linkname lookupRaftNode github.com/nats-io/nats-server/v2/server.(*Server).lookupRaftNode
func lookupRaftNode(s *server.Server, group string) server.RaftNode

// metaFolder holds the log of JetStream's meta group, in which the cluster's servers agree on what streams there are.
func metaFolder(dir string) string {
	return filepath.Join(dir, "jetstream", systemAccount, "_js_", metaGroup)
}

// Formed says whether the server of a cluster whose directory dir is has ever heard anything of a meta group. The directory need not be there.
func Formed(dir string) (bool, error) {
	for _, pattern := range []string{"msgs/*.blk", "snapshots/*"} {
		found, err := filepath.Glob(filepath.Join(metaFolder(dir), pattern))
		if err != nil {
			return false, err
		}
		for _, path := range found {
			if info, err := os.Stat(path); err == nil && info.Size() > 0 {
				return true, nil
			}
		}
	}
	return false, nil
}

// Blank says whether this server of a cluster has never heard anything of a meta group, on this disk: it is new, or its directory was emptied. It
// looks at the disk.
func (s *Server) Blank() bool {
	formed, err := Formed(s.cfg.Dir)
	return err == nil && !formed && s.cfg.Cluster != nil
}

// unlearn makes a server that is in no meta group yet begin none. The leader of a group that lets it in tells it how many servers there are.
func (s *Server) unlearn() error {
	formed, err := Formed(s.cfg.Dir)
	if err != nil || formed {
		return err
	}
	folder := metaFolder(s.cfg.Dir)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "peers.idx"), peerState(none, PeerID(s.cfg.Name)), 0o600)
}

// peerState is what a server notes of a group of so many servers, of which it knows some (encodePeerState in nats-server's raft.go): the size of
// the group, the number of servers known, their identities, and that it is not known whether the group extends another.
func peerState(size uint32, known ...string) []byte {
	state := binary.LittleEndian.AppendUint32(nil, size)
	state = binary.LittleEndian.AppendUint32(state, uint32(len(known)))
	for _, id := range known {
		state = append(state, id...)
	}
	return binary.LittleEndian.AppendUint16(state, 0)
}

// Begin lets a server that has never heard of a meta group begin one with others that have not, of count servers in all: it leads the group when all
// of them, and so many, have voted for it. At least one must be asked to; it goes faster if all are. With 0 it begins none any more. What it may do holds until
// the server is restarted. A server that has heard of a group, or that is told of one by then, is left as it is, which is no error.
func (s *Server) Begin(count int) error {
	current, err := s.server()
	if err != nil {
		return fmt.Errorf("begin a group: %w", err)
	}
	group := lookupRaftNode(current, metaGroup)
	if group == nil {
		return fmt.Errorf("begin a group: %w: it has none", ErrUnhealthy)
	}
	if count == 0 {
		count = none
	}
	if !s.Blank() || group.ClusterSize() == count {
		return nil
	}
	if group.AdjustBootClusterSize(count) != nil || count == none { // it refuses when a leader has been heard
		return nil
	}
	if err := group.Campaign(); err != nil && !group.Leader() {
		return fmt.Errorf("begin a group: %w", err)
	}
	return nil
}

// ServerAt returns the name of the server whose routes' port is at an address. It shows no secret, and trusts what it is told.
func ServerAt(ctx context.Context, address string) (name string, err error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	const longest = 64 << 10
	line, err := bufio.NewReaderSize(conn, longest).ReadSlice('\n')
	if err != nil {
		return "", fmt.Errorf("%s does not say who it is: %w", address, err)
	}
	text, isInfo := strings.CutPrefix(string(line), "INFO ")
	var info server.Info
	if !isInfo || json.Unmarshal([]byte(text), &info) != nil || info.Name == "" {
		return "", errors.New(address + " does not speak as a node does")
	}
	return info.Name, nil
}
