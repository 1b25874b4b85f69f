package nemesis

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"shiplog/e2e"
)

// Wires is a network of namespaces: one for each node, and a hub between them that forwards their packets and loses
// those of a cut link without a word to either end. This process reaches every node through a link of its own to the
// hub, which is never cut. It needs root and iproute2; nothing of the machine's own network is changed but for that link.
type Wires struct {
	prefix string // of the namespaces' names
	subnet string // the first three bytes of every address
	nodes  int
	cuts   [][2]int
}

// NewWires makes a network for so many nodes, at most 60. Close takes it down.
func NewWires(nodes int) (*Wires, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("network namespaces need root")
	}
	pid := os.Getpid()
	w := &Wires{prefix: e2e.ScratchName(), subnet: fmt.Sprintf("10.%d.%d", 200+pid%50, pid/50%256), nodes: nodes}
	err := w.build()
	if err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// build makes the hub, then a pair of linked devices for this process and for each node. Each pair has four addresses
// of its own: the hub's is the second, the other end's the third.
func (w *Wires) build() error {
	if err := ip("netns", "add", w.hub()); err != nil {
		return err
	}
	forward := []string{"netns", "exec", w.hub(), "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"}
	if err := errors.Join(ip("-n", w.hub(), "link", "set", "lo", "up"), ip(forward...)); err != nil {
		return err
	}
	if err := w.link(0, ""); err != nil {
		return err
	}
	for i := range w.nodes {
		if err := ip("netns", "add", w.namespace(i)); err != nil {
			return err
		}
		if err := ip("-n", w.namespace(i), "link", "set", "lo", "up"); err != nil {
			return err
		}
		if err := w.link(i+1, w.namespace(i)); err != nil {
			return err
		}
	}
	return nil
}

// link joins a namespace, or this process's own where it has no name, to the hub.
func (w *Wires) link(number int, namespace string) error {
	near, far := fmt.Sprintf("slh%d", number), w.device(number)
	hub, end := w.address(4*number+1), w.address(4*number+2)
	inside := func(words ...string) error {
		if namespace != "" {
			words = append([]string{"-n", namespace}, words...)
		}
		return ip(words...)
	}
	steps := []func() error{
		func() error { return ip("link", "add", far, "type", "veth", "peer", "name", near, "netns", w.hub()) },
		func() error {
			if namespace == "" {
				return nil
			}
			return ip("link", "set", far, "netns", namespace)
		},
		func() error { return ip("-n", w.hub(), "addr", "add", hub+"/30", "dev", near) },
		func() error { return ip("-n", w.hub(), "link", "set", near, "up") },
		func() error { return inside("addr", "add", end+"/30", "dev", far) },
		func() error { return inside("link", "set", far, "up") },
		func() error { return inside("route", "add", w.subnet+".0/24", "via", hub) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (w *Wires) hub() string { return w.prefix + "-hub" }

func (w *Wires) namespace(i int) string { return fmt.Sprintf("%s-%d", w.prefix, i) }

// device is the end of a link that is not the hub's.
func (w *Wires) device(number int) string { return fmt.Sprintf("sl%dn%d", os.Getpid(), number) }

func (w *Wires) address(last int) string { return fmt.Sprintf("%s.%d", w.subnet, last) }

// Host is node i's address.
func (w *Wires) Host(i int) string { return w.address(4*(i+1) + 2) }

// Inside returns a program that runs in node i's namespace. It sees the mounts of this process: "ip netns exec" would give it
// mounts of its own, which hold a disk whose power was cut, so that it could never be mounted anew.
func (w *Wires) Inside(i int, p e2e.Program) e2e.Program {
	return append(e2e.Program{"nsenter", "--net=/run/netns/" + w.namespace(i), "--"}, p...)
}

// Cut drops every packet that node from sends to node to.
func (w *Wires) Cut(from, to int) error {
	cut := [2]int{from, to}
	if slices.Contains(w.cuts, cut) {
		return nil
	}
	if err := w.rule("add", cut); err != nil {
		return err
	}
	w.cuts = append(w.cuts, cut)
	return nil
}

// Mend undoes every Cut.
func (w *Wires) Mend() error {
	var all error
	for _, cut := range w.cuts {
		all = errors.Join(all, w.rule("del", cut))
	}
	w.cuts = nil
	return all
}

func (w *Wires) rule(verb string, cut [2]int) error {
	return ip("-n", w.hub(), "rule", verb, "from", w.Host(cut[0]), "to", w.Host(cut[1]), "blackhole")
}

// Close takes the network down. No process may run in it.
func (w *Wires) Close() {
	for i := range w.nodes {
		_ = ip("netns", "del", w.namespace(i)) // it may not have been made
	}
	_ = ip("link", "del", w.device(0)) // it would go with the hub, but some time later
	_ = ip("netns", "del", w.hub())
}

// SweepWires takes down the networks of runs that were killed.
func SweepWires() {
	out, _ := e2e.Printed(exec.Command("ip", "netns", "list")) // without ip there is nothing to sweep
	for line := range strings.Lines(string(out)) {
		if words := strings.Fields(line); len(words) > 0 && e2e.Abandoned(words[0]) {
			_ = ip("netns", "del", words[0]) // another run may sweep too
		}
	}
}

// ip runs one command of iproute2.
func ip(words ...string) error {
	if out, err := e2e.Finish(exec.Command("ip", words...)); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(words, " "), err, out)
	}
	return nil
}
