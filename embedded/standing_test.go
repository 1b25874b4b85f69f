package embedded

import "testing"

// A machine too busy to look at listeners within a millisecond says nothing about storing.
func TestDiagnosis(t *testing.T) {
	const busy, full = "failed to be ready for connections after 1ms: startup did not complete", "JetStream stream 'LOGS > WAL_0': write error"
	for _, c := range []struct {
		answers []string
		want    string
	}{
		{[]string{""}, ""},
		{[]string{full}, full},
		{[]string{busy, ""}, ""},
		{[]string{busy, full}, full},
		{[]string{busy, busy, busy}, ""},
	} {
		asked := 0
		got := diagnosis(func() string { asked++; return c.answers[asked-1] })
		if got != c.want || asked != len(c.answers) {
			t.Errorf("%q: got %q after %d questions, want %q", c.answers, got, asked, c.want)
		}
	}
}
