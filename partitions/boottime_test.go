package partitions

import (
	"testing"
	"time"
)

// The clock agrees with the system's, and does not run backwards.
func TestBootClockAgreesWithTheSystem(t *testing.T) {
	clock, last := BootClock(), time.Duration(0)
	for range 1000 {
		before := bootTime()
		now := clock()
		after := bootTime()
		if now < before-sleepNoticed || now > after+sleepNoticed || now < last-sleepNoticed {
			t.Fatalf("the clock shows %v, the system %v to %v", now, before, after)
		}
		last = now
	}
}

// After a sleep wall time has run ahead of the monotonic clock: the system is asked, and the clock has run too.
func TestBootClockNoticesSleep(t *testing.T) {
	began := time.Now()
	boot, questions := time.Hour, 0
	c := &bootClock{began: began, ask: func() time.Duration { questions++; return boot }}
	if got := c.at(began); got != time.Hour {
		t.Errorf("at first it shows %v", got)
	}
	awake := began.Add(10 * time.Second) // both clocks run
	if got := c.at(awake); got != time.Hour+10*time.Second || questions != 1 {
		t.Errorf("awake it shows %v after %d questions", got, questions)
	}
	boot += 10*time.Second + 8*time.Hour
	slept := awake.Round(0).Add(8 * time.Hour) // wall time only, as after a sleep
	c.began = began.Round(0).Add(8 * time.Hour)
	if got := c.at(slept); got != boot || questions != 2 {
		t.Errorf("after eight hours of sleep it shows %v after %d questions, want %v after 2", got, questions, boot)
	}
}

func BenchmarkBootClock(b *testing.B) {
	clock := BootClock()
	for b.Loop() {
		clock()
	}
}

func BenchmarkBootTime(b *testing.B) {
	for b.Loop() {
		bootTime()
	}
}
