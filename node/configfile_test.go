package node

import (
	"slices"
	"strings"
	"testing"
)

func TestSplitWords(t *testing.T) {
	for _, tt := range []struct {
		line string
		want []string // nil: refused
	}{
		{"", []string{}},
		{"  \t ", []string{}},
		{"port 7000", []string{"port", "7000"}},
		{"\tport   7000\r", []string{"port", "7000"}},
		{`requirepass "a b"`, []string{"requirepass", "a b"}},
		{`requirepass ""`, []string{"requirepass", ""}},
		{`x "\n\r\t\b\a\x41\q\"\\"`, []string{"x", "\n\r\t\b\aAq\"\\"}},
		{`x "\x4"`, []string{"x", "x4"}},
		{`x 'a\'b\n'`, []string{"x", `a'b\n`}},
		{`x ab"c d"`, []string{"x", "abc d"}},
		{`x #y`, []string{"x", "#y"}},
		{`x "abc`, nil},
		{`x 'abc`, nil},
		{`x "abc"d`, nil},
		{`x "abc\`, nil},
	} {
		got, ok := splitWords(tt.line)
		if ok != (tt.want != nil) || ok && !slices.Equal(got, tt.want) {
			t.Errorf("splitWords(%q) = %q, %v; want %q", tt.line, got, ok, tt.want)
		}
	}
}

func TestQuoteWordKeepsSimpleWordsPlain(t *testing.T) {
	for word, want := range map[string]string{"7000": "7000", "-::1": "-::1", "": `""`, "a b": `"a b"`, "a\n": `"a\x0a"`, `a"\`: `"a\"\\"`} {
		if got := quoteWord(word); got != want {
			t.Errorf("quoteWord(%q) = %s, want %s", word, got, want)
		}
	}
}

func TestParseArguments(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want [][]string
		err  string
	}{
		{args: nil},
		{args: []string{"--port", "7000", "--bind", "127.0.0.1", "-::1"}, want: [][]string{{"port", "7000"}, {"bind", "127.0.0.1", "-::1"}}},
		{args: []string{"--port 7000", "--dir", "a b"}, want: [][]string{{"port", "7000"}, {"dir", "a b"}}},
		{args: []string{"--save", "--port", "1"}, want: [][]string{{"save", ""}, {"port", "1"}}},
		{args: []string{"--save", ""}, want: [][]string{{"save", ""}}},
		{args: []string{"stray"}, err: `command line: "stray": expected --directive`},
		{args: []string{"-x"}, err: `command line: "-x": expected --directive`},
		{args: []string{"--"}, err: `command line: "--": expected --directive`},
		{args: []string{`--dir "x`}, err: `command line: "--dir \"x": expected --directive`},
	} {
		got, err := parseArguments(tt.args)
		if errText(err) != tt.err {
			t.Errorf("parseArguments(%q): error %q, want %q", tt.args, errText(err), tt.err)
		}
		if words := wordsOf(got); !slices.EqualFunc(words, tt.want, slices.Equal) {
			t.Errorf("parseArguments(%q) = %q, want %q", tt.args, words, tt.want)
		}
	}
}

func wordsOf(statements []statement) (words [][]string) {
	for _, s := range statements {
		words = append(words, s.words)
	}
	return words
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// FuzzConfigFile holds that any text is either refused in one line or accepted, and that what is accepted can be
// rewritten into a file that says the same.
func FuzzConfigFile(f *testing.F) {
	for _, seed := range []string{
		"",
		"port 7000\nbind 127.0.0.1 -::1\n# comment\n\nsave \"\"\n",
		"requirepass \"a b\\x00\\n\"\nbind * ::*\n",
		"client-output-buffer-limit normal 1gb 0 0\nclient-output-buffer-limit pubsub 1mb 1kb 2\n",
		"maxmemory-clients 7%\nhz 1000\nPORT 1\nport 2",
		"port \"1", "x y", "include foo", "port 1 2", "maxclients -1", "proto-max-bulk-len 99999999999gb", "loglevel 'debug'\r\n", "\v",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		c, err := loadText(t, content)
		if err != nil {
			if text := err.Error(); text == "" || strings.ContainsAny(text, "\n\r") {
				t.Fatalf("error is not one line: %q", text)
			}
			return
		}
		written, err := rewritten("", c)
		if err != nil {
			t.Fatalf("rewrite: %v", err)
		}
		again, err := loadText(t, written)
		if err != nil {
			t.Fatalf("rewritten file is refused: %v\n%s", err, written)
		}
		for i := range directives {
			if d := &directives[i]; d.line(c) != d.line(again) {
				t.Errorf("%s became %s", d.line(c), d.line(again))
			}
		}
	})
}

// loadText is Load of a file with this content, without the file.
func loadText(t *testing.T, content string) (*Config, error) {
	t.Helper()
	c, err := defaults()
	if err != nil {
		t.Fatal(err)
	}
	c.File = "test.conf"
	statements, err := parseFile("test.conf", content)
	if err != nil {
		return nil, err
	}
	if err := c.apply(statements); err != nil {
		return nil, err
	}
	return c, nil
}

// FuzzWords holds that a quoted word is read back as it was.
func FuzzWords(f *testing.F) {
	for _, seed := range []string{"", "a", "a b", "\"'\\", "\x00\xff\n", "#", "é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, word string) {
		got, ok := splitWords("x " + quoteWord(word) + " y")
		if want := []string{"x", word, "y"}; !ok || !slices.Equal(got, want) {
			t.Errorf("splitWords(quoteWord(%q)) = %q, want %q", word, got, want)
		}
	})
}
