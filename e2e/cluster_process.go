package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// LocalCluster is a cluster that "shiplog local" runs. Its methods must not be called from several goroutines at once.
type LocalCluster struct {
	Members []*LocalMember
	Copies  int // that each partition is to have: three, unless whoever started it with others says so

	binary   string
	lastPort int // that a node which joined was given
	cmd      *exec.Cmd
	out      output
	ended    chan struct{} // closed when the process has been waited for
}

// LocalMember is one node of a LocalCluster.
type LocalMember struct {
	Addr string // where clients find it
	PID  int
	Dir  string

	command []string // with which it was started
	again   *run     // its process when it was started again
}

// StartLocal runs "shiplog local" with nodes on free ports and their data under dir, and waits until it says that the
// cluster is ready. Where dir has a cluster already, that one goes on, on its own ports. Kill ends it. Directives are for
// every node.
func StartLocal(binary, dir string, nodes int, directives ...string) (*LocalCluster, error) {
	base, err := basePort(dir, nodes)
	if err != nil {
		return nil, err
	}
	c := &LocalCluster{binary: binary, Copies: 3, ended: make(chan struct{})}
	args := append([]string{"local", "--nodes", strconv.Itoa(nodes), "--base-port", strconv.Itoa(base), "--dir", dir}, directives...)
	c.cmd = exec.Command(binary, args...)
	c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.out
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	c.cmd.WaitDelay = 5 * time.Second // should a node outlive it with the output in its hands
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s local: %w", binary, err)
	}
	go func() {
		_ = c.cmd.Wait() // how it ended is in ProcessState
		close(c.ended)
	}()
	if err := c.Await("cluster ready", readyTimeout); err != nil {
		c.Kill()
		return nil, err
	}
	if err := c.readMembers(nodes); err != nil {
		c.Kill()
		return nil, err
	}
	return c, nil
}

// basePort is the first port of the cluster in dir, or a free one when there is none.
func basePort(dir string, nodes int) (int, error) {
	members, err := filepath.Glob(filepath.Join(dir, "[0-9]*.log"))
	if err != nil || len(members) == 0 {
		return freeBase(nodes)
	}
	return strconv.Atoi(strings.TrimSuffix(filepath.Base(slices.Min(members)), ".log"))
}

// freeBase finds a port from which on n are free, and n more 10000 above them for the nodes among themselves. All are
// below those that the system gives to outgoing connections: the ports of a node that is down stay free for it.
func freeBase(n int) (int, error) {
	for base := 12000 + os.Getpid()*53%8000; base < 22000; base += n {
		if portsFree(base, n) && portsFree(base+10000, n) {
			return base, nil
		}
	}
	return 0, errors.New("no free ports in a row")
}

func portsFree(base, n int) bool {
	for port := base; port < base+n; port++ {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}

// Await waits until the cluster's process has printed text, at most limit.
func (c *LocalCluster) Await(text string, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for !strings.Contains(c.Output(), text) {
		select {
		case <-c.ended:
			if strings.Contains(c.Output(), text) {
				return nil
			}
			return fmt.Errorf("%w (%v): %s", ErrExited, c.cmd.ProcessState, c.Output())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%q was not said within %v: %s", text, limit, c.Output())
		}
	}
	return nil
}

// readMembers reads the lines "node ADDR  cluster port P  pid N  directory DIR".
func (c *LocalCluster) readMembers(nodes int) error {
	for line := range strings.Lines(c.Output()) {
		words := strings.Fields(line)
		if len(words) != 9 || words[0] != "node" || words[5] != "pid" {
			continue
		}
		pid, err := strconv.Atoi(words[6])
		if err != nil {
			return fmt.Errorf("process number in %q: %w", line, err)
		}
		raw, err := os.ReadFile(filepath.Join("/proc", words[6], "cmdline"))
		if err != nil {
			return fmt.Errorf("command of node %s: %w", words[1], err)
		}
		command := strings.Split(string(bytes.TrimSuffix(raw, []byte{0})), "\x00")
		c.Members = append(c.Members, &LocalMember{Addr: words[1], PID: pid, Dir: words[8], command: command})
	}
	if len(c.Members) != nodes {
		return fmt.Errorf("%d nodes were named, want %d: %s", len(c.Members), nodes, c.Output())
	}
	return nil
}

// Output returns what "shiplog local" has said.
func (c *LocalCluster) Output() string { return c.out.String() }

// Addrs are where clients find the nodes.
func (c *LocalCluster) Addrs() []string {
	addrs := make([]string, len(c.Members))
	for i, m := range c.Members {
		addrs[i] = m.Addr
	}
	return addrs
}

// At returns the node that has an address.
func (c *LocalCluster) At(addr string) (*LocalMember, error) {
	for _, m := range c.Members {
		if m.Addr == addr {
			return m, nil
		}
	}
	return nil, fmt.Errorf("no node has the address %s", addr)
}

// Primary asks the nodes for the one that leads a key.
func (c *LocalCluster) Primary(key string) (*LocalMember, error) {
	v, err := c.ask("CLUSTER", "KEYSLOT", key)
	if err != nil {
		return nil, err
	}
	slot, err := v.Int()
	if err != nil {
		return nil, err
	}
	return c.PrimaryOf(int(slot))
}

// PrimaryOf asks the nodes for the one that leads a slot.
func (c *LocalCluster) PrimaryOf(slot int) (*LocalMember, error) {
	spans, err := c.spans()
	for _, s := range spans {
		if s.first <= int64(slot) && int64(slot) <= s.last {
			return c.At(s.primary)
		}
	}
	return nil, errors.Join(err, fmt.Errorf("nobody leads slot %d", slot))
}

// leaders returns how many nodes lead anything.
func (c *LocalCluster) leaders() (int, error) {
	spans, err := c.spans()
	distinct := make(map[string]bool)
	for _, s := range spans {
		distinct[s.primary] = true
	}
	return len(distinct), err
}

// span is slots that one node leads.
type span struct {
	first, last int64
	primary     string // its address
}

func (c *LocalCluster) spans() ([]span, error) {
	v, err := c.ask("CLUSTER", "SLOTS")
	if err != nil {
		return nil, err
	}
	var spans []span
	for _, row := range v.Elems {
		first, err := row.Elems[0].Int()
		last, err2 := row.Elems[1].Int()
		if err := errors.Join(err, err2); err != nil {
			return nil, err
		}
		primary := row.Elems[2].Elems
		spans = append(spans, span{first, last, net.JoinHostPort(primary[0].Text, primary[1].Text)})
	}
	return spans, nil
}

// ask sends a command to the first node that answers.
func (c *LocalCluster) ask(words ...string) (Value, error) {
	var all error
	for _, m := range c.Members {
		conn, err := Dial(m.Addr)
		if err != nil {
			all = errors.Join(all, err)
			continue
		}
		v, err := conn.Do(words...)
		conn.Close()
		if err == nil {
			return v, nil
		}
		all = errors.Join(all, err)
	}
	return Value{}, all
}

// KillMember ends a node with SIGKILL and waits until that is noticed. "shiplog local" ends with the last node that it started.
func (c *LocalCluster) KillMember(m *LocalMember) error {
	if m.again != nil {
		m.again.kill()
		return nil
	}
	if err := syscall.Kill(m.PID, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill node %s: %w", m.Addr, err)
	}
	return c.Await(fmt.Sprintf("(pid %d) has ended", m.PID), 10*time.Second)
}

// StopMember sends SIGTERM to a node and waits until it has ended, at most limit. It returns how long that took.
func (c *LocalCluster) StopMember(m *LocalMember, limit time.Duration) (time.Duration, error) {
	began := time.Now()
	if err := syscall.Kill(m.PID, syscall.SIGTERM); err != nil {
		return 0, fmt.Errorf("stop node %s: %w", m.Addr, err)
	}
	if m.again == nil {
		err := c.Await(fmt.Sprintf("(pid %d) has ended", m.PID), limit)
		return time.Since(began), err
	}
	select {
	case <-m.again.ended:
		return time.Since(began), nil
	case <-time.After(limit):
		return time.Since(began), fmt.Errorf("node %s still runs after %v", m.Addr, limit)
	}
}

// Restart starts a node again that has ended, and returns at once.
func (c *LocalCluster) Restart(m *LocalMember) error {
	r := newRun(m.command[0], m.command[1:]...)
	if err := r.start(); err != nil {
		return fmt.Errorf("node %s again: %w", m.Addr, err)
	}
	m.again, m.PID = r, r.cmd.Process.Pid
	return nil
}

// Said returns what a node has said since it was started again, nothing if it was not.
func (m *LocalMember) Said() string {
	if m.again == nil {
		return ""
	}
	return m.again.out.String()
}

// Check runs "shiplog cluster check" on the first node and returns what it finds wrong.
func (c *LocalCluster) Check() error {
	out, err := Finish(exec.Command(c.binary, "cluster", "check", c.Members[0].Addr))
	if err != nil {
		return fmt.Errorf("cluster check: %w: %s", err, out)
	}
	return nil
}

// Stop sends SIGTERM to "shiplog local" and returns its exit code. Nodes that were started again end, too. After limit
// everything is killed and an error returned.
func (c *LocalCluster) Stop(limit time.Duration) (code int, err error) {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return -1, fmt.Errorf("send SIGTERM: %w", err)
	}
	select {
	case <-c.ended:
		c.killAgain()
		return c.cmd.ProcessState.ExitCode(), nil
	case <-time.After(limit):
		c.Kill()
		return -1, fmt.Errorf("still running after %v: %s", limit, c.Output())
	}
}

// Kill ends "shiplog local", and with it its nodes, at once.
func (c *LocalCluster) Kill() {
	_ = c.cmd.Process.Kill() // an error means that it has ended already
	<-c.ended
	c.killAgain()
}

func (c *LocalCluster) killAgain() {
	for _, m := range c.Members {
		if m.again != nil {
			m.again.kill()
		}
	}
}
