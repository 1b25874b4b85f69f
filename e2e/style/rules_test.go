package style

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"
	"testing"
)

// The budgets.
const (
	maxFileLines     = 800
	maxFunctionLines = 70
	maxStructFields  = 20
)

// rule looks at one file and says what is wrong with it.
type rule struct {
	name  string
	check func(f source) []string
}

func rules() []rule {
	return []rule{
		{"a file has at most 800 lines", longFile},
		{"a function has at most 70 lines", longFunctions},
		{"a struct has at most 20 fields", wideStructs},
		{"there is no init function", initFunctions},
		{"a package-level variable is a sentinel error or never written", mutableVariables},
		{"every exported name has a comment", undocumented},
		{"nothing is left to do", leftovers},
		{"no test is skipped, and only end-to-end tests sleep", lazyTests},
		{"end-to-end tests wait for no program without a limit", endlessWaits},
	}
}

func TestRules(t *testing.T) {
	files := sources(t)
	for _, r := range rules() {
		t.Run(strings.ReplaceAll(r.name, " ", "-"), func(t *testing.T) {
			for _, f := range files {
				for _, complaint := range r.check(f) {
					t.Error(complaint)
				}
			}
		})
	}
}

// TestEveryPackageSaysWhatItIsFor holds that each folder has one package comment.
func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	comments := make(map[string]int)
	for _, f := range sources(t) {
		comments[f.dir()] += 0
		if f.tree.Doc != nil && !strings.HasSuffix(f.tree.Name.Name, "_test") {
			comments[f.dir()]++
		}
	}
	for dir, n := range comments {
		if n != 1 {
			t.Errorf("%s has %d package comments, want 1", dir, n)
		}
	}
}

func longFile(f source) []string {
	if n := strings.Count(f.text, "\n"); n > maxFileLines {
		return []string{fmt.Sprintf("%s has %d lines", f.name, n)}
	}
	return nil
}

func longFunctions(f source) (complaints []string) {
	for _, decl := range f.tree.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if ok && f.lines(fn) > maxFunctionLines {
			complaints = append(complaints, fmt.Sprintf("%s: %s has %d lines", f.at(fn), fn.Name.Name, f.lines(fn)))
		}
	}
	return complaints
}

// wideStructs counts the fields of every struct type of the product.
func wideStructs(f source) (complaints []string) {
	if f.isTest() {
		return nil
	}
	ast.Inspect(f.tree, func(n ast.Node) bool {
		if s, ok := n.(*ast.StructType); ok && s.Fields.NumFields() > maxStructFields {
			complaints = append(complaints, fmt.Sprintf("%s: a struct has %d fields", f.at(s), s.Fields.NumFields()))
		}
		return true
	})
	return complaints
}

func initFunctions(f source) (complaints []string) {
	for _, decl := range f.tree.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			complaints = append(complaints, f.at(fn)+": init function")
		}
	}
	return complaints
}

// mutableVariables allows sentinel errors, values made once on demand, compile-time checks (var _ = ...) and what a
// comment says is never written. Tests may keep their tables as they like.
func mutableVariables(f source) (complaints []string) {
	if f.isTest() {
		return nil
	}
	for _, decl := range f.tree.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.VAR {
			continue
		}
		for _, spec := range group.Specs {
			v := spec.(*ast.ValueSpec)
			if v.Names[0].Name == "_" || madeOnce(v) || neverWritten(group.Doc) || neverWritten(v.Doc) {
				continue
			}
			complaints = append(complaints, fmt.Sprintf("%s: package-level variable %s", f.at(v), v.Names[0].Name))
		}
	}
	return complaints
}

func madeOnce(v *ast.ValueSpec) bool {
	if len(v.Values) != 1 {
		return false
	}
	call, ok := v.Values[0].(*ast.CallExpr)
	if !ok {
		return false
	}
	return isSelector(call.Fun, "errors", "New") || isSelector(call.Fun, "sync", "OnceValue") || isSelector(call.Fun, "sync", "OnceValues")
}

// isSelector tells whether e is owner.name.
func isSelector(e ast.Expr, owner, name string) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != name {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == owner
}

func neverWritten(doc *ast.CommentGroup) bool {
	return doc != nil && strings.Contains(strings.Join(strings.Fields(doc.Text()), " "), "never written")
}

// undocumented lists exported names without a comment. A comment on a group of constants or variables, or at the end
// of a line of it, counts for what it stands at. Tests export nothing.
func undocumented(f source) (complaints []string) {
	if f.isTest() || f.tree.Name.Name == "main" {
		return nil
	}
	for _, decl := range f.tree.Decls {
		for _, name := range undocumentedNames(decl) {
			complaints = append(complaints, fmt.Sprintf("%s: exported %s has no comment", f.at(name), name.Name))
		}
	}
	return complaints
}

func undocumentedNames(decl ast.Decl) (names []*ast.Ident) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) {
			names = append(names, d.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			names = append(names, undocumentedSpec(spec, d.Doc != nil)...)
		}
	}
	return names
}

func undocumentedSpec(spec ast.Spec, groupSays bool) (names []*ast.Ident) {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Doc == nil && !groupSays && s.Name.IsExported() {
			names = append(names, s.Name)
		}
	case *ast.ValueSpec:
		for _, name := range s.Names {
			if s.Doc == nil && s.Comment == nil && !groupSays && name.IsExported() {
				names = append(names, name)
			}
		}
	}
	return names
}

// exportedReceiver tells whether a function is no method, or one of an exported type.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	typ := d.Recv.List[0].Type
	for {
		switch t := typ.(type) {
		case *ast.StarExpr:
			typ = t.X
		case *ast.IndexExpr:
			typ = t.X
		case *ast.IndexListExpr:
			typ = t.X
		case *ast.Ident:
			return t.IsExported()
		default:
			return true
		}
	}
}

// leftovers finds the marks that people leave where something is missing.
func leftovers(f source) (complaints []string) {
	marks := []string{"TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"}
	for _, group := range f.tree.Comments {
		for _, comment := range group.List {
			for _, mark := range marks {
				if strings.Contains(comment.Text, mark) {
					complaints = append(complaints, fmt.Sprintf("%s: %s", f.at(comment), mark))
				}
			}
		}
	}
	return complaints
}

func lazyTests(f source) (complaints []string) {
	if !f.isTest() {
		return nil
	}
	sleeps := f.dir() == "e2e" || strings.HasPrefix(f.dir(), "e2e/")
	var bubble ast.Node // of synctest: what sleeps in it takes no time
	ast.Inspect(f.tree, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && isSelector(call.Fun, "synctest", "Test") {
			bubble = call
		}
		e, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if isSelector(e, "time", "Sleep") && !sleeps && (bubble == nil || e.Pos() > bubble.End()) {
			complaints = append(complaints, f.at(e)+": time.Sleep")
		}
		for _, owner := range []string{"t", "b", "tb", "f"} {
			for _, name := range []string{"Skip", "Skipf", "SkipNow"} {
				if isSelector(e, owner, name) {
					complaints = append(complaints, f.at(e)+": "+name)
				}
			}
		}
		return true
	})
	return complaints
}

// endlessWaits finds programs that are run to their end without e2e.Finish and without a context. Who measures at a desk may wait.
func endlessWaits(f source) (complaints []string) {
	if f.dir() != "e2e" && !strings.HasPrefix(f.dir(), "e2e/") || f.dir() == "e2e/bench" && !f.isTest() {
		return nil
	}
	ast.Inspect(f.tree, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		wait, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		made, _ := wait.X.(*ast.CallExpr)
		bounded := made != nil && isSelector(made.Fun, "exec", "CommandContext")
		unbounded := made != nil && isSelector(made.Fun, "exec", "Command") && (wait.Sel.Name == "Output" || wait.Sel.Name == "Run")
		if unbounded || wait.Sel.Name == "CombinedOutput" && !bounded {
			complaints = append(complaints, f.at(call)+": "+wait.Sel.Name)
		}
		return true
	})
	return complaints
}
