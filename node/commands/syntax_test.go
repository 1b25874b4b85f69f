package commands

import "testing"

func TestSyntax(t *testing.T) {
	for _, c := range []struct{ syntax, want string }{
		{"value", "[{name value type string}]"},
		{"from:key to:key1*", "[{name from type key key_spec_index 0} {name to type key key_spec_index 1 flags (+multiple)}]"},
		{"ip:port:string!2.8.12", "[{name ip:port type string deprecated_since 2.8.12}]"},
		{"NX?~7.0.0", "[{name nx type pure-token token NX since 7.0.0 flags (+optional)}]"},
		{"PREFIX=prefix?*+ BCAST", "[{name prefix type string token PREFIX flags (+optional +multiple +multiple_token)} " +
			"{name bcast type pure-token token BCAST}]"},
		{"how(EX=seconds:integer|pair(a b:double)*)?", "[{name how type oneof flags (+optional) arguments " +
			"[{name seconds type integer token EX} {name pair type block flags (+multiple) arguments [{name a type string} {name b type double}]}]}]"},
		{"one(a)", "[{name one type block arguments [{name a type string}]}]"},
	} {
		if got := show(argumentDocs(parseSyntax(c.syntax))); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.syntax, got, c.want)
		}
	}
	if args := parseSyntax(""); args != nil {
		t.Errorf("nothing is %v", args)
	}
}

func TestBadSyntaxPanics(t *testing.T) {
	for _, text := range []string{" ", "a ", "a  b", "a(", "a()", "a(b", "a)", "a(b|)", "=a", "A=", "a|b", "a(b c|d)", "a(b|c d)", "a~", "a?b"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q is taken", text)
				}
			}()
			parseSyntax(text)
		}()
	}
}
