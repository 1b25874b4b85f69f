package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// Listen opens the addresses of c for clients, in c's order. An optional address that this machine does not
// have is left out. Port 0 is replaced by a free port, the same for all addresses. The error is one line that says what
// to do; nothing is open then.
func Listen(c *Config) ([]net.Listener, error) {
	var listeners []net.Listener
	port := int(c.Net.Port)
	for _, bind := range c.Net.Bind {
		listener, err := listen(c, bind, port)
		if err != nil {
			if bind.Optional && absent(err) {
				continue
			}
			closeAll(listeners)
			return nil, explain(err, bind, port)
		}
		listeners = append(listeners, listener)
		port = listener.Addr().(*net.TCPAddr).Port
	}
	if len(listeners) == 0 {
		return nil, errors.New("none of the addresses to listen on is one of this machine's; change them with --bind")
	}
	return listeners, nil
}

func closeAll(listeners []net.Listener) {
	for _, listener := range listeners {
		_ = listener.Close()
	}
}

// listen opens one address. IPv6 sockets take IPv6 only, so that both wildcards can be open at once.
func listen(c *Config, bind Bind, port int) (net.Listener, error) {
	network := "tcp6"
	if bind.IP().To4() != nil {
		network = "tcp4"
	}
	address := net.JoinHostPort(bind.IP().String(), strconv.Itoa(port))
	config := net.ListenConfig{KeepAlive: -1} // whoever accepts sets it: it may be changed while the node runs
	listener, err := config.Listen(context.Background(), network, address)
	if err != nil {
		return nil, err
	}
	if err := setBacklog(listener, int(c.Net.Backlog)); err != nil {
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

func explain(err error, bind Bind, port int) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("port %d on %s is in use; choose another with --port", port, bind.Host)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("port %d on %s is not allowed for this user; choose another with --port", port, bind.Host)
	case absent(err):
		return fmt.Errorf("%s is not an address of this machine; change it with --bind", bind.Host)
	}
	return fmt.Errorf("listen on %s: %w", bind.Host, err)
}
