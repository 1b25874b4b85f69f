package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
)

// Collector makes Prometheus's metrics of a Snapshot, which it asks for once a scrape.
type Collector struct {
	snapshot func() *Snapshot
	rows     []metric
	descs    []*prometheus.Desc
}

// NewCollector returns a collector of what snapshot returns. snapshot may be called from several goroutines.
func NewCollector(snapshot func() *Snapshot) *Collector {
	c := &Collector{snapshot: snapshot, rows: metrics()}
	for i := range c.rows {
		c.descs = append(c.descs, prometheus.NewDesc(prefix+c.rows[i].name, c.rows[i].help, c.rows[i].labels, nil))
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range c.descs {
		to <- desc
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(to chan<- prometheus.Metric) {
	s := c.snapshot()
	for i := range c.rows {
		row, desc := &c.rows[i], c.descs[i]
		if row.times != nil {
			row.times(s, func(h *Histogram, labels ...string) {
				to <- made(desc)(prometheus.NewConstHistogram(desc, h.Total, h.Sum.Seconds(), h.cumulated(), labels...))
			})
			continue
		}
		row.values(s, func(value float64, labels ...string) {
			to <- made(desc)(prometheus.NewConstMetric(desc, row.kind.valueType(), value, labels...))
		})
	}
}

// made passes on a metric, or, when there is none, one that says why: the scrape then fails with that, and the process goes on.
func made(desc *prometheus.Desc) func(m prometheus.Metric, err error) prometheus.Metric {
	return func(m prometheus.Metric, err error) prometheus.Metric {
		if err != nil {
			return prometheus.NewInvalidMetric(desc, err)
		}
		return m
	}
}

func (k kind) valueType() prometheus.ValueType {
	if k == counter {
		return prometheus.CounterValue
	}
	return prometheus.GaugeValue
}

// cumulated is the histogram as Prometheus has it: each bucket counts those before it, too.
func (h *Histogram) cumulated() map[float64]uint64 {
	all, sum := make(map[float64]uint64, len(h.Bounds)), uint64(0)
	for i, bound := range h.Bounds {
		sum += h.Counts[i]
		all[bound.Seconds()] = sum
	}
	return all
}

// longestLabel bounds the value of a label that a client has chosen.
const longestLabel = 128

// labelOf is a name that a client has chosen as a label's value: one that is too long, or no text, by a checksum of it. Different names have
// different values.
func labelOf(name string) string {
	if len(name) <= longestLabel && utf8.ValidString(name) {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return "sha256:" + hex.EncodeToString(sum[:8])
}
