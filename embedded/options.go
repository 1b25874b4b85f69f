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
server_name: %q
max_payload: %d
jetstream: { max_memory_store: 256MB, max_file_store: 1048576GB, sync_interval: %q }
accounts: {
  SYSTEM: { users: [ { user: system, password: %q } ], %s }
  LOGS: { jetstream: enabled, users: [ { user: %q, password: %q } ] }%s
}
system_account: SYSTEM
`

// logsAccount is the account that owns the streams.
const logsAccount = "LOGS"

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
	text := fmt.Sprintf(configText, s.cfg.Name, MaxPayload, interval, s.system, mappings, s.user, s.password, account)
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
