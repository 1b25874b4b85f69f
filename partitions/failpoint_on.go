//go:build failpoints

package partitions

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// failpoint does what the environment variable SHIPLOG_FAILPOINTS says of this place. It is a list of PLACE=DO:CHANCE, separated by commas:
// DO is "die", as with kill -9, or a duration to sleep for, CHANCE is in parts of ten thousand; the place "*" is every place.
func failpoint(place string) {
	for word := range strings.SplitSeq(os.Getenv("SHIPLOG_FAILPOINTS"), ",") {
		at, what, _ := strings.Cut(word, "=")
		do, chance, _ := strings.Cut(what, ":")
		n, err := strconv.Atoi(chance)
		if err != nil || at != place && at != "*" || rand.IntN(10000) >= n {
			continue
		}
		if do == "die" {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // it never fails
			select {}
		}
		d, err := time.ParseDuration(do)
		if err != nil {
			panic(err)
		}
		time.Sleep(d)
	}
}
