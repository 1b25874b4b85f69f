package e2e

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"time"
)

// read reads changes and returns the token and the changes.
func readChanges(t *testing.T, c *Client, words ...string) (token string, changes []shownChange) {
	t.Helper()
	v := do(t, c, append([]string{"CHANGES", "READ"}, words...)...)
	if len(v.Elems) != 2 {
		t.Fatalf("CHANGES READ %q: %v", words, v)
	}
	for _, item := range v.Elems[1].Elems {
		changes = append(changes, parseShown(t, item.Text))
	}
	return v.Elems[0].Text, changes
}

// said is an answer that may be an error.
func said(t *testing.T, c *Client, words ...string) Value {
	t.Helper()
	v, err := c.Do(words...)
	must(t, err)
	return v
}

// told is what changes say, for people: op and key of each, and the marks of its unit.
func told(changes []shownChange) string {
	var b strings.Builder
	for _, c := range changes {
		if c.First {
			b.WriteByte('(')
		}
		b.WriteString(c.Op + " " + c.bytes["key"])
		if c.Cause != "client" {
			b.WriteString(" by " + c.Cause)
		}
		if c.Last {
			b.WriteByte(')')
		}
		b.WriteByte(' ')
	}
	return strings.TrimSpace(b.String())
}

// TestChanges reads what a client does, in every way.
func TestChanges(t *testing.T) {
	n := startShiplog(t)
	c := dial(t, n)
	begin, _ := readChanges(t, c, "0", "FROM", "END")
	before := time.Now().UnixMilli()
	for _, words := range [][]string{
		{"SET", "a", "1"}, {"HSET", "h", "f", "v", "g", "w"}, {"MULTI"}, {"INCR", "a"}, {"RENAME", "a", "b"}, {"EXEC"},
		{"SET", "gone", "x", "PX", "1"}, {"HPEXPIRE", "h", "1000000", "FIELDS", "1", "f"}, {"FLUSHALL"},
	} {
		if v := do(t, c, words...); v.IsError() {
			t.Fatalf("%q: %v", words, v)
		}
		if words[0] == "SET" && words[1] == "gone" {
			eventually(t, 5*time.Second, func() error {
				if do(t, c, "INFO", "stats"); !strings.Contains(do(t, c, "INFO", "stats").Text, "expired_keys:1") {
					return fmt.Errorf("the key is not removed yet")
				}
				return nil
			})
		}
	}
	const all = "(set a) (hset h hset h) (set a del a set b) (set gone) (del gone by expire) (hexpire h) (flush  by flush)"
	end, changes := readChanges(t, c, "0", "FROM", begin)
	if got := told(changes); got != all {
		t.Errorf("the changes are\n%s\nwant\n%s", got, all)
	}
	for name, words := range map[string][]string{
		all:                          {"ALL", "FROM", "TIME", fmt.Sprint(before)},
		"(set a) set a del a set b)": {"0", "FROM", begin, "MATCH", "[ab]", "OPS", "set,del"},
		"hset h)":                    {"0", "FROM", begin, "TYPES", "hash", "OPS", "HSET"},
	} {
		if _, changes = readChanges(t, c, words...); name == "hset h)" {
			changes = changes[1:]
		}
		if got := told(changes); got != name && !strings.HasPrefix(name, "(set a) set") {
			t.Errorf("%q: %s, want %s", words, got, name)
		}
	}
	if token, changes := readChanges(t, c, "0", "FROM", begin, "MATCH", "nothing", "OPS", "set"); token != end || changes != nil {
		t.Errorf("a filter that takes nothing ends at %s with %v, want %s", token, changes, end)
	}
	for at, i := begin, 0; i < 10; i++ { // one at a time
		token, one := readChanges(t, c, "0", "FROM", at, "COUNT", "1")
		if i < 10 && told(one) != told(changesAt(t, c, begin, i)) {
			t.Errorf("change %d is %v", i, one)
		}
		at = token
	}
	testChangesBlock(t, n, end)
	testChangesForms(t, c, begin)
}

// TestChangesClientName has the names of clients in changes, from when it is asked for, on every change of a unit.
func TestChangesClientName(t *testing.T) {
	n := startShiplog(t)
	c := dial(t, n)
	begin, _ := readChanges(t, c, "0", "FROM", "END")
	do(t, c, "CLIENT", "SETNAME", "billing-7")
	do(t, c, "SET", "before", "1")
	do(t, c, "CONFIG", "SET", "changes-client-name", "yes")
	for _, words := range [][]string{{"MULTI"}, {"SADD", "s", "a", "b"}, {"INCR", "n"}, {"EXEC"}, {"MSET", "l", "1", "m", "2"}} {
		do(t, c, words...)
	}
	do(t, dial(t, n), "SET", "nobody", "1")
	do(t, c, "CLIENT", "SETNAME", strings.Repeat("x", 129))
	do(t, c, "SET", "long", "1")
	var got []string
	for _, item := range do(t, c, "CHANGES", "READ", "0", "FROM", begin).Elems[1].Elems {
		got = append(got, parseShown(t, item.Text).bytes["key"]+" "+between(item.Text, `"client":"`))
	}
	const want = "before |s billing-7|s billing-7|n billing-7|l billing-7|m billing-7|nobody |long "
	if strings.Join(got, "|") != want {
		t.Errorf("got %q, want %q", strings.Join(got, "|"), want)
	}
}

// changesAt returns the change with a number behind a token, alone.
func changesAt(t *testing.T, c *Client, token string, i int) []shownChange {
	t.Helper()
	_, changes := readChanges(t, c, "0", "FROM", token)
	if i >= len(changes) {
		return nil
	}
	return changes[i : i+1]
}

// testChangesBlock waits for changes.
func testChangesBlock(t *testing.T, n *Node, end string) {
	t.Helper()
	waiting, c := dial(t, n), dial(t, n)
	id := do(t, waiting, "CLIENT", "ID").Text
	if token, changes := readChanges(t, waiting, "0", "FROM", end, "BLOCK", "20"); token != end || changes != nil {
		t.Errorf("nothing came, and %v after %s, want %s", changes, token, end)
	}
	blocked := func() error {
		if !strings.Contains(do(t, c, "CLIENT", "LIST", "ID", id).Text, "flags=b") {
			return fmt.Errorf("it does not wait")
		}
		return nil
	}
	must(t, waiting.Send("CHANGES", "READ", "ALL", "FROM", "END", "BLOCK", "0", "MATCH", "wait*"))
	eventually(t, 5*time.Second, blocked)
	do(t, c, "SET", "other", "1")
	do(t, c, "SET", "waited", "1")
	v, err := waiting.Read()
	must(t, err)
	if len(v.Elems) != 2 || len(v.Elems[1].Elems) != 1 || parseShown(t, v.Elems[1].Elems[0].Text).bytes["key"] != "waited" {
		t.Errorf("it waited for %v", v)
	}
	must(t, waiting.Send("CHANGES", "READ", "0", "FROM", "END", "BLOCK", "0"))
	eventually(t, 5*time.Second, blocked)
	do(t, c, "CLIENT", "UNBLOCK", id, "ERROR")
	if v, err := waiting.Read(); err != nil || !v.IsError() || !strings.HasPrefix(v.Text, "UNBLOCKED") {
		t.Errorf("unblocked it says %v, %v", v, err)
	}
}

// testChangesForms looks at the other forms.
func testChangesForms(t *testing.T, c *Client, begin string) {
	t.Helper()
	v := do(t, c, "CHANGES", "READ", "0", "FROM", begin, "FORMAT", "resp", "COUNT", "3")
	if got := v.Elems[1].Elems[1].Text; got != "*4\r\n$4\r\nHSET\r\n$1\r\nh\r\n$1\r\nf\r\n$1\r\nv\r\n" {
		t.Errorf("as a command a change is %q", got)
	}
	v = do(t, c, "CHANGES", "READ", "0", "FROM", begin, "FORMAT", "binary")
	if len(v.Elems[1].Elems) < 5 || !strings.HasPrefix(v.Elems[1].Elems[0].Text, "SL\x01\x01") {
		t.Errorf("the records are %v", v)
	}
}

// TestChangesRefused asks for what cannot be.
func TestChangesRefused(t *testing.T) {
	n := startShiplog(t, "--log-retention-seconds", "0")
	c := dial(t, n)
	old, _ := readChanges(t, c, "0", "FROM", "BEGIN", "COUNT", "1")
	for i := range 50 {
		do(t, c, "SET", "k", fmt.Sprint(i))
	}
	foreign, _ := readChanges(t, dial(t, startShiplog(t)), "0", "FROM", "END")
	all, _ := readChanges(t, c, "ALL", "FROM", "END")
	for _, test := range []struct{ want, words string }{
		{"ERR invalid token", "READ 0 FROM x"}, {"ERR invalid token", "READ 0 FROM " + all[:len(all)-1]}, {"ERR no such partition", "READ 1 FROM END"},
		{"FOREIGN", "READ 0 FROM " + foreign}, {"FOREIGN the token is of 2 partitions, and this cluster has 1", "READ ALL FROM " + tokenOfAll(2)},
		{"FOREIGN the token is of 2 partitions, and this cluster has 1", "GROUP CREATE g ALL FROM " + tokenOfAll(2)},
		{"FOREIGN", "READ 0 FROM " + tokenOfAll(0)}, {"ERR invalid token", "READ ALL FROM " + tokenOfAll(1<<14+1)}, {"ERR the token is of partition 0 alone", "READ ALL FROM " + old},
		{"ERR syntax error", "READ 0 AT END"}, {"ERR syntax error", "READ 0 FROM END COUNT"}, {"ERR syntax error", "READ 0 FROM END WHAT 3"},
		{"ERR COUNT must", "READ 0 FROM END COUNT 0"}, {"ERR unknown type", "READ 0 FROM END TYPES strin"}, {"ERR unknown operation", "READ 0 FROM END OPS get"},
		{"ERR FORMAT must", "READ 0 FROM END FORMAT xml"}, {"ERR timeout", "READ 0 FROM END BLOCK -1"}, {"ERR partition must", "READ x FROM END"},
		{"ERR syntax error", "READ 0 FROM TIME"}, {"ERR value is not", "READ 0 FROM TIME x"}, {"ERR CHANGES SUBSCRIBE pushes", "SUBSCRIBE 0 FROM END"},
		{"ERR invalid cursor", "SNAPSHOT 0 x"}, {"ERR the snapshot is gone", "SNAPSHOT 0 abc-1"}, {"ERR a snapshot is of one", "SNAPSHOT ALL 0"},
		{"NOGROUP", "GROUP READ g c"}, {"NOGROUP", "GROUP ACK g " + old}, {"NOGROUP", "GROUP POSITION g"}, {"ERR unknown verb 'bogus', use: CHANGES GROUP CREATE|READ", "GROUP BOGUS g"},
		{"ERR a snapshot has no", "SNAPSHOT 0 0 OPS set"}, {"ERR a snapshot is not in the log", "SNAPSHOT 0 0 FORMAT binary"},
	} {
		if v := said(t, c, strings.Fields("CHANGES "+test.words)...); !v.IsError() || !strings.HasPrefix(v.Text, test.want) {
			t.Errorf("CHANGES %s: %v, want %s", test.words, v, test.want)
		}
	}
	do(t, c, "SAVE") // trims the log: nothing is retained for readers
	n.Kill()         // and nothing is in memory
	must(t, n.Start())
	c = dial(t, n)
	v := said(t, c, "CHANGES", "READ", "0", "FROM", old)
	words := strings.Fields(v.Text)
	if !v.IsError() || len(words) != 3 || words[0] != "TRIMMED" {
		t.Fatalf("too late: %v", v)
	}
	if _, changes := readChanges(t, c, "0", "FROM", words[1]); len(changes) > 1 {
		t.Errorf("from the first position on: %v", changes)
	}
	do(t, c, "SET", "k", "behind")
	if _, changes := readChanges(t, c, "0", "FROM", words[2]); told(changes) != "(set k)" {
		t.Errorf("behind the snapshot: %v", changes)
	}
	if v := said(t, c, "CHANGES", "READ", "0", "FROM", "TIME", "1"); !strings.HasPrefix(v.Text, "TRIMMED ") {
		t.Errorf("from a time before the log: %v", v)
	}
}

// tokenOfAll makes a token of where the logs of so many partitions begin, as another cluster may have given it out (node/changes/FORMAT.md); with 0 of
// partition 9 alone.
func tokenOfAll(partitions int) string {
	const kindOne, kindAll, position = 0, 1, 16 + 8 + 5 // after its partition: incarnation, chain and five numbers, all 0
	b := []byte{1, kindOne, 1, 9}
	if partitions == 0 {
		b = append(b, make([]byte, position)...)
	} else {
		b = binary.AppendUvarint([]byte{1, kindAll}, uint64(partitions))
	}
	for p := range partitions {
		b = append(binary.AppendUvarint(b, uint64(p)), make([]byte, position)...)
	}
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	return "sl1" + base64.RawURLEncoding.EncodeToString(b)
}

// TestChangesSubscribe has changes pushed.
func TestChangesSubscribe(t *testing.T) {
	n := startShiplog(t, "--log-retention-seconds", "0")
	c, s := dial(t, n), dial(t, n)
	do(t, s, "HELLO", "3")
	v := do(t, s, "CHANGES", "SUBSCRIBE", "ALL", "FROM", "END", "MATCH", "k*")
	if len(v.Elems) != 2 {
		t.Fatalf("subscribe: %v", v)
	}
	id := v.Elems[0].Text
	for i := range 20 {
		do(t, c, "MSET", fmt.Sprintf("k%d", i), "v", "other", "w")
	}
	token := ""
	for got := 0; got < 20; {
		push, err := s.Read()
		must(t, err)
		if push.Kind != '>' || push.Elems[0].Text != "changes" || push.Elems[1].Text != id {
			t.Fatalf("pushed: %v", push)
		}
		token = push.Elems[2].Text
		for _, item := range push.Elems[3].Elems {
			if key := parseShown(t, item.Text).bytes["key"]; key != fmt.Sprintf("k%d", got) {
				t.Errorf("change %d is of %s", got, key)
			}
			got++
		}
	}
	if info := do(t, c, "INFO", "changes").Text; !strings.Contains(info, "change_subscriptions:1") {
		t.Errorf("INFO says %s", info)
	}
	if v := do(t, s, "CHANGES", "UNSUBSCRIBE", id); v.Text != "1" {
		t.Errorf("unsubscribe: %v", v)
	}
	if _, changes := readChanges(t, c, "ALL", "FROM", token, "MATCH", "k*"); changes != nil {
		t.Errorf("behind what was pushed: %v", changes)
	}
	testBackToRESP2(t, n)
	testSlowCatchUp(t, n)
	testSnapshotOfNothing(t, n)
	testSlowSubscriber(t, n)
}

// testBackToRESP2 holds that a connection which no longer has pushes gets none: its subscriptions are over.
func testBackToRESP2(t *testing.T, n *Node) {
	t.Helper()
	c, s := dial(t, n), dial(t, n)
	for _, back := range [][]string{{"HELLO", "2"}, {"RESET"}} {
		do(t, s, "HELLO", "3")
		do(t, s, "CHANGES", "SUBSCRIBE", "0", "FROM", "END")
		do(t, s, back...)
		if info := do(t, c, "INFO", "changes").Text; !strings.Contains(info, "change_subscriptions:0") {
			t.Errorf("behind %s INFO says %s", back, info)
		}
		do(t, c, "SET", "k", "v")
		expect(t, s, "PONG", "PING")
	}
}

// testSlowCatchUp lets connections subscribe to many small changes that are there already, and take none: of each only few wait in memory.
func testSlowCatchUp(t *testing.T, n *Node) {
	t.Helper()
	c := dial(t, n)
	write := func() {
		for i := range 50 {
			words := []string{"MSET"}
			for j := range 1000 {
				words = append(words, fmt.Sprint(1000*i+j), strings.Repeat("v", 300))
			}
			do(t, c, words...)
		}
	}
	write()
	var ids []string
	for range 8 {
		s := dial(t, n)
		do(t, s, "HELLO", "3")
		ids = append(ids, do(t, s, "CLIENT", "ID").Text)
		do(t, s, "CHANGES", "SUBSCRIBE", "0", "FROM", "BEGIN")
	}
	for _, id := range ids {
		eventually(t, settleWithin, func() error {
			if held := outputOf(t, c, id); held < 1<<20 {
				return fmt.Errorf("%d bytes wait for a subscriber", held)
			}
			return nil
		})
	}
	write() // meanwhile everything would have been pushed
	for _, id := range ids {
		if held := outputOf(t, c, id); held > 3<<20 {
			t.Errorf("%d bytes wait for a subscriber", held)
		}
	}
}

// testSnapshotOfNothing walks over 50,000 keys none of which is wanted: no call looks at all of them.
func testSnapshotOfNothing(t *testing.T, n *Node) {
	t.Helper()
	c, calls := dial(t, n), 0
	for cursor := "0"; calls == 0 || cursor != "0"; calls++ {
		v := do(t, c, "CHANGES", "SNAPSHOT", "0", cursor, "MATCH", "nothing")
		if len(v.Elems[2].Elems) > 0 {
			t.Fatalf("keys that are not wanted: %v", v)
		}
		cursor = v.Elems[0].Text
	}
	if calls != 3 {
		t.Errorf("the walk takes %d calls, want 3", calls)
	}
}

// outputOf is how many bytes wait for a client.
func outputOf(t *testing.T, c *Client, id string) (held int) {
	t.Helper()
	list := do(t, c, "CLIENT", "LIST", "ID", id).Text
	_, err := fmt.Sscanf(list[strings.Index(list, " omem="):], " omem=%d", &held)
	must(t, err)
	return held
}

// testSlowSubscriber subscribes and takes nothing until the log is trimmed: the server's memory does not grow, and in the end the subscriber is told.
func testSlowSubscriber(t *testing.T, n *Node) {
	t.Helper()
	c, s := dial(t, n), dial(t, n)
	do(t, s, "HELLO", "3")
	do(t, s, "CHANGES", "SUBSCRIBE", "0", "FROM", "END")
	id := do(t, s, "CLIENT", "ID").Text
	value := strings.Repeat("v", 1<<20)
	for i := range 100 {
		do(t, c, "SET", fmt.Sprint(i%4), value)
	}
	do(t, c, "SAVE")
	if held := outputOf(t, c, id); held == 0 || held > 16<<20 {
		t.Errorf("%d bytes wait for the subscriber", held)
	}
	for {
		push, err := s.Read()
		must(t, err)
		if push.Elems[0].Text == "changes-end" {
			if !strings.HasPrefix(push.Elems[3].Text, "TRIMMED ") {
				t.Errorf("it ends with %v", push)
			}
			return
		}
		do(t, c, "SET", "last", "1") // in case it was just in time
		do(t, c, "SAVE")
	}
}

// TestChangesGroup lets workers share changes, and the server be killed in between.
func TestChangesGroup(t *testing.T) {
	n := startShiplog(t)
	c := dial(t, n)
	for i := range 30 {
		do(t, c, "RPUSH", "jobs", fmt.Sprint(i))
	}
	expect(t, c, "OK", "CHANGES", "GROUP", "CREATE", "g", "ALL", "FROM", "BEGIN", "TYPES", "list", "LEASE", "600000")
	if v := said(t, c, "CHANGES", "GROUP", "CREATE", "g", "0", "FROM", "END"); !strings.HasPrefix(v.Text, "BUSYGROUP") {
		t.Errorf("made twice: %v", v)
	}
	first := do(t, c, "CHANGES", "GROUP", "READ", "g", "a", "COUNT", "10")
	if v := do(t, c, "CHANGES", "GROUP", "READ", "g", "b", "COUNT", "10"); !v.IsNull() {
		t.Errorf("b is given what a has: %v", v)
	}
	n.Kill()
	must(t, n.Start())
	c = dial(t, n)
	again := do(t, c, "CHANGES", "GROUP", "READ", "g", "a", "COUNT", "10", "PENDING")
	if again.String() != first.String() || len(first.Elems[1].Elems) != 10 {
		t.Errorf("after the crash a has %v, before %v", again, first)
	}
	expect(t, c, "1", "CHANGES", "GROUP", "ACK", "g", first.Elems[0].Text)
	expect(t, c, "0", "CHANGES", "GROUP", "ACK", "g", first.Elems[0].Text)
	n.Kill()
	must(t, n.Start())
	c = dial(t, n)
	second := do(t, c, "CHANGES", "GROUP", "READ", "g", "b", "COUNT", "100", "BLOCK", "1000")
	if len(second.Elems) != 2 || len(second.Elems[1].Elems) != 20 || parseShown(t, second.Elems[1].Elems[0].Text).bytes["value"] != "10" {
		t.Errorf("b is given %v", second)
	}
	expect(t, c, "1", "CHANGES", "GROUP", "ACK", "g", second.Elems[0].Text)
	if v := do(t, c, "CHANGES", "GROUP", "LIST"); len(v.Elems) != 1 || v.Elems[0].Text != "g" {
		t.Errorf("the groups are %v", v)
	}
	if info := do(t, c, "CHANGES", "INFO"); fields(info)[`change_group_"g"`].Text != "lag_records=0,lag_ms=0" {
		t.Errorf("CHANGES INFO says %v", info)
	}
	eventually(t, settleWithin, func() error { // INFO looks at groups now and then
		if info := do(t, c, "INFO", "changes").Text; !strings.Contains(info, "change_groups:1\r\nchange_group_\"g\":lag_records=0,lag_ms=0\r\n") {
			return errors.New("INFO says " + info)
		}
		return nil
	})
	expect(t, c, "1", "CHANGES", "GROUP", "DELETE", "g")
	expect(t, c, "0", "CHANGES", "GROUP", "DELETE", "g")
}
