package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"shiplog/node/changes"
)

// changesOptions are the words of "shiplog changes".
type changesOptions struct {
	addr       string
	from       string // BEGIN, END, TIME ms, or a token, as CHANGES READ has them
	follow     bool
	snapshot   bool
	checkpoint string
	format     string
	filter     []string // MATCH, TYPES and OPS, as CHANGES READ has them
	access     access
}

// Where to begin when nothing is said, and the words for it.
const (
	fromBegin = "begin"
	fromEnd   = "end"
)

// changesCommand runs "changes ...": it prints what changed until the end of the log, or until a signal.
func changesCommand(args []string, stdout io.Writer) error {
	o, err := parseChanges(args, time.Now())
	if err != nil {
		return fmt.Errorf("changes: %w: %w", err, errUsage)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop)
	f := newFeed(o, stdout)
	defer f.nodes.close()
	if err := f.run(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("changes: %w", err)
	}
	return nil
}

func parseChanges(args []string, now time.Time) (o changesOptions, err error) {
	var match, types, ops, from, password, passwordFile string
	flags := flag.NewFlagSet("changes", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&from, "from", "", "")
	flags.BoolVar(&o.follow, "follow", false, "")
	flags.BoolVar(&o.snapshot, "with-snapshot", false, "")
	flags.StringVar(&o.checkpoint, "checkpoint", "", "")
	flags.StringVar(&o.format, "format", "json", "")
	flags.StringVar(&match, "match", "", "")
	flags.StringVar(&types, "types", "", "")
	flags.StringVar(&ops, "ops", "", "")
	flags.StringVar(&password, "password", "", "")
	flags.StringVar(&passwordFile, "password-file", "", "")
	o.addr = anyNode
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		o.addr, args = args[0], args[1:]
	}
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%q: the node's address comes first, the rest are --words", flags.Arg(0))
	}
	if _, _, err := net.SplitHostPort(o.addr); err != nil {
		return o, fmt.Errorf("%q is not HOST:PORT", o.addr)
	}
	if !slices.Contains([]string{"json", "resp", "table"}, o.format) {
		return o, fmt.Errorf("--format is json, resp or table, not %q", o.format)
	}
	if o.snapshot && from != "" {
		return o, errors.New("--with-snapshot says where to begin: --from cannot be given too")
	}
	for _, f := range []struct{ name, value string }{{"MATCH", match}, {"TYPES", types}, {"OPS", ops}} {
		if f.value != "" {
			o.filter = append(o.filter, f.name, f.value)
		}
	}
	if o.snapshot && ops != "" {
		return o, errors.New("--with-snapshot has no operations to choose from: --ops cannot be given too")
	}
	secret := clusterOptions{password: password, secretFile: passwordFile}
	if o.access, err = secret.access(); err != nil {
		return o, err
	}
	o.from, err = parseFrom(from, o.follow, now)
	return o, err
}

// parseFrom reads where to begin: a token, a time, how long ago, begin or end.
func parseFrom(word string, follow bool, now time.Time) (string, error) {
	if word == "" {
		if word = fromBegin; follow {
			word = fromEnd
		}
	}
	at := func(t time.Time) string { return "TIME " + strconv.FormatInt(t.UnixMilli(), 10) }
	if lower := strings.ToLower(word); lower == fromBegin || lower == fromEnd {
		return strings.ToUpper(word), nil
	}
	if _, err := changes.ParseToken(word); err == nil {
		return word, nil
	}
	if ms, err := strconv.ParseInt(word, 10, 64); err == nil && ms >= 0 {
		return at(time.UnixMilli(ms)), nil
	}
	if t, err := time.Parse(time.RFC3339, word); err == nil {
		return at(t), nil
	}
	if ago, err := time.ParseDuration(word); err == nil && ago >= 0 {
		return at(now.Add(-ago)), nil
	}
	return "", fmt.Errorf("--from is a token, begin, end, a time as 2006-01-02T15:04:05Z or in Unix milliseconds, or how long ago as 10m, not %q", word)
}

// feed prints the changes of all partitions. Each partition is read on a goroutine of its own, which ends with run; one writes.
type feed struct {
	changesOptions
	nodes   *nodes
	out     *bufio.Writer
	print   func(w *bufio.Writer, item string) error
	patient time.Duration // so long a partition that nobody answers for is asked for, when the feed does not follow

	at    []string // where to go on, by partition: a token, or the word it begins with
	known int      // of how many partitions that is a token
	saved time.Time
}

// readWord is what a feed asks nodes for.
const (
	readCount = "1000"
	readBlock = time.Second
	saveEvery = 200 * time.Millisecond
)

func newFeed(o changesOptions, out io.Writer) *feed {
	f := &feed{changesOptions: o, nodes: newNodes(o.addr, o.access), out: bufio.NewWriterSize(out, 64<<10), patient: time.Minute}
	f.print = printLine
	switch o.format {
	case "resp":
		f.print = func(w *bufio.Writer, item string) error { _, err := w.WriteString(item); return err }
	case "table":
		f.print = printRow
	}
	return f
}

func printLine(w *bufio.Writer, item string) error {
	_, _ = w.WriteString(item)
	return w.WriteByte('\n')
}

// batch is what a node has answered for a partition.
type batch struct {
	partition int
	token     string
	items     []answer
	over      bool  // the partition has no more
	err       error // it cannot be read on
}

// run prints until the end of the logs, or until ctx ends.
func (f *feed) run(ctx context.Context) error {
	n, err := f.nodes.partitions(ctx, f.patient)
	if err != nil {
		return err
	}
	if err := f.begin(ctx, n); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	batches := make(chan batch)
	for i := range n {
		go f.read(ctx, i, f.at[i], batches) // ends with ctx, or with its last batch
	}
	for left := n; left > 0; {
		select {
		case <-ctx.Done():
			return f.save(true)
		case b := <-batches:
			if b.err != nil {
				return errors.Join(b.err, f.save(true))
			}
			if err := f.take(&b); err != nil {
				return err
			}
			if b.over {
				left--
			}
		}
	}
	return f.save(true)
}

// begin finds out where each partition begins: at the checkpoint, at the end of a snapshot that it prints, or where the options say.
func (f *feed) begin(ctx context.Context, n int) error {
	f.at = make([]string, n)
	start := f.from
	if f.checkpoint != "" {
		content, err := os.ReadFile(f.checkpoint)
		if err == nil {
			start, f.snapshot = strings.TrimSpace(string(content)), false
		} else if !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if t, err := changes.ParseToken(start); err == nil {
		return f.beginAt(&t)
	} else if f.checkpoint != "" && start != f.from {
		return fmt.Errorf("the file %s holds no token: %w", f.checkpoint, err)
	}
	for i := range f.at {
		f.at[i] = start
		if !f.snapshot {
			continue
		}
		if err := f.printSnapshot(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// beginAt begins at a token of all partitions.
func (f *feed) beginAt(t *changes.Token) error {
	if !t.All || len(t.Partitions) != len(f.at) {
		return fmt.Errorf("the token is of %d partitions, and the cluster has %d: another cluster's, or of one partition alone", len(t.Partitions), len(f.at))
	}
	for i := range t.Partitions {
		f.at[i] = changes.Token{Partitions: t.Partitions[i : i+1]}.String()
	}
	f.known = len(f.at)
	return nil
}

// printSnapshot prints the keys of a partition, and goes on from there.
func (f *feed) printSnapshot(ctx context.Context, partition int) error {
	printed := false
	for cursor := "0"; ; {
		words := append([]string{"CHANGES", "SNAPSHOT", strconv.Itoa(partition), cursor, "COUNT", readCount, "FORMAT", f.wireFormat()}, f.filter...)
		a, err := f.nodes.ask(ctx, partition, f.patient, words, !printed)
		if err != nil {
			if printed {
				err = fmt.Errorf("%w: what was printed of the snapshot is of no use, begin again with an empty target", err)
			}
			return err
		}
		if len(a.list) != 3 {
			return fmt.Errorf("the node does not answer as CHANGES SNAPSHOT does")
		}
		for _, item := range a.list[2].list {
			if err := f.print(f.out, item.text); err != nil {
				return err
			}
			printed = true
		}
		if cursor = a.list[0].text; cursor == "0" {
			f.move(partition, a.list[1].text)
			return f.out.Flush()
		}
	}
}

// wireFormat is the form in which nodes are asked for changes.
func (f *feed) wireFormat() string {
	if f.format == "resp" {
		return "resp"
	}
	return "json"
}

// move notes where a partition goes on.
func (f *feed) move(partition int, token string) {
	if _, err := changes.ParseToken(f.at[partition]); err != nil {
		f.known++
	}
	f.at[partition] = token
}

// read reads a partition and gives what it gets to batches.
func (f *feed) read(ctx context.Context, partition int, at string, batches chan<- batch) {
	first := true
	for ctx.Err() == nil {
		b := f.readOnce(ctx, partition, at, !first && f.follow)
		b.over = !f.follow && len(b.items) == 0 && b.token == at
		select {
		case batches <- b:
		case <-ctx.Done():
		}
		if b.over || b.err != nil {
			return
		}
		at, first = b.token, false
	}
}

// readOnce asks for what follows; it waits for something when that is asked for.
func (f *feed) readOnce(ctx context.Context, partition int, at string, wait bool) batch {
	words := append([]string{"CHANGES", "READ", strconv.Itoa(partition), "FROM"}, strings.Fields(at)...)
	words = append(append(words, "COUNT", readCount, "FORMAT", f.wireFormat()), f.filter...)
	if wait {
		words = append(words, "BLOCK", strconv.FormatInt(readBlock.Milliseconds(), 10))
	}
	patience := f.patient
	if f.follow {
		patience = 0
	}
	a, err := f.nodes.ask(ctx, partition, patience, words, true)
	b := batch{partition: partition, token: at, err: err}
	if err == nil && len(a.list) != 2 {
		b.err = errors.New("the node does not answer as CHANGES READ does")
	}
	if b.err == nil {
		b.token, b.items = a.list[0].text, a.list[1].list
	}
	return b
}

// take prints a batch.
func (f *feed) take(b *batch) error {
	for i := range b.items {
		if err := f.print(f.out, b.items[i].text); err != nil {
			return err
		}
	}
	f.move(b.partition, b.token)
	return f.save(false)
}

// save writes the checkpoint, when it is due or now: never before everything that it counts as printed has been handed over.
func (f *feed) save(now bool) error {
	if err := f.out.Flush(); err != nil {
		return err
	}
	if f.checkpoint == "" || f.known < len(f.at) || !now && time.Since(f.saved) < saveEvery {
		return nil
	}
	all := changes.Token{All: true}
	for _, text := range f.at {
		t, err := changes.ParseToken(text)
		if err != nil || len(t.Partitions) != 1 {
			return fmt.Errorf("a node's token is of no use: %q", text)
		}
		all.Partitions = append(all.Partitions, t.Partitions[0])
	}
	f.saved = time.Now()
	return replaceFile(f.checkpoint, all.String()+"\n")
}

// replaceFile writes a file so that there is the old one or the new one, whole, whenever the machine stops.
func replaceFile(name, content string) error {
	file, err := os.CreateTemp(filepath.Dir(name), ".checkpoint-*")
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	_, err = file.WriteString(content)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		_ = os.Remove(file.Name())
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}
