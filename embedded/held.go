package embedded

import (
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Held is what this server's copy of a stream holds: of sequences from First to Last so many bytes, the oldest stored at a time. An empty
// stream has Last = First-1 and no oldest.
type Held struct {
	First, Last, Bytes uint64
	Oldest             time.Time
}

// Held returns what this server's copies of all streams of logs hold, by their names. It asks nobody, but may wait for a disk.
func (s *Server) Held() map[string]Held {
	current, err := s.server()
	if err != nil {
		return nil
	}
	account, err := current.JszAccount(&server.JSzOptions{Account: logsAccount, Streams: true})
	if err != nil {
		return nil
	}
	held := make(map[string]Held, len(account.Streams))
	for i := range account.Streams {
		state := &account.Streams[i].State
		h := Held{First: state.FirstSeq, Last: state.LastSeq, Bytes: state.Bytes, Oldest: state.FirstTime}
		if state.Msgs == 0 {
			h.First, h.Oldest = state.LastSeq+1, time.Time{}
		}
		held[account.Streams[i].Name] = h
	}
	return held
}
