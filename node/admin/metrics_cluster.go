package admin

import "strconv"

// clusterMetrics are missing on a lone node.
func clusterMetrics() []metric {
	of := func(value func(c *Cluster) float64) func(*Snapshot, emit) {
		return func(s *Snapshot, out emit) {
			if s.Cluster != nil {
				out(value(s.Cluster))
			}
		}
	}
	return []metric{
		{name: "cluster_coordinator", unit: "0 or 1", help: "1 on the node that decides who leads; this and what follows only in a cluster.", values: of(func(c *Cluster) float64 { return yes(c.Coordinates) })},
		{name: "cluster_state_ok", unit: "0 or 1", help: "1 while every slot is served, as far as this node knows.", values: of(func(c *Cluster) float64 { return yes(c.OK) })},
		{name: "cluster_map_version", unit: "versions", help: "The newest cluster map that this node knows; 0: there is no cluster yet.", values: of(func(c *Cluster) float64 { return float64(c.Version) })},
		{name: "cluster_known_nodes", unit: "nodes", help: "Nodes of the cluster.", values: of(func(c *Cluster) float64 { return float64(c.Nodes) })},
		{name: "cluster_alive_nodes", unit: "nodes", help: "Those of them that are heard, this one included.", values: of(func(c *Cluster) float64 { return float64(c.Alive) })},
		{name: "cluster_partitions", unit: "partitions", help: "Partitions of the cluster.", values: of(func(c *Cluster) float64 { return float64(c.Partitions) })},
		{name: "cluster_partitions_without_primary", unit: "partitions", help: "Those of them that no living node is heard to lead.", values: of(func(c *Cluster) float64 { return float64(c.Unled) })},
		{name: "cluster_heartbeats_ignored_total", kind: counter, unit: "heartbeats", help: "Heartbeats that were malformed, of another cluster, or of too many nodes.", values: of(func(c *Cluster) float64 { return float64(c.Ignored) })},
	}
}

// mostLags bounds how many subscriptions, and how many groups, are shown each by itself.
const mostLags = 64

// lags is a value for each of those that are behind, up to a bound.
func lags(list func(c *Changes) []Lag, value func(l *Lag) float64) func(*Snapshot, emit) {
	return func(s *Snapshot, out emit) {
		all := list(&s.Changes)
		for i := range all[:min(len(all), mostLags)] {
			out(value(&all[i]), labelOf(all[i].Name))
		}
	}
}

// most is the largest of the values, 0 if there are none.
func most(list func(c *Changes) []Lag, value func(l *Lag) float64) func(*Snapshot, emit) {
	return func(s *Snapshot, out emit) {
		largest := 0.0
		all := list(&s.Changes)
		for i := range all {
			largest = max(largest, value(&all[i]))
		}
		out(largest)
	}
}

func changeMetrics() []metric {
	subscriptions := func(c *Changes) []Lag { return c.Subscriptions }
	groups := func(c *Changes) []Lag { return c.Groups }
	records := func(l *Lag) float64 { return float64(l.Records) }
	behind := func(l *Lag) float64 { return seconds(l.Behind) }
	return append([]metric{
		{name: "change_readers", unit: "readers", help: "Readers of change feeds that are open: subscriptions, projectors, and calls of CHANGES READ that wait.", values: one(func(s *Snapshot) int64 { return s.Changes.Readers })},
		{name: "change_snapshots", unit: "snapshots", help: "Snapshots that CHANGES SNAPSHOT walks through now.", values: one(func(s *Snapshot) int64 { return s.Changes.Snapshots })},
		{name: "changes_delivered_total", kind: counter, unit: "changes", help: "Changes given to readers of any kind.", values: one(func(s *Snapshot) uint64 { return s.Changes.Delivered })},
		{name: "changes_trimmed_before_read_total", kind: counter, unit: "times", help: "Times that a reader was told TRIMMED: what it wants next is not in the log any more.", values: one(func(s *Snapshot) uint64 { return s.Changes.Trimmed })},
		{name: "change_subscriptions", unit: "subscriptions", help: "Subscriptions (CHANGES SUBSCRIBE).", values: one(func(s *Snapshot) int { return len(s.Changes.Subscriptions) })},
		{name: "change_subscriptions_most_lag_records", unit: "records", help: "Lag of the subscription that is farthest behind.", values: most(subscriptions, records)},
		{name: "change_subscription_lag_records", unit: "records", labels: []string{"subscription"}, help: "Records that each subscription is behind the end of the log; the 64 oldest.", values: lags(subscriptions, records)},
		{name: "change_subscription_lag_seconds", unit: "seconds", labels: []string{"subscription"}, help: "How much older the last record it was sent is than the last there is; the 64 oldest.", values: lags(subscriptions, behind)},
		{name: "change_groups", unit: "groups", help: "Groups (CHANGES GROUP), within the last seconds.", values: one(func(s *Snapshot) int { return len(s.Changes.Groups) })},
		{name: "change_group_lag_records", unit: "records", labels: []string{"group"}, help: "Records that each group has not acknowledged in the partitions that this node leads, so that the sum over all nodes is the group's lag; the first 64 by name.", values: lags(groups, records)},
		{name: "change_group_lag_seconds", unit: "seconds", labels: []string{"group"}, help: "How much older the last record that it has acknowledged is than the last there is: the most of any partition that this node leads.", values: lags(groups, behind)},
	}, projectorMetrics()...)
}

// projectorMetrics are there with changes-stream yes, for the partitions that the node leads.
func projectorMetrics() []metric {
	label := partitionLabel()
	of := func(value func(p *Projector) (float64, bool)) func(*Snapshot, emit) {
		return func(s *Snapshot, out emit) {
			for i := range s.Changes.Projectors {
				p := &s.Changes.Projectors[i]
				if v, there := value(p); there {
					out(v, strconv.Itoa(p.Partition))
				}
			}
		}
	}
	return []metric{
		{name: "change_stream_lag_records", unit: "records", labels: label, help: "Records that are not published over NATS yet, with changes-stream yes, of each partition that this node leads; missing until that is known.",
			values: of(func(p *Projector) (float64, bool) {
				if p.Behind == nil {
					return 0, false
				}
				return float64(p.Behind.Records), true
			})},
		{name: "change_stream_lag_seconds", unit: "seconds", labels: label, help: "How much older the last record published is than the last there is.",
			values: of(func(p *Projector) (float64, bool) {
				if p.Behind == nil {
					return 0, false
				}
				return seconds(p.Behind.Behind), true
			})},
		{name: "change_stream_published_total", kind: counter, unit: "changes", labels: label, help: "Changes published over NATS.",
			values: of(func(p *Projector) (float64, bool) { return float64(p.Published), true })},
		{name: "change_stream_failing", unit: "0 or 1", labels: label, help: "1 while publishing does not go on; CHANGES INFO says why.",
			values: of(func(p *Projector) (float64, bool) { return yes(p.Failing), true })},
	}
}
