package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// stopWithin is how long nodes may take to stop; those that still run then are killed.
const stopWithin = 10 * time.Second

// errNoNodes says that no node of a local cluster runs any more.
var errNoNodes = errors.New("every node has ended")

// child is a member's process. Its goroutine waits for the end.
type child struct {
	*member
	cmd   *exec.Cmd
	ended chan struct{} // closed when the process has been waited for
}

// localCluster runs the nodes of a cluster as processes of its own. program is the binary and the words before the
// nodes' own arguments; look asks a node what is missing.
type localCluster struct {
	program  []string
	look     func(m *member, nodes int) error
	every    time.Duration // between two looks at a cluster that is not ready
	echo     time.Duration // signals so soon after the first are the same one, sent by a terminal and a wrapper
	out      io.Writer
	children []*child
	ends     chan *child
}

// local runs a cluster on this machine until it is told to stop.
func local(args []string, to streams) error {
	o, err := parseLocal(args)
	if err != nil {
		return fmt.Errorf("local: %w: %w", err, errUsage)
	}
	members, err := planLocal(o)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	l := &localCluster{program: []string{self, "serve"}, look: lookAt, every: time.Second, echo: time.Second, out: to.out}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	return l.run(members, signals)
}

// run starts the members, tells when the cluster is ready, and stops all of them at a signal. It returns an error when all
// have ended by themselves.
func (l *localCluster) run(members []*member, signals <-chan os.Signal) error {
	// The system ends a child together with the thread that made it, not with the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	l.ends = make(chan *child, len(members))
	defer l.kill()
	if len(members) < 3 {
		fmt.Fprintf(l.out, "%d nodes: when one is lost, its partitions stop until it is back; automatic failover takes 3\n", len(members))
	}
	for _, m := range members {
		if err := l.start(m); err != nil {
			return err
		}
	}
	return l.watch(signals)
}

// start starts one member's process, which dies with this one.
func (l *localCluster) start(m *member) error {
	file, err := os.OpenFile(m.log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("log of the node on port %d: %w", m.port, err)
	}
	defer file.Close() // the child has its own
	c := &child{member: m, ended: make(chan struct{})}
	c.cmd = exec.Command(l.program[0], append(slices.Clone(l.program[1:]), m.args...)...)
	c.cmd.Stdout, c.cmd.Stderr = file, file
	// A group of its own: Ctrl-C is for this process, which then stops the nodes in order.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := c.cmd.Start(); err != nil {
		return fmt.Errorf("start the node on port %d: %w", m.port, err)
	}
	l.children = append(l.children, c)
	go func() {
		_ = c.cmd.Wait() // how it ended is in ProcessState
		close(c.ended)
		l.ends <- c
	}()
	fmt.Fprintf(l.out, "node %s  cluster port %d  pid %d  directory %s\n", m.addr(), m.config.BusPort(), c.cmd.Process.Pid, m.dir)
	if addr := m.config.MetricsAddr(); addr != "" {
		fmt.Fprintf(l.out, "metrics http://%s/metrics  ready http://%s/readyz\n", addr, addr)
	}
	return nil
}

// watch reports what happens to the nodes until a signal, or until none is left.
func (l *localCluster) watch(signals <-chan os.Signal) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	states := make(chan string)
	go l.await(ctx, states)
	for left := len(l.children); left > 0; {
		select {
		case <-signals:
			return l.stop(signals)
		case c := <-l.ends:
			left--
			fmt.Fprintln(l.out, epitaph(c))
		case state := <-states:
			fmt.Fprintln(l.out, state)
		}
	}
	return errNoNodes
}

// await looks at the nodes until the cluster is ready and tells what is missing whenever that changes. It ends with ctx.
func (l *localCluster) await(ctx context.Context, states chan<- string) {
	ticker := time.NewTicker(l.every)
	defer ticker.Stop()
	last := ""
	for {
		missing := l.missing()
		state := "waiting: " + missing
		if missing == "" {
			state = "cluster ready: redis-cli -c -p " + fmt.Sprint(l.children[0].port)
		}
		if state != last {
			last = state
			select {
			case states <- state:
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if missing == "" {
			return
		}
	}
}

// missing says, for every node that is not ready, why; it is empty when all are.
func (l *localCluster) missing() string {
	var why []string
	for _, c := range l.children {
		if err := l.look(c.member, len(l.children)); err != nil {
			why = append(why, fmt.Sprintf("%d %v", c.port, err))
		}
	}
	return strings.Join(why, ", ")
}

// lookAt returns what is missing for a node to be part of a whole cluster.
func lookAt(m *member, nodes int) error {
	c, err := connect(m.addr(), access{m.config.Access.Password})
	if err != nil {
		return errors.New("does not listen yet")
	}
	defer c.close()
	info, err := c.askInfo("CLUSTER", "INFO")
	switch {
	case err != nil:
		return err
	case info["cluster_known_nodes"] != fmt.Sprint(nodes):
		return fmt.Errorf("knows %s of %d nodes", info["cluster_known_nodes"], nodes)
	case info["cluster_state"] != "ok":
		return fmt.Errorf("says that the cluster's state is %q", info["cluster_state"])
	}
	return nil
}

// stop ends all nodes: a hint first, then, at a second signal or when it takes too long, by force.
func (l *localCluster) stop(signals <-chan os.Signal) error {
	fmt.Fprintln(l.out, "stopping: every node finishes what it is doing")
	for _, c := range l.children {
		_ = c.cmd.Process.Signal(syscall.SIGTERM) // an error means that it has ended already
	}
	limit, echoes := time.After(stopWithin), time.After(l.echo)
	again := (<-chan os.Signal)(nil)
	for _, c := range l.children {
		for stopped := false; !stopped; {
			select {
			case <-c.ended:
				stopped = true
			case <-echoes:
				again = drained(signals)
			case <-again:
				return fmt.Errorf("killed before they had stopped: %s", l.kill())
			case <-limit:
				return fmt.Errorf("killed, since they did not stop within %v: %s", stopWithin, l.kill())
			}
		}
	}
	fmt.Fprintln(l.out, "stopped")
	return nil
}

// drained returns signals without those that have come so far.
func drained(signals <-chan os.Signal) <-chan os.Signal {
	for {
		select {
		case <-signals:
		default:
			return signals
		}
	}
}

// kill ends all nodes that still run and returns their ports.
func (l *localCluster) kill() string {
	var killed []string
	for _, c := range l.children {
		select {
		case <-c.ended:
			continue
		default:
		}
		_ = c.cmd.Process.Kill() // an error means that it has ended
		<-c.ended
		killed = append(killed, fmt.Sprint(c.port))
	}
	return strings.Join(killed, " ")
}

// epitaph tells how a node ended, with its last words.
func epitaph(c *child) string {
	text := fmt.Sprintf("node on port %d (pid %d) has ended: %v", c.port, c.cmd.Process.Pid, c.cmd.ProcessState)
	content, err := os.ReadFile(c.log)
	if err != nil {
		return text
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	lines = lines[max(0, len(lines)-5):]
	return text + "; the end of " + c.log + ":\n    " + strings.Join(lines, "\n    ")
}
