package node

import "testing"

// TestMemoryPeak holds that what was used most is remembered when less is used again.
func TestMemoryPeak(t *testing.T) {
	var m usage
	first := m.now(0)
	most := m.now(1 << 40)
	m.cache.Store(0)
	m.look()
	if m.startup.Load() != first || m.peak.Load() != most || most < 1<<40 {
		t.Errorf("startup %d, peak %d; want %d and %d", m.startup.Load(), m.peak.Load(), first, most)
	}
}
