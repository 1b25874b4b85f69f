package e2e

import (
	"fmt"
	"syscall"
)

// PID is the number of the node's process, 0 when there is none.
func (n *Node) PID() int {
	if n.run == nil || !n.Alive() {
		return 0
	}
	return n.run.cmd.Process.Pid
}

// Resume lets a process go on that Pause stopped.
func (n *Node) Resume() error {
	if err := n.run.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		return fmt.Errorf("send SIGCONT: %w", err)
	}
	return nil
}
