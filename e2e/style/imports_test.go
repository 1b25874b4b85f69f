package style

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// may is what one package may import: ours are packages of this module, outside are module paths.
type may struct {
	ours    []string
	outside []string
}

// Modules that the table names more than once.
const (
	natsGo = "github.com/nats-io/nats.go"
	xxhash = "github.com/cespare/xxhash/v2"
	xxh3   = "github.com/zeebo/xxh3"
	xSync  = "golang.org/x/sync"
	xSys   = "golang.org/x/sys"

	goRedis   = "github.com/redis/go-redis/v9"
	porcupine = "github.com/anishathalye/porcupine"
)

// readers are what the operator's commands print from.
func readers() []string { return []string{"node", "node/changes", "wal", "wal/jetstream", "embedded"} } // tokens are kept in checkpoints

// table is every package and what it may import; it is never written. A new arrow is a new word here, and the commit
// says why. Packages that do not exist yet stand here so that they are born inside the rules.
var table = map[string]may{
	"cmd/shiplog": {ours: readers()},
	"node": {
		ours: []string{
			"node/resp", "node/commands", "node/reply", "node/cluster", "node/changes", "node/admin",
			"partitions", "partitions/slot", "partitions/lease", "partitions/keyspace", "partitions/coordinator",
			"wal", "wal/jetstream", "shipper", "shipper/corenats", "embedded",
		},
		outside: []string{xSync, xSys},
	},
	"node/resp":     {ours: []string{"node/reply", "node/commands"}, outside: []string{"github.com/tidwall/redcon", xSync, xSys}},
	"node/commands": {ours: []string{"node/reply", "partitions/keyspace"}, outside: []string{"github.com/yuin/gopher-lua", xxh3}}, // DIGEST
	"node/reply":    {},
	"node/cluster":  {ours: []string{"partitions/coordinator", "partitions/slot"}, outside: []string{natsGo}},
	"node/changes":  {ours: []string{"wal", "shipper", "partitions/slot"}, outside: []string{natsGo}}, // a change says its slot
	"node/admin":    {outside: []string{"github.com/prometheus/client_golang"}},
	"partitions": {
		ours:    []string{"wal", "shipper", "partitions/keyspace", "partitions/slot", "partitions/lease"},
		outside: []string{xSync, xSys},
	},
	"partitions/slot":  {},
	"partitions/lease": {}, // pure, and apart so that the coordinator's simulation runs the same rules as a partition
	"partitions/keyspace": {
		ours:    []string{"wal", "partitions/slot"}, // every row of the state begins with its slot
		outside: []string{"github.com/cockroachdb/pebble/v2", xxhash},
	},
	"partitions/coordinator": {ours: []string{"partitions/slot"}},
	"wal":                    {ours: []string{"partitions/slot"}, outside: []string{xxhash}},
	"wal/jetstream":          {ours: []string{"wal"}, outside: []string{natsGo}},
	"wal/waltest":            {ours: []string{"wal"}},
	"shipper":                {ours: []string{"wal"}, outside: []string{xxh3}}, // sums of files
	// what carries snapshots between nodes, apart so that the shipper knows no NATS
	"shipper/corenats": {ours: []string{"shipper"}, outside: []string{natsGo}},
	// embedded hands out connections inside the process, and a connection is nats.go's.
	"embedded": {outside: []string{"github.com/nats-io/nats-server/v2", natsGo}},
	"e2e":      {outside: []string{xSync, xSys, goRedis, porcupine, natsGo}}, // the stock client of change streams
	// whose reader of changes in binary decodes them with the package that everybody is given for that
	"e2e/bench":   {ours: []string{"e2e", "wal", "wal/jetstream", "embedded"}, outside: []string{natsGo}},
	"e2e/nemesis": {ours: []string{"e2e"}, outside: []string{porcupine, xSys}},
	"e2e/style":   {},
}

// tested is what a package's tests may import beyond what the package itself may; it is never written.
var tested = map[string]may{
	"wal/jetstream": {ours: []string{"wal/waltest", "embedded"}, outside: []string{"github.com/nats-io/nats-server/v2"}},
	"partitions":    {ours: []string{"wal/waltest", "wal/jetstream", "embedded"}, outside: []string{"github.com/cockroachdb/pebble/v2"}},
	"shipper":       {ours: []string{"wal/waltest"}},
	"node":          {ours: []string{"wal/waltest"}},
	"cmd/shiplog":   {ours: []string{"wal/waltest"}},
	"node/changes":  {ours: []string{"wal/waltest", "embedded"}}, // projectors beside each other on a real stream
	"node/cluster":  {ours: []string{"embedded"}},

	"shipper/corenats": {ours: []string{"embedded", "wal", "wal/waltest"}}, // a whole seeding between two servers is measured
	// the simulation of coordinator, lease and fence
	"partitions/coordinator": {ours: []string{"wal", "wal/waltest", "partitions/lease"}},
	"node/commands":          {ours: []string{"wal", "partitions/slot"}, outside: []string{"github.com/cockroachdb/pebble/v2"}},
}

func TestImports(t *testing.T) {
	for _, f := range sources(t) {
		for _, complaint := range badImports(f) {
			t.Error(complaint)
		}
	}
}

// badImports lists the imports of f that the table does not allow.
func badImports(f source) (complaints []string) {
	allowed, known := table[f.dir()]
	if !known {
		return []string{fmt.Sprintf("%s: package %s is not in the import table", f.name, f.dir())}
	}
	ours, outside := slices.Clone(allowed.ours), slices.Clone(allowed.outside)
	if f.isTest() {
		ours = append(append(ours, tested[f.dir()].ours...), f.dir())
		outside = append(outside, tested[f.dir()].outside...)
	}
	for _, spec := range f.tree.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		if !allows(ours, outside, imported) {
			complaints = append(complaints, fmt.Sprintf("%s: %s may not import %s", f.at(spec), f.dir(), imported))
		}
	}
	return complaints
}

// allows tells whether an import is of the standard library, which everyone may use, or one of the given.
func allows(ours, outside []string, imported string) bool {
	if imported == "C" {
		return false
	}
	if own, ok := strings.CutPrefix(imported, "shiplog/"); ok {
		return slices.Contains(ours, own)
	}
	if !strings.Contains(strings.Split(imported, "/")[0], ".") {
		return true
	}
	return slices.ContainsFunc(outside, func(module string) bool {
		return imported == module || strings.HasPrefix(imported, module+"/")
	})
}

// TestImportTable holds that the table itself knows every package it names, and that nothing comes back to where it began.
func TestImportTable(t *testing.T) {
	for name, allowed := range table {
		for _, own := range allowed.ours {
			if _, ok := table[own]; !ok {
				t.Errorf("%s may import %s, which is not in the table", name, own)
			}
			if own == name || slices.Contains(reachable(own, nil), name) {
				t.Errorf("%s imports itself through %s", name, own)
			}
		}
		if slices.ContainsFunc(strings.Split(name, "/"), vagueName) {
			t.Errorf("%s: the name says nothing", name)
		}
	}
}

func reachable(name string, seen []string) []string {
	for _, own := range table[name].ours {
		if !slices.Contains(seen, own) {
			seen = reachable(own, append(seen, own))
		}
	}
	return seen
}

func vagueName(name string) bool {
	return slices.Contains([]string{"internal", "pkg", "util", "utils", "common", "misc", "helpers"}, path.Base(name))
}

func TestBadImports(t *testing.T) {
	for _, tt := range []struct {
		file, imported string
		want           int
	}{
		{"wal/x.go", "bytes", 0},
		{"wal/x.go", "shiplog/partitions/slot", 0},
		{"wal/x.go", "shiplog/partitions", 1},
		{"wal/x.go", natsGo, 1},
		{"wal/jetstream/x.go", natsGo + "/jetstream", 0},
		{"wal/jetstream/x.go", natsGo + "x", 1},
		{"wal/jetstream/x.go", "shiplog/wal/waltest", 1},
		{"wal/jetstream/x_test.go", "shiplog/wal/waltest", 0},
		{"wal/x.go", "C", 1},
		{"pkg/x.go", "bytes", 1},
		{"x.go", "bytes", 1},
	} {
		got := badImports(parsed(t, tt.file, "package x\nimport "+strconv.Quote(tt.imported)))
		if len(got) != tt.want {
			t.Errorf("%s importing %s: got %q, want %d complaints", tt.file, tt.imported, got, tt.want)
		}
	}
}
