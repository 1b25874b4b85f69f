//go:build !linux

package resp

import "net"

// loops are event loops, which only Linux has here.
type loops struct{}

func (*loops) open(*Server) error  { return nil }
func (*loops) adopt(net.Conn) bool { return false }
func (*loops) close()              {}
func (*loops) take() (_, _ uint64) { return 0, 0 }
