package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
)

// Place is where a partition's stream lies.
type Place struct {
	Servers []string // the names of the servers that have a peer of it, in ascending order
	Settled bool     // and no change of that is under way
	Waits   string   // for what the change that is under way waits, in the server's words; may be empty
}

// peer is a server as the stream's leader knows it: its name, or what stands for an unknown one, and its identity in the group.
type peer struct {
	Name string `json:"name"`
	Peer string `json:"peer"`
}

// placing is what STREAM.INFO says of where a stream lies, and shall.
type placing struct {
	Leader   string   `json:"leader"`
	Replicas []peer   `json:"replicas"`
	Desired  *desired `json:"desired"`
}

// desired is where a stream is going to lie.
type desired struct {
	Replicas []peer    `json:"replicas"`
	Status   migration `json:"status"`
}

// migration is how far the server is with a change of where a stream lies (DesiredClusterInfoStatus of nats-server 2.15).
type migration struct {
	Description string `json:"description"`
	Type        string `json:"type"`
	Err         string `json:"err"`
}

func (m *migration) words() string {
	words := m.Description
	if m.Type != "" {
		words = m.Type + ": " + words
	}
	if m.Err != "" {
		words += " (" + m.Err + ")"
	}
	return words
}

// consumer is the name of the consumer that is waited for; "" when it is something else.
func (m *migration) consumer() string {
	_, after, found := strings.Cut(m.Description, "waiting for consumer '")
	name, _, closed := strings.Cut(after, "'")
	if !found || !closed || strings.ContainsAny(name, ".*> ") {
		return ""
	}
	return name
}

// Aim is where a stream is to lie: on the servers Wanted. Those that are Dead are not waited for: they are taken out at once, and whatever
// lies there of the stream's consumers is given up. They are named, or identified as peers: a server that was started since does not know a dead one's name.
type Aim struct{ Wanted, Dead []string }

// Relocate brings a partition's stream one step nearer to lying on the servers that are wanted, and says where it lies now. It compares
// what is with what is wanted, so it may be called at any time, again, and by several; it does nothing while servers are missing
// for which there is no other to leave, and never takes a server out without another one coming in. JetStream adds the new one, lets it
// catch up, and only then takes the old one out; it goes on with that by itself. The servers that are wanted must have the stream's tags (Config.Tags),
// and others, that are not in it, must not: the meta group's leader knows new tags after a second or so, and until then nothing happens.
func Relocate(ctx context.Context, nc *nats.Conn, partition int, aim Aim) (Place, error) {
	at, err := placingOf(ctx, nc, partition)
	if err != nil {
		return Place{}, fmt.Errorf("where the log of partition %d lies: %w", partition, err)
	}
	place := at.place()
	verb := "REMOVE"
	out, move := at.dead(aim)
	if !move {
		verb = "EVACUATE"
		out, move = at.extra(aim.Wanted)
	}
	if !move {
		return place, nil
	}
	place.Settled = false
	if err := exchange(ctx, nc, verb, partition, out); err != nil {
		return place, fmt.Errorf("move the log of partition %d away from %s: %w", partition, out.Name, err)
	}
	return place, nil
}

// Locate says where a partition's stream lies, as Relocate does, and changes nothing.
func Locate(ctx context.Context, nc *nats.Conn, partition int) (Place, error) {
	at, err := placingOf(ctx, nc, partition)
	if err != nil {
		return Place{}, fmt.Errorf("where the log of partition %d lies: %w", partition, err)
	}
	return at.place(), nil
}

// Clear deletes a consumer of a partition's stream that a change of where it lies waits for, and returns its name; "" when it waits for none. A consumer is a tail's, which makes
// another one where it stands. It can be without a leader for good, when one of the two servers that it was to move between
// has died: nobody moves it then, and nobody finds out that it is not used.
func Clear(ctx context.Context, nc *nats.Conn, partition int) (consumer string, err error) {
	at, err := placingOf(ctx, nc, partition)
	if err != nil || at.Desired == nil {
		return "", err
	}
	if consumer = at.Desired.Status.consumer(); consumer == "" {
		return "", nil
	}
	var got struct {
		Error *natsjs.APIError `json:"error"`
	}
	if err := ask(ctx, nc, "$JS.API.CONSUMER.DELETE."+StreamName(partition)+"."+consumer, nil, &got); err != nil {
		return consumer, err
	}
	if got.Error != nil {
		return consumer, got.Error
	}
	return consumer, nil
}

// placingOf asks the stream's leader.
func placingOf(ctx context.Context, nc *nats.Conn, partition int) (placing, error) {
	var got struct {
		Error   *natsjs.APIError `json:"error"`
		Cluster *placing         `json:"cluster"`
	}
	if err := ask(ctx, nc, "$JS.API.STREAM.INFO."+StreamName(partition), nil, &got); err != nil {
		return placing{}, err
	}
	switch {
	case got.Error != nil:
		return placing{}, got.Error
	case got.Cluster == nil || got.Cluster.Leader == "":
		return placing{}, errors.New("the stream has no leader")
	}
	return *got.Cluster, nil
}

func (p *placing) place() Place {
	place := Place{Servers: []string{p.Leader}, Settled: p.Desired == nil}
	for _, r := range p.Replicas {
		place.Servers = append(place.Servers, r.Name)
	}
	slices.Sort(place.Servers)
	if p.Desired != nil {
		place.Waits = p.Desired.Status.words()
	}
	return place
}

// extra is a server that is to leave, if there is one that is to come: of those that the stream lies on, or, while
// that changes already, of those that it is going to lie on.
func (p *placing) extra(wanted []string) (out peer, move bool) {
	going := append([]peer{{Name: p.Leader, Peer: p.Leader}}, p.Replicas...)
	if p.Desired != nil {
		going = p.Desired.Replicas
	}
	missing := slices.ContainsFunc(wanted, func(name string) bool {
		return !slices.ContainsFunc(going, func(q peer) bool { return q.Name == name })
	})
	for _, q := range going {
		if missing && !slices.Contains(wanted, q.Name) {
			return q, true
		}
	}
	return peer{}, false
}

// dead is a server that is dead, and to leave, on which the stream lies.
func (p *placing) dead(aim Aim) (out peer, move bool) {
	for _, q := range p.Replicas {
		if (slices.Contains(aim.Dead, q.Name) || slices.Contains(aim.Dead, q.Peer)) && !slices.Contains(aim.Wanted, q.Name) {
			return q, true
		}
	}
	return peer{}, false
}

// exchange asks the meta group's leader for another server than one that the stream lies on. It refuses while there is none.
func exchange(ctx context.Context, nc *nats.Conn, verb string, partition int, out peer) error {
	request, err := json.Marshal(map[string]string{"peer": out.Peer})
	if err != nil {
		return err
	}
	var got struct {
		Error *natsjs.APIError `json:"error"`
	}
	if err := ask(ctx, nc, "$JS.API.STREAM.PEER."+verb+"."+StreamName(partition), request, &got); err != nil {
		return err
	}
	if got.Error != nil {
		return got.Error
	}
	return nil
}

// ask is a request to the server's API.
func ask(ctx context.Context, nc *nats.Conn, subject string, request []byte, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, requestWithin)
	defer cancel()
	msg, err := nc.RequestWithContext(ctx, subject, request)
	if err != nil {
		return err
	}
	return json.Unmarshal(msg.Data, answer)
}
