package node

import (
	"math"
	"net"
	"strconv"
	"strings"
)

// Bind is one address to listen on. An optional address is passed over when this machine does not have it.
type Bind struct {
	Host     string // an IP address; "*" is every IPv4 address and "::*" every IPv6 address
	Optional bool
}

// IP returns the address that the socket is bound to.
func (b Bind) IP() net.IP {
	switch b.Host {
	case "*":
		return net.IPv4zero
	case "::*":
		return net.IPv6zero
	case "localhost":
		return net.IPv4(127, 0, 0, 1)
	}
	return net.ParseIP(b.Host)
}

// String is the address as the configuration spells it, with a '-' before an optional one.
func (b Bind) String() string {
	if b.Optional {
		return "-" + b.Host
	}
	return b.Host
}

// bindCodec reads "127.0.0.1 -::1" and the like.
func bindCodec(field func(c *Config) *[]Bind) codec {
	return codec{
		parse: func(c *Config, words []string) error {
			binds := make([]Bind, 0, len(words))
			for _, word := range words {
				host, optional := strings.CutPrefix(word, "-")
				bind := Bind{Host: host, Optional: optional}
				if bind.IP() == nil {
					return refusal(strconv.Quote(host) + " is not an IP address")
				}
				binds = append(binds, bind)
			}
			if len(binds) == 0 {
				return refusal("at least one address is needed")
			}
			*field(c) = binds
			return nil
		},
		show: func(c *Config) string { return strings.Join(bindWords(*field(c)), " ") },
		file: func(c *Config) []string { return bindWords(*field(c)) },
	}
}

func bindWords(binds []Bind) []string {
	words := make([]string, len(binds))
	for i, bind := range binds {
		words[i] = bind.String()
	}
	return words
}

// OutputLimit bounds the replies that wait for one client: it is disconnected at once above Hard bytes, and
// after SoftSeconds without a break above Soft bytes. 0 means no limit.
type OutputLimit struct {
	Hard, Soft, SoftSeconds int64
}

// OutputLimits are the bounds for each class of clients.
type OutputLimits struct {
	Normal, Replica, Pubsub OutputLimit
}

// class returns the limit of a class by the name that the configuration gives it, or nil.
func (l *OutputLimits) class(name string) *OutputLimit {
	switch strings.ToLower(name) {
	case "normal":
		return &l.Normal
	case "slave", "replica":
		return &l.Replica
	case "pubsub":
		return &l.Pubsub
	}
	return nil
}

const (
	errLimitWords  = refusal("Wrong number of arguments in buffer limit configuration.")
	errLimitClass  = refusal("Invalid client class specified in buffer limit configuration.")
	errLimitNumber = refusal("Error in hard, soft or soft_seconds setting in buffer limit configuration.")
)

// outputCodec reads one or more of "CLASS HARD SOFT SECONDS" and leaves the classes not named alone.
func outputCodec(field func(c *Config) *OutputLimits) codec {
	return codec{
		parse: func(c *Config, words []string) error {
			limits := *field(c)
			if len(words)%4 != 0 {
				return errLimitWords
			}
			for ; len(words) > 0; words = words[4:] {
				limit := limits.class(words[0])
				if limit == nil {
					return errLimitClass
				}
				if err := limit.parse(words[1:4]); err != nil {
					return err
				}
			}
			*field(c) = limits
			return nil
		},
		show: func(c *Config) string {
			return strings.Join(outputWords(field(c), "slave", func(n int64) string { return strconv.FormatInt(n, 10) }), " ")
		},
		file: func(c *Config) []string { return outputWords(field(c), "replica", formatMemory) },
	}
}

func (l *OutputLimit) parse(words []string) error {
	hard, hardOK := parseMemory(words[0])
	soft, softOK := parseMemory(words[1])
	seconds, err := parseInteger(words[2])
	if !hardOK || !softOK || err != nil || seconds < 0 || seconds > math.MaxInt32 {
		return errLimitNumber
	}
	*l = OutputLimit{Hard: hard, Soft: soft, SoftSeconds: seconds}
	return nil
}

func outputWords(l *OutputLimits, replica string, bytes func(int64) string) []string {
	var words []string
	for _, name := range []string{"normal", replica, "pubsub"} {
		limit := l.class(name)
		words = append(words, name, bytes(limit.Hard), bytes(limit.Soft), strconv.FormatInt(limit.SoftSeconds, 10))
	}
	return words
}
