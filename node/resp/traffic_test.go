package resp

import (
	"fmt"
	"strings"
	"testing"
)

func TestTrafficIsCounted(t *testing.T) {
	transports(t, func(t *testing.T, b *bench) {
		c := b.dial()
		value := strings.Repeat("v", 100_000) // more than one read, and a reply that is not copied
		asked, answered := "PING\r\n"+fmt.Sprintf("*2\r\n$4\r\nECHO\r\n$%d\r\n%s\r\n", len(value), value), "+PONG\r\n"+fmt.Sprintf("$%d\r\n%s\r\n", len(value), value)
		c.send(asked)
		c.want(answered)
		until(t, "all that came and left is told", func() bool {
			return b.in.Load() == uint64(len(asked)) && b.out.Load() == uint64(len(answered))
		})
	})
}
