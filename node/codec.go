package node

import (
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// refusal is why a value is not accepted, in Redis's words where Redis has them.
type refusal string

func (r refusal) Error() string { return string(r) }

const (
	errArguments = refusal("wrong number of arguments")
	errInteger   = refusal("argument couldn't be parsed into an integer")
	errMemory    = refusal("argument must be a memory value")
	errShare     = refusal("argument must be a memory or percent value")
	errPercent   = refusal("percentage argument must be less or equal to 100")
	errYesNo     = refusal("argument must be 'yes' or 'no'")
)

// single is a codec of one word.
func single(parse func(c *Config, word string) error, show func(c *Config) string) codec {
	return codec{
		parse: func(c *Config, words []string) error { return parse(c, words[0]) },
		show:  show,
	}
}

// between refuses a number outside of low to high.
func between(n, low, high int64) error {
	if n < low || n > high {
		return refusal("argument must be between " + strconv.FormatInt(low, 10) + " and " +
			strconv.FormatInt(high, 10) + " inclusive")
	}
	return nil
}

// integer is a whole number from low to high.
func integer(low, high int64, field func(c *Config) *int64) codec {
	return single(func(c *Config, word string) error {
		n, err := parseInteger(word)
		if err != nil {
			return err
		}
		if err := between(n, low, high); err != nil {
			return err
		}
		*field(c) = n
		return nil
	}, func(c *Config) string { return strconv.FormatInt(*field(c), 10) })
}

// count is a number of things, 0 or more.
func count(field func(c *Config) *int64) codec { return integer(0, math.MaxInt64, field) }

// interval is a number of units of time, 0 to high.
func interval(unit time.Duration, high int64, field func(c *Config) *time.Duration) codec {
	return single(func(c *Config, word string) error {
		n, err := parseInteger(word)
		if err != nil {
			return err
		}
		if err := between(n, 0, high); err != nil {
			return err
		}
		*field(c) = time.Duration(n) * unit
		return nil
	}, func(c *Config) string { return strconv.FormatInt(int64(*field(c)/unit), 10) })
}

// frequency is hz: Redis takes any number and brings it into 1 to 500.
func frequency(field func(c *Config) *int64) codec {
	number := integer(0, math.MaxInt32, field)
	return codec{
		parse: func(c *Config, words []string) error {
			err := number.parse(c, words)
			*field(c) = min(max(*field(c), 1), 500)
			return err
		},
		show: number.show,
	}
}

// memory is a number of bytes, at least low, with an optional unit: 1k is 1000, 1kb is 1024.
func memory(low int64, field func(c *Config) *int64) codec {
	m := single(func(c *Config, word string) error {
		n, ok := parseMemory(word)
		if !ok {
			return errMemory
		}
		if err := between(n, low, math.MaxInt64); err != nil {
			return err
		}
		*field(c) = n
		return nil
	}, func(c *Config) string { return strconv.FormatInt(*field(c), 10) })
	m.file = func(c *Config) []string { return []string{formatMemory(*field(c))} }
	return m
}

// share is a number of bytes or a percentage.
func share(field func(c *Config) *Share) codec {
	s := single(func(c *Config, word string) error {
		if percent, ok := strings.CutSuffix(word, "%"); ok {
			n, err := parseInteger(percent)
			switch {
			case err != nil || n < 0:
				return errShare
			case n > 100:
				return errPercent
			}
			*field(c) = Share{Percent: n}
			return nil
		}
		n, ok := parseMemory(word)
		if !ok {
			return errShare
		}
		*field(c) = Share{Bytes: n}
		return nil
	}, func(c *Config) string { return field(c).String() })
	s.file = func(c *Config) []string {
		if f := field(c); f.Percent == 0 {
			return []string{formatMemory(f.Bytes)}
		}
		return []string{field(c).String()}
	}
	return s
}

// yesNo is a boolean.
func yesNo(field func(c *Config) *bool) codec {
	return single(func(c *Config, word string) error {
		yes := strings.EqualFold(word, "yes")
		if !yes && !strings.EqualFold(word, "no") {
			return errYesNo
		}
		*field(c) = yes
		return nil
	}, func(c *Config) string {
		if *field(c) {
			return "yes"
		}
		return "no"
	})
}

// choice is one of several words, in any case.
func choice[T ~string](field func(c *Config) *T, names ...T) codec {
	return single(func(c *Config, word string) error {
		list := make([]string, len(names))
		for i, name := range names {
			if strings.EqualFold(word, string(name)) {
				*field(c) = name
				return nil
			}
			list[i] = string(name)
		}
		return refusal("argument(s) must be one of the following: " + strings.Join(list, ", "))
	}, func(c *Config) string { return string(*field(c)) })
}

// text is any word.
func text(field func(c *Config) *string) codec {
	return single(func(c *Config, word string) error {
		*field(c) = word
		return nil
	}, func(c *Config) string { return *field(c) })
}

// percentiles are numbers from 0 to 100.
func percentiles(field func(c *Config) *[]float64) codec {
	words := func(c *Config) (words []string) {
		for _, p := range *field(c) {
			words = append(words, strconv.FormatFloat(p, 'g', -1, 64))
		}
		return words
	}
	return codec{
		parse: func(c *Config, words []string) error {
			list := make([]float64, len(words))
			for i, word := range words {
				p, err := strconv.ParseFloat(word, 64)
				if err != nil {
					return refusal("Invalid latency-tracking-info-percentiles parameters")
				}
				if !(p >= 0 && p <= 100) {
					return refusal("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]")
				}
				list[i] = p
			}
			*field(c) = list
			return nil
		},
		show: func(c *Config) string { return strings.Join(words(c), " ") },
		file: words,
	}
}

// path is the name of a file or directory, made absolute; empty stays empty.
func path(field func(c *Config) *string) codec {
	return single(func(c *Config, word string) error {
		if word != "" {
			absolute, err := filepath.Abs(word)
			if err != nil {
				return err
			}
			word = absolute
		}
		*field(c) = word
		return nil
	}, func(c *Config) string { return *field(c) })
}

// only is a directive of Redis that can have just one value here. why says what to do instead.
func only(value, why string) codec {
	return codec{
		parse: func(_ *Config, words []string) error {
			if !strings.EqualFold(strings.Join(words, " "), value) {
				return refusal(why)
			}
			return nil
		},
		show: func(*Config) string { return value },
	}
}

// parseInteger is strict as Redis is: no sign but '-', no leading zeros, no spaces.
func parseInteger(word string) (int64, error) {
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != word {
		return 0, errInteger
	}
	return n, nil
}

// units are the suffixes of a memory value, longest first where one ends in another; never written.
var units = []struct {
	suffix string
	factor int64
}{
	{"kb", 1 << 10}, {"mb", 1 << 20}, {"gb", 1 << 30},
	{"k", 1e3}, {"m", 1e6}, {"g", 1e9}, {"b", 1},
}

func parseMemory(word string) (int64, bool) {
	digits, factor := strings.ToLower(word), int64(1)
	for _, unit := range units {
		if number, ok := strings.CutSuffix(digits, unit.suffix); ok {
			digits, factor = number, unit.factor
			break
		}
	}
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > math.MaxInt64/factor {
		return 0, false
	}
	return n * factor, true
}

func formatMemory(n int64) string {
	for _, unit := range []struct {
		suffix string
		factor int64
	}{{"gb", 1 << 30}, {"mb", 1 << 20}, {"kb", 1 << 10}} {
		if n > 0 && n%unit.factor == 0 {
			return strconv.FormatInt(n/unit.factor, 10) + unit.suffix
		}
	}
	return strconv.FormatInt(n, 10)
}
