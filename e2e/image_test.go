package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// image is an ext4 file system of its own, in a file, mounted on a loop device: its power can be cut and its space
// used up without touching anything else.
type image struct {
	file  string
	mount string
}

// newImage makes and mounts a file system of size bytes. It fails the test, saying what is missing, where that is
// not possible, and takes everything down when the test ends.
func newImage(t *testing.T, size int64) *image {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("a file system of its own needs root: run the tests as root")
	}
	if err := os.MkdirAll(scratch(), 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(scratch(), "image")
	if err != nil {
		t.Fatal(err)
	}
	im := &image{file: filepath.Join(dir, "ext4.img"), mount: filepath.Join(dir, "mnt")}
	if err := os.Mkdir(im.mount, 0o755); err != nil {
		t.Fatal(err)
	}
	command(t, "truncate", "-s", strconv.FormatInt(size, 10), im.file)
	command(t, "mkfs.ext4", "-q", "-m", "0", im.file)
	t.Cleanup(func() { removeImageDir(dir) })
	im.attach(t)
	return im
}

// attach mounts the image, replaying its journal as after a power cut.
func (im *image) attach(t *testing.T) {
	t.Helper()
	command(t, "mount", "-o", "loop", im.file, im.mount)
}

// dataDir makes a directory on the image for a server's data.
func (im *image) dataDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(im.mount, "data")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// detach unmounts the image; nobody may use it.
func (im *image) detach(t *testing.T) {
	t.Helper()
	command(t, "umount", im.mount)
}

// ext4Shutdown is EXT4_IOC_SHUTDOWN, and noLogFlush its mode in which not even the journal is written: what was
// not yet fsynced is gone, as when the power is cut.
const (
	ext4Shutdown = 0x8004587d
	noLogFlush   = 2
)

// cutPower makes the file system lose everything that is not on its disk. Every later access fails until it is
// mounted again.
func (im *image) cutPower(t *testing.T) {
	t.Helper()
	d, err := os.Open(im.mount)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	mode := uint32(noLogFlush)
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, d.Fd(), ext4Shutdown, uintptr(unsafe.Pointer(&mode)))
	if errno != 0 {
		t.Fatalf("EXT4_IOC_SHUTDOWN: %v (this kernel cannot simulate a power cut)", errno)
	}
}

// fill writes a file that leaves no byte free, and returns its path.
func (im *image) fill(t *testing.T) string {
	t.Helper()
	path := filepath.Join(im.mount, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for chunk := 1 << 20; chunk >= 4096; {
		if _, err := f.Write(make([]byte, chunk)); err != nil {
			chunk /= 2
		}
	}
	_ = f.Sync() // may fail: there is no space, which is the purpose
	return path
}

// removeImageDir unmounts and removes an image, busy or not.
func removeImageDir(dir string) {
	mount := filepath.Join(dir, "mnt")
	if exec.Command("umount", mount).Run() != nil {
		_ = exec.Command("umount", "-l", mount).Run() // fails when nothing is mounted
	}
	_ = os.RemoveAll(dir) // best effort: the next run sweeps again
}

// sweepMounts removes what runs that were killed have left mounted.
func sweepMounts() {
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), scratchPrefix+"*")) // fails only for a bad pattern
	for _, dir := range left {
		pid, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(dir), scratchPrefix))
		if err != nil || syscall.Kill(pid, 0) == nil {
			continue
		}
		images, _ := filepath.Glob(filepath.Join(dir, "image*"))
		for _, im := range images {
			removeImageDir(im)
		}
		_ = os.RemoveAll(dir)
	}
}

func command(t *testing.T, words ...string) {
	t.Helper()
	if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
		t.Fatal(fmt.Errorf("%s: %w: %s", strings.Join(words, " "), err, out))
	}
}
