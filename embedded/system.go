package embedded

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// systemWithin bounds a request to the leader of the meta group.
const systemWithin = 5 * time.Second

// NoPlacement is a tag: nothing that is made or moved is put on a server that has it. What is there stays.
const NoPlacement = "!jetstream"

// Vacate has everything that lies on a server of the cluster go to others, whatever is placed by tags only where the tags allow it. It
// returns when that is begun. It may be called again.
func (s *Server) Vacate(ctx context.Context, name string) error {
	if err := s.order(ctx, "$JS.API.SERVER.EVACUATE", name); err != nil {
		return fmt.Errorf("vacate server %s: %w", name, err)
	}
	return nil
}

// Expel takes a server out of the meta group, for good: it cannot come back under its name. It returns when that is done, and nil also if the server is
// not in the group. What lies on the server should have gone before. Another change of the group that is under way is an error: call it again.
func (s *Server) Expel(ctx context.Context, name string) error {
	if err := s.order(ctx, "$JS.API.SERVER.REMOVE", name); err != nil {
		return fmt.Errorf("expel server %s: %w", name, err)
	}
	return nil
}

// order asks the leader of the meta group to do something with a server. That the group has no such server is no error.
func (s *Server) order(ctx context.Context, subject, name string) error {
	ctx, cancel := context.WithTimeout(ctx, systemWithin)
	defer cancel()
	nc, err := s.connect(systemUser, s.system)
	if err != nil {
		return err
	}
	defer nc.Close()
	request, err := json.Marshal(map[string]string{"peer": name, "peer_id": PeerID(name)})
	if err != nil {
		return err
	}
	answer, err := nc.RequestWithContext(ctx, subject, request)
	if err != nil {
		return err
	}
	var got struct {
		Error   *server.ApiError `json:"error"`
		Success bool             `json:"success"`
	}
	if err := json.Unmarshal(answer.Data, &got); err != nil {
		return err
	}
	switch {
	case got.Error != nil && server.IsNatsErr(got.Error, server.JSClusterServerNotMemberErr):
		return nil
	case got.Error != nil:
		return got.Error
	case !got.Success:
		return errors.New("the leader does not say that it is done")
	}
	return nil
}

// PeerID is a server's identity in the groups. The leader may not know the name of one that it has never heard.
func PeerID(name string) string {
	const digits, length = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", 8
	sum := sha256.Sum256([]byte(name))
	id := make([]byte, length)
	for i := range id {
		id[i] = digits[int(sum[i])%len(digits)]
	}
	return string(id)
}

// Streams returns how many streams this server has a part of. It asks nobody.
func (s *Server) Streams() int {
	current, err := s.server()
	if err != nil {
		return 0
	}
	info, err := current.Jsz(nil)
	if err != nil {
		return 0
	}
	return info.Streams
}
