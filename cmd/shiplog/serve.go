package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"syscall"

	"shiplog/node"
)

// server is what serve needs of a node.
type server interface {
	Run(ctx context.Context) error
	Ready() <-chan struct{}
	Addr() string
	Close() error
}

// opener opens a node.
type opener func(c *node.Config, log *slog.Logger) (server, error)

func openNode(c *node.Config, log *slog.Logger) (server, error) {
	n, err := node.Open(c, log)
	if err != nil {
		return nil, err
	}
	return n, nil
}

// streams are where a command writes.
type streams struct{ out, err io.Writer }

// serve runs a node until it is told to stop; one that is told to start over is opened again, and knows nobody then. The start lines go to
// standard output; messages go to standard error or the log file.
func serve(args []string, open opener, to streams) error {
	config, err := node.Load(args)
	if err != nil {
		return err
	}
	messages := &logFile{name: config.Server.LogFile, other: to.err}
	log := newLogger(config, messages)
	for {
		err = serveOnce(config, open, log, messages, to.out)
		if !errors.Is(err, node.ErrReset) {
			return errors.Join(err, messages.Close())
		}
		fmt.Fprintln(to.out, "reset: this node starts over as a new one, which knows no other, and lets none in, until CLUSTER MEET is sent to it or it is started with join")
		config = config.Unjoined()
	}
}

// serveOnce runs a node until it is told to stop, or, with ErrReset, to start over.
func serveOnce(config *node.Config, open opener, log *slog.Logger, messages *logFile, out io.Writer) error {
	n, err := open(config, log)
	if err != nil {
		return err
	}
	if err := messages.open(); err != nil {
		return errors.Join(err, n.Close())
	}
	announce(out, config)
	return errors.Join(runUntilSignal(n, out), n.Close())
}

// announce prints what was started and what it promises.
func announce(w io.Writer, c *node.Config) {
	fmt.Fprintln(w, version())
	fmt.Fprintln(w, mode(c))
	fmt.Fprintf(w, "durability: appendfsync %s, %s\n", c.Log.Sync, c.Log.Sync.Promise())
	fmt.Fprintf(w, "data directory: %s\n", c.Server.Dir)
	if c.Changes.Port != 0 {
		fmt.Fprintf(w, "changes for NATS clients: stream CHANGES at nats://%s@%s", c.Changes.User, c.ChangesAddr())
		if file := c.ChangesFile(); file != "" {
			fmt.Fprintf(w, "; the URL with the password is in %s", file)
		}
		fmt.Fprintln(w)
	}
}

// mode says what kind of node c describes.
func mode(c *node.Config) string {
	k := &c.Cluster
	if !k.Enabled {
		return "mode: solo, one node with one partition"
	}
	text := fmt.Sprintf("mode: cluster, other nodes on port %d", c.BusPort())
	if k.Expect == 0 {
		return text
	}
	copies := min(k.Expect, k.Copies)
	text += fmt.Sprintf("; with %d nodes it creates a cluster of %d partitions with %d copies each", k.Expect, c.Partitions(), copies)
	if copies < 3 {
		text += "; fewer than 3 copies: no automatic failover, the loss of a node stops its partitions until it is back"
	}
	return text
}

// runUntilSignal runs n until SIGTERM, SIGINT, or its own end. After the first signal the next one has its
// usual effect, which is to end the process at once.
func runUntilSignal(n server, out io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop)
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	select {
	case <-n.Ready():
		fmt.Fprintf(out, "ready to accept connections on %s\n", n.Addr())
		return <-ended
	case err := <-ended:
		return err
	}
}
