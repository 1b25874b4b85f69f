package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"shiplog/node"
	"shiplog/wal"
)

// dumpOptions are the flags of "log dump".
type dumpOptions struct {
	dir       string
	partition int
	from      uint64
	json      bool
}

func logCommand(args []string, stdout io.Writer) error {
	if len(args) == 0 || args[0] != "dump" {
		return fmt.Errorf("log: expected dump: %w", errUsage)
	}
	options, err := parseDump(args[1:])
	if err != nil {
		return fmt.Errorf("log dump: %w: %w", err, errUsage)
	}
	return dump(options, stdout)
}

func parseDump(args []string) (o dumpOptions, err error) {
	flags := flag.NewFlagSet("log dump", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.dir, "dir", "./data", "")
	flags.IntVar(&o.partition, "partition", 0, "")
	flags.Uint64Var(&o.from, "from", 0, "")
	flags.BoolVar(&o.json, "json", false, "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected %q", flags.Arg(0))
	}
	if o.partition < 0 {
		return o, fmt.Errorf("no partition %d", o.partition)
	}
	return o, nil
}

// dump prints the log of a directory that no node uses.
func dump(o dumpOptions, stdout io.Writer) error {
	dir, err := node.OpenExistingDataDir(o.dir)
	if err != nil {
		return err
	}
	log, closeLog, err := node.OpenLog(dir, o.partition)
	if err != nil {
		return errors.Join(err, dir.Close())
	}
	out := bufio.NewWriter(stdout)
	err = printLog(context.Background(), log, wal.Seq(o.from), wal.NewPrinter(out, o.json))
	return errors.Join(err, out.Flush(), closeLog(), dir.Close())
}

// errPrinted ends the reading of a log at the end that it had at first.
var errPrinted = errors.New("the log is printed")

// printLog prints every record from sequence from on, oldest first, with what is wrong with it, if anything.
func printLog(ctx context.Context, log wal.Log, from wal.Seq, to *wal.Printer) error {
	bounds, err := log.Bounds(ctx)
	if err != nil {
		return fmt.Errorf("look at the log: %w", err)
	}
	from = max(from, bounds.First)
	if from > bounds.Last {
		return nil
	}
	err = log.Tail(ctx, from, func(seq wal.Seq, message []byte) error {
		if err := to.Record(seq, message); err != nil {
			return err
		}
		if seq == bounds.Last {
			return errPrinted
		}
		return nil
	})
	if errors.Is(err, errPrinted) {
		return nil
	}
	return err
}
