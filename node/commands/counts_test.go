package commands

import (
	"fmt"
	"testing"
)

func TestCounts(t *testing.T) {
	r := newRig(t)
	c, other := r.connect(), r.connect()
	c.do("set k v")
	c.do("incr k")
	c.do("get")
	c.do("client id")
	c.do("nosuch")
	other.do("ping")
	r.srv.Traffic(11, 22)
	got := r.srv.Counts()
	if got.Clients != 2 || got.Blocked != 0 || got.Connections != 2 || got.MaxClients != 100 || got.BytesIn != 11 || got.BytesOut != 22 {
		t.Errorf("got %+v", got)
	}
	if got.Processed < 4 || got.ErrorReplies != 3 || fmt.Sprint(got.ErrorCodes, got.ErrorCounts) != "[ERR] [3]" {
		t.Errorf("%d commands, %d errors, %v %v", got.Processed, got.ErrorReplies, got.ErrorCodes, got.ErrorCounts)
	}
	text := ""
	for _, k := range got.Commands {
		text += fmt.Sprintf("%s %d %d %d\n", k.Name, k.Calls, k.Failed, k.Rejected)
	}
	if want := "client|id 1 0 0\nget 0 0 1\nincr 1 1 0\nping 1 0 0\nset 1 0 0\n"; text != want {
		t.Errorf("commands:\n%swant\n%s", text, want)
	}
}
