package node

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func mustOpen(t *testing.T, path string) *DataDir {
	t.Helper()
	d, err := OpenDataDir(path, ModeSolo)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// tree lists the names below path with their permissions.
func tree(t *testing.T, path string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		short, err := filepath.Rel(path, name)
		names = append(names, short+" "+info.Mode().String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestOpenDataDirMakesEverythingOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	first := mustOpen(t, path)
	want := []string{". drwx------", "format -rw-------", "log drwx------", "mode -rw-------", "node.id -rw-------", "shiplog.lock -rw-------", "state drwx------"}
	if got := tree(t, path); !slices.Equal(got, want) {
		t.Errorf("made %q, want %q", got, want)
	}
	if got, want := readBack(t, filepath.Join(path, "node.id")), hex.EncodeToString(first.NodeID[:])+"\n"; got != want || len(got) != 41 {
		t.Errorf("node.id holds %q, want %q", got, want)
	}
	if got, want := first.StateDir(0), filepath.Join(path, "state", "0"); got != want {
		t.Errorf("StateDir(0) = %q, want %q", got, want)
	}
	if err := errors.Join(first.Close(), first.Close()); err != nil {
		t.Fatal(err)
	}
	if second := mustOpen(t, path); second.NodeID != first.NodeID {
		t.Errorf("identity changed from %x to %x", first.NodeID, second.NodeID)
	}
}

func TestDataDirInUse(t *testing.T) {
	path := t.TempDir()
	d := mustOpen(t, path)
	want := "data directory " + path + " is in use by process " + strconv.Itoa(os.Getpid())
	solo := func(path string) (*DataDir, error) { return OpenDataDir(path, ModeSolo) }
	for name, open := range map[string]func(string) (*DataDir, error){"OpenDataDir": solo, "OpenExistingDataDir": OpenExistingDataDir} {
		if _, err := open(path); errText(err) != want {
			t.Errorf("%s: got %q, want %q", name, errText(err), want)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, path)
}

// TestLockIsFreedWhenItsProcessDies starts this test again as another process, which takes the lock and is killed.
func TestLockIsFreedWhenItsProcessDies(t *testing.T) {
	if path := os.Getenv("SHIPLOG_TEST_LOCK"); path != "" {
		mustOpen(t, path)
		_, _ = os.Stdout.WriteString("locked\n") // the parent notices when this fails
		select {}
	}
	path := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^TestLockIsFreedWhenItsProcessDies$")
	child.Env = append(os.Environ(), "SHIPLOG_TEST_LOCK="+path)
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 7)); err != nil {
		t.Fatal(err)
	}
	_, err = OpenDataDir(path, ModeSolo)
	if want := "is in use by process " + strconv.Itoa(child.Process.Pid); !strings.HasSuffix(errText(err), want) {
		t.Errorf("got %q, want it to end with %q", errText(err), want)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // killed: that is an error
	mustOpen(t, path)
}

func TestReaderRefusesTheDirectoryOfACluster(t *testing.T) {
	path := t.TempDir()
	d, err := OpenDataDir(path, ModeCluster)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = OpenExistingDataDir(path)
	if want := "data directory " + path + ": it belongs to a node of a cluster"; !strings.HasPrefix(errText(err), want) {
		t.Errorf("got %q, want %q", errText(err), want)
	}
}

// JetStream in a cluster deletes the streams of a lone node: a directory is of one mode for ever.
func TestDataDirIsOfOneMode(t *testing.T) {
	for made, other := range map[Mode]Mode{ModeSolo: ModeCluster, ModeCluster: ModeSolo} {
		path := t.TempDir()
		for _, mode := range []Mode{made, other, made} {
			d, err := OpenDataDir(path, mode)
			if mode == other {
				want := "data directory " + path + ": it belongs to a node in mode " + string(made) + " and cannot be used in mode " + string(other)
				if !strings.HasPrefix(errText(err), want) {
					t.Errorf("got %q, want %q", errText(err), want)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestDataDirRefusesWithoutAChange(t *testing.T) {
	for _, tt := range []struct{ name, file, content, want string }{
		{"newer", "format", "2\n", " has format 2, which is newer than this program's 1: use a newer shiplog"},
		{"no number", "format", "x\n", ": the file format does not hold a version number"},
		{"no id", "node.id", "", ": open PATH/node.id: no such file or directory"},
		{"bad id", "node.id", "abc\n", ": the file node.id does not hold 40 hexadecimal digits"},
		{"long id", "node.id", strings.Repeat("a", 42) + "\n", ": the file node.id does not hold 40 hexadecimal digits"},
	} {
		path := t.TempDir()
		if err := mustOpen(t, path).Close(); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(path, tt.file)
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if tt.content != "" {
			if err := os.WriteFile(file, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		before := tree(t, path)
		want := "data directory " + path + strings.ReplaceAll(tt.want, "PATH", path)
		for range 2 { // a refusal must not keep the lock
			if _, err := OpenDataDir(path, ModeSolo); errText(err) != want {
				t.Errorf("%s: got %q, want %q", tt.name, errText(err), want)
			}
		}
		if after := tree(t, path); !slices.Equal(before, after) {
			t.Errorf("%s: changed %q to %q", tt.name, before, after)
		}
	}
}

func TestInterruptedCreationIsFinished(t *testing.T) {
	path := t.TempDir()
	d := mustOpen(t, path)
	if err := errors.Join(d.Close(), os.Remove(filepath.Join(path, "format"))); err != nil {
		t.Fatal(err)
	}
	if again := mustOpen(t, path); again.NodeID != d.NodeID {
		t.Errorf("identity changed from %x to %x", d.NodeID, again.NodeID)
	}
}

func TestOpenExistingDataDirMakesNothing(t *testing.T) {
	path := t.TempDir()
	_, err := OpenExistingDataDir(path)
	if want := path + " is not a data directory of shiplog"; errText(err) != want {
		t.Errorf("got %q, want %q", errText(err), want)
	}
	if got := tree(t, path); len(got) != 1 {
		t.Errorf("made %q", got)
	}
	want := mustOpen(t, path)
	_ = want.Close()
	got, err := OpenExistingDataDir(path)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	if got.NodeID != want.NodeID {
		t.Errorf("identity %x, want %x", got.NodeID, want.NodeID)
	}
}

func TestListen(t *testing.T) {
	listeners, err := Listen(mustLoad(t, "--port", "0", "--bind", "127.0.0.1 127.0.0.2 -2001:db8::1", "--requirepass", "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(listeners)
	first := listeners[0].Addr().(*net.TCPAddr)
	if len(listeners) != 2 || !first.IP.Equal(net.IPv4(127, 0, 0, 1)) || first.Port == 0 {
		t.Errorf("listening on %v and %d more, want 127.0.0.1 and 1 more", first, len(listeners)-1)
	}
	if second := listeners[1].Addr().(*net.TCPAddr); second.Port != first.Port {
		t.Errorf("ports %d and %d differ", first.Port, second.Port)
	}
	port := strconv.Itoa(first.Port)
	for _, tt := range []struct{ bind, port, want string }{
		{"127.0.0.1", port, "port " + port + " on 127.0.0.1 is in use; choose another with --port"},
		{"-127.0.0.1", port, "port " + port + " on 127.0.0.1 is in use; choose another with --port"},
		{"2001:db8::1", "0", "2001:db8::1 is not an address of this machine; change it with --bind"},
		{"-2001:db8::1", "0", "none of the addresses to listen on is one of this machine's; change them with --bind"},
		{"127.0.0.3 2001:db8::1", port, "2001:db8::1 is not an address of this machine; change it with --bind"},
	} {
		opened, err := Listen(mustLoad(t, "--bind", tt.bind, "--port", tt.port, "--requirepass", "x"))
		closeAll(opened)
		if errText(err) != tt.want {
			t.Errorf("bind %s: got %q, want %q", tt.bind, errText(err), tt.want)
		}
	}
	pages, err := listenMetrics(mustLoad(t, "--metrics-port", port, "--metrics-bind", "127.0.0.2 127.0.0.1"))
	closeAll(pages)
	if want := "port " + port + " on 127.0.0.2 is in use; choose another with --metrics-port"; errText(err) != want {
		t.Errorf("metrics: got %q, want %q", errText(err), want)
	}
	if none, err := listenMetrics(mustLoad(t)); len(none) != 0 || err != nil {
		t.Errorf("without metrics-port: %d listeners, %v", len(none), err)
	}
	again, err := net.Listen("tcp", "127.0.0.3:"+port)
	if err != nil {
		t.Fatalf("a refused Listen kept an address open: %v", err)
	}
	_ = again.Close()
}

// TestListenBacklog holds that tcp-backlog is obeyed: with room for one waiting connection, most of many do not get in.
func TestListenBacklog(t *testing.T) {
	listeners, err := Listen(mustLoad(t, "--port", "0", "--bind", "127.0.0.1", "--tcp-backlog", "1"))
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(listeners)
	const tried = 5
	connected := 0
	for range tried {
		conn, err := net.DialTimeout("tcp", listeners[0].Addr().String(), 100*time.Millisecond)
		if err == nil {
			connected++
			defer conn.Close()
		}
	}
	if connected == 0 || connected == tried {
		t.Errorf("%d of %d connections got in, want some", connected, tried)
	}
}

// TestResetStartsOver marks a directory, as CLUSTER RESET does, and opens it again, also after a start over that was cut off.
func TestResetStartsOver(t *testing.T) {
	path := t.TempDir()
	first := mustOpen(t, path)
	id := first.NodeID
	for _, name := range []string{"log/jetstream", "state/0/table", "snapshot/0/table", "cluster.json", "changes.nats", "former/log/x", "former.ids"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(path, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(first.markReset(), os.RemoveAll(filepath.Join(path, "log")), first.Close()); err != nil {
		t.Fatal(err)
	}
	second := mustOpen(t, path)
	want := []string{". drwx------", "aside -rw-------", "changes.nats -rw-------", "format -rw-------", "log drwx------", "mode -rw-------", "node.id -rw-------",
		"shiplog.lock -rw-------", "state drwx------"}
	if got := tree(t, path); !slices.Equal(got[1:], want[1:]) {
		t.Errorf("left %q, want %q", got, want)
	}
	if second.NodeID == id {
		t.Error("it is the same node as before")
	}
	id = second.NodeID
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if third := mustOpen(t, path); third.NodeID != id {
		t.Error("it started over twice")
	}
}
