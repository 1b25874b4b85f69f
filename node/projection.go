package node

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"shiplog/embedded"
	"shiplog/node/changes"
	"shiplog/partitions"
)

// changesAccount is what the node's NATS server has to know of readers of changes, nil when there are none.
func (n *Node) changesAccount() (*embedded.Changes, error) {
	c := n.cfg
	if !c.Changes.Stream {
		return nil, nil
	}
	password := c.Changes.Password
	if password == "" {
		var err error
		if password, err = n.readersPassword(); err != nil {
			return nil, err
		}
	}
	return &embedded.Changes{
		Stream: changes.StreamName, Ingest: changes.StreamIngest, User: c.Changes.User, Password: password,
		Host: c.Net.Bind[0].IP().String(), Port: int(c.Changes.Port),
	}, nil
}

// readersPassword is the password that the node makes for readers of changes: the same on all nodes of a cluster, and after each start.
func (n *Node) readersPassword() (string, error) {
	password := rand.Text()
	if n.cfg.Cluster.Enabled {
		mac := hmac.New(sha256.New, []byte(n.cfg.Cluster.Secret))
		mac.Write([]byte("readers of changes"))
		password = hex.EncodeToString(mac.Sum(nil)[:16])
	} else if before, err := passwordIn(n.cfg.ChangesFile()); err != nil {
		return "", err
	} else if before != "" {
		password = before
	}
	address := url.URL{Scheme: "nats", User: url.UserPassword(n.cfg.Changes.User, password), Host: n.cfg.ChangesAddr()}
	return password, replaceFile(n.cfg.ChangesFile(), []byte(address.String()+"\n"), 0o600)
}

// passwordIn returns the password of the URL in a file; empty when there is no file.
func passwordIn(name string) (string, error) {
	content, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	address, err := url.Parse(strings.TrimSpace(string(content)))
	if err != nil || address.User == nil {
		return "", fmt.Errorf("the file %s holds no URL with a password: remove it, and another one is made", name)
	}
	password, _ := address.User.Password()
	return password, nil
}

// projection publishes the changes of the partitions that this node leads, with a projector for each.
type projection struct {
	node   *Node
	stream *changes.Stream
	bucket *changes.Bucket
	filter atomic.Pointer[changes.Filter]
	limits chan struct{} // what the stream shall keep is to be looked at

	mu      sync.Mutex
	running map[int]*projecting
}

// projecting is a projector that runs.
type projecting struct {
	*changes.Projector
	cancel context.CancelFunc
	ended  chan struct{}
}

func newProjection(n *Node) *projection {
	p := &projection{
		node: n, stream: changes.NewStream(n.nats.ConnectChanges), bucket: changes.NewCheckpointBucket(n.nats.Connect, n.copies),
		limits: make(chan struct{}, 1), running: make(map[int]*projecting),
	}
	p.choose(n.settings.Config())
	n.settings.OnChange("changes-stream-match", p.choose)
	for _, name := range []string{"changes-stream-seconds", "changes-stream-bytes"} {
		n.settings.OnChange(name, func(*Config) { p.look() })
	}
	return p
}

// choose takes the filter of a configuration.
func (p *projection) choose(c *Config) {
	f := &changes.Filter{Match: matchKey}
	for _, glob := range c.Changes.Match {
		f.Globs = append(f.Globs, []byte(glob))
	}
	p.filter.Store(f)
}

// look has the stream's limits looked at soon.
func (p *projection) look() {
	select {
	case p.limits <- struct{}{}:
	default:
	}
}

// How often is looked at which partitions are led here, and how long after a vain try the stream is made again.
const (
	projectionLook = 50 * time.Millisecond
	streamAgain    = time.Second
)

// run publishes until ctx ends.
func (p *projection) run(ctx context.Context) error {
	making := make(chan struct{})
	go func() { // ends before run returns
		defer close(making)
		p.keepStream(ctx)
	}()
	tick := time.NewTicker(projectionLook)
	defer tick.Stop()
	for ctx.Err() == nil {
		p.follow(ctx)
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	for _, r := range p.all() {
		<-r.ended // it ends with ctx
	}
	<-making
	p.stream.Close()
	p.bucket.Close()
	return nil
}

// keepStream makes the stream and keeps it as the configuration says, while this node leads partition 0.
func (p *projection) keepStream(ctx context.Context) {
	var again <-chan time.Time
	var told string
	for p.look(); ; {
		select {
		case <-ctx.Done():
			return
		case <-p.limits:
		case <-again:
		}
		again = time.After(streamAgain)
		if !p.node.leads(0) {
			continue
		}
		c := &p.node.settings.Config().Changes
		limits := changes.StreamLimits{Age: c.Age, Bytes: c.Bytes, Replicas: int(c.Copies)}
		if limits.Replicas == 0 {
			limits.Replicas = p.node.copies()
		}
		err := p.stream.Ensure(ctx, limits)
		switch {
		case err == nil:
			told = ""
		case err.Error() != told && ctx.Err() == nil:
			told = err.Error()
			p.node.log.Warn("the stream of changes is not there yet", "error", err)
		}
	}
}

// leads tells whether this node leads a partition.
func (n *Node) leads(partition int) bool {
	source, err := n.holder.source(partition)
	if err != nil {
		return false
	}
	return source.partition.Standing().Role == partitions.Primary
}

// follow begins projectors of partitions that are led here, and ends those of others.
func (p *projection) follow(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.node.holder.partitions() {
		r, leads := p.running[i], p.node.leads(i)
		switch {
		case leads && r == nil:
			p.running[i] = p.begin(ctx, i)
		case !leads && r != nil:
			r.cancel()
			<-r.ended
			delete(p.running, i)
		}
	}
}

// begin runs a projector until it is cancelled or ctx ends.
func (p *projection) begin(ctx context.Context, partition int) *projecting {
	r := &projecting{ended: make(chan struct{})}
	r.Projector = changes.NewProjector(changes.ProjectorConfig{
		Partition: partition, Feeds: p.node.feeds.read, Outlet: p.stream, Store: p.bucket, Filter: p.filter.Load,
		Event: func(text string, err error) { p.node.log.Warn(text, "partition", partition, "error", err) },
	})
	ctx, r.cancel = context.WithCancel(ctx)
	go func() { // ends before run returns
		defer close(r.ended)
		r.Run(ctx)
	}()
	return r
}

// all returns the projectors that run.
func (p *projection) all() map[int]*projecting {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make(map[int]*projecting, len(p.running))
	for i, r := range p.running {
		all[i] = r
	}
	return all
}

// lines are what INFO says.
func (p *projection) lines() [][2]string {
	c := p.node.cfg
	lines := [][2]string{{"change_stream", changes.StreamName}, {"change_stream_address", p.node.nats.ChangesAddr()}}
	if file := c.ChangesFile(); file != "" {
		lines = append(lines, [2]string{"change_stream_url_file", file})
	}
	all := p.all()
	for i := range p.node.holder.partitions() {
		r := all[i]
		if r == nil {
			continue
		}
		text := "lag_records=-1,lag_ms=-1" // it does not know yet how far it is
		at, published, failure := r.At()
		if at != nil {
			records, behind := p.node.feeds.lag(&changes.Token{Partitions: []changes.Position{*at}})
			text = fmt.Sprintf("lag_records=%d,lag_ms=%d", records, behind.Milliseconds())
		}
		text += fmt.Sprintf(",published=%d", published)
		if failure != nil {
			text += ",error=" + strings.NewReplacer("\r", " ", "\n", " ", ",", ";").Replace(failure.Error())
		}
		lines = append(lines, [2]string{fmt.Sprintf("change_stream_%d", i), text})
	}
	return lines
}
