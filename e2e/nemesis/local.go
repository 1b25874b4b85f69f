package nemesis

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"shiplog/e2e"
)

// Plan says how to start a cluster on this machine.
type Plan struct {
	Program e2e.Program
	Nodes   int
	// Partitions are how many the cluster is founded with; Directives have to say so.
	Partitions int
	Dir        string // gets a folder for each node
	Network    bool   // each node has a network of its own, which can be cut; else all are on loopback
	DiskSize   int64  // each node has a disk of its own of so many bytes, whose power can be cut; 0: none
	// Lane tells clusters apart that run at the same time in one process: each looks for free ports elsewhere.
	Lane int
	// Directives are what node i is told beside its port and its folder.
	Directives func(i int, places []Place) []string
}

// Place is where a node listens: for clients, and for other nodes.
type Place struct {
	Host          string
	Port, BusPort int
}

// Addr is where clients find the node.
func (p Place) Addr() string { return net.JoinHostPort(p.Host, strconv.Itoa(p.Port)) }

// Bus is where other nodes find the node.
func (p Place) Bus() string { return net.JoinHostPort(p.Host, strconv.Itoa(p.BusPort)) }

// Local is a cluster of processes on this machine. It is a Network and a Power as far as its Plan says so.
type Local struct {
	plan  Plan
	nodes []*localNode
	wires *Wires
}

// localNode is one process of a Local.
type localNode struct {
	process *e2e.Node
	place   Place
	disk    *e2e.Image // nil without one
	paused  bool
}

// Start makes what the plan says and starts every node. It does not wait until they serve. Close ends all of it.
func Start(p Plan) (*Local, error) {
	l := &Local{plan: p}
	if err := l.build(); err != nil {
		l.Close()
		return nil, err
	}
	for i, n := range l.nodes {
		if err := n.Restart(); err != nil {
			l.Close()
			return nil, fmt.Errorf("start node %d: %w", i, err)
		}
	}
	return l, nil
}

func (l *Local) build() error {
	places, err := l.places()
	if err != nil {
		return err
	}
	for i, place := range places {
		n := &localNode{place: place}
		l.nodes = append(l.nodes, n)
		dir := filepath.Join(l.plan.Dir, "node"+strconv.Itoa(i))
		if l.plan.DiskSize > 0 {
			if n.disk, err = e2e.NewImage(l.plan.DiskSize); err != nil {
				return err
			}
			dir = filepath.Join(n.disk.Mount(), "data")
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		program := l.plan.Program
		if l.wires != nil {
			program = l.wires.Inside(i, program)
		}
		n.process = &e2e.Node{Program: program, Dir: dir, Port: place.Port, Directives: l.plan.Directives(i, places)}
	}
	return nil
}

// places finds free ports on loopback, or makes the network, in which every port is free.
func (l *Local) places() ([]Place, error) {
	places := make([]Place, l.plan.Nodes)
	if l.plan.Network {
		wires, err := NewWires(l.plan.Nodes)
		if err != nil {
			return nil, err
		}
		l.wires = wires
		for i := range places {
			places[i] = Place{wires.Host(i), 7000, 17000}
		}
		return places, nil
	}
	ports, err := freePorts(2*l.plan.Nodes, l.plan.Lane)
	for i := range places {
		if err == nil {
			places[i] = Place{"127.0.0.1", ports[2*i], ports[2*i+1]}
		}
	}
	return places, err
}

// Ports below those that the system gives to outgoing connections: while a node is down, a client could get its
// port otherwise, and the node would not start again.
const (
	firstPort = 12000
	lastPort  = 32000
)

// portsOfLane is how far lanes are apart, which is more than one cluster needs.
const portsOfLane = 100

// freePorts finds n loopback ports that nobody listens on, starting somewhere else in each process and lane.
func freePorts(n, lane int) ([]int, error) {
	var ports []int
	for port := firstPort + (os.Getpid()*97+lane*portsOfLane)%(lastPort-firstPort); len(ports) < n && port < lastPort+600; port++ {
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		defer listener.Close() // when all are found
		ports = append(ports, port)
	}
	if len(ports) < n {
		return nil, fmt.Errorf("found only %d free ports, want %d", len(ports), n)
	}
	return ports, nil
}

// Nodes implements Cluster.
func (l *Local) Nodes() []NodeHandle {
	handles := make([]NodeHandle, len(l.nodes))
	for i, n := range l.nodes {
		handles[i] = n
	}
	return handles
}

// Cut implements Network.
func (l *Local) Cut(from, to int) error {
	if l.wires == nil {
		return errors.New("the nodes are on loopback, which cannot be cut")
	}
	return l.wires.Cut(from, to)
}

// Mend implements Network.
func (l *Local) Mend() error {
	if l.wires == nil {
		return nil
	}
	return l.wires.Mend()
}

// CutPower implements Power. The process is stopped an instant before, as the power takes both away at once: an
// fsync that is under way while ext4 is shut down may report success and have written nothing.
func (l *Local) CutPower(i int) error {
	n := l.nodes[i]
	if n.disk == nil {
		return errors.New("the node has no disk of its own")
	}
	if err := n.Stop(); err != nil {
		return err
	}
	return errors.Join(n.disk.CutPower(), n.Kill9())
}

// RestorePower implements Power.
func (l *Local) RestorePower(i int) error {
	disk := l.nodes[i].disk
	if disk == nil {
		return nil
	}
	return errors.Join(disk.Detach(), disk.Attach())
}

// Keep copies every node's data that is on a disk of its own, and its last words, into the plan's folder: that
// is what a failed run leaves. Call it before Close.
func (l *Local) Keep() error {
	var all error
	for i, n := range l.nodes {
		_ = n.Kill9() // so that the files stand still; it never fails
		log := filepath.Join(l.plan.Dir, fmt.Sprintf("node%d.log", i))
		all = errors.Join(all, os.WriteFile(log, []byte(n.process.Output()), 0o644))
		if n.disk != nil {
			all = errors.Join(all, os.CopyFS(filepath.Join(l.plan.Dir, fmt.Sprintf("node%d", i)), os.DirFS(n.process.Dir)))
		}
	}
	return all
}

// Close kills every node and takes networks and disks down. The plan's folder stays.
func (l *Local) Close() {
	for _, n := range l.nodes {
		if n.process != nil {
			_ = n.Kill9() // it never fails
		}
		if n.disk != nil {
			n.disk.Close()
		}
	}
	if l.wires != nil {
		l.wires.Close()
	}
}

var errNoProcess = errors.New("there is no process")

func (n *localNode) Addr() string    { return n.place.Addr() }
func (n *localNode) PID() int        { return n.process.PID() }
func (n *localNode) DataDir() string { return n.process.Dir }

func (n *localNode) Kill9() error {
	n.process.Kill()
	n.paused = false
	return nil
}

func (n *localNode) Stop() error {
	if n.PID() == 0 {
		return errNoProcess
	}
	n.paused = true
	return n.process.Pause()
}

func (n *localNode) Cont() error {
	if !n.paused || n.PID() == 0 {
		return nil
	}
	n.paused = false
	return n.process.Resume()
}

func (n *localNode) Terminate(limit time.Duration) error {
	if n.PID() == 0 {
		return errNoProcess
	}
	code, _, err := n.process.Stop(limit)
	if err == nil && code != 0 {
		err = fmt.Errorf("exit code %d", code)
	}
	return err
}

func (n *localNode) Restart() error {
	if n.PID() != 0 {
		return errors.New("the process runs already")
	}
	return n.process.Launch()
}
