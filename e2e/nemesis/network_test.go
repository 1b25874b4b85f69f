package nemesis

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"shiplog/e2e"
)

// TestWires cuts a link in one direction and in both, and leaves nothing behind.
func TestWires(t *testing.T) {
	w, err := NewWires(2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	for _, tt := range []struct {
		name string
		cut  [][2]int
		want [2]bool // node 0 hears node 1, and node 1 hears node 0
	}{
		{"whole", nil, [2]bool{true, true}},
		{"one way", [][2]int{{0, 1}}, [2]bool{true, false}},
		{"the other way", [][2]int{{1, 0}}, [2]bool{false, true}},
		{"both ways", [][2]int{{0, 1}, {1, 0}, {1, 0}}, [2]bool{false, false}},
		{"whole again", nil, [2]bool{true, true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, cut := range tt.cut {
				if err := w.Cut(cut[0], cut[1]); err != nil {
					t.Fatal(err)
				}
			}
			got := [2]bool{hears(t, w, 0, 1), hears(t, w, 1, 0)}
			if got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if err := w.Mend(); err != nil {
				t.Fatal(err)
			}
		})
	}
	w.Close()
	out, err := e2e.Printed(exec.Command("ip", "netns", "list"))
	if err != nil || strings.Contains(string(out), e2e.ScratchName()) {
		t.Errorf("left behind: %s %v", out, err)
	}
	if out, _ := e2e.Printed(exec.Command("ip", "-o", "route")); strings.Contains(string(out), w.subnet+".") {
		t.Errorf("left behind: %s", out)
	}
}

// TestNetworksHoldNoDisks cuts the power of a disk and restores it while a process runs in a network of its own.
func TestNetworksHoldNoDisks(t *testing.T) {
	w, err := NewWires(1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	disk, err := e2e.NewImage(32 << 20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(disk.Close)
	words := w.Inside(0, e2e.Program{"cat"})
	cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait() // it ends with its input
	})
	if _, err := io.WriteString(in, "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil { // now it runs
		t.Fatal(err)
	}
	if err := errors.Join(disk.CutPower(), disk.Detach(), disk.Attach()); err != nil {
		t.Error(err)
	}
}

const listenScript = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 5555))
s.settimeout(float(sys.argv[2]))
print("bound", flush=True)
try:
    s.recv(10)
    print("heard", flush=True)
except socket.timeout:
    print("silence", flush=True)
`

const sendScript = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(3):
    s.sendto(b"x", (sys.argv[1], 5555))
`

// hears sends datagrams from one node to another and tells whether one arrives.
func hears(t *testing.T, w *Wires, listener, sender int) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	words := w.Inside(listener, e2e.Program{"/usr/bin/python3", "-c", listenScript, w.Host(listener), "0.5"})
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(pipe)
	if !lines.Scan() || lines.Text() != "bound" {
		t.Fatalf("listener: %q %v", lines.Text(), lines.Err())
	}
	words = w.Inside(sender, e2e.Program{"/usr/bin/python3", "-c", sendScript, w.Host(listener)})
	if out, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("sender: %v %s", err, out)
	}
	lines.Scan()
	said := lines.Text()
	if err := cmd.Wait(); err != nil || (said != "heard" && said != "silence") {
		t.Fatalf("listener said %q, %v", said, err)
	}
	return said == "heard"
}
