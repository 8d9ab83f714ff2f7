package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/procid"
)

// Several servers may share a data directory and its PostgreSQL database. Each
// has a seat there: a lock that says that it lives, the name by which it owns
// what it moves, and where it is reached.
type seat struct {
	data Data
	name string // server, server-2, …
	lock *lock
}

// seats bounds the servers that share a data directory.
const seats = 8

// attentive is how soon the others see that a server has come or gone.
const attentive = time.Second

// seated is what is written of who has a seat.
type seated struct {
	URL     string    `json:"url"`
	Owner   string    `json:"owner"` // its name in leases
	Process procid.ID `json:"process"`
}

func seatName(n int) string {
	if n == 0 {
		return "server"
	}
	return fmt.Sprintf("server-%d", n+1)
}

// takeSeat takes the first seat that is free; alone, none but the first. A
// Conflict error names who has it.
func (d Data) takeSeat(alone bool) (s *seat, err error) {
	for n := range seats {
		s = &seat{data: d, name: seatName(n)}
		if s.lock, err = d.lockData(s.name); slipway.CodeOf(err) != slipway.Conflict || alone {
			return s, err
		}
	}
	return nil, slipway.Errorf(slipway.Conflict, "%d servers run on %s already", seats, d.Dir)
}

// isShared reports whether several servers may have the database.
func isShared(database string) bool { return strings.HasPrefix(database, "postgres") }

// announce says where this server is reached, and by which name it owns what it
// moves. It stays said after its end, for whoever takes over.
func (s *seat) announce(url, owner string) error {
	if err := writeJSON(s.data.seatFile(s.name), seated{url, owner, procid.Self()}); err != nil {
		return err
	}
	return s.data.point()
}

// attend looks who else has a seat, until ctx ends, and calls changed when
// somebody came or went, with those who went.
func (s *seat) attend(ctx context.Context, changed func(gone []seated)) error {
	known := s.data.seated()
	for sleep(ctx, attentive) {
		now := s.data.seated()
		if slices.Equal(now, known) {
			continue
		}
		gone := slices.DeleteFunc(known, func(k seated) bool { return slices.Contains(now, k) })
		known = now
		if err := s.data.point(); err != nil {
			return err
		}
		changed(gone)
	}
	return nil
}

// leave gives the seat up.
func (s *seat) leave() { s.lock.release() }

func (d Data) servers() string             { return filepath.Join(d.run(), "servers") }
func (d Data) seatFile(name string) string { return filepath.Join(d.servers(), name+".json") }

// Servers are the URLs of the servers that run on this data directory.
func (d Data) Servers() (urls []string) {
	for _, s := range d.seated() {
		urls = append(urls, s.URL)
	}
	return urls
}

// lastAt is who had a seat last, and may have it still: nobody, when that is not
// known.
func (d Data) lastAt(seat string) (s seated) {
	if text, err := os.ReadFile(d.seatFile(seat)); err == nil {
		_ = json.Unmarshal(text, &s)
	}
	return s
}

func (d Data) seated() (all []seated) {
	for n := range seats {
		if s := d.lastAt(seatName(n)); s.Process.Alive() {
			all = append(all, s)
		}
	}
	return all
}

// point has the commands find the servers that live: the one that they know
// first, while it does.
func (d Data) point() error {
	all := d.Servers()
	if len(all) == 0 {
		return nil
	}
	if url, err := d.ServerURL(); err == nil {
		at := max(0, slices.Index(all, url))
		all[0], all[at] = all[at], all[0]
	}
	return writeJSON(d.serverFile(), serverFile{URL: all[0], Others: all[1:]})
}

// identity names the data directory among all that ever use a database.
func (d Data) identity() string {
	host, _ := os.Hostname()
	machine, _ := os.ReadFile("/etc/machine-id")
	dir, err := filepath.EvalSymlinks(d.Dir)
	if err != nil {
		dir = d.Dir
	}
	return strings.Join([]string{strings.TrimSpace(string(machine)), host, dir}, "\n")
}
