package embedded

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"time"

	"github.com/nats-io/nats.go"
)

// handshakeWithin bounds the exchange of greetings with a server in the same process.
const handshakeWithin = 5 * time.Second

// Connect returns a new connection that may do everything in the account of the logs. It reconnects for
// ever, also over Restart; the caller closes it.
func (s *Server) Connect() (*nats.Conn, error) { return s.connect(s.user, s.password) }

// ConnectBulk is Connect to an account that has neither streams nor anything else but what such connections say to each other. What
// they say to those of other servers has a way of its own there, and keeps nothing else waiting.
func (s *Server) ConnectBulk() (*nats.Conn, error) { return s.connect(s.user+bulkUser, s.password) }

func (s *Server) connect(user, password string, more ...nats.Option) (*nats.Conn, error) {
	s.entering.RLock()
	defer s.entering.RUnlock()
	nc, err := nats.Connect("", append(more,
		nats.InProcessServer(door{s}),
		nats.UserInfo(user, password),
		nats.Name("shiplog"),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(50*time.Millisecond),
		nats.ReconnectJitter(0, 0),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			s.log().Warn("a connection to the log's server reports an error", "error", err)
		}),
	)...)
	if err != nil {
		return nil, fmt.Errorf("connect to the embedded NATS server: %w", err)
	}
	return nc, nil
}

// door lets a connection in by the server that is running when it knocks.
type door struct{ s *Server }

// InProcessConn is what nats.go asks for when it connects and reconnects.
func (d door) InProcessConn() (net.Conn, error) {
	current, err := d.s.server()
	if err != nil {
		return nil, err
	}
	return current.InProcessConn()
}

// Dial returns a raw connection with the rights of Connect's, on which the client protocol's greetings
// have been exchanged: what follows are the frames of docs.nats.io/reference/reference-protocols/nats-protocol,
// with headers, without echo and verbose. The caller answers PING and closes it. It ends with the
// server, also by Restart.
func (s *Server) Dial() (net.Conn, error) {
	s.entering.RLock()
	defer s.entering.RUnlock()
	conn, err := door{s}.InProcessConn()
	if err != nil {
		return nil, err
	}
	if err := s.greet(conn); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("greet the embedded NATS server: %w", err)
	}
	return conn, nil
}

// greet reads INFO, says CONNECT and waits for the answer to a PING behind it.
func (s *Server) greet(conn net.Conn) error {
	if err := conn.SetDeadline(time.Now().Add(handshakeWithin)); err != nil {
		return err
	}
	if err := expect(conn, "INFO "); err != nil {
		return err
	}
	connect, err := json.Marshal(map[string]any{
		"user": s.user, "pass": s.password, "name": "shiplog", "lang": "go", "protocol": 1,
		"verbose": false, "pedantic": false, "echo": false, "headers": true, "no_responders": true,
	})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(conn, "CONNECT %s\r\nPING\r\n", connect); err != nil {
		return err
	}
	if err := expect(conn, "PONG"); err != nil {
		return err
	}
	return conn.SetDeadline(time.Time{})
}

// expect reads one line, not a byte more, and compares how it begins.
func expect(conn net.Conn, prefix string) error {
	const longest = 64 << 10
	var line []byte
	for one := make([]byte, 1); one[0] != '\n'; {
		if _, err := conn.Read(one); err != nil {
			return err
		}
		if line = append(line, one[0]); len(line) > longest {
			return fmt.Errorf("a line over %d bytes", longest)
		}
	}
	if !bytes.HasPrefix(line, []byte(prefix)) {
		return fmt.Errorf("got %q, want %q", bytes.TrimSpace(line), prefix)
	}
	return nil
}
