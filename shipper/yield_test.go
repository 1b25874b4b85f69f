package shipper

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestYieldScripts runs each script of testdata/yield: at a moment, appends took, bytes were given -> what is decided.
func TestYieldScripts(t *testing.T) {
	scripts, err := filepath.Glob(filepath.Join("testdata", "yield", "*.txt"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("found %d scripts, %v", len(scripts), err)
	}
	for _, script := range scripts {
		t.Run(filepath.Base(script), func(t *testing.T) { runYield(t, script) })
	}
}

func runYield(t *testing.T, script string) {
	f, err := os.Open(script)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // it was only read
	var y Yield
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line, want, _ := strings.Cut(lines.Text(), " -> ")
		if strings.HasPrefix(line, "#") {
			continue
		}
		if most, err := fmt.Sscanf(line, "most %d least %d", &y.Most, &y.Least); most == 2 && err == nil {
			y = Yield{Most: y.Most, Least: y.Least}
			continue
		}
		y = y.Next(seenIn(t, line))
		if got := y.String(); got != want {
			t.Fatalf("line %d: got %q, want %q", n, got, want)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

func seenIn(t *testing.T, line string) (s Seen) {
	t.Helper()
	var at, took string
	if _, err := fmt.Sscan(line, &at, &took, &s.Given); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	var errs [2]error
	s.At, errs[0] = time.ParseDuration(at)
	s.Took, errs[1] = time.ParseDuration(took)
	if errs[0] != nil || errs[1] != nil {
		t.Fatalf("%q: %v", line, errs)
	}
	return s
}

// model is a cluster on which appends take longer the more is given, and never twice the same.
type model struct {
	usual  time.Duration // 0: nobody writes
	perMBs float64       // what part longer they take for each MB a second that is given
	random *rand.Rand
}

// run lets y decide for so long while somebody takes all that is given, and returns what was given a second, on average, and how much
// longer appends took, on average.
func (m *model) run(y *Yield, from, to time.Duration) (rate, slower float64) {
	const tick = 200 * time.Millisecond
	given, ticks := y.given, 0.0
	for now := from; now < to; now += tick {
		each, rest := y.Rate()
		if now < rest {
			each = 0
		}
		given += int64(float64(each) * tick.Seconds())
		longer := 1 + m.perMBs*float64(each)/1e6
		took := time.Duration(float64(m.usual) * longer * (0.9 + 0.2*m.random.Float64()))
		*y = y.Next(Seen{At: now, Took: took, Given: given})
		rate, slower, ticks = rate+float64(each), slower+longer-1, ticks+1
	}
	return rate / ticks, slower / ticks
}

// TestYieldFindsTheRate holds on models that everything is given where it costs writes nothing or nobody writes, only as much as leaves them
// nearly as they were where it does, and the least in any case.
func TestYieldFindsTheRate(t *testing.T) {
	const most, least = 200e6, 25e6
	for name, tt := range map[string]struct {
		model        model
		rate, slower [2]float64 // at least, at most
	}{
		"nobody writes":       {model{}, [2]float64{most, most}, [2]float64{0, 0}},
		"it costs nothing":    {model{usual: time.Millisecond}, [2]float64{0.4 * most, most}, [2]float64{0, 0}},
		"50 MB/s cost 10 %":   {model{usual: 2 * time.Millisecond, perMBs: 0.002}, [2]float64{28e6, 80e6}, [2]float64{0, 0.15}},
		"10 MB/s cost 10 %":   {model{usual: 5 * time.Millisecond, perMBs: 0.01}, [2]float64{0.8 * least, 1.3 * least}, [2]float64{0, 0.3}},
		"1 MB/s doubles them": {model{usual: 2 * time.Millisecond, perMBs: 1}, [2]float64{0.8 * least, 1.1 * least}, [2]float64{0, 100}},
	} {
		for seed := range uint64(20) {
			tt.model.random = rand.New(rand.NewPCG(seed, 1))
			y := Yield{Most: most, Least: least}
			y = y.Next(Seen{Took: tt.model.usual})
			tt.model.run(&y, 0, 10*time.Second)
			rate, slower := tt.model.run(&y, 10*time.Second, 70*time.Second)
			if rate < tt.rate[0] || rate > tt.rate[1] || slower < tt.slower[0] || slower > tt.slower[1] {
				t.Errorf("%s, seed %d: %.1f MB/s, %.2f slower; want %v and %v", name, seed, rate/1e6, slower, tt.rate, tt.slower)
			}
		}
	}
}

// TestYieldFollowsTheLoad holds that clients that write three times as much as before are not taken for writes that giving holds up.
func TestYieldFollowsTheLoad(t *testing.T) {
	m := model{usual: time.Millisecond, perMBs: 0.001, random: rand.New(rand.NewPCG(1, 1))}
	y := Yield{Most: 200e6, Least: 25e6}
	y = y.Next(Seen{Took: m.usual})
	m.run(&y, 0, 20*time.Second)
	m.usual *= 3
	m.run(&y, 20*time.Second, 26*time.Second) // at the latest after the next rest
	if rate, _ := m.run(&y, 26*time.Second, 60*time.Second); rate < 50e6 {
		t.Errorf("%.1f MB/s are given, want at least 50", rate/1e6)
	}
}

// TestYieldIsNotStarved holds that a load that comes and goes, in whatever rhythm, does not keep giving from going on.
func TestYieldIsNotStarved(t *testing.T) {
	const most, least, tick = 200e6, 25e6, 200 * time.Millisecond
	for period := 2; period < 40; period++ {
		for busy := 1; busy < period; busy++ {
			y := Yield{Most: most, Least: least}
			given := int64(0)
			for n := range 600 {
				now := time.Duration(n) * tick
				if rate, rest := y.Rate(); now >= rest {
					given += int64(float64(rate) * tick.Seconds())
				}
				took := time.Duration(0)
				if n%period < busy {
					took = time.Duration(1+n%7) * time.Millisecond
				}
				y = y.Next(Seen{At: now, Took: took, Given: given})
			}
			if rate := float64(given) / (600 * tick).Seconds(); rate < 0.8*least {
				t.Errorf("%d of %d looks see writes: %.1f MB/s", busy, period, rate/1e6)
			}
		}
	}
}
