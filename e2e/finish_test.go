package e2e

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestFinish holds that a program which does not end is ended, and that its streams are told apart where that is wanted.
func TestFinish(t *testing.T) {
	const both = "echo out; echo err >&2; exit 3"
	if said, err := Finish(exec.Command("sh", "-c", both)); string(said) != "out\nerr\n" || err == nil || err.Error() != "exit status 3" {
		t.Errorf("got %q, %v", said, err)
	}
	if out, err := Printed(exec.Command("sh", "-c", both)); string(out) != "out\n" || err == nil || err.Error() != "exit status 3: err\n" {
		t.Errorf("got %q, %v", out, err)
	}
	if _, err := Finish(exec.Command("/no/such/program")); err == nil {
		t.Error("a program that is not there has run")
	}
	began := time.Now()
	said, err := finish(exec.Command("sh", "-c", "echo begun; exec sleep 60"), 300*time.Millisecond)
	if string(said) != "begun\n" || err == nil || !strings.Contains(err.Error(), "sh has not ended within 300ms") || time.Since(began) > 30*time.Second {
		t.Errorf("got %q, %v after %v", said, err, time.Since(began))
	}
}
