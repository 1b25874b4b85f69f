package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

// image is an Image whose failures fail the test.
type image struct{ *Image }

// newImage makes and mounts a file system of size bytes. It fails the test, saying what is missing, where that is
// not possible, and takes everything down when the test ends.
func newImage(t *testing.T, size int64) image {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("a file system of its own needs root: run the tests as root")
	}
	im, err := NewImage(size)
	must(t, err)
	t.Cleanup(im.Close)
	return image{im}
}

func (im image) attach(t *testing.T)   { t.Helper(); must(t, im.Attach()) }
func (im image) detach(t *testing.T)   { t.Helper(); must(t, im.Detach()) }
func (im image) cutPower(t *testing.T) { t.Helper(); must(t, im.CutPower()) }

// dataDir makes a directory on the image for a server's data.
func (im image) dataDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(im.Mount(), "data")
	must(t, os.Mkdir(dir, 0o755))
	return dir
}

// fill writes a file that leaves no byte free, and returns its path.
func (im image) fill(t *testing.T) string {
	t.Helper()
	path := filepath.Join(im.Mount(), "filler")
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	for chunk := 1 << 20; chunk >= 4096; {
		if _, err := f.Write(make([]byte, chunk)); err != nil {
			chunk /= 2
		}
	}
	_ = f.Sync() // fails on a full disk, which is the purpose
	return path
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
