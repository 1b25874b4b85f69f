package node

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// secretFile begins a cluster-auth that names a file which holds the secret.
const secretFile = "file:"

// redacted is what is shown in the place of a secret.
const redacted = "(redacted)"

// secret is a word that is never shown, or file:PATH, whose path is made absolute. Rewrite writes it as it was given.
func secret(field func(c *Config) *string) codec {
	s := single(func(c *Config, word string) error {
		if name, ok := strings.CutPrefix(word, secretFile); ok {
			absolute, err := filepath.Abs(name)
			if err != nil {
				return err
			}
			word = secretFile + absolute
		}
		*field(c) = word
		return nil
	}, func(c *Config) string {
		if *field(c) == "" {
			return ""
		}
		return redacted
	})
	s.file = func(c *Config) []string { return []string{*field(c)} }
	return s
}

// partitionCount is the number of partitions, 0 for the mode's own, shown as it is in force.
func partitionCount() codec {
	n := integer(0, 256, func(c *Config) *int64 { return &c.Log.Partitions })
	n.file = func(c *Config) []string { return []string{strconv.FormatInt(c.Log.Partitions, 10)} }
	n.show = func(c *Config) string { return strconv.FormatInt(c.Partitions(), 10) }
	return n
}

// oneOf is one of several numbers.
func oneOf(field func(c *Config) *int64, numbers ...int64) codec {
	return single(func(c *Config, word string) error {
		n, err := parseInteger(word)
		if err != nil {
			return err
		}
		if !slices.Contains(numbers, n) {
			return refusal("argument must be one of " + strings.Trim(fmt.Sprint(numbers), "[]"))
		}
		*field(c) = n
		return nil
	}, func(c *Config) string { return strconv.FormatInt(*field(c), 10) })
}

// millis is a number of milliseconds from low to a minute; 0 is allowed when low is 0.
func millis(low int64, field func(c *Config) *time.Duration) codec {
	ms := interval(time.Millisecond, time.Minute.Milliseconds(), field)
	parse := ms.parse
	ms.parse = func(c *Config, words []string) error {
		old := *field(c)
		err := parse(c, words)
		if err == nil {
			err = between(field(c).Milliseconds(), low, time.Minute.Milliseconds())
		}
		if err != nil {
			*field(c) = old
		}
		return err
	}
	return ms
}

// addresses are any number of HOST:PORT.
func addresses(field func(c *Config) *[]string) codec {
	return codec{
		parse: func(c *Config, words []string) error {
			for _, word := range words {
				if err := address(word); err != nil {
					return err
				}
			}
			*field(c) = slices.Clone(words)
			return nil
		},
		show: func(c *Config) string { return strings.Join(*field(c), " ") },
		file: func(c *Config) []string { return *field(c) },
	}
}

// words are any number of words.
func words(field func(c *Config) *[]string) codec {
	return codec{
		parse: func(c *Config, words []string) error {
			if len(words) == 1 && words[0] == "" {
				words = nil
			}
			*field(c) = slices.Clone(words)
			return nil
		},
		show: func(c *Config) string { return strings.Join(*field(c), " ") },
		file: func(c *Config) []string { return *field(c) },
	}
}

// label is a word that other nodes and people read: letters, digits, '.', '_' and '-', at most 64 of them; empty
// for none.
func label(field func(c *Config) *string) codec {
	return hostLike(field, "", "argument must be at most 64 letters, digits, '.', '_' or '-'")
}

// hostName is an IP address or a host's name; empty for none.
func hostName(field func(c *Config) *string) codec {
	return hostLike(field, ":", "argument must be an IP address or a host name")
}

func hostLike(field func(c *Config) *string, more, why string) codec {
	return single(func(c *Config, word string) error {
		if word != "" && !isName(word, more, 64) {
			return refusal(why)
		}
		*field(c) = word
		return nil
	}, func(c *Config) string { return *field(c) })
}

// isHost tells whether word can be a host's name or IP address.
func isHost(word string) bool { return isName(word, ":", 253) }

// isName tells whether word is 1 to limit letters, digits, '.', '_', '-' and characters of more.
func isName(word, more string, limit int) bool {
	if word == "" || len(word) > limit {
		return false
	}
	for _, r := range word {
		plain := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !plain && !strings.ContainsRune("._-"+more, r) {
			return false
		}
	}
	return true
}
