package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// readyTimeout is how long Start waits for the ready line; tests of start-up time measure, and ask for less.
const readyTimeout = 60 * time.Second

// ErrExited says that a server ended before it was ready.
var ErrExited = errors.New("server exited before it was ready")

// Program is a server program: the words of its command that come before "--port N --dir D".
type Program []string

// Redis is Debian's redis-server without any persistence, bound to loopback, with one database as the product has.
func Redis() Program {
	return Program{"redis-server", "--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--databases", "1"}
}

// Build compiles the binary from the module at root into file and returns the program that serves; or it returns
// what the environment puts in its place.
func Build(root, file string) (Program, error) {
	if words := strings.Fields(os.Getenv("SHIPLOG_E2E_SERVER")); len(words) > 0 {
		return words, nil
	}
	cmd := exec.Command("go", "build", "-o", file, "./cmd/shiplog")
	cmd.Dir = root
	if out, err := FinishBuild(cmd); err != nil {
		return nil, fmt.Errorf("build ./cmd/shiplog: %w\n%s", err, out)
	}
	return Program{file, "serve"}, nil
}

// Node is one server process, its data directory and its port. It may be started again after it ended; it then
// has the same directory and port. Its methods must not be called from several goroutines at once, except Output,
// Alive and Kill.
type Node struct {
	Program    Program
	Dir        string
	Port       int
	Directives []string // "--name", "value", ... after --port and --dir

	run *run
}

// run is one life of a Node's process.
type run struct {
	cmd    *exec.Cmd
	out    output // both streams, as they came
	stderr output
	ended  chan struct{} // closed when the process has been waited for
}

// NewNode returns a node on a free loopback port. Nothing is started yet.
func NewNode(p Program, dir string, directives ...string) (*Node, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	return &Node{Program: p, Dir: dir, Port: port, Directives: directives}, nil
}

// FreePort returns a loopback port that nobody listened on a moment ago.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Addr is where clients find the node.
func (n *Node) Addr() string { return "127.0.0.1:" + strconv.Itoa(n.Port) }

// Start starts the process and waits until it says that it is ready. It returns ErrExited, wrapped with what the
// process said, when it ends instead.
func (n *Node) Start() error {
	if err := n.Launch(); err != nil {
		return err
	}
	select {
	case <-n.run.out.ready:
		return nil
	case <-n.run.ended:
		return fmt.Errorf("%w (%v): %s", ErrExited, n.run.cmd.ProcessState, n.Output())
	case <-time.After(readyTimeout):
		n.Kill()
		return fmt.Errorf("not ready after %v: %s", readyTimeout, n.Output())
	}
}

// Launch starts the process and returns at once.
func (n *Node) Launch() error {
	args := append([]string{}, n.Program[1:]...)
	args = append(args, "--port", strconv.Itoa(n.Port), "--dir", n.Dir)
	args = append(args, n.Directives...)
	r := newRun(n.Program[0], args...)
	r.out.ready = make(chan struct{})
	r.stderr.next = &r.out
	r.cmd.Stderr = &r.stderr
	r.cmd.Dir = os.TempDir()
	if err := r.start(); err != nil {
		return err
	}
	n.run = r
	return nil
}

// newRun is a life to come, with all that it writes in out.
func newRun(program string, args ...string) *run {
	r := &run{cmd: exec.Command(program, args...), ended: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.out
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	r.cmd.WaitDelay = exitWithin // should a process of its own outlive it with the output in its hands
	return r
}

func (r *run) start() error {
	if err := r.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", r.cmd.Path, err)
	}
	go func() {
		_ = r.cmd.Wait() // how it ended is in ProcessState
		close(r.ended)
	}()
	return nil
}

// kill ends the process with SIGKILL and waits for its end. It panics when there is none: nothing that follows would be as it seems.
func (r *run) kill() {
	_ = r.cmd.Process.Kill() // an error means that it has ended already
	select {
	case <-r.ended:
	case <-time.After(3 * exitWithin):
		panic(fmt.Sprintf("%v has not ended within %v of SIGKILL", r.cmd, 3*exitWithin))
	}
}

// Kill ends the process with SIGKILL and waits for its end. It does nothing when there is no process.
func (n *Node) Kill() {
	if n.run != nil {
		n.run.kill()
	}
}

// Pause stops the process where it is, with SIGSTOP, and returns when it stands still; Kill still ends it.
func (n *Node) Pause() error {
	return pauseProcess(n.run.cmd.Process.Pid)
}

// Stop sends SIGTERM and waits for the end; after limit the process is killed and an error returned. The
// duration is from the signal to the end.
func (n *Node) Stop(limit time.Duration) (code int, took time.Duration, err error) {
	begin := time.Now()
	if err := n.run.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return -1, 0, fmt.Errorf("send SIGTERM: %w", err)
	}
	code, err = n.Wait(limit)
	return code, time.Since(begin), err
}

// Wait waits for the process to end by itself and returns its exit code (-1 when a signal ended it). After
// limit the process is killed and an error returned.
func (n *Node) Wait(limit time.Duration) (code int, err error) {
	select {
	case <-n.run.ended:
		return n.run.cmd.ProcessState.ExitCode(), nil
	case <-time.After(limit):
		n.Kill()
		return -1, fmt.Errorf("still running after %v", limit)
	}
}

// Alive tells whether the process runs.
func (n *Node) Alive() bool {
	select {
	case <-n.run.ended:
		return false
	default:
		return true
	}
}

// Output returns what the process has written to stdout and stderr, the newest megabyte of it.
func (n *Node) Output() string { return n.run.out.String() }

// Stderr returns what the process has written to stderr.
func (n *Node) Stderr() string { return n.run.stderr.String() }

// RSS returns the process's resident memory in bytes.
func (n *Node) RSS() (int64, error) { return n.status("VmRSS") }

// status returns a figure in bytes of what the system says about the process.
func (n *Node) status(name string) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.run.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read memory use: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("read memory use: no %s", name)
}

// output keeps the newest megabyte of a stream and notices the ready line.
type output struct {
	next  *output       // gets a copy of everything, when not nil
	ready chan struct{} // closed at the ready line, when not nil

	mu   sync.Mutex
	data []byte
	seen bool
}

// Write implements io.Writer; it never fails.
func (o *output) Write(p []byte) (int, error) {
	const keep = 1 << 20
	o.mu.Lock()
	o.data = append(o.data, p...)
	if len(o.data) > 2*keep {
		o.data = append([]byte(nil), o.data[len(o.data)-keep:]...)
	}
	if !o.seen && o.ready != nil && isReady(o.data) {
		o.seen = true
		close(o.ready)
	}
	o.mu.Unlock()
	if o.next != nil {
		_, _ = o.next.Write(p) // never fails either
	}
	return len(p), nil
}

// isReady finds the ready line; redis-server writes the same words with a capital R.
func isReady(text []byte) bool {
	return bytes.Contains(text, []byte("eady to accept connections"))
}

// String returns what is kept.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.data)
}
