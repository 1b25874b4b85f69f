package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"shiplog/node"
)

const usage = `shiplog is a Redis-compatible server in which every write is an event in a durable log.

  shiplog serve [FILE] [--directive value ...]    run a node
  shiplog log dump --dir DIR                      print the log of a node that is not running
  shiplog version
  shiplog help [serve | log | directives]

Try:  shiplog serve --port 6379 --dir ./data
`

const usageServe = `shiplog serve [FILE] [--directive value ...]

Runs a node until SIGTERM, SIGINT or a client's SHUTDOWN; a second signal ends it at once. FILE is written as
redis.conf is. What the command line says goes before what FILE says. "shiplog help directives" lists what can be set.

  shiplog serve                                    port 6379 on loopback, files in ./data
  shiplog serve --port 7000 --dir /var/lib/shiplog
  shiplog serve /etc/shiplog.conf --appendfsync everysec
  shiplog serve --bind '*' --requirepass SECRET    an address beyond loopback needs a password

Exit code: 0 after a clean stop, 1 when it could not start or failed, 2 when the command line is wrong.
`

const usageLog = `shiplog log dump [--dir DIR] [--partition N] [--from SEQ] [--json]

Prints the records of a node's log, oldest first, in the words of wal/FORMAT.md. The node must not be running.

  --dir DIR        data directory (./data)
  --partition N    which partition's log (0)
  --from SEQ       first sequence to print (the first that is there)
  --json           one JSON object per record instead of text
`

// help prints the usage of a topic, or of everything.
func help(w io.Writer, topics []string) error {
	topic := ""
	if len(topics) > 0 {
		topic = topics[0]
	}
	text := ""
	switch topic {
	case "", "help", "version":
		text = usage
	case "serve":
		text = usageServe
	case "log":
		text = usageLog
	case "directives":
		return helpDirectives(w)
	default:
		return fmt.Errorf("no help on %q: %w", topic, errUsage)
	}
	_, err := io.WriteString(w, text)
	return err
}

// helpDirectives prints the reference of the configuration.
func helpDirectives(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "DIRECTIVE\tDEFAULT\tCHANGED\tMEANING")
	for _, d := range node.Directives() {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", d.Name, d.Default, d.Change, d.Doc)
	}
	return table.Flush()
}
