package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc, the same on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// cpu returns the processor time that each process has used.
func (s *system) cpu() ([]time.Duration, error) {
	each := make([]time.Duration, len(s.pids))
	for i, pid := range s.pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return nil, fmt.Errorf("read processor time: %w", err)
		}
		if each[i], err = parseStat(string(stat)); err != nil {
			return nil, err
		}
	}
	return each, nil
}

// parseStat finds user and system time in /proc/PID/stat. The process's name, in brackets, may contain anything.
func parseStat(stat string) (total time.Duration, err error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	const user, system = 11, 12 // behind the name
	if len(fields) <= system {
		return 0, fmt.Errorf("read processor time: %q", stat)
	}
	for _, field := range []string{fields[user], fields[system]} {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read processor time: %w", err)
		}
		total += time.Duration(n) * tick
	}
	return total, nil
}

// rss returns the resident memory of each process in megabytes.
func (s *system) rss() ([]float64, error) {
	each := make([]float64, len(s.pids))
	for i, pid := range s.pids {
		statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if err != nil {
			return nil, fmt.Errorf("read memory use: %w", err)
		}
		fields := strings.Fields(string(statm)) // all of it, what is resident, ... in pages
		if len(fields) < 2 {
			return nil, fmt.Errorf("read memory use: %q", statm)
		}
		pages, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read memory use: %w", err)
		}
		each[i] = float64(pages) * float64(os.Getpagesize()) / (1 << 20)
	}
	return each, nil
}
