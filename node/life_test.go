package node

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"shiplog/partitions/coordinator"
	"shiplog/partitions/slot"
)

// clusterDir opens the directory of a cluster's node.
func clusterDir(t *testing.T, path string) *DataDir {
	t.Helper()
	d, err := OpenDataDir(path, ModeCluster)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// liveAt is what the directory at path is found to be at a start.
func liveAt(t *testing.T, path string) (d *DataDir, doubt string) {
	t.Helper()
	d = clusterDir(t, path)
	doubt, err := d.live()
	if err != nil {
		t.Fatal(err)
	}
	must(t, d.Close())
	untilLater(t, d)
	return d, doubt
}

// untilLater waits until a file that is made has another time than the directory's own: file systems have clocks of some milliseconds.
func untilLater(t *testing.T, d *DataDir) {
	t.Helper()
	own, err := birth(d.origin())
	must(t, err)
	for name := filepath.Join(t.TempDir(), "clock"); ; {
		must(t, os.WriteFile(name, nil, 0o600))
		now, err := birth(name)
		must(t, err, os.Remove(name))
		if own == unborn {
			t.Fatal("the file system does not say when files are made")
		}
		if now != own {
			return
		}
	}
}

// must fails the test if one of several steps did.
func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func identity(d *DataDir) coordinator.NodeID {
	return coordinator.NodeID(hex.EncodeToString(d.NodeID[:]))
}

func TestDoubt(t *testing.T) {
	for e, want := range map[evidence]string{
		{}:                           "",
		{formed: true}:               "",
		{member: true, formed: true}: "",
		{member: true}:               "its log is gone",
		{copied: true}:               "a copy",
		{copied: true, member: true}: "a copy",
		{copied: true, formed: true}: "a copy",
		{true, true, true}:           "a copy",
	} {
		if got := e.doubt(); !strings.Contains(got, want) || (got == "") != (want == "") {
			t.Errorf("%+v: got %q, want %q", e, got, want)
		}
	}
}

// A directory is the same one after restarts and when it is renamed; a copy is a copy wherever it is put, and what it had is put aside.
func TestCopiesAreRecognised(t *testing.T) {
	at := t.TempDir()
	here, moved, copied := filepath.Join(at, "here"), filepath.Join(at, "moved"), filepath.Join(at, "copied")
	first, _ := liveAt(t, here)
	content := []byte("what was acknowledged")
	must(t, os.WriteFile(filepath.Join(here, logName, "records"), content, 0o600))
	for range 2 {
		if d, doubt := liveAt(t, here); doubt != "" || d.NodeID != first.NodeID {
			t.Fatalf("after a restart: %q", doubt)
		}
	}
	must(t, os.Rename(here, moved))
	if d, doubt := liveAt(t, moved); doubt != "" || d.NodeID != first.NodeID {
		t.Fatalf("renamed: %q", doubt)
	}
	must(t, os.CopyFS(copied, os.DirFS(moved)), os.RemoveAll(moved), os.Rename(copied, here))
	second, doubt := liveAt(t, here)
	if !strings.Contains(doubt, "a copy") || second.NodeID == first.NodeID || !slices.Equal(second.formerIDs(), []string{string(identity(first))}) {
		t.Fatalf("put back from a copy: %q, was %v", doubt, second.formerIDs())
	}
	if got := readBack(t, filepath.Join(here, formerName, logName, "records")); got != string(content) {
		t.Errorf("%q was put aside", got)
	}
	if got := readBack(t, filepath.Join(here, formerName, idName)); strings.TrimSpace(got) != string(identity(first)) {
		t.Errorf("the identity %q was put aside", got)
	}
	if entries, err := os.ReadDir(filepath.Join(here, logName)); err != nil || len(entries) != 1 {
		t.Errorf("the new log holds %v, %v", entries, err)
	}
	if d, doubt := liveAt(t, here); doubt != "" || d.NodeID != second.NodeID {
		t.Errorf("after that: %q", doubt)
	}
}

// Older words in a newer file are no better than an older file; without words everything is believed.
func TestOriginMustFit(t *testing.T) {
	here := t.TempDir()
	first, _ := liveAt(t, here)
	origin := filepath.Join(here, logName, originName)
	older := readBack(t, origin)
	if _, doubt := liveAt(t, here); doubt != "" {
		t.Fatal(doubt)
	}
	must(t, os.WriteFile(origin, []byte(older), 0o600))
	second, doubt := liveAt(t, here)
	if doubt == "" || second.NodeID == first.NodeID {
		t.Error("older words are believed")
	}
	must(t, os.CopyFS(filepath.Join(here, "copy"), os.DirFS(filepath.Join(here, logName))), os.RemoveAll(filepath.Join(here, logName)),
		os.Rename(filepath.Join(here, "copy"), filepath.Join(here, logName)), os.Remove(origin))
	if third, doubt := liveAt(t, here); doubt != "" || third.NodeID != second.NodeID {
		t.Errorf("without words: %q", doubt)
	}
}

// knownTo writes a map into a directory of which a node is a member.
func knownTo(t *testing.T, d *DataDir, id coordinator.NodeID) {
	t.Helper()
	m := &coordinator.Map{Version: 1, Cluster: strings.Repeat("c", 40), Copies: 1,
		Nodes:      []coordinator.Node{{ID: id, Server: "s", Host: "h", Port: 1, BusPort: 2}},
		Partitions: []coordinator.Partition{{Slots: slot.Split(1)[0], Holders: []coordinator.NodeID{id}, Primary: id, Term: 1}}}
	must(t, d.writeMap(m))
}

// A member without its log goes on as a new node, whatever else it has; one that is no member yet has lost nothing.
func TestLogThatIsGone(t *testing.T) {
	here := t.TempDir()
	first, _ := liveAt(t, here)
	knownTo(t, first, coordinator.NodeID(strings.Repeat("a", 40)))
	if _, doubt := liveAt(t, here); doubt != "" {
		t.Fatalf("no member: %q", doubt)
	}
	knownTo(t, first, identity(first))
	must(t, os.MkdirAll(first.StateDir(0), 0o700), os.RemoveAll(first.LogDir()))
	second, doubt := liveAt(t, here)
	if !strings.Contains(doubt, "gone") || second.NodeID == first.NodeID {
		t.Fatalf("a member: %q", doubt)
	}
	if _, err := os.Stat(second.StateDir(0)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the state is still there: %v", err)
	}
	if d, doubt := liveAt(t, here); doubt != "" || d.NodeID != second.NodeID {
		t.Errorf("after that: %q", doubt)
	}
}

// A crash while a life begins costs an identity, never what was put aside first.
func TestLifeBeginsAgain(t *testing.T) {
	at := t.TempDir()
	here, copied := filepath.Join(at, "here"), filepath.Join(at, "copied")
	first, _ := liveAt(t, here)
	must(t, os.WriteFile(filepath.Join(here, logName, "records"), []byte("first"), 0o600), os.CopyFS(copied, os.DirFS(here)))
	d := clusterDir(t, copied)
	must(t, d.beginLife(), os.RemoveAll(d.LogDir()), os.CopyFS(d.LogDir(), os.DirFS(first.LogDir())), // as if it had ended before the log was moved
		os.WriteFile(filepath.Join(d.LogDir(), "records"), []byte("second"), 0o600), d.Close())
	again, doubt := liveAt(t, copied)
	if want := []string{string(identity(first)), string(identity(d))}; doubt == "" || !slices.Equal(again.formerIDs(), want) {
		t.Errorf("%q, it was %v, want %v", doubt, again.formerIDs(), want)
	}
	if got := readBack(t, filepath.Join(copied, formerName, logName, "records")); got != "first" {
		t.Errorf("%q was put aside", got)
	}
	must(t, again.dropFormer(), again.keepFormer(nil))
	if left, err := filepath.Glob(filepath.Join(copied, "former*")); err != nil || len(left) > 0 || again.formerIDs() != nil {
		t.Errorf("%v are left, %v", left, err)
	}
}

func TestSuccession(t *testing.T) {
	made := func(change func(*coordinator.Map)) *coordinator.Map {
		m := &coordinator.Map{Nodes: []coordinator.Node{{ID: "new"}, {ID: "old"}, {ID: "other"}}}
		m.Partitions = []coordinator.Partition{{Holders: []coordinator.NodeID{"old", "other"}}}
		change(m)
		return m
	}
	gone := func(m *coordinator.Map) { m.Gone = []coordinator.NodeID{"old"} }
	removed := func(expelled bool) func(*coordinator.Map) {
		return func(m *coordinator.Map) {
			m.Nodes = slices.Delete(m.Nodes, 1, 2)
			m.Former = []coordinator.Former{{ID: "old", Expelled: expelled}}
		}
	}
	for name, c := range map[string]struct {
		m    *coordinator.Map
		want string
		over bool
	}{
		"no map":                 {nil, "", false},
		"not in the cluster":     {made(func(m *coordinator.Map) { m.Nodes = m.Nodes[1:] }), "", false},
		"it was in the cluster":  {made(func(*coordinator.Map) {}), coordinator.WishReplace, false},
		"copies are rebuilt":     {made(gone), "", false},
		"copies are rebuilt all": {made(func(m *coordinator.Map) { gone(m); m.Partitions[0].Holders[0] = "new" }), coordinator.WishForget, false},
		"its server counts":      {made(removed(false)), "", false},
		"its server has left":    {made(removed(true)), "", true},
		"it never was there":     {made(func(m *coordinator.Map) { m.Nodes = slices.Delete(m.Nodes, 1, 2) }), "", true},
	} {
		wish, over := succession(c.m, "new", "old")
		if wish.Verb != c.want || over != c.over || wish.Verb != "" && wish.Node != "old" {
			t.Errorf("%s: got %+v, %t", name, wish, over)
		}
	}
}

// What is where the node is was the node, also if the directory does not know of it.
func TestPredecessors(t *testing.T) {
	node := func(id coordinator.NodeID, host string, bus int) coordinator.Node {
		return coordinator.Node{ID: id, Host: host, BusPort: bus}
	}
	m := &coordinator.Map{Nodes: []coordinator.Node{node("a", "h", 1), node("b", "h", 2), node("c", "i", 1), node("d", "h", 1), node("e", "h", 1)}}
	self := node("e", "h", 1)
	former := []string{"x", "d"}
	if got, want := predecessors(m, &self, former), []string{"x", "d", "a"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
