package node

import (
	"slices"
	"strings"
	"testing"

	"shiplog/partitions/coordinator"
)

// scene is the founding of a node that hears others: "a" is blank, "a!" also told to begin, "a~" blank and silent, "a+" in a group, "a@" in a cluster.
func scene(expect int, asked bool, heard string) *founding {
	f := &founding{expect: expect, asked: asked}
	var silent []coordinator.NodeID
	for word := range strings.FieldsSeq(heard) {
		name, mark := word[:1], word[1:]
		r := coordinator.Report{Node: coordinator.Node{ID: coordinator.NodeID(name), Server: "s" + name}, Blank: mark != "+" && mark != "+~", Begins: mark == "!"}
		switch mark {
		case "@":
			r.Cluster = "c"
		case "~", "+~":
			silent = append(silent, r.Node.ID)
		}
		f.heard = append(f.heard, r)
	}
	f.silent = func(id coordinator.NodeID) bool { return slices.Contains(silent, id) }
	return f
}

func TestFounders(t *testing.T) {
	for _, c := range []struct {
		name   string
		expect int
		asked  bool
		heard  string
		want   string
	}{
		{"as many as expected", 3, false, "a b c", "sa sb sc"},
		{"more than expected", 3, false, "a b c d", "sa sb sc sd"},
		{"fewer than expected", 3, false, "a b", ""},
		{"one that is expected is silent", 3, false, "a b c~", ""},
		{"nothing is expected", 0, false, "a b c", ""},
		{"an operator asks", 0, true, "a b", "sa sb"},
		{"an operator asks, though more are expected", 3, true, "a b", "sa sb"},
		{"an operator asks another", 0, false, "a b! c", "sa sb sc"},
		{"an operator asks one that is alone", 0, true, "a", ""},
		{"an operator asked one that is silent", 0, false, "a b~ c", ""},
		{"one is in a group", 3, false, "a b c d+", ""},
		{"one is in a group, and an operator asks", 3, true, "a b c d+", ""},
		{"one was in a group when it was heard", 3, true, "a b c d+~", ""},
		{"one follows a map", 3, true, "a b c d@", ""},
		{"this one is in a group", 2, false, "a+ b", ""},
		{"nobody is heard", 2, true, "", ""},
	} {
		if got := strings.Join(scene(c.expect, c.asked, c.heard).founders(), " "); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestMissing(t *testing.T) {
	founders := []string{"sa", "sb"}
	for want, found := range map[string]map[string]string{
		"":                       {"h:1": "sa", "h:2": "sb", "h:3": "sa"},
		"nobody answers at h:3":  {"h:1": "sa", "h:2": "sb", "h:3": ""},
		"sx at h:2 is not heard": {"h:1": "sa", "h:2": "sx"},
	} {
		if got := missing(founders, found); !strings.HasPrefix(got, want) || (got == "") != (want == "") {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
