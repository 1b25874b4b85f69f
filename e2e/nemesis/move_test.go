package nemesis

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// moving has the fake cluster show a copy on its way from node 2 to node 0, until it is said to be there.
func (c *fakeCluster) moving(t *testing.T) (over func()) {
	t.Helper()
	picture := func(copies ...string) string {
		text := ""
		for _, at := range copies {
			i, moves, _ := strings.Cut(at, " ")
			text += fmt.Sprintf("*4\r\n+address\r\n+%s\r\n+moves\r\n+%s\r\n", c.nodes[i[0]-'0'].Addr(), moves)
		}
		first := strings.Index(text[1:], "*4") + 1 // the primary's copy
		return fmt.Sprintf("*1\r\n*4\r\n+primary\r\n%s+replicas\r\n*%d\r\n%s", text[:first], len(copies)-1, text[first:])
	}
	told := map[string]string{"CLUSTER PARTITIONS": picture("1 ", "2 leaving", "0 arriving"), "CLUSTER REBALANCE": "+OK\r\n", "CLUSTER INFO": "+cluster_drained_nodes:id2\r\n"}
	for i := range c.nodes {
		told[fmt.Sprintf("CLUSTER DRAIN id%d", i)] = "+OK\r\n"
		told[fmt.Sprintf("CLUSTER DRAIN id%d CANCEL", i)] = "+OK\r\n"
		told[fmt.Sprintf("CLUSTER REPLACE id%d", i)] = "+OK\r\n"
	}
	for _, h := range c.nodes {
		before := h.node.answer
		h.node.answer = func(line string) string {
			if text, ok := told[line]; ok {
				return text
			}
			return before(line)
		}
	}
	return func() {
		for _, h := range c.nodes {
			h.node.mu.Lock()
			defer h.node.mu.Unlock()
		}
		told["CLUSTER PARTITIONS"] = picture("1 ", "0 ")
	}
}

// TestMoveFaultsHit holds what a run moves in turn, and whom each kind of fault cuts off.
func TestMoveFaultsHit(t *testing.T) {
	for _, tt := range []struct {
		kind Kind
		turn int // that was before
		want string
		told string
	}{
		{"move-cut-source", 0, "cut 2-0|cut 0-2|cut 2-1|cut 1-2|mend", "CLUSTER DRAIN id2"},
		{"move-out-source", 0, "cut 2-0|cut 2-1|mend", "CLUSTER DRAIN id2"},
		{"move-in-target", 1, "cut 1-0|cut 2-0|mend", "CLUSTER DRAIN id2 CANCEL|CLUSTER REBALANCE"},
		{"move-cut-coordinator", 2, "cut 0-1|cut 1-0|cut 0-2|cut 2-0|mend", "CLUSTER DRAIN id2"},
		{"move-cut-target", 4, "kill 2|cut 0-1|cut 1-0|cut 0-2|cut 2-0|mend", "CLUSTER REPLACE id2"},
	} {
		t.Run(string(tt.kind), func(t *testing.T) {
			c := newFakeCluster(t)
			c.moving(t)
			s := stageOf(c)
			s.moves = moves{turn: tt.turn, node: 2, id: "id2", filled: tt.turn%2 == 0}
			_, end, err := s.inject(tt.kind, 2*anyMoment) // node 2, at once
			if err == nil {
				err = end()
			}
			if got := strings.Join(c.done, "|"); err != nil || got != tt.want {
				t.Errorf("got %s, %v; want %s", got, err, tt.want)
			}
			told := strings.Split(c.nodes[0].node.commands(), "|")
			told = slices.DeleteFunc(told, func(line string) bool {
				return !strings.HasPrefix(line, "CLUSTER DRAIN") && !strings.HasPrefix(line, "CLUSTER RE")
			})
			if got := strings.Join(told, "|"); got != tt.told {
				t.Errorf("told %s, want %s", got, tt.told)
			}
		})
	}
}

// TestMovesAreOver holds what is to be seen before a move counts as over.
func TestMovesAreOver(t *testing.T) {
	c := newFakeCluster(t)
	over := c.moving(t)
	s := stageOf(c)
	s.moves = moves{node: 2, id: "id2", begun: true}
	if err := fmt.Sprint(s.whyMoving()); !strings.Contains(err, "sees copies move") {
		t.Errorf("got %v while one moves", err)
	}
	over()
	if took, err := s.moved(); err != nil || took > time.Minute || s.moves.begun {
		t.Errorf("got %v, %v, %+v", took, err, s.moves)
	}
	s.moves.filled = true
	if err := fmt.Sprint(s.whyMoving()); !strings.Contains(err, "not even") {
		t.Errorf("got %v while node 2 has nothing and is to have", err)
	}
}

// TestFlap has the links of a node come and go, and be there at the end.
func TestFlap(t *testing.T) {
	c := newFakeCluster(t)
	end := stageOf(c).flap(1)
	if err := end(); err != nil {
		t.Fatal(err)
	}
	if n := len(c.done); n < 5 || c.done[n-1] != "mend" || c.done[0] != "cut 1-0" {
		t.Errorf("got %v", c.done)
	}
}
