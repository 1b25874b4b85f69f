package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"

	"shiplog/e2e"
)

// slots is how many slots a cluster has.
const slots = 16384

// slotOf is the slot of a key without a hash tag: CRC16 (XMODEM) modulo the number of slots, as Redis Cluster's
// specification says. It is written here once more so that a mistake in the product's own cannot hide here.
func slotOf(key string) int {
	crc := uint16(0)
	for i := range len(key) {
		crc ^= uint16(key[i]) << 8
		for range 8 {
			carry := crc&0x8000 != 0
			crc <<= 1
			if carry {
				crc ^= 0x1021
			}
		}
	}
	return int(crc) % slots
}

// ownership is the address of the primary of every slot.
type ownership [slots]string

// readOwnership asks a node. It is an error when a slot has no primary.
func readOwnership(addr string) (*ownership, error) {
	v, err := ask(addr, "CLUSTER", "SLOTS")
	if err != nil {
		return nil, err
	}
	return parseOwnership(v)
}

// parseOwnership reads the reply to CLUSTER SLOTS: rows of first slot, last slot, primary, replicas.
func parseOwnership(v e2e.Value) (*ownership, error) {
	var o ownership
	for _, row := range v.Elems {
		if len(row.Elems) < 3 || len(row.Elems[2].Elems) < 2 {
			return nil, fmt.Errorf("CLUSTER SLOTS has a row %v", row)
		}
		first, err := row.Elems[0].Int()
		last, err2 := row.Elems[1].Int()
		if err := errors.Join(err, err2); err != nil {
			return nil, fmt.Errorf("CLUSTER SLOTS: %w", err)
		}
		if first < 0 || first > last || last >= slots {
			return nil, fmt.Errorf("CLUSTER SLOTS has a range from %d to %d", first, last)
		}
		primary := row.Elems[2].Elems
		for i := first; i <= last; i++ {
			o[i] = net.JoinHostPort(primary[0].Text, primary[1].Text)
		}
	}
	if i := slices.Index(o[:], ""); i >= 0 {
		return nil, fmt.Errorf("CLUSTER SLOTS: slot %d has no primary", i)
	}
	return &o, nil
}

// count returns how many slots each primary leads.
func (o *ownership) count() map[string]int {
	led := make(map[string]int)
	for _, addr := range o {
		led[addr]++
	}
	return led
}

// keysOf gives every primary its keys among the first n of redis-benchmark's ("key:000000000042"), in an order that
// mixes their slots and is the same in every run.
func (o *ownership) keysOf(n int) map[string][]string {
	keys := make(map[string][]string)
	for i := range n {
		key := fmt.Sprintf("key:%012d", i)
		addr := o[slotOf(key)]
		keys[addr] = append(keys[addr], key)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, addr := range o.primaries() {
		of := keys[addr]
		random.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
	}
	return keys
}

// primaries lists who leads a slot, in order of their addresses.
func (o *ownership) primaries() []string {
	all := slices.Clone(o[:])
	slices.Sort(all)
	return slices.Compact(all)
}

// ask sends one command over a connection of its own. An error reply is an error.
func ask(addr string, words ...string) (e2e.Value, error) {
	c, err := e2e.Dial(addr)
	if err != nil {
		return e2e.Value{}, err
	}
	defer c.Close()
	v, err := c.Do(words...)
	if err == nil && v.IsError() {
		err = fmt.Errorf("%s at %s: %s", words[0], addr, v.Text)
	}
	return v, err
}
