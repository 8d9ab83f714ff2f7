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

// Accounts reads what services have written down so far.
func (y *Yard) Accounts() (map[string]*Account, error) {
	all := map[string]*Account{}
	files, err := os.ReadDir(y.Ledger)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(y.Ledger, f.Name()))
		if err != nil {
			return nil, err
		}
		service, number, _ := strings.Cut(f.Name(), ".")
		pid, _ := strconv.Atoi(number)
		for line := range strings.Lines(string(text)) {
			what, id, _ := strings.Cut(strings.TrimSpace(line), " ")
			a := all[id]
			if a == nil {
				a = &Account{}
				all[id] = a
			}
			switch what {
			case "begins":
				a.Begun++
				a.In = append(a.In, Writer{service, pid})
			case "ends":
				a.Ended++
			case "posted":
				a.Posted++
			}
		}
	}
	return all, nil
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
