package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
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

// pauseProcess sends SIGSTOP and waits until no thread runs any more. One thread takes the signal and stops the others: on a machine with much to do they may go
// on for a while before it has its turn.
func pauseProcess(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return fmt.Errorf("send SIGSTOP: %w", err)
	}
	for deadline := time.Now().Add(exitWithin); ; time.Sleep(time.Millisecond) {
		err := standsStill(pid)
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// standsStill returns an error unless all threads of a process are stopped.
func standsStill(pid int) error {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err == nil && len(threads) == 0 {
		err = fmt.Errorf("there is no process %d", pid)
	}
	for _, name := range threads {
		stat, failed := os.ReadFile(name)
		_, state, _ := strings.Cut(string(stat), ") ") // behind the program's name, which may have parentheses
		if failed == nil && !strings.HasPrefix(state, "T") {
			failed = fmt.Errorf("%s: state %.1s", name, state)
		}
		err = errors.Join(err, failed)
	}
	return err
}
