package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"shiplog/node"
)

const usage = `shiplog is a Redis-compatible server in which every write is an event in a durable log.

  shiplog local                                   run a cluster of three nodes on this machine
  shiplog serve [FILE] [--directive value ...]    run a node
  shiplog cluster create HOST:PORT ...            make a cluster of nodes that run
  shiplog cluster info | nodes | partitions | check | failover | snapshot
  shiplog changes [HOST:PORT] --follow            print every write as it happens
  shiplog log dump --dir DIR                      print the log of a node that is not running
  shiplog version
  shiplog help [local | serve | cluster | changes | log | directives]

Try:  shiplog local
`

const usageLocal = `shiplog local [--nodes N] [--base-port PORT] [--dir DIR] [--directive value ...]

Runs a cluster on this machine, each node a process of its own, until SIGTERM or SIGINT; a second signal kills the
nodes at once. Prints "cluster ready" when every node serves. The same DIR again continues the same cluster.

  --nodes N          how many nodes (3); fewer than 3 have no automatic failover
  --base-port PORT   the first node's port (7000); the others follow, ports between nodes are 10000 higher
  --dir DIR          where the nodes keep their data and logs, and the cluster its secret (data/cluster)

Every other directive is given to each node; of --nats-port and --metrics-port each gets its own, as of --base-port. "shiplog help directives" lists them.

  shiplog local
  shiplog local --nodes 5 --base-port 7100 --dir /tmp/five
  shiplog local --partitions 4 --appendfsync everysec

Exit code: 0 after a stop, 1 when it could not start, when every node ended by itself, or when nodes had to be killed,
2 when the command line is wrong.
`

const usageCluster = `shiplog cluster create HOST:PORT ... [--partitions N] [--replicas N]
shiplog cluster info | nodes | partitions | check [HOST:PORT] [--json]
shiplog cluster failover PARTITION [--to NODE] [HOST:PORT] [--json]
shiplog cluster drain NODE [--cancel] [HOST:PORT]
shiplog cluster remove NODE [HOST:PORT]
shiplog cluster replace NODE [HOST:PORT]
shiplog cluster rebalance [--cancel] [HOST:PORT]
shiplog cluster snapshot [--partition N] [HOST:PORT]
shiplog cluster snapshots [HOST:PORT] [--json]

create makes a cluster of nodes that were started with cluster-enabled yes and without expect. The others ask the node at
HOST:PORT (127.0.0.1:7000). All take --password P or --password-file FILE when the nodes have a password.

  create        --partitions N (16) is for good; --replicas N is the number of copies in all, the primary's included (3)
  info          the cluster in a few lines
  nodes         every node, how many partitions it leads and follows
  partitions    every partition: its slots, who leads it, how far each replica is
  check         asks every node; exit code 1 when a partition has no primary that lives or fewer replicas than it should,
                when a replica is more than a second behind, a node is silent, or nodes disagree about the map
  failover      makes a replica of PARTITION its primary, without an error for any client: the one that is furthest, or
                NODE: an address, a name, or how an identity begins
  drain         moves everything away from NODE, and waits for it; --cancel lets it hold copies again
  remove        takes NODE, which is drained, or is dead and holds nothing, out of the cluster for good
  replace       rebuilds on other nodes what NODE, which is dead, holds, waits for it, and removes NODE; without that it
                happens by itself when NODE is silent for node-gone-after-seconds
  rebalance     moves copies until nodes differ by at most one, and waits for it; with auto-rebalance yes that happens by
                itself when a node joins
  snapshot      puts every partition, or N, into the snapshot store that the nodes have (snapshot-store), and waits for it;
                of a lone node, too
  snapshots     what that store holds: how far each snapshot is, and how many of its bytes no older one has

Exit code: 0 when it is done or nothing is wrong, 1 otherwise, 2 when the command line is wrong.
`

const usageServe = `shiplog serve [FILE] [--directive value ...]

Runs a node until SIGTERM, SIGINT or a client's SHUTDOWN; a second signal ends it at once. FILE is written as
redis.conf is. What the command line says goes before what FILE says. "shiplog help directives" lists what can be set.

  shiplog serve                                    port 6379 on loopback, files in ./data
  shiplog serve --port 7000 --dir /var/lib/shiplog
  shiplog serve --cluster-enabled yes --cluster-auth file:cluster.secret --join db2:16379
  shiplog serve /etc/shiplog.conf --appendfsync everysec
  shiplog serve --bind '*' --requirepass SECRET    an address beyond loopback needs a password

Exit code: 0 after a clean stop, 1 when it could not start or failed, 2 when the command line is wrong.
`

const usageChanges = `shiplog changes [HOST:PORT] [--from WHERE] [--follow] [--checkpoint FILE] [--with-snapshot]
                [--match PATTERN] [--types T,...] [--ops OP,...] [--format json|resp|table]

Prints every change of every partition, in order within each, from a node or a cluster of which HOST:PORT (127.0.0.1:7000) is a node. It goes
on at other nodes when one ends or leads no more. node/changes/FORMAT.md says what a change is.

  --from WHERE       a token, begin, end, a time (2006-01-02T15:04:05Z or Unix milliseconds), or how long ago (10m);
                     without it: end with --follow, else begin
  --follow           go on until SIGINT or SIGTERM; without it: until the end of what is there
  --checkpoint FILE  keep in FILE how far it has printed, and go on there: after a kill some changes may come twice, with
                     the same position, and none is missing
  --with-snapshot    print the keys first, then the changes from exactly there on; not when FILE is there already
  --match PATTERN    only keys like this (as KEYS has it); --types and --ops choose in the same way
  --format FORMAT    json: an object a line; resp: commands that make the same keys in a plain Redis; table: for people
  --password P, --password-file FILE   when the nodes have a password

  shiplog changes 127.0.0.1:6379 --follow --format table
  shiplog changes --with-snapshot --format resp | redis-cli -p 6400 --pipe

Exit code: 0 at the end or after a signal, 1 when it cannot go on without a gap, 2 when the command line is wrong.
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
	case "local":
		text = usageLocal
	case "cluster":
		text = usageCluster
	case "changes":
		text = usageChanges
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
