package process

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/slipway-cd/slipway/internal/procid"
)

// door is the port that an instance is reached at, seen from outside.
type door struct {
	port   int
	pid    int    // that holds it
	seen   string // /proc/PID/fd/N where the one listening socket was found last
	socket string // that one
	looks  int    // since the kernel's table was read
}

// tableEvery is how many looks trust that a socket which is still open still
// listens, and alone: reading the table costs the kernel a millisecond.
const tableEvery = 30

// check reports whether the instance, and nobody else, listens at the door:
// otherwise whoever took the port would be given its traffic.
func (d *door) check(root int, kin func() []procid.ID) (ok bool, why string) {
	if d.looks++; d.looks < tableEvery && d.holds(d.socket) {
		return true, ""
	}
	d.looks, d.socket = 0, ""
	sockets, err := listening(d.port)
	if err != nil {
		return false, fmt.Sprintf("cannot tell who listens on port %d: %v", d.port, err)
	}
	if len(sockets) == 0 {
		return false, fmt.Sprintf("nothing listens on 127.0.0.1:%d yet", d.port)
	}
	for _, s := range sockets {
		if !d.ours(s, root, kin) {
			return false, fmt.Sprintf("port %d is held by another process", d.port)
		}
	}
	if len(sockets) == 1 {
		d.socket = sockets[0]
	}
	return true, ""
}

// holds reports whether socket is still where a listening one was seen.
func (d *door) holds(socket string) bool {
	to, err := os.Readlink(d.seen)
	return err == nil && to == socket
}

func (d *door) ours(socket string, root int, kin func() []procid.ID) bool {
	if d.holds(socket) || d.find(socket, root) {
		return true
	}
	for _, id := range kin() {
		if d.find(socket, id.PID) {
			return true
		}
	}
	return false
}

func (d *door) find(socket string, pid int) bool {
	dir := fmt.Sprintf("/proc/%d/fd/", pid)
	fds, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, fd := range fds {
		if to, err := os.Readlink(dir + fd.Name()); err == nil && to == socket {
			d.pid, d.seen = pid, dir+fd.Name()
			return true
		}
	}
	return false
}

// listening names the sockets that would be given a connection to the port on
// loopback, as links in /proc/PID/fd name them.
func listening(port int) ([]string, error) {
	want := fmt.Sprintf(":%04X", port)
	var sockets []string
	for table, addresses := range map[string]string{
		"/proc/net/tcp":  "0100007F 00000000",
		"/proc/net/tcp6": "00000000000000000000000000000000 0000000000000000FFFF00000100007F",
	} {
		f, err := os.Open(table)
		if os.IsNotExist(err) {
			continue // a kernel without IPv6
		}
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(f)
		lines.Scan() // its heading
		for lines.Scan() {
			// sl local remote st tx:rx tr:when retrnsmt uid timeout inode
			row := strings.Fields(lines.Text())
			if len(row) < 10 || row[3] != "0A" {
				break // listening sockets come first; behind them may be a hundred thousand others
			}
			if address, ok := strings.CutSuffix(row[1], want); ok && strings.Contains(addresses, address) {
				sockets = append(sockets, "socket:["+row[9]+"]")
			}
		}
		_ = f.Close()
	}
	return sockets, nil
}

// isQuiet reports whether nobody is connected to the port on loopback, as the
// kernel knows it.
func isQuiet(port int) bool {
	want := fmt.Sprintf(":%04X", port)
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return false
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			if row := strings.Fields(lines.Text()); len(row) > 3 && row[3] == established && strings.HasSuffix(row[1], want) {
				_ = f.Close()
				return false
			}
		}
		err = lines.Err()
		_ = f.Close()
		if err != nil {
			return false
		}
	}
	return true
}

const established = "01" // as the kernel's table calls it
