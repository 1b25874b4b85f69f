package commands

import (
	"fmt"
	"strings"
	"time"

	"shiplog/node/reply"
)

// LATENCY LATEST
func latencyLatest(s *Session, _ Args) reply.Reply {
	var out []reply.Reply
	for _, event := range s.srv.latency.names() {
		samples, worst := s.srv.latency.history(event)
		if len(samples) == 0 {
			continue
		}
		last := samples[len(samples)-1]
		out = append(out, reply.Array(reply.BulkString(event), reply.Int(last.at.Unix()),
			reply.Int(last.took.Milliseconds()), reply.Int(worst.Milliseconds())))
	}
	return reply.Array(out...)
}

// LATENCY HISTORY event
func latencyHistory(s *Session, a Args) reply.Reply {
	samples, _ := s.srv.latency.history(string(a[2]))
	out := make([]reply.Reply, len(samples))
	for i, sample := range samples {
		out[i] = reply.Array(reply.Int(sample.at.Unix()), reply.Int(sample.took.Milliseconds()))
	}
	return reply.Array(out...)
}

// LATENCY RESET [event [event ...]]
func latencyReset(s *Session, a Args) reply.Reply {
	var events []string
	for _, word := range a[2:] {
		events = append(events, string(word))
	}
	return reply.Int(int64(s.srv.latency.reset(events)))
}

// LATENCY GRAPH event
func latencyGraph(s *Session, a Args) reply.Reply {
	samples, worst := s.srv.latency.history(string(a[2]))
	if len(samples) == 0 {
		return reply.Errorf("ERR No samples available for event '%s'", a[2])
	}
	return reply.Verbatim(graph(string(a[2]), samples, worst))
}

// graphRows is how high a graph is, and graphColumns how many of the newest spikes it shows.
const (
	graphRows    = 8
	graphColumns = 64
)

// graph draws spikes as columns.
func graph(event string, samples []spike, worst time.Duration) string {
	samples = samples[max(0, len(samples)-graphColumns):]
	var top time.Duration
	for _, s := range samples {
		top = max(top, s.took)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s - high %d ms, all time high %d ms\n%s\n", event, top.Milliseconds(), worst.Milliseconds(),
		strings.Repeat("-", 80))
	for row := graphRows; row > 0; row-- {
		for _, s := range samples {
			if s.took*graphRows >= top*time.Duration(row) || row == 1 {
				b.WriteByte('#')
			} else {
				b.WriteByte(' ')
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// LATENCY DOCTOR
func latencyDoctor(s *Session, _ Args) reply.Reply {
	least := s.srv.tune().latencyMin
	names := s.srv.latency.names()
	switch {
	case least <= 0 && len(names) == 0:
		return reply.Verbatim("Latency monitoring is off. \"CONFIG SET latency-monitor-threshold <milliseconds>\" turns it on.\n")
	case len(names) == 0:
		return reply.Verbatim(fmt.Sprintf("Nothing has taken %d ms or longer so far.\n", least.Milliseconds()))
	}
	var b strings.Builder
	for _, event := range names {
		samples, worst := s.srv.latency.history(event)
		var sum time.Duration
		for _, sample := range samples {
			sum += sample.took
		}
		fmt.Fprintf(&b, "%s: %d spikes, %d ms on average, %d ms at worst.\n", event, len(samples),
			(sum / time.Duration(max(len(samples), 1))).Milliseconds(), worst.Milliseconds())
	}
	b.WriteString("SLOWLOG GET shows which commands were slow; INFO shiplog shows how long the log takes to acknowledge.\n")
	return reply.Verbatim(b.String())
}

// LATENCY HISTOGRAM [command [command ...]]
func latencyHistogram(s *Session, a Args) reply.Reply {
	var pairs []reply.Reply
	show := func(r *Row) {
		if calls, _ := r.state.stats.sum(); calls > 0 {
			pairs = append(pairs, reply.BulkString(r.Name), histogramReply(calls, r.state.stats.histogram()))
		}
	}
	if len(a) == 2 {
		s.srv.table.each(show)
	}
	for _, name := range a[2:] {
		row := s.srv.table.ByFullName(string(name))
		if row == nil {
			continue
		}
		show(row)
		for i := range row.Subcommands {
			show(&row.Subcommands[i])
		}
	}
	return reply.Map(pairs...)
}

// histogramReply is how many calls took no longer than each power of two of microseconds.
func histogramReply(calls uint64, h *histogram) reply.Reply {
	var pairs []reply.Reply
	var sum uint64
	add := func(bound int64, n uint64) {
		if n > 0 {
			sum += n
			pairs = append(pairs, reply.Int(bound), reply.Int(int64(sum)))
		}
	}
	add(1, h.buckets[0].Load())
	for octave := range octaves {
		var n uint64
		for i := max(octave*steps, 1); i < (octave+1)*steps; i++ {
			n += h.buckets[i].Load()
		}
		add(2<<octave, n)
	}
	return reply.Map(
		reply.BulkString("calls"), reply.Int(int64(calls)),
		reply.BulkString("histogram_usec"), reply.Map(pairs...))
}
