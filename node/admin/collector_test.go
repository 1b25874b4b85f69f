package admin

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"net/http/httptest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// scraped is the page that Prometheus gets of a Snapshot, without what the client library adds by itself.
func scraped(t *testing.T, s *Snapshot) string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(NewCollector(func() *Snapshot { return s }))
	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// golden compares got with a file, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got\n%s", name, got)
	}
}

func TestPage(t *testing.T) {
	golden(t, "testdata/full.txt", scraped(t, full()))
	golden(t, "testdata/empty.txt", scraped(t, new(Snapshot)))
}

// TestEveryMetricIsSeen holds that the full Snapshot gives every metric a value: so the golden page shows them all.
func TestEveryMetricIsSeen(t *testing.T) {
	page := scraped(t, full())
	for _, m := range metrics() {
		if !strings.Contains(page, "\n# TYPE "+prefix+m.name+" "+m.kind.String()+"\n") && !strings.HasPrefix(page, "# HELP "+prefix+m.name) {
			t.Errorf("%s is not on the page", m.name)
		}
		if (m.values == nil) == (m.times == nil) || (m.times != nil) != (m.kind == histogram) {
			t.Errorf("%s: a row has values or, as a histogram, times", m.name)
		}
	}
}

func TestNamesFollowConventions(t *testing.T) {
	problems, err := promlint.New(bytes.NewReader([]byte(scraped(t, full())))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestReference holds that METRICS.md says what the code does.
func TestReference(t *testing.T) {
	var b strings.Builder
	b.WriteString("| Metric | Type | Unit | Labels | Meaning |\n|---|---|---|---|---|\n")
	for _, m := range metrics() {
		fmt.Fprintf(&b, "| `%s%s` | %s | %s | %s | %s |\n", prefix, m.name, m.kind, m.unit, strings.Join(m.labels, ", "), m.help)
	}
	page, err := os.ReadFile("METRICS.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	begin := strings.Index(text, "| Metric |")
	if begin < 0 {
		t.Fatal("METRICS.md has no table")
	}
	end := begin + strings.Index(text[begin:]+"\n\n", "\n\n") + 1
	if *update {
		if err := os.WriteFile("METRICS.md", []byte(text[:begin]+b.String()+text[end:]), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got := text[begin:end]; got != b.String() {
		t.Errorf("METRICS.md has\n%swant\n%s", got, b.String())
	}
}

func TestLabelsAreBounded(t *testing.T) {
	s := new(Snapshot)
	for i := range 3 * mostLags {
		s.Changes.Groups = append(s.Changes.Groups, Lag{Name: fmt.Sprint(strings.Repeat("x", 1000), i), Records: uint64(i)})
	}
	page := scraped(t, s)
	if n := strings.Count(page, "\nshiplog_change_group_lag_records{"); n != mostLags {
		t.Errorf("%d groups are shown, want %d", n, mostLags)
	}
	if !strings.Contains(page, fmt.Sprintf("\nshiplog_change_groups %d\n", 3*mostLags)) {
		t.Error("the number of groups is bounded too")
	}
	for line := range strings.Lines(page) {
		if len(line) > 400 && !strings.HasPrefix(line, "#") {
			t.Errorf("long line %.100s", line)
		}
	}
}

func TestLabelOf(t *testing.T) {
	for name, want := range map[string]string{
		"a": "a", "": "", "\xff": "sha256:a8100ae6aa1940d0", strings.Repeat("ü", 64): strings.Repeat("ü", 64),
	} {
		if got := labelOf(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
	if a, b := labelOf(strings.Repeat("x", 129)), labelOf(strings.Repeat("x", 130)); a == b || len(a) > longestLabel {
		t.Errorf("long names are %q and %q", a, b)
	}
}

// TestBadMetricFailsTheScrapeOnly has a role with a byte that no label may have.
func TestBadMetricFailsTheScrapeOnly(t *testing.T) {
	s := full()
	s.Log.Sync = "\xff"
	registry := prometheus.NewRegistry()
	registry.MustRegister(NewCollector(func() *Snapshot { return s }))
	if _, err := registry.Gather(); err == nil || !strings.Contains(err.Error(), "log_fsync_info") {
		t.Errorf("got %v, want an error that names the metric", err)
	}
}
