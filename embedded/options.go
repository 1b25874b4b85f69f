package embedded

import (
	"crypto/rand"
	"fmt"
	"os"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// configText is parsed by the server itself: an account's right to JetStream can be given in no other
// way that survives a reload. The store limits are beyond any disk, since the limit of a log is its own.
const configText = `
server_name: %[1]q
max_payload: %[2]d
jetstream: { max_memory_store: 256MB, max_file_store: 1048576GB, sync_interval: %[3]q }
accounts: {
  SYSTEM: { users: [ { user: %[10]q, password: %[4]q } ], %[5]s }
  LOGS: { jetstream: enabled, users: [ { user: %[6]q, password: %[7]q } ] }
  BULK: { users: [ { user: %[8]q, password: %[7]q } ] }%[9]s
}
system_account: SYSTEM
`

// logsAccount is the account that owns the streams. Everything that must not wait goes over it and over SYSTEM.
const logsAccount = "LOGS"

// systemUser may order servers about. Only the process itself knows its password, which is drawn at each start.
const systemUser = "system"

// bulkAccount is for what is large. Between servers it has a connection of its own, so that nothing else waits behind it.
const (
	bulkAccount = "BULK"
	bulkUser    = "-bulk" // behind the name of the logs' user
)

// options returns what to start the server with: nothing is caught or printed, and a lone server does not
// listen but for readers of changes.
func (s *Server) options() (*server.Options, error) {
	interval, err := s.cfg.Sync.interval()
	if bug("default-sync") {
		interval = "2m"
	}
	if err != nil {
		return nil, err
	}
	if s.cfg.Dir == "" || s.cfg.Name == "" || strings.ContainsAny(s.cfg.Name, " \t\r\n\"\\") {
		return nil, fmt.Errorf("a directory and a name without spaces and quotes are required, not %q and %q", s.cfg.Dir, s.cfg.Name)
	}
	if err := os.MkdirAll(s.cfg.Dir, 0o750); err != nil {
		return nil, err
	}
	options := &server.Options{}
	var account, mappings string
	if s.cfg.Changes != nil {
		account, mappings = s.cfg.Changes.account(s.user+"-changes", s.password)
	}
	text := fmt.Sprintf(configText, s.cfg.Name, MaxPayload, interval, s.system, mappings, s.user, s.password, s.user+bulkUser, account, systemUser)
	if err := options.ProcessConfigString(text); err != nil {
		return nil, fmt.Errorf("its configuration: %w", err)
	}
	options.StoreDir = s.cfg.Dir
	options.DontListen = true
	options.NoSigs, options.NoLog = true, true
	if s.cluster != nil {
		s.cluster.join(options)
	}
	if s.cfg.Changes != nil {
		s.cfg.Changes.listen(options)
	}
	return options, nil
}

// interval is the mode in the server's words.
func (m Sync) interval() (string, error) {
	switch m {
	case SyncAlways:
		return "always", nil
	case SyncEverySecond:
		return "1s", nil
	case SyncNo:
		return "2m", nil
	}
	return "", fmt.Errorf("unknown fsync mode %q", string(m))
}

// secret returns 130 random bits as text.
func secret() string { return rand.Text() }
