package changes

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
)

// The stream of changes, what its messages' subjects begin with, and what is published for that: no client can have a message sent there (package
// embedded).
const (
	StreamName   = "CHANGES"
	StreamIngest = "_R_.changes.>"

	streamPrefix = "changes."
	ingestPrefix = "_R_."
)

// The headers of messages. A key that is no text, or too long, is in base64 or absent.
const (
	headerKey   = "Shiplog-Key"
	headerKey64 = "Shiplog-Key64"
	headerToken = "Shiplog-Token"
	mostKey     = 4 << 10
)

// How long one question to JetStream may take, and how long it remembers identities. It need not: the fence keeps messages apart.
const (
	outletWithin = 2 * time.Second
	ensureWithin = 5 * time.Second
	rememberIDs  = 10 * time.Second
)

// StreamLimits say what the stream of changes keeps.
type StreamLimits struct {
	Age      time.Duration // 0: for ever
	Bytes    int64         // 0: without limit
	Replicas int
}

// Stream is an Outlet in JetStream. Its methods are safe from any goroutine.
//
// One stream holds all partitions, so that its readers have one thing to consume; a fence keeps each partition's messages in order and single.
// Every message says which sequence the newest message of "changes.<partition>.>" must have. JetStream compares that when it takes a
// batch in, and takes no other one with the same fence before the first is stored. A batch is stored as a whole.
type Stream struct {
	connect func() (*nats.Conn, error)

	mu sync.Mutex
	nc *nats.Conn
}

// NewStream returns the stream in the account that connect leads to. It need not exist yet.
func NewStream(connect func() (*nats.Conn, error)) *Stream { return &Stream{connect: connect} }

// Close closes the connection.
func (s *Stream) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nc != nil {
		s.nc.Close()
		s.nc = nil
	}
}

func (s *Stream) conn() (*nats.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nc != nil {
		return s.nc, nil
	}
	nc, err := s.connect()
	if err != nil {
		return nil, err
	}
	s.nc = nc
	return nc, nil
}

// Ensure makes the stream, or changes what it keeps.
func (s *Stream) Ensure(ctx context.Context, limits StreamLimits) error {
	ctx, cancel := context.WithTimeout(ctx, ensureWithin)
	defer cancel()
	nc, err := s.conn()
	if err != nil {
		return err
	}
	js, err := natsjs.New(nc)
	if err != nil {
		return err
	}
	want := streamConfig(limits)
	if now, err := js.Stream(ctx, StreamName); err == nil && asWanted(&now.CachedInfo().Config, &want) {
		return nil
	}
	if _, err := js.CreateOrUpdateStream(ctx, want); err != nil {
		return fmt.Errorf("make the stream %s: %w", StreamName, err)
	}
	return nil
}

func streamConfig(limits StreamLimits) natsjs.StreamConfig {
	c := natsjs.StreamConfig{
		Name: StreamName, Description: "every change, in order within each partition: changes.<partition>.<type>.<operation>",
		Subjects:         []string{StreamIngest},
		SubjectTransform: &natsjs.SubjectTransformConfig{Source: StreamIngest, Destination: streamPrefix + ">"},
		Storage:          natsjs.FileStorage, Replicas: limits.Replicas, MaxAge: limits.Age, MaxBytes: -1,
		Discard: natsjs.DiscardOld, Duplicates: rememberIDs, AllowAtomicPublish: true, AllowDirect: true, DenyDelete: true,
	}
	if limits.Bytes > 0 {
		c.MaxBytes = limits.Bytes
	}
	if c.MaxAge > 0 && c.MaxAge < c.Duplicates {
		c.Duplicates = c.MaxAge
	}
	return c
}

// asWanted tells whether a stream keeps what it shall.
func asWanted(now, want *natsjs.StreamConfig) bool {
	return now.MaxAge == want.MaxAge && now.MaxBytes == want.MaxBytes && now.Replicas == want.Replicas &&
		slices.Equal(now.Subjects, want.Subjects) && now.AllowAtomicPublish
}

func fenceOf(partition int) string { return streamPrefix + strconv.Itoa(partition) + ".>" }

// Last asks the stream's leader for a partition's newest message.
func (s *Stream) Last(ctx context.Context, partition int) (uint64, string, error) {
	ctx, cancel := context.WithTimeout(ctx, outletWithin)
	defer cancel()
	nc, err := s.conn()
	if err != nil {
		return 0, "", err
	}
	m, err := nc.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+StreamName, fmt.Appendf(nil, `{"last_by_subj":%q}`, fenceOf(partition)))
	if err != nil {
		return 0, "", err
	}
	var answer struct {
		Error   *natsjs.APIError `json:"error"`
		Message struct {
			Seq    uint64 `json:"seq"`
			Header []byte `json:"hdrs"`
		} `json:"message"`
	}
	switch err := json.Unmarshal(m.Data, &answer); {
	case err != nil:
		return 0, "", err
	case answer.Error != nil && answer.Error.ErrorCode == natsjs.JSErrCodeMessageNotFound:
		return 0, "", nil
	case answer.Error != nil:
		return 0, "", answer.Error
	}
	header, err := nats.DecodeHeadersMsg(answer.Message.Header)
	if err != nil {
		return 0, "", err
	}
	token := header.Get(headerToken)
	if token == "" {
		return 0, "", fmt.Errorf("message %d of the stream %s has no token: somebody else has published it", answer.Message.Seq, StreamName)
	}
	return answer.Message.Seq, token, nil
}

// Publish stores messages of a partition as one batch.
func (s *Stream) Publish(ctx context.Context, partition int, newest uint64, batch []Message) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, outletWithin)
	defer cancel()
	nc, err := s.conn()
	if err != nil {
		return 0, err
	}
	messages := encode(partition, newest, batch)
	last := len(messages) - 1
	for _, m := range messages[:last] {
		if err := nc.PublishMsg(m); err != nil {
			return 0, err
		}
	}
	answer, err := nc.RequestMsgWithContext(ctx, messages[last])
	if err != nil {
		return 0, fmt.Errorf("publish: %w", err)
	}
	return judge(answer.Data)
}

// judge reads JetStream's answer to a batch.
func judge(answer []byte) (uint64, error) {
	var ack struct {
		Error     *natsjs.APIError `json:"error"`
		Seq       uint64           `json:"seq"`
		Duplicate bool             `json:"duplicate"`
	}
	switch err := json.Unmarshal(answer, &ack); {
	case err != nil:
		return 0, fmt.Errorf("publish: %w", err)
	case ack.Duplicate:
		return 0, ErrConflict
	case ack.Error == nil && ack.Seq > 0:
		return ack.Seq, nil
	case ack.Error == nil:
		return 0, errors.New("publish: an answer that says nothing")
	case slices.Contains(conflicts(), ack.Error.ErrorCode):
		return 0, fmt.Errorf("%w: %w", ErrConflict, ack.Error)
	}
	return 0, fmt.Errorf("publish: %w", ack.Error)
}

// conflicts are the codes that say that another message is the newest, that the same ones are there, or that another batch of
// the partition is about to be stored.
func conflicts() []natsjs.ErrorCode {
	const duplicates, inProcess = 10201, 10158
	return []natsjs.ErrorCode{natsjs.JSErrCodeStreamWrongLastSequence, natsjs.JSErrCodeStreamWrongLastSequenceConstant, duplicates, inProcess}
}

// encode makes NATS messages of a batch.
func encode(partition int, newest uint64, batch []Message) []*nats.Msg {
	fence, number, id := fenceOf(partition), strconv.FormatUint(newest, 10), nats.NewInbox()[len(nats.InboxPrefix):]
	messages := make([]*nats.Msg, len(batch))
	for i := range batch {
		b := &batch[i]
		h := nats.Header{
			"Nats-Msg-Id":                                 {b.ID},
			natsjs.ExpectedLastSubjSeqHeader:              {number},
			"Nats-Expected-Last-Subject-Sequence-Subject": {fence},
		}
		if len(batch) > 1 {
			h["Nats-Batch-Id"], h["Nats-Batch-Sequence"] = []string{id}, []string{strconv.Itoa(i + 1)}
		}
		if i == len(batch)-1 {
			h[headerToken] = []string{b.Token}
			if len(batch) > 1 {
				h["Nats-Batch-Commit"] = []string{"1"}
			}
		}
		setKey(h, b.Key)
		messages[i] = &nats.Msg{Subject: ingestPrefix + streamPrefix + strconv.Itoa(partition) + "." + b.Type + "." + b.Op, Header: h, Data: b.Body}
	}
	return messages
}

// setKey puts a key into a header: as it is when that is text that a header keeps, else in base64.
func setKey(h nats.Header, key []byte) {
	switch {
	case len(key) == 0 || len(key) > mostKey:
	case plain(key):
		h[headerKey] = []string{string(key)}
	default:
		h[headerKey64] = []string{base64.StdEncoding.EncodeToString(key)}
	}
}

// plain tells whether a header gives back a key as it is: it takes no ends of lines, and drops spaces around.
func plain(key []byte) bool {
	for _, c := range key {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return utf8.Valid(key) && key[0] != ' ' && key[len(key)-1] != ' '
}
