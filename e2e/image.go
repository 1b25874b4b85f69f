package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

// Image is an ext4 file system of its own, in a file, mounted on a loop device: its power can be cut and its space
// used up without touching anything else. It needs root.
type Image struct {
	dir   string
	mount string
}

// ext4Shutdown is EXT4_IOC_SHUTDOWN, and noLogFlush its mode in which not even the journal is written: what was
// not yet fsynced is gone, as when the power is cut.
const (
	ext4Shutdown = 0x8004587d
	noLogFlush   = 2
)

// NewImage makes and mounts a file system of size bytes in this run's scratch folder. Close takes it down; what a
// run that was killed leaves is taken down by Sweep.
func NewImage(size int64) (*Image, error) {
	if err := os.MkdirAll(Scratch(), 0o755); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(Scratch(), "image")
	if err != nil {
		return nil, err
	}
	im := &Image{dir: dir, mount: filepath.Join(dir, "mnt")}
	for _, step := range []func() error{
		func() error { return os.Mkdir(im.mount, 0o755) },
		func() error { return execute("truncate", "-s", strconv.FormatInt(size, 10), im.file()) },
		func() error { return execute("mkfs.ext4", "-q", "-m", "0", im.file()) },
		im.Attach,
	} {
		if err := step(); err != nil {
			im.Close()
			return nil, err
		}
	}
	return im, nil
}

func (im *Image) file() string { return filepath.Join(im.dir, "ext4.img") }

// Mount is the folder that the file system is mounted on.
func (im *Image) Mount() string { return im.mount }

// Attach mounts the image, replaying its journal as after a power cut. It fails if somebody else's mount has kept the file system
// whose power was cut: mounting then succeeds, and gives that one back.
func (im *Image) Attach() error {
	if err := execute("mount", "-o", "loop", im.file(), im.mount); err != nil {
		return err
	}
	probe := filepath.Join(im.mount, ".attached")
	if err := os.WriteFile(probe, nil, 0o600); err != nil {
		return fmt.Errorf("%s was mounted and takes nothing: is it mounted elsewhere? %w", im.mount, err)
	}
	return os.Remove(probe)
}

// Detach unmounts the image; nobody may use it.
func (im *Image) Detach() error { return execute("umount", im.mount) }

// CutPower makes the file system lose everything that is not on its disk. Every later access fails until it is
// mounted again.
func (im *Image) CutPower() error {
	d, err := os.Open(im.mount)
	if err != nil {
		return err
	}
	defer d.Close()
	mode := uint32(noLogFlush)
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, d.Fd(), ext4Shutdown, uintptr(unsafe.Pointer(&mode)))
	if errno != 0 {
		return fmt.Errorf("EXT4_IOC_SHUTDOWN: %w (this kernel cannot simulate a power cut)", errno)
	}
	return nil
}

// Close unmounts and removes the image, busy or not.
func (im *Image) Close() { removeImageDir(im.dir) }

func removeImageDir(dir string) {
	mount := filepath.Join(dir, "mnt")
	if execute("umount", mount) != nil {
		_ = execute("umount", "-l", mount) // fails when nothing is mounted
	}
	_ = os.RemoveAll(dir) // best effort: the next run sweeps again
}

// scratchPrefix begins the name of everything that a run leaves outside its tests' own temporary directories; the
// number of its process follows.
const scratchPrefix = "shiplog-e2e-"

// Scratch is this run's folder for what outlives one test.
func Scratch() string { return filepath.Join(os.TempDir(), ScratchName()) }

// ScratchName is this run's own name, for what lies in no folder.
func ScratchName() string { return scratchPrefix + strconv.Itoa(os.Getpid()) }

// Abandoned tells whether something was named with ScratchName, perhaps with more behind a dash, by a process that
// does not run any more.
func Abandoned(name string) bool {
	rest, ours := strings.CutPrefix(name, scratchPrefix)
	number, _, _ := strings.Cut(rest, "-")
	pid, err := strconv.Atoi(number)
	return ours && err == nil && syscall.Kill(pid, 0) != nil
}

// Sweep removes what runs that were killed have left in the temporary directory, and unmounts it.
func Sweep() {
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), scratchPrefix+"*")) // fails only for a bad pattern
	for _, dir := range left {
		if !Abandoned(filepath.Base(dir)) {
			continue
		}
		images, _ := filepath.Glob(filepath.Join(dir, "image*"))
		for _, im := range images {
			removeImageDir(im)
		}
		_ = os.RemoveAll(dir)
	}
}

// execute runs a command that says nothing when all is well.
func execute(words ...string) error {
	if out, err := Finish(exec.Command(words[0], words[1:]...)); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(words, " "), err, out)
	}
	return nil
}
