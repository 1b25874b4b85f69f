package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"

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
	err = printLog(context.Background(), log, wal.Seq(o.from), printer(out, o.json))
	return errors.Join(err, out.Flush(), closeLog(), dir.Close())
}

// printLog shows every record from sequence from on, oldest first, and checks that each follows the one before
// it. The error names the first sequence that does not.
func printLog(ctx context.Context, log wal.Log, from wal.Seq, show func(entry) error) error {
	bounds, err := log.Bounds(ctx)
	if err != nil {
		return fmt.Errorf("look at the log: %w", err)
	}
	reader := dumpReader{parts: wal.NewAssembler(math.MaxInt), fresh: true}
	for seq := max(from, bounds.First); seq <= bounds.Last; seq++ {
		message, err := log.Get(ctx, seq)
		if err != nil {
			return fmt.Errorf("read sequence %d: %w", seq, err)
		}
		found, err := reader.read(seq, message)
		if err != nil {
			return fmt.Errorf("sequence %d: %w", seq, err)
		}
		if err := show(found); err != nil {
			return err
		}
	}
	return nil
}

// entry is a record as it is shown: Effects are those of the whole body, at its last part.
type entry struct {
	seq     wal.Seq
	record  wal.Record
	stale   bool
	effects []wal.Effect
}

// dumpReader follows a log as every reader does, except that it may begin in its middle.
type dumpReader struct {
	position wal.Position
	parts    *wal.Assembler
	effects  wal.EffectReader
	fresh    bool // nothing has been read yet
	begun    bool // the beginning of a body has been seen
}

func (d *dumpReader) read(seq wal.Seq, message []byte) (entry, error) {
	record, err := wal.DecodeRecord(message)
	if err != nil {
		return entry{}, err
	}
	found := entry{seq: seq, record: record}
	if d.fresh {
		d.position, d.fresh = wal.PositionAt(seq, &record), false
	} else {
		position, verdict, err := d.position.Next(seq, &record)
		if err != nil {
			return entry{}, err
		}
		d.position, found.stale = position, verdict == wal.Stale
	}
	d.begun = d.begun || record.Part&wal.PartFirst != 0
	if found.stale || !d.begun {
		return found, nil
	}
	body, whole, err := d.parts.Add(&record)
	if err == nil && whole {
		found.effects, err = d.decode(body)
	}
	return found, err
}

func (d *dumpReader) decode(body []byte) (effects []wal.Effect, err error) {
	d.effects.Reset(body)
	for {
		var e wal.Effect
		if ok, err := d.effects.Next(&e); err != nil || !ok {
			return effects, err
		}
		effects = append(effects, e)
	}
}
