package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func open(t *testing.T, dir string, mode Sync) *Server {
	t.Helper()
	s, err := Open(Config{Dir: dir, Name: "test", Sync: mode})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// stream connects to s and makes a stream if there is none.
func stream(t *testing.T, s *Server) (jetstream.JetStream, *nats.Conn) {
	t.Helper()
	nc, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
		t.Fatal(err)
	}
	return js, nc
}

func publish(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	if _, err := js.Publish(t.Context(), "s", []byte("x")); err != nil {
		t.Fatal(err)
	}
}

// tried publishes once, with little patience: what goes out on a connection whose end is not noticed yet is lost.
func tried(ctx context.Context, js jetstream.JetStream) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, err := js.Publish(ctx, "s", []byte("y"))
	return err
}

func TestSyncModes(t *testing.T) {
	for _, mode := range []Sync{SyncAlways, SyncEverySecond, SyncNo} {
		s := open(t, t.TempDir(), mode)
		config := s.current.JetStreamConfig()
		if got, want := config.SyncAlways, mode == SyncAlways; got != want {
			t.Errorf("%s: fsync always = %t, want %t", mode, got, want)
		}
		if mode == SyncEverySecond && config.SyncInterval != time.Second {
			t.Errorf("%s: interval = %v", mode, config.SyncInterval)
		}
		js, _ := stream(t, s)
		publish(t, js)
		if err := s.Healthy(); err != nil {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

// A server that does not do what was asked for must not start.
func TestCheckSync(t *testing.T) {
	for _, c := range []struct {
		want     Sync
		always   bool
		interval time.Duration
		ok       bool
	}{
		{SyncAlways, true, time.Minute, true},
		{SyncAlways, false, time.Millisecond, false},
		{SyncEverySecond, false, time.Second, true},
		{SyncEverySecond, false, 2 * time.Minute, false},
		{SyncNo, false, time.Hour, true},
		{SyncNo, true, time.Hour, false},
	} {
		if err := checkSync(c.want, c.always, c.interval); (err == nil) != c.ok {
			t.Errorf("checkSync(%q, %t, %v) = %v", c.want, c.always, c.interval, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]Config{
		"no directory":     {Name: "n", Sync: SyncNo},
		"no name":          {Dir: t.TempDir(), Sync: SyncNo},
		"name with quotes": {Dir: t.TempDir(), Name: `a"b`, Sync: SyncNo},
		"no mode":          {Dir: t.TempDir(), Name: "n"},
		"unknown mode":     {Dir: t.TempDir(), Name: "n", Sync: "sometimes"},
		"a file":           {Dir: file, Name: "n", Sync: SyncNo},
	} {
		if s, err := Open(cfg); err == nil {
			_ = s.Close()
			t.Errorf("%s: opened", name)
		}
	}
}

// listening returns the sockets of this process that wait for connections.
func listening(t *testing.T) map[string]bool {
	t.Helper()
	mine := map[string]bool{}
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, "socket:[") {
			mine[strings.Trim(target, "socket:[]")] = true
		}
	}
	found := map[string]bool{}
	for _, table := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		text, err := os.ReadFile(table)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n") {
			const listens = "0A"
			if f := strings.Fields(line); len(f) > 9 && f[3] == listens && mine[f[9]] {
				found[f[1]] = true
			}
		}
	}
	return found
}

// Nobody can reach the server but this process (I12).
func TestNothingListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if len(listening(t)) != 1 {
		t.Fatal("the test does not see its own listener")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s := open(t, t.TempDir(), SyncNo)
	stream(t, s)
	if got := listening(t); len(got) != 0 {
		t.Errorf("listening on %v", got)
	}
}

func TestStrangersAreRefused(t *testing.T) {
	s := open(t, t.TempDir(), SyncNo)
	other := open(t, t.TempDir(), SyncNo)
	if s.password == other.password || len(s.password) < 20 {
		t.Error("the password is not random")
	}
	for name, stranger := range map[string]*Server{
		"nobody":           {},
		"wrong password":   {user: s.user, password: "x"},
		"another server's": {user: other.user, password: other.password},
	} {
		conn, err := door{s}.InProcessConn()
		if err != nil {
			t.Fatal(err)
		}
		if err := stranger.greet(conn); err == nil || !strings.Contains(err.Error(), "Authorization Violation") {
			t.Errorf("%s: %v, want an authorization violation", name, err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A sound start says nothing, also not to the logger.
func TestSoundStartIsSilent(t *testing.T) {
	var text bytes.Buffer
	s, err := Open(Config{Dir: t.TempDir(), Name: "test", Sync: SyncAlways, Logger: slog.New(slog.NewTextHandler(&text, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if text.Len() > 0 {
		t.Errorf("logged %s", text.String())
	}
}

func TestNothingIsPrinted(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = writer, writer
	s := open(t, t.TempDir(), SyncNo)
	stream(t, s)
	closing := s.Close()
	os.Stdout, os.Stderr = stdout, stderr
	if err := errors.Join(closing, writer.Close()); err != nil {
		t.Fatal(err)
	}
	var printed bytes.Buffer
	if _, err := printed.ReadFrom(reader); err != nil || printed.Len() > 0 {
		t.Errorf("printed %q, %v", printed.String(), err)
	}
}

func TestLogger(t *testing.T) {
	var text bytes.Buffer
	l := &logger{to: slog.New(slog.NewTextHandler(&text, nil))}
	l.Noticef("notice")
	l.Debugf("debug")
	l.Tracef("trace")
	l.Warnf("Plaintext passwords detected, use nkeys or bcrypt")
	l.Warnf("warning %d", 1)
	l.Errorf("error %d", 2)
	l.Fatalf("fatal %d", 3)
	got := text.String()
	for _, want := range []string{`level=WARN msg="warning 1"`, `level=ERROR msg="error 2"`, `level=ERROR msg="fatal 3"`} {
		if !strings.Contains(got, want) {
			t.Errorf("log lacks %s: %s", want, got)
		}
	}
	if strings.Count(got, "\n") != 3 {
		t.Errorf("log has more than warnings and errors: %s", got)
	}
}

// TestLoggerDoesNotRepeatItself holds that what the server says again and again does not fill the log, and is not forgotten.
func TestLoggerDoesNotRepeatItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		l := &logger{to: slog.New(slog.NewTextHandler(&text, nil))}
		for i := range 100 {
			l.Errorf("10.0.0.%d:33126 - rid:%d - authentication error - User %q", i, i, "shiplog")
		}
		l.Warnf("something else")
		if got := strings.Count(text.String(), "\n"); got != oftenSaid+1 {
			t.Errorf("got %d lines, want %d: %s", got, oftenSaid+1, text.String())
		}
		if !strings.Contains(text.String(), "another cluster-auth") {
			t.Errorf("the log does not say what is wrong: %s", text.String())
		}
		time.Sleep(quietFor)
		text.Reset()
		l.Errorf("10.0.0.1:1 - rid:1000 - authentication error - User %q", "shiplog")
		if !strings.Contains(text.String(), "unsaid=97") {
			t.Errorf("want the number of those that were not passed on: %s", text.String())
		}
		for i := range 2 * mostRefrain {
			l.Warnf("%s", strings.Repeat("x", i))
		}
		if len(l.said) > mostRefrain {
			t.Errorf("%d messages are remembered", len(l.said))
		}
	})
}

// What was stored is there after the server was closed, or restarted with its connections alive.
func TestRestartAndReopen(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, SyncNo)
	js, _ := stream(t, s)
	publish(t, js)
	raw, err := s.Dial()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _, _ = io.Copy(io.Discard, raw); close(ended) }()
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	<-ended // or the raw connection survived its server
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		if tried(ctx, js) == nil {
			break
		}
		if ctx.Err() != nil {
			t.Fatal("the connection does not come back")
		}
	}
	began := time.Now()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > stopWithin {
		t.Errorf("close took %v", took)
	}
	again := open(t, dir, SyncNo)
	nc, err := again.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err = jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	got, err := js.Stream(t.Context(), "S")
	if err != nil || got.CachedInfo().State.Msgs < 2 {
		t.Errorf("stream after reopening: %v", err)
	}
}

func TestClosed(t *testing.T) {
	s := open(t, t.TempDir(), SyncNo)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, connecting := s.Connect()
	_, dialling := s.Dial()
	for name, err := range map[string]error{
		"Connect": connecting, "Dial": dialling, "Restart": s.Restart(), "Healthy": s.Healthy(), "SyncNow": s.SyncNow(t.Context()),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s = %v, want ErrClosed", name, err)
		}
	}
}

// A server whose JetStream gave up is unhealthy, and Run brings it back with its connections.
func TestRunRevives(t *testing.T) {
	s := open(t, t.TempDir(), SyncNo)
	js, _ := stream(t, s)
	publish(t, js)
	if err := s.current.ShutdownJetStream(); err != nil {
		t.Fatal(err)
	}
	if err := s.Healthy(); !errors.Is(err, ErrUnhealthy) {
		t.Fatalf("healthy = %v, want ErrUnhealthy", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	patience, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	for {
		if tried(patience, js) == nil {
			break
		}
		if patience.Err() != nil {
			t.Fatal("the server does not come back")
		}
	}
	if err := s.Healthy(); err != nil {
		t.Error(err)
	}
	cancel()
	running.Wait()
}

func TestCurable(t *testing.T) {
	for text, want := range map[string]bool{
		"JetStream is disabled": true,
		"it is stopped":         true,
		"stream 'LOGS > WAL_0' write error: write /d/msgs/4.blk: no space left on device": true,
		"stream 'LOGS > WAL_0' write error: write /d/msgs/4.blk: disk quota exceeded":     true,
		"stream 'LOGS > WAL_0' write error: write /d/msgs/4.blk: input/output error":      false,
		"stream 'LOGS > WAL_0' write error: sync /d/msgs/4.blk: input/output error":       false,
		"stream 'LOGS > WAL_0' write error: sync /d/msgs/4.blk: no space left on device":  false,
	} {
		if got := curable(fmt.Errorf("%w: %s", ErrUnhealthy, text)); got != want {
			t.Errorf("curable(%s) = %t, want %t", text, got, want)
		}
	}
}

// A disk without space is not ground by restarts: nothing happens until it takes data.
func TestReviveNeedsSpace(t *testing.T) {
	s := open(t, t.TempDir(), SyncNo)
	before := s.current
	if err := os.RemoveAll(s.cfg.Dir); err != nil {
		t.Fatal(err)
	}
	if s.revive() || s.current != before {
		t.Error("restarted on a directory that takes no data")
	}
}

func TestSyncNow(t *testing.T) {
	s := open(t, t.TempDir(), SyncEverySecond)
	js, _ := stream(t, s)
	var synced []string
	s.synced.fsync = func(file *os.File) error {
		relative, err := filepath.Rel(s.cfg.Dir, file.Name())
		synced = append(synced, relative)
		return errors.Join(err, file.Sync())
	}
	const messages = "jetstream/LOGS/streams/S/msgs"
	for _, step := range []struct {
		publish bool
		want    []string
	}{
		{true, []string{messages + "/1.blk", messages}},
		{false, nil},
		{true, []string{messages + "/1.blk"}},
		{false, nil},
	} {
		if step.publish {
			publish(t, js)
		}
		synced = nil
		if err := s.SyncNow(t.Context()); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(synced) != fmt.Sprint(step.want) {
			t.Errorf("synced %v, want %v", synced, step.want)
		}
	}
}

// After a failed fsync no later one can prove anything.
func TestSyncNowFailsForEver(t *testing.T) {
	s := open(t, t.TempDir(), SyncNo)
	js, _ := stream(t, s)
	publish(t, js)
	boom := errors.New("boom")
	s.synced.fsync = func(*os.File) error { return boom }
	if err := s.SyncNow(t.Context()); !errors.Is(err, boom) {
		t.Fatalf("got %v, want the error of fsync", err)
	}
	s.synced.fsync = (*os.File).Sync
	if err := s.SyncNow(t.Context()); !errors.Is(err, boom) {
		t.Errorf("got %v, want the error of the earlier fsync", err)
	}
}

func TestSyncNowEndsWithContext(t *testing.T) {
	s := open(t, t.TempDir(), SyncNo)
	js, _ := stream(t, s)
	publish(t, js)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.SyncNow(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	if err := s.SyncNow(t.Context()); err != nil { // and can be tried again
		t.Error(err)
	}
}

// With fsync before every acknowledgement there is nothing left to do.
func TestSyncNowWithAlways(t *testing.T) {
	s := open(t, t.TempDir(), SyncAlways)
	js, _ := stream(t, s)
	publish(t, js)
	s.synced.fsync = func(*os.File) error { return errors.New("not needed") }
	if err := s.SyncNow(t.Context()); err != nil {
		t.Error(err)
	}
}
