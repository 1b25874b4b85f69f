package node

import "strings"

// Change says whether CONFIG SET may change a directive.
type Change uint8

// The answers to CONFIG SET. A protected directive names files, which a client must not choose.
const (
	Live Change = iota
	Fixed
	Protected
)

// String returns the word that the reference of directives uses.
func (c Change) String() string {
	return [...]string{"live", "at start", "at start"}[c]
}

// Directive is one row of the configuration: a name of redis.conf, or one of ours, and what may follow it.
type Directive struct {
	Name    string
	Default string // in the syntax of the configuration file
	Change  Change
	Many    bool // several words may follow
	Secret  bool // no message repeats what was written
	Doc     string
	Alias   string // the newer name of the same setting, which is the one that Rewrite writes
	codec
}

// codec ties a directive to its field of Config. parse reads the words after the name and leaves the
// field as it was when they are refused; show is the value as CONFIG GET answers it; file is the value as
// the configuration file spells it, when that differs from show.
type codec struct {
	parse func(c *Config, words []string) error
	show  func(c *Config) string
	file  func(c *Config) []string
}

// set reads words, which follow the directive's name, into c. One word with spaces stands for several
// where several are allowed: CONFIG SET and a quoted argument of the command line write it so.
func (d *Directive) set(c *Config, words []string) error {
	if d.Many && len(words) == 1 {
		words = strings.Fields(words[0])
		return d.parse(c, words)
	}
	if len(words) == 0 || len(words) > 1 && !d.Many {
		return errArguments
	}
	return d.parse(c, words)
}

// line returns the directive as a line of the configuration file.
func (d *Directive) line(c *Config) string {
	words := []string{d.show(c)}
	if d.file != nil {
		words = d.file(c)
	}
	if len(words) == 0 {
		words = []string{""}
	}
	line := d.Name
	for _, word := range words {
		line += " " + quoteWord(word)
	}
	return line
}
