package waltest

import "testing"

// memoryHarness is one store and its writers.
type memoryHarness struct{ first *Memory }

func (h memoryHarness) Limit(bytes uint64) { h.first.Limit(bytes) }

func (h memoryHarness) Writer(t *testing.T) Writer {
	m := h.first.Writer()
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func TestMemory(t *testing.T) {
	Run(t, func(*testing.T) Harness { return memoryHarness{NewMemory()} })
}
