package style

import (
	"strings"
	"testing"
)

// TestRulesCatch holds that each rule finds what it is there for and lets its neighbours pass.
func TestRulesCatch(t *testing.T) {
	body := func(lines int) string { return strings.Repeat("\t_ = 0\n", lines) }
	fields := func(n int) string { return strings.Repeat("\tF int\n", n) }
	for _, tt := range []struct {
		name  string
		check func(source) []string
		file  string
		text  string
		want  int
	}{
		{"800 lines", longFile, "x/x.go", strings.Repeat("\n", 799), 0},
		{"801 lines", longFile, "x/x.go", strings.Repeat("\n", 800), 1},
		{"70 lines", longFunctions, "x/x.go", "func f() {\n" + body(68) + "}", 0},
		{"71 lines", longFunctions, "x/x.go", "func f() {\n" + body(69) + "}", 1},
		{"20 fields", wideStructs, "x/x.go", "type t struct {\n" + fields(20) + "}", 0},
		{"21 fields", wideStructs, "x/x.go", "type t struct {\n" + fields(21) + "}", 1},
		{"init", initFunctions, "x/x.go", "func init() {}", 1},
		{"init method", initFunctions, "x/x.go", "func (t) init() {}", 0},
		{"bare variable", mutableVariables, "x/x.go", "var a, b int", 1},
		{"sentinel", mutableVariables, "x/x.go", "var (\n\tErrA = errors.New(\"a\")\n\tb = sync.OnceValue(f)\n)", 0},
		{"wrong sentinel", mutableVariables, "x/x.go", "var ErrA = errors.Join(nil)", 1},
		{"never written", mutableVariables, "x/x.go", "// a is a table; it is never\n// written.\nvar a = []int{1}", 0},
		{"check", mutableVariables, "x/x.go", "var _ io.Reader = t{}", 0},
		{"bare func", undocumented, "x/x.go", "func F() {}", 1},
		{"bare func in test", undocumented, "x/x_test.go", "func F() {}", 0},
		{"bare method", undocumented, "x/x.go", "func (*T) F() {}", 1},
		{"method of hidden type", undocumented, "x/x.go", "func (*t[P]) F() {}", 0},
		{"bare type", undocumented, "x/x.go", "type T int", 1},
		{"bare constants", undocumented, "x/x.go", "const (\n\tA = 1\n\tB = 2 // says\n\tc = 3\n)", 1},
		{"group says", undocumented, "x/x.go", "// G says.\nconst (\n\tA = 1\n)", 0},
		{"mark", leftovers, "x/x.go", "// " + "TO" + "DO: later\nvar a int", 1},
		{"sleep", lazyTests, "x/x_test.go", "func f() { time.Sleep(1) }", 1},
		{"sleep in a bubble", lazyTests, "x/x_test.go", "func f() { synctest.Test(t, func() { time.Sleep(1) }) }", 0},
		{"sleep behind a bubble", lazyTests, "x/x_test.go", "func f() { synctest.Test(t, g); time.Sleep(1) }", 1},
		{"sleep outside of tests", lazyTests, "x/x.go", "func f() { time.Sleep(1) }", 0},
		{"sleep end to end", lazyTests, "e2e/x_test.go", "func f() { time.Sleep(1) }", 0},
		{"wait", endlessWaits, "e2e/x_test.go", "func f() { exec.Command(\"a\").Output(); exec.Command(\"a\").Run(); exec.Command(\"a\").CombinedOutput(); c.CombinedOutput() }", 4},
		{"wait with an end", endlessWaits, "e2e/nemesis/x.go", "func f() { exec.CommandContext(ctx, \"a\").CombinedOutput(); Finish(exec.Command(\"a\")); c.Output(); c.Run() }", 0},
		{"wait elsewhere", endlessWaits, "x/x_test.go", "func f() { exec.Command(\"a\").Output() }", 0},
		{"skip", lazyTests, "e2e/x_test.go", "func f() { t.Skip() }", 1},
	} {
		f := parsed(t, tt.file, "package x\n"+tt.text)
		if got := tt.check(f); len(got) != tt.want {
			t.Errorf("%s: got %q, want %d complaints", tt.name, got, tt.want)
		}
	}
}
