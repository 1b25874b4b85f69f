package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// packages are JavaScript clients that npm has installed.
type packages struct {
	dir  string
	node int // Node's major version
}

// installNPM installs the pinned packages of testdata/npm, once per lock file for all runs.
func installNPM(t *testing.T) packages {
	t.Helper()
	version := strings.TrimPrefix(strings.TrimSpace(runs(t, "", "node", "--version")), "v")
	major, err := strconv.Atoi(strings.Split(version, ".")[0])
	if err != nil {
		t.Fatalf("node --version says %q", version)
	}
	lock, err := os.ReadFile("testdata/npm/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(lock)
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	p := packages{dir: filepath.Join(cache, "shiplog-e2e", "npm-"+hex.EncodeToString(sum[:8])), node: major}
	if _, err := os.Stat(p.dir); err == nil {
		return p
	}
	if err := os.MkdirAll(filepath.Dir(p.dir), 0o755); err != nil {
		t.Fatal(err)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(p.dir), "new-")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		content, err := os.ReadFile(filepath.Join("testdata/npm", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(fresh, name), content, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	runs(t, "", "npm", "ci", "--prefix", fresh, "--ignore-scripts", "--no-audit", "--no-fund")
	if err := os.Rename(fresh, p.dir); err != nil && !errors.Is(err, os.ErrExist) {
		t.Fatal(err)
	}
	return p
}

// runs tells whether this machine's Node is new enough for a client: version 6 of both needs Node 20.
func (p packages) runs(name string) bool { return p.node >= 20 || !strings.HasSuffix(name, "redis6") }

// program starts conversations with one of the packages.
func (p packages) program(name, task string) starter {
	script, err := filepath.Abs("testdata/npm/session.cjs")
	return func(t *testing.T, key, value string, seeds []string) conversation {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return program("env", "NODE_PATH="+filepath.Join(p.dir, "node_modules"), "node", script, name, task)(t, key, value, seeds)
	}
}
