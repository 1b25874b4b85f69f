package embedded

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Changes opens an account of its own, beside that of the logs, in which the engine writes one stream and others read it. It may also
// open a listener for them.
type Changes struct {
	Stream string // the one stream of the account; required
	Ingest string // the subject, which ends in ">", that the stream stores; it must begin with IngestPrefix
	// User and Password are those of readers. They may make, use and delete consumers of the stream, and nothing else. Required.
	User, Password string
	// Host and Port are where readers connect. Port 0: nowhere; AnyPort: one that is free (ChangesAddr).
	Host string
	Port int
}

// AnyPort is any port that is free.
const AnyPort = server.RANDOM_PORT

// IngestPrefix begins subjects that no reader can get a message sent to: the server takes no reply subject that begins so from a client. Without
// that a reader could name the stream's own subject as the one that an answer is to be sent to, and so write into the stream.
const IngestPrefix = "_R_."

// engineInbox begins the subjects at which the engine gets answers in the account of changes. Readers may listen to all that begin with _INBOX, so to each other's,
// but not to these.
const engineInbox = "_ENGINE"

// changesText is the account's configuration. The first user is the engine's.
const changesText = `
  CHANGES: {
    jetstream: { max_streams: 1, max_consumers: 1024 }
    users: [
      { user: %q, password: %q }
      { user: %q, password: %q, permissions: { publish: { allow: [%s] }, subscribe: { allow: ["_INBOX.>"] } } }
    ]
  }`

// readerMay are the subjects that readers may publish to; S stands for the stream.
const readerMay = `$JS.API.INFO
$JS.API.STREAM.NAMES
$JS.API.STREAM.LIST
$JS.API.STREAM.INFO.S
$JS.API.STREAM.MSG.GET.S
$JS.API.DIRECT.GET.S
$JS.API.DIRECT.GET.S.>
$JS.API.CONSUMER.NAMES.S
$JS.API.CONSUMER.LIST.S
$JS.API.CONSUMER.INFO.S.*
$JS.API.CONSUMER.CREATE.S
$JS.API.CONSUMER.CREATE.S.>
$JS.API.CONSUMER.DURABLE.CREATE.S.*
$JS.API.CONSUMER.DELETE.S.*
$JS.API.CONSUMER.PAUSE.S.*
$JS.API.CONSUMER.RESET.S.*
$JS.API.CONSUMER.UNPIN.S.*
$JS.API.CONSUMER.MSG.NEXT.S.*
$JS.ACK.>
$JS.FC.S.>`

// noneMay are requests that nobody makes of the stream, neither the engine. They are led nowhere, in the system's account, where all requests end: a
// reader can have the server itself send one, as the answer to a request of its own or as a delivery, and what the server sends is
// subject to no permission.
const noneMay = `$JS.API.STREAM.DELETE.S
$JS.API.STREAM.PURGE.S
$JS.API.STREAM.RESTORE.S
$JS.API.STREAM.SNAPSHOT.S
$JS.API.STREAM.MSG.DELETE.S
$JS.API.STREAM.PEER.REMOVE.S
$JS.API.STREAM.LEADER.STEPDOWN.S`

// check says what is wrong with c.
func (c *Changes) check() error {
	switch {
	case c.Stream == "" || strings.ContainsAny(c.Stream, ".*> \"\\"):
		return fmt.Errorf("no name for a stream: %q", c.Stream)
	case !strings.HasPrefix(c.Ingest, IngestPrefix) || !strings.HasSuffix(c.Ingest, ".>"):
		return fmt.Errorf("the stream's subject %q must begin with %s and end in .>", c.Ingest, IngestPrefix)
	case c.User == "" || c.Password == "":
		return errors.New("readers of changes need a user and a password")
	case c.Port < AnyPort || c.Port > 65535:
		return fmt.Errorf("no port for readers of changes: %d", c.Port)
	}
	return nil
}

// subjects puts the stream's name into a list of subjects, one a line.
func (c *Changes) subjects(list string) []string {
	subjects := strings.Split(list, "\n")
	for i, s := range subjects {
		words := strings.Split(s, ".")
		for j, w := range words {
			if w == "S" {
				words[j] = c.Stream
			}
		}
		subjects[i] = strings.Join(words, ".")
	}
	return subjects
}

// account is the configuration of the account, and of the system's account because of it.
func (c *Changes) account(engine, password string) (account, mappings string) {
	may := c.subjects(readerMay)
	for i := range may {
		may[i] = strconv.Quote(may[i])
	}
	var nowhere []string
	for _, s := range c.subjects(noneMay) {
		nowhere = append(nowhere, fmt.Sprintf("%q: %q", s, "nowhere"))
	}
	account = fmt.Sprintf(changesText, engine, password, c.User, c.Password, strings.Join(may, ", "))
	return account, "mappings: { " + strings.Join(nowhere, ", ") + " }"
}

// listen opens the readers' listener.
func (c *Changes) listen(options *server.Options) {
	if c.Port != 0 {
		options.DontListen = false
		options.Host, options.Port = c.host(), c.Port
		options.MaxConn = mostReaders
	}
}

// mostReaders is how many connections the server takes, the process's own among them.
const mostReaders = 4096

func (c *Changes) host() string {
	if c.Host == "" {
		return loopback
	}
	return c.Host
}

// listenable finds out whether the readers' address can be listened on, which the server only says after long trying.
func (c *Changes) listenable() error {
	if c.Port <= 0 {
		return nil
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(c.host(), strconv.Itoa(c.Port)))
	if err != nil {
		return fmt.Errorf("listen for readers of changes: %w", err)
	}
	return listener.Close()
}

// ConnectChanges returns a new connection that may do everything in the account of changes, as Connect does for the logs.
func (s *Server) ConnectChanges() (*nats.Conn, error) {
	if s.cfg.Changes == nil {
		return nil, errors.New("the server has no account for changes")
	}
	return s.connect(s.user+"-changes", s.password, nats.CustomInboxPrefix(engineInbox))
}

// ChangesAddr is where readers of changes connect; empty: nowhere.
func (s *Server) ChangesAddr() string {
	current, err := s.server()
	if err != nil || s.cfg.Changes == nil || s.cfg.Changes.Port == 0 {
		return ""
	}
	return current.Addr().String()
}
