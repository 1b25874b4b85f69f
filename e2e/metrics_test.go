package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// metricsDirectives give the nodes of a cluster ports for HTTP, above those that StartLocal finds.
func metricsDirectives(t *testing.T) []string {
	t.Helper()
	base, err := freeBase(6)
	if err != nil {
		t.Fatal(err)
	}
	return []string{"--metrics-port", strconv.Itoa(base + 3)}
}

// metricsAddr is where a node of a cluster that was started with metricsDirectives shows how it is.
func metricsAddr(t *testing.T, m *LocalMember) string {
	t.Helper()
	at := 0 // the last one counts
	for i, word := range m.command {
		if word == "--metrics-port" {
			at = i + 1
		}
	}
	if at == 0 {
		t.Fatalf("%s has no port for HTTP: %q", m.Addr, m.command)
	}
	return "127.0.0.1:" + m.command[at]
}

// get asks for a page.
func get(addr, path string) (status int, body string, err error) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get("http://" + addr + path)
	if err != nil {
		return 0, "", err
	}
	defer r.Body.Close()
	content, err := io.ReadAll(r.Body)
	return r.StatusCode, string(content), err
}

// scrape is what a node shows, by metric with its labels.
func scrape(t *testing.T, addr string) map[string]float64 {
	t.Helper()
	status, page, err := get(addr, "/metrics")
	if err != nil || status != 200 {
		t.Fatalf("scraping %s: status %d, %v", addr, status, err)
	}
	values := make(map[string]float64)
	for line := range strings.Lines(page) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if v, err := strconv.ParseFloat(value, 64); err == nil && !strings.HasPrefix(line, "#") {
			values[name] = v
		}
	}
	return values
}

// watchReady asks a node whether it is ready until it is, and returns the answers that differ from the one before.
func watchReady(addr string) func() ([]string, error) {
	var seen []string
	var failed error
	var watching sync.WaitGroup
	watching.Go(func() {
		for deadline := time.Now().Add(settleWithin); ; time.Sleep(5 * time.Millisecond) {
			status, body, err := get(addr, "/readyz")
			if err == nil && (len(seen) == 0 || !strings.HasPrefix(seen[len(seen)-1], strconv.Itoa(status))) {
				seen = append(seen, fmt.Sprintf("%d %s", status, body))
			}
			if status == 200 {
				return
			}
			if time.Now().After(deadline) {
				failed = fmt.Errorf("not ready within %v: %w", settleWithin, err)
				return
			}
		}
	})
	return func() ([]string, error) { watching.Wait(); return seen, failed }
}

// wasUnready holds that a node that was started said first that it is not ready, and why, and then that it is.
func wasUnready(t *testing.T, ready func() ([]string, error)) {
	t.Helper()
	seen, err := ready()
	if err != nil || len(seen) < 2 || !strings.HasPrefix(seen[0], "503 ") || !regexp.MustCompile(`(?m)^(503 )?(LOADING|CLUSTERDOWN) `).MatchString(seen[0]) {
		t.Errorf("readyz over a start: %q, %v; want 503 with reasons, then 200", seen, err)
	}
}

// seedingIsSeen holds that INFO, metrics and "shiplog cluster partitions" say how far the only copy is that target is being given.
func (c *LocalCluster) seedingIsSeen(t *testing.T, target *LocalMember) {
	t.Helper()
	conn, err := Dial(target.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	eventually(t, settleWithin, func() error {
		now := scrape(t, metricsAddr(t, target))
		info, err := conn.Do("INFO", "shiplog")
		if err != nil {
			return err
		}
		asked := 0
		for _, name := range []string{"seeding_partitions", "seeding_bytes", "seeding_bytes_total", "seeding_seconds_left"} {
			if found := regexp.MustCompile(`(?m)^` + name + `:(\d+)\r$`).FindStringSubmatch(info.Text); found != nil && found[1] != "0" {
				asked++
			}
		}
		out, err := Finish(exec.Command(c.binary, "cluster", "partitions", c.Members[0].Addr))
		shown := regexp.MustCompile(`\[\d+ of \d+ bytes, \d+ records behind, about \d+s left from \w+\]`).Match(out)
		whole := now[`shiplog_seeding_size_bytes{partition="0"}`]
		switch at := now[`shiplog_seeding_bytes{partition="0"}`]; {
		case now["shiplog_seeding_partitions"] != 1, at <= 0, at >= whole, now[`shiplog_seeding_remaining_seconds{partition="0"}`] <= 0,
			now[`shiplog_partition_role{partition="0",role="seeding"}`] != 1:
			return fmt.Errorf("metrics: %v of %v bytes, of %v partitions", at, whole, now["shiplog_seeding_partitions"])
		case asked != 4:
			return fmt.Errorf("INFO has %d of 4 fields: %s", asked, tail(info.Text, 1500))
		case err != nil || !shown:
			return fmt.Errorf("cluster partitions: %w: %s", err, out)
		}
		return nil
	})
	if status, body, err := get(metricsAddr(t, target), "/readyz"); err != nil || status != 200 {
		t.Errorf("a node whose copy is being filled: readyz says %d %s, %v", status, body, err)
	}
	c.nodesAgree(t, target)
}

// nodesAgree holds that all nodes show one coordinator, one primary of the only partition, three nodes, and who is being filled.
func (c *LocalCluster) nodesAgree(t *testing.T, seeding *LocalMember) {
	t.Helper()
	sums := make(map[string]float64)
	for _, m := range c.Members {
		now := scrape(t, metricsAddr(t, m))
		for _, name := range []string{"shiplog_cluster_coordinator", "shiplog_cluster_alive_nodes", "shiplog_cluster_state_ok", "shiplog_cluster_partitions",
			"shiplog_seeding_partitions", `shiplog_partition_role{partition="0",role="primary"}`, `shiplog_partition_role{partition="0",role="replica"}`} {
			sums[name] += now[name]
		}
		if m == seeding {
			continue
		}
		for _, name := range []string{`shiplog_keys{partition="0"}`, `shiplog_log_last_sequence{partition="0"}`, "shiplog_disk_free_bytes", "process_open_fds", "go_goroutines"} {
			if now[name] <= 0 {
				t.Errorf("%s: %s is %v", m.Addr, name, now[name])
			}
		}
		if leads := now[`shiplog_partition_role{partition="0",role="primary"}`] == 1; leads != (now[`shiplog_log_append_seconds_count{partition="0"}`] > 0) ||
			leads != (now[`shiplog_net_input_bytes_total`] > 1<<20) {
			t.Errorf("%s, primary: %t, has appended %v records, and got %v bytes", m.Addr, leads, now[`shiplog_log_append_seconds_count{partition="0"}`], now["shiplog_net_input_bytes_total"])
		}
	}
	want := map[string]float64{"shiplog_cluster_coordinator": 1, "shiplog_cluster_alive_nodes": 9, "shiplog_cluster_state_ok": 3, "shiplog_cluster_partitions": 3,
		"shiplog_seeding_partitions": 1, `shiplog_partition_role{partition="0",role="primary"}`: 1, `shiplog_partition_role{partition="0",role="replica"}`: 1}
	for name, sum := range want {
		if sums[name] != sum {
			t.Errorf("the nodes' %s is %v in all, want %v", name, sums[name], sum)
		}
	}
}

// TestHostileScrapers has a lone node asked by who means no good, while its clients go on; and scraped before and after a start.
func TestHostileScrapers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	_, port, _ := net.SplitHostPort(addr)
	ready := watchReady(addr)
	n := startShiplog(t, "--metrics-port", port, "--metrics-auth", "pw")
	if seen, err := ready(); err != nil || !strings.HasPrefix(seen[len(seen)-1], "200 ok") {
		t.Errorf("readyz: %q, %v", seen, err)
	}
	if status, _, err := get(addr, "/metrics"); status != 401 || err != nil {
		t.Errorf("without the password: %d, %v", status, err)
	}
	var all sync.WaitGroup
	for i := range 90 { // more than there is room for
		all.Go(func() {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				return
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(time.Second))
			beginning := []string{"GET /metrics HTTP/1.1\r\nHost: x\r\n", "\x16\x03\x01\x02\x00\x01\x00\xff", "POST / HTTP/1.1\r\nContent-Length: 1000000000000\r\n\r\n"}[i%3]
			_, err = io.WriteString(c, beginning)
			for err == nil {
				_, err = io.WriteString(c, strings.Repeat("x", 1000)+": y\r\n")
			}
		})
	}
	conn := dial(t, n)
	for i := range 200 {
		if v, err := conn.Do("SET", "k", strconv.Itoa(i)); err != nil || v.IsError() {
			t.Fatalf("a client meanwhile: %v, %v", v, err)
		}
	}
	all.Wait()
	status, page, err := get("anybody:pw@"+addr, "/metrics")
	if err != nil || status != 200 || !strings.Contains(page, "\nshiplog_commands_total{cmd=\"set\"} 200\n") {
		t.Errorf("afterwards: %d, %v\n%s", status, err, tail(page, 1000))
	}
	if n := strings.Count(page, "\n# TYPE "); n < 90 {
		t.Errorf("the page has %d metrics", n)
	}
}
