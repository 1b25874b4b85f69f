package e2e

import (
	"bytes"
	"fmt"
	"os/exec"
	"time"
)

// finishWithin is how long a program may run that ends by itself, and buildWithin a compiler.
const (
	finishWithin = 4 * time.Minute
	buildWithin  = 10 * time.Minute
)

// exitWithin is how long a process may take to be gone after SIGKILL, and its output to end after that: a process of its own may hold it.
const exitWithin = 10 * time.Second

// Finish runs a program to its end, at most for four minutes, and returns what it has written to both streams. It kills a program that takes
// longer, and says so: nothing that hangs holds the tests up until their own time is over.
func Finish(cmd *exec.Cmd) (said []byte, err error) { return finish(cmd, finishWithin) }

// FinishBuild is Finish for a compiler, which may take ten minutes.
func FinishBuild(cmd *exec.Cmd) (said []byte, err error) { return finish(cmd, buildWithin) }

// Printed is Finish for a program of which only what it has written to its first stream is wanted; the error has what it has written to the other one.
func Printed(cmd *exec.Cmd) ([]byte, error) {
	var out bytes.Buffer
	cmd.Stdout = &out
	said, err := finish(cmd, finishWithin)
	if err != nil {
		err = fmt.Errorf("%w: %s", err, said)
	}
	return out.Bytes(), err
}

// finish collects what is written to the streams that nobody has taken.
func finish(cmd *exec.Cmd, limit time.Duration) ([]byte, error) {
	var said bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &said
	}
	cmd.Stderr, cmd.WaitDelay = &said, exitWithin
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	late := make(chan struct{})
	overdue := time.AfterFunc(limit, func() {
		close(late)
		_ = cmd.Process.Kill() // an error means that it has ended meanwhile
	})
	err := cmd.Wait()
	if !overdue.Stop() {
		<-late
		err = fmt.Errorf("%s has not ended within %v: %w", cmd.Args[0], limit, err)
	}
	return said.Bytes(), err
}
