package commands

import "testing"

func TestHotCommandsAllocateLittle(t *testing.T) {
	r := newKeyRig(t)
	get, set, incr := r.rows["get"], r.rows["set"], r.rows["incr"]
	words := func(line ...string) (a Args) {
		for _, word := range line {
			a = append(a, []byte(word))
		}
		return a
	}
	for _, c := range []struct {
		name string
		row  *Row
		args Args
		most float64 // a Set keeps its own copy of the data
	}{
		{"GET", get, words("GET", "k"), 0},
		{"GET of nothing", get, words("GET", "missing"), 0},
		{"SET", set, words("SET", "k", "value"), 1},
		{"SET EX", set, words("SET", "k", "value", "EX", "100", "XX"), 1},
		{"INCR", incr, words("INCR", "n"), 1},
	} {
		r.run(c.row, c.args)
		got := testing.AllocsPerRun(500, func() {
			r.body = r.body[:0]
			r.run(c.row, c.args)
		})
		if got > c.most {
			t.Errorf("%s allocates %.0f times, want at most %.0f", c.name, got, c.most)
		}
	}
}

func TestRepliesDoNotAliasTheWords(t *testing.T) {
	r := newKeyRig(t)
	value := []byte("value")
	r.run(r.rows["set"], Args{[]byte("set"), []byte("k"), value})
	answer := r.do("get", "k")
	copy(value, "other")
	r.do("append", "k", "!")
	if got := string(answer.Bytes); got != "value" {
		t.Errorf("GET before = %q, want %q", got, "value")
	}
	if got, want := render(r.do("get", "k")), `"value!"`; got != want {
		t.Errorf("GET after = %s, want %s", got, want)
	}
}
