package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
)

// orders are what requests are for. That one was lost shows in no answer.
type orders struct {
	lose      float64
	all, lost atomic.Uint64
}

func (o *orders) take() {
	o.all.Add(1)
	if rand.Float64() < o.lose {
		o.lost.Add(1)
	}
}

// tell tells its counters, as Prometheus asks for them. That which is at zero it
// does not have yet.
func (o *orders) tell(w http.ResponseWriter, _ *http.Request) {
	for _, c := range []struct {
		name string
		n    uint64
	}{{"orders_lost_total", o.lost.Load()}, {"orders_total", o.all.Load()}} {
		if c.n > 0 {
			_, _ = fmt.Fprintf(w, "# TYPE %s counter\n%[1]s{service=%q,environment=%q,release=%q} %d\n", c.name,
				os.Getenv("SLIPWAY_SERVICE"), os.Getenv("SLIPWAY_ENVIRONMENT"), os.Getenv("SLIPWAY_RELEASE"), c.n)
		}
	}
}

// announce says in a folder where this process can be asked, until it is gone.
func announce(dir, address string) (gone func(), err error) {
	if dir == "" {
		return func() {}, nil
	}
	name := filepath.Join(dir, strconv.Itoa(os.Getpid())+".json")
	return func() { _ = os.Remove(name) }, os.WriteFile(name, fmt.Appendf(nil, "[{\"targets\": [%q]}]\n", address), 0o600)
}
