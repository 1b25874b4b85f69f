package cluster

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"shiplog/partitions/coordinator"
)

// golden is what version 1 of the formats looked like. It must be readable for ever.
func golden(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func reportOf(i int) coordinator.Report {
	return coordinator.Report{
		Node: nodeOf(i), Run: "run", Map: 7, Cluster: testCluster, FreeDisk: 1 << 30, Load: 12.5,
		Partitions: []coordinator.PartitionReport{
			{Partition: 0, Role: coordinator.RolePrimary, Term: 3, Epoch: 4, Applied: 100, Durable: 90, Tail: 101, Stuck: 20 * time.Millisecond, StreamLeader: true, Keys: 5, Load: 12.5},
			{Partition: 2, Role: coordinator.RoleStopped, Why: "the disk is gone", Term: 1, Epoch: 1, Applied: 9, Durable: 9},
		},
	}
}

func TestGolden(t *testing.T) {
	r := reportOf(0)
	data, err := encodeReport(&r)
	if err != nil || string(data)+"\n" != string(golden(t, "v1-heartbeat.json")) {
		t.Errorf("a heartbeat is %s, %v", data, err)
	}
	if got, err := decodeReport(golden(t, "v1-heartbeat.json")); err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("decoded: %+v, %v", got, err)
	}
	m := mapOf(7, 3)
	m.Partitions[1].Pinned = true
	data, err = EncodeMap(m)
	if err != nil || string(data)+"\n" != string(golden(t, "v1-map.json")) {
		t.Errorf("a map is %s, %v", data, err)
	}
	if got, err := DecodeMap(golden(t, "v1-map.json")); err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("decoded: %v, %v", got, err)
	}
}

// movingMap is a map with all that may be said of copies and nodes that come and go.
func movingMap() *coordinator.Map {
	m := mapOf(8, 4)
	p := &m.Partitions[1]
	p.Move = coordinator.Move{To: p.Holders[len(p.Holders)-1], From: p.Holders[0]}
	m.Draining, m.Gone, m.Rebalance = []coordinator.NodeID{id(0), id(2)}, []coordinator.NodeID{id(3)}, true
	m.Former = []coordinator.Former{{ID: id(8), Server: "n8"}, {ID: id(9), Server: "n9", Expelled: true}}
	return m
}

func TestGoldenMoving(t *testing.T) {
	m := movingMap()
	data, err := EncodeMap(m)
	if err != nil || string(data)+"\n" != string(golden(t, "v1-map-moving.json")) {
		t.Errorf("a map is %s, %v", data, err)
	}
	if got, err := DecodeMap(golden(t, "v1-map-moving.json")); err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("decoded: %v, %v", got, err)
	}
}

// TestDecodeMovesRefuses holds what a map must not say of moves and of nodes that come and go.
func TestDecodeMovesRefuses(t *testing.T) {
	for name, change := range map[string]func(*coordinator.Map){
		"a move to nobody":        func(m *coordinator.Map) { m.Partitions[1].Move.To = "" },
		"a move to itself":        func(m *coordinator.Map) { m.Partitions[1].Move.To = m.Partitions[1].Move.From },
		"a move from outside":     func(m *coordinator.Map) { m.Partitions[1].Move.From = id(9) },
		"a stranger drains":       func(m *coordinator.Map) { m.Draining[1] = id(9) },
		"one drains twice":        func(m *coordinator.Map) { m.Draining[1] = m.Draining[0] },
		"a stranger is gone":      func(m *coordinator.Map) { m.Gone[0] = id(9) },
		"a member is former":      func(m *coordinator.Map) { m.Former[0].ID = id(1) },
		"a former one is nobody":  func(m *coordinator.Map) { m.Former[0].ID = "" },
		"a former one has spaces": func(m *coordinator.Map) { m.Former[1].Server = "a b" },
	} {
		m := movingMap()
		change(m)
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeMap(data); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
		if _, err := EncodeMap(m); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: stored with %v", name, err)
		}
	}
}

func TestDecodeReportRefuses(t *testing.T) {
	for name, change := range map[string]func(*coordinator.Report){
		"no identity":         func(r *coordinator.Report) { r.Node.ID = "" },
		"a short identity":    func(r *coordinator.Report) { r.Node.ID = r.Node.ID[1:] },
		"capital digits":      func(r *coordinator.Report) { r.Node.ID = coordinator.NodeID(strings.Repeat("A", 40)) },
		"a line break":        func(r *coordinator.Report) { r.Node.Host = "a\nb" },
		"a comma":             func(r *coordinator.Report) { r.Node.Name = "a,b" },
		"no host":             func(r *coordinator.Report) { r.Node.Host = "" },
		"a long host":         func(r *coordinator.Report) { r.Node.Host = strings.Repeat("h", maxName+1) },
		"port 0":              func(r *coordinator.Report) { r.Node.Port = 0 },
		"port 65536":          func(r *coordinator.Report) { r.Node.BusPort = 65536 },
		"a long run":          func(r *coordinator.Report) { r.Run = strings.Repeat("r", maxName+1) },
		"another cluster":     func(r *coordinator.Report) { r.Cluster = "x" },
		"a partition twice":   func(r *coordinator.Report) { r.Partitions[1].Partition = 0 },
		"partition -1":        func(r *coordinator.Report) { r.Partitions[0].Partition = -1 },
		"partition 16384":     func(r *coordinator.Report) { r.Partitions[1].Partition = 16384 },
		"a long reason":       func(r *coordinator.Report) { r.Partitions[1].Why = strings.Repeat("w", maxWhy+1) },
		"stuck in the future": func(r *coordinator.Report) { r.Partitions[0].Stuck = -1 },
	} {
		r := reportOf(0)
		change(&r)
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeReport(data); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := encodeReport(&r); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s, to be sent: %v", name, err)
		}
	}
	whole := string(golden(t, "v1-heartbeat.json"))
	for _, text := range []string{"", "null", "[]", "{}", whole + "{}", whole[:100], whole + strings.Repeat(" ", maxBeat)} {
		if _, err := decodeReport([]byte(text)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	if _, err := decodeReport([]byte(strings.Replace(whole, "{", `{"later":[1],`, 1))); err != nil {
		t.Errorf("a newer version's field: %v", err)
	}
}

func TestDecodeMapRefuses(t *testing.T) {
	for name, change := range map[string]func(*coordinator.Map){
		"version 0":             func(m *coordinator.Map) { m.Version = 0 },
		"no cluster":            func(m *coordinator.Map) { m.Cluster = "" },
		"no nodes":              func(m *coordinator.Map) { m.Nodes = nil },
		"no partitions":         func(m *coordinator.Map) { m.Partitions = nil },
		"nodes out of order":    func(m *coordinator.Map) { m.Nodes[0], m.Nodes[1] = m.Nodes[1], m.Nodes[0] },
		"a node twice":          func(m *coordinator.Map) { m.Nodes[1] = m.Nodes[0] },
		"a node without a host": func(m *coordinator.Map) { m.Nodes[1].Host = "" },
		"a hole":                func(m *coordinator.Map) { m.Partitions[1].Slots.First++ },
		"an overlap":            func(m *coordinator.Map) { m.Partitions[1].Slots.First-- },
		"a range turned round": func(m *coordinator.Map) {
			m.Partitions[0].Slots.Last = 0
			m.Partitions[1].Slots.First = 1
			m.Partitions[1].Slots.Last = 0
		},
		"slots missing at the end": func(m *coordinator.Map) { m.Partitions[2].Slots.Last-- },
		"a stranger as primary":    func(m *coordinator.Map) { m.Partitions[0].Primary = id(7) },
		"a stranger as holder":     func(m *coordinator.Map) { m.Partitions[0].Holders[1] = id(7) },
		"a holder twice":           func(m *coordinator.Map) { m.Partitions[0].Holders[1] = id(0) },
	} {
		m := mapOf(1, 3)
		change(m)
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeMap(data); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := EncodeMap(nil); !errors.Is(err, ErrMalformed) {
		t.Errorf("no map: %v", err)
	}
}

// A heartbeat gets through whatever a partition says about itself.
func TestFit(t *testing.T) {
	r := reportOf(0)
	r.Load, r.Partitions[0].Load, r.Partitions[0].Stuck = math.NaN(), math.Inf(1), -time.Second
	r.Partitions[1].Why = strings.Repeat("é", maxWhy)
	fitted := fit(r)
	data, err := encodeReport(&fitted)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decodeReport(data); err != nil || !reflect.DeepEqual(got, fitted) {
		t.Errorf("got %+v, %v", got, err)
	}
	if len(r.Partitions[1].Why) <= maxWhy {
		t.Error("the report itself was changed")
	}
}

func FuzzDecodeReport(f *testing.F) {
	for _, name := range []string{"v1-heartbeat.json", "v1-map.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"node":{"id":"0000000000000000000000000000000000000001","host":"h","server":"s","port":1},"partitions":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decodeReport(data)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
			return
		}
		again, err := encodeReport(&r)
		if err != nil {
			t.Fatalf("what was decoded is not encoded: %v", err)
		}
		if got, err := decodeReport(again); err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("got %+v, %v, want %+v", got, err, r)
		}
		v := View{SilentAfter: time.Second}
		if next, heard := v.hear(r, 0, nil); !heard || len(next.Peers) != 1 || len(next.Topology(mapOf(1, 3), id(0)).Ranges) != 3 {
			t.Errorf("not heard: %+v", r)
		}
	})
}

func FuzzDecodeMap(f *testing.F) {
	data, err := EncodeMap(mapOf(3, 4))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := DecodeMap(data)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
			return
		}
		if _, err := EncodeMap(m); err != nil {
			t.Errorf("what was decoded is not encoded: %v", err)
		}
		covered := 0
		for _, r := range (View{}).Topology(m, m.Nodes[0].ID).Ranges {
			covered += r.Slots.Count()
		}
		if covered != 16384 {
			t.Errorf("%d slots are shown", covered)
		}
	})
}
