package yard

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Account is what became of a request, by what services wrote down.
type Account struct {
	Begun, Ended, Posted int      // how often
	In                   []Writer // that began it
}

// Writer is a process of a service.
type Writer struct {
	Service string
	PID     int
}

// Accounts reads what services have written down of requests so far.
func (y *Yard) Accounts() (map[string]*Account, error) {
	all := map[string]*Account{}
	err := y.read(func(by Writer, what, id string) error {
		a := all[id]
		if a == nil {
			a = &Account{}
			all[id] = a
		}
		switch what {
		case "begins":
			a.Begun++
			a.In = append(a.In, by)
		case "ends":
			a.Ended++
		case "posted":
			a.Posted++
		}
		return nil
	})
	return all, err
}

// read tells each line that was written down, those of a process in their order.
func (y *Yard) read(tell func(by Writer, what, rest string) error) error {
	files, err := os.ReadDir(y.Ledger)
	if err != nil {
		return err
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(y.Ledger, f.Name()))
		if err != nil {
			return err
		}
		service, number, _ := strings.Cut(f.Name(), ".")
		pid, _ := strconv.Atoi(number)
		for line := range strings.Lines(string(text)) {
			what, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			if err := tell(Writer{service, pid}, what, rest); err != nil {
				return err
			}
		}
	}
	return nil
}

// Doubled counts the requests whose body an instance took in more than once.
func Doubled(all map[string]*Account) int {
	n := 0
	for _, a := range all {
		if a.Posted > 1 {
			n++
		}
	}
	return n
}
