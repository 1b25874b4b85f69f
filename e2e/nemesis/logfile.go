package nemesis

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A file of JetStream's store is one record after the other: its length with a bit for headers, sequence, time, length of the subject, all
// little-endian, then subject, headers behind their length, message, checksum.
const (
	storeHeader   = 22
	storeChecksum = 8
	storeHeaders  = uint32(1) << 31 // in the length: the record has headers
	storeErased   = uint64(1) << 63 // in the sequence: nothing is there any more
	storeGone     = uint64(1) << 62 // in the sequence: it was deleted
)

var errStore = errors.New("not a file of JetStream's store")

// logMessage is one message of a partition's log as a node's disk has it.
type logMessage struct {
	seq  uint64
	data []byte
}

// readLog reads a partition's log from the files of a node that does not run.
func readLog(dataDir string, partition int) ([]logMessage, error) {
	dir := filepath.Join(dataDir, "log", "jetstream", "LOGS", "streams", fmt.Sprintf("WAL_%d", partition), "msgs")
	files, err := filepath.Glob(filepath.Join(dir, "*.blk"))
	if err != nil {
		return nil, err
	}
	number := func(file string) int {
		n, _ := strconv.Atoi(strings.TrimSuffix(filepath.Base(file), ".blk")) // the server names them so
		return n
	}
	slices.SortFunc(files, func(x, y string) int { return cmp.Compare(number(x), number(y)) })
	var all []logMessage
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if all, err = appendMessages(all, raw); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return all, nil
}

// appendMessages adds the messages of one file. What a killed server wrote of its last record only in part is no message.
func appendMessages(all []logMessage, raw []byte) ([]logMessage, error) {
	for len(raw) >= storeHeader {
		length := binary.LittleEndian.Uint32(raw)
		size := int(length &^ storeHeaders)
		if size > len(raw) {
			return all, nil
		}
		start := storeHeader + int(binary.LittleEndian.Uint16(raw[20:]))
		if length&storeHeaders != 0 && start+4 <= size {
			start += 4 + int(binary.LittleEndian.Uint32(raw[start:]))
		}
		if size < storeHeader+storeChecksum || start > size-storeChecksum {
			return all, fmt.Errorf("%w: a record of %d bytes", errStore, size)
		}
		seq := binary.LittleEndian.Uint64(raw[4:])
		if seq&(storeErased|storeGone) == 0 {
			all = append(all, logMessage{seq, raw[start : size-storeChecksum]})
		}
		raw = raw[size:]
	}
	return all, nil
}

// longestLog compares what the nodes have of a partition's log, and returns the longest. Each is a part of one log.
func longestLog(v *Verdict, partition int, copies [][]logMessage) []logMessage {
	var longest []logMessage
	for _, c := range copies {
		if len(c) > len(longest) {
			longest = c
		}
	}
	for i, m := range longest {
		if m.seq != uint64(i)+1 {
			v.fault(&v.Undecided, "partition %d: message %d of the log has sequence %d: it was trimmed, or has a hole", partition, i+1, m.seq)
			return nil
		}
	}
	for node, c := range copies {
		for _, m := range c {
			if m.seq > uint64(len(longest)) || !bytes.Equal(longest[m.seq-1].data, m.data) {
				v.fault(&v.Illegal, "partition %d: copy %d has another message %d", partition, node, m.seq)
				break
			}
		}
	}
	return longest
}
