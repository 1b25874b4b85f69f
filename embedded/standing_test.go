package embedded

import (
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// A machine too busy to look at listeners within a millisecond says nothing about storing.
func TestDiagnosis(t *testing.T) {
	busy := []server.HealthzError{{Type: server.HealthzErrorConn, Error: "failed to be ready for connections after 1ms: startup did not complete"}}
	full := []server.HealthzError{{Type: server.HealthzErrorStream, Error: "being made"}, {Type: server.HealthzErrorStream, Error: "write error"}}
	for _, c := range []struct {
		name    string
		answers [][]server.HealthzError
		want    string
	}{
		{"well", [][]server.HealthzError{nil}, ""},
		{"full", [][]server.HealthzError{full}, "write error"},
		{"busy and well", [][]server.HealthzError{busy, nil}, ""},
		{"busy and full", [][]server.HealthzError{busy, full}, "write error"},
		{"busy for long", [][]server.HealthzError{busy, busy, busy}, ""},
	} {
		asked := 0
		ask := func() []server.HealthzError { asked++; return c.answers[asked-1] }
		got := diagnosis(ask, func(e *server.HealthzError) bool { return e.Error == "being made" })
		if got != c.want || asked != len(c.answers) {
			t.Errorf("%s: got %q after %d questions, want %q", c.name, got, asked, c.want)
		}
	}
}
