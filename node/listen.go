package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// door is where somebody listens, and the directives that say so.
type door struct {
	bind             []Bind
	port, backlog    int
	bindName, portIs string
}

// Listen opens the addresses of c for clients, in c's order. An optional address that this machine does not
// have is left out. Port 0 is replaced by a free port, the same for all addresses. The error is one line that says what
// to do; nothing is open then.
func Listen(c *Config) ([]net.Listener, error) {
	return door{bind: c.Net.Bind, port: int(c.Net.Port), backlog: int(c.Net.Backlog), bindName: "--bind", portIs: "--port"}.open()
}

// listenMetrics opens the addresses of c for HTTP, as Listen does; none when there is no port for it.
func listenMetrics(c *Config) ([]net.Listener, error) {
	if c.Metrics.Port == 0 {
		return nil, nil
	}
	return door{bind: c.Metrics.Bind, port: int(c.Metrics.Port), backlog: int(c.Net.Backlog), bindName: "--metrics-bind", portIs: "--metrics-port"}.open()
}

func (d door) open() ([]net.Listener, error) {
	var listeners []net.Listener
	for _, bind := range d.bind {
		listener, err := d.listen(bind)
		if err != nil {
			if bind.Optional && absent(err) {
				continue
			}
			closeAll(listeners)
			return nil, d.explain(err, bind)
		}
		listeners = append(listeners, listener)
		d.port = listener.Addr().(*net.TCPAddr).Port
	}
	if len(listeners) == 0 {
		return nil, fmt.Errorf("none of the addresses to listen on is one of this machine's; change them with %s", d.bindName)
	}
	return listeners, nil
}

func closeAll(listeners []net.Listener) {
	for _, listener := range listeners {
		_ = listener.Close()
	}
}

// listen opens one address. IPv6 sockets take IPv6 only, so that both wildcards can be open at once.
func (d door) listen(bind Bind) (net.Listener, error) {
	network := "tcp6"
	if bind.IP().To4() != nil {
		network = "tcp4"
	}
	address := net.JoinHostPort(bind.IP().String(), strconv.Itoa(d.port))
	config := net.ListenConfig{KeepAlive: -1} // whoever accepts sets it: it may be changed while the node runs
	listener, err := config.Listen(context.Background(), network, address)
	if err != nil {
		return nil, err
	}
	if err := setBacklog(listener, d.backlog); err != nil {
		_ = listener.Close()
		return nil, err
	}
	return listener, nil
}

// setBacklog listens once more on an open socket, which only changes how many connections may wait on it:
// package net has no word for that.
func setBacklog(listener net.Listener, backlog int) error {
	raw, err := listener.(*net.TCPListener).SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = syscall.Listen(int(fd), backlog) })
	return errors.Join(err, failed)
}

// absent tells whether an address could not be opened because this machine does not have it.
func absent(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
}

func (d door) explain(err error, bind Bind) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("port %d on %s is in use; choose another with %s", d.port, bind.Host, d.portIs)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("port %d on %s is not allowed for this user; choose another with %s", d.port, bind.Host, d.portIs)
	case absent(err):
		return fmt.Errorf("%s is not an address of this machine; change it with %s", bind.Host, d.bindName)
	}
	return fmt.Errorf("listen on %s: %w", bind.Host, err)
}
