package coordinator

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestScripts runs every file of testdata: lines that begin with ">" are commands to a small cluster (rig_test.go says which), what follows each is what the
// coordinators did. With SHIPLOG_UPDATE=1 the files are written anew; read the difference before you keep it.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 15 {
		t.Fatalf("found %d scripts, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := playScript(t, string(want))
			if os.Getenv("SHIPLOG_UPDATE") == "1" {
				err = os.WriteFile(file, got, 0o600)
			}
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%v; got:\n%s\nwant:\n%s", err, got, want)
			}
		})
	}
}
