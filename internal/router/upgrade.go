package router

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router/wire"
)

// A router is upgraded by a second process that takes over from the running
// one, over a socket in the router's directory. At no time does nobody listen,
// and at no time does one of them serve without the server knowing of it.
//
//	new                              old
//	 │ ── who it is ───────────────► │ stands still: takes no table from now on
//	 │ ◄─ table, lock, sockets ───── │
//	 │ greets the server             │
//	 │ opens the doors               │
//	 │ ── serving ─────────────────► │ closes its doors, names its heir to the server,
//	 │                               │ follows tables again, and finishes what it has
//	 │ ◄─ the end of the connection  │ ends
//
// Until "serving" either may die and the other goes on as if nothing had been.

// estate is what a router leaves to its successor, besides open files.
type estate struct {
	Table  kept           `json:"table"`
	Heard  int64          `json:"heard"` // when the server was, by the clock of the boot
	Before []wire.Process `json:"before"`
	Files  []string       `json:"files"` // what follows: the lock, and an address each
}

const (
	upgradeSocket  = "upgrade.sock"
	upgradeWithin  = 20 * time.Second // for the whole of it
	filesAtOnce    = 100              // the kernel passes no more than 253
	mostWords      = 256 << 20        // bytes
	mostFiles      = 1 << 16
	lockFile       = "lock"
	metricsFile    = "metrics"
	servingWord    = "serving"
	longestAddress = 100 // the kernel takes 108 bytes, and 104 elsewhere
)

// upgradeAt is the address of a router's socket. One that is too long for the
// kernel is reached through an open directory.
func upgradeAt(dir string) (address *net.UnixAddr, release func(), err error) {
	path, release := filepath.Join(dir, upgradeSocket), func() {}
	if len(path) > longestAddress {
		d, err := os.Open(dir)
		if err != nil {
			return nil, nil, err
		}
		path = "/proc/self/fd/" + strconv.Itoa(int(d.Fd())) + "/" + upgradeSocket
		release = func() { _ = d.Close() }
	}
	return &net.UnixAddr{Name: path, Net: "unix"}, release, nil
}

// say sends words, whole.
func sayTo(c *net.UnixConn, words any) error {
	text, err := json.Marshal(words)
	if err != nil {
		return err
	}
	size := binary.BigEndian.AppendUint32(nil, uint32(len(text)))
	_, err = c.Write(append(size, text...))
	return err
}

// hearFrom reads what sayTo sent.
func hearFrom(c *net.UnixConn, words any) error {
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > mostWords {
		return fmt.Errorf("%d bytes are too much", n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(c, text); err != nil {
		return err
	}
	return json.Unmarshal(text, words)
}

// giveFiles passes open files on. Each batch travels with one byte.
func giveFiles(c *net.UnixConn, files []syscall.Conn) error {
	for len(files) > 0 {
		n := min(len(files), filesAtOnce)
		if err := withNumbers(files[:n], nil, func(numbers []int) error {
			_, _, err := c.WriteMsgUnix([]byte{byte(n)}, syscall.UnixRights(numbers...), nil)
			return err
		}); err != nil {
			return err
		}
		files = files[n:]
	}
	return nil
}

// withNumbers calls f while none of the files can be closed. It leaves their mode
// alone, as taking a file's number does not.
func withNumbers(files []syscall.Conn, numbers []int, f func([]int) error) error {
	if len(files) == 0 {
		return f(numbers)
	}
	raw, err := files[0].SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = withNumbers(files[1:], append(numbers, int(fd)), f) }); err != nil {
		return err
	}
	return inner
}

// takeFiles receives what giveFiles passed on: one file for each name.
func takeFiles(c *net.UnixConn, names []string) (map[string]*os.File, error) {
	files := map[string]*os.File{}
	if len(names) > mostFiles {
		return files, fmt.Errorf("%d open files are too many", len(names))
	}
	for len(files) < len(names) {
		numbers, err := takeNumbers(c)
		if err != nil {
			return files, err
		}
		for _, fd := range numbers {
			if len(files) == len(names) {
				_ = syscall.Close(fd)
				continue
			}
			name := names[len(files)]
			files[name] = os.NewFile(uintptr(fd), name)
		}
	}
	return files, nil
}

func takeNumbers(c *net.UnixConn) ([]int, error) {
	control := make([]byte, syscall.CmsgSpace(filesAtOnce*4))
	n, size, _, _, err := c.ReadMsgUnix(make([]byte, 1), control)
	if err != nil {
		return nil, err
	}
	messages, err := syscall.ParseSocketControlMessage(control[:size])
	if err != nil || n == 0 || len(messages) == 0 {
		return nil, fmt.Errorf("no open files came: %w", errOr(err, io.ErrUnexpectedEOF))
	}
	return syscall.ParseUnixRights(&messages[0])
}

func errOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

func closeAll(files map[string]*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// cannotTakeOver says why an upgrade did not begin, or was given up.
func cannotTakeOver(err error) error {
	return slipway.Errorf(slipway.Unavailable, "the running router cannot be taken over: %w", err).
		Do("It serves on. Try again; if it is of a version that knows no upgrade, restart it.")
}
