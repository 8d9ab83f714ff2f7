package cli

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/api"
)

func TestRoutersSayWhatIsOutOfTheOrdinary(t *testing.T) {
	f := newFake(t)
	f.HandleFunc("GET /api/v1/routers", func(w http.ResponseWriter, r *http.Request) {
		answer(w, api.List[api.Router]{Items: []api.Router{
			{ID: "edge-1", State: "serving", PID: 7, LastSeen: time.Now(), InFlight: 3, Leaving: 1, Lapsed: true},
			{ID: "edge-2", State: "silent", PID: 8, LastSeen: time.Now(), Why: "nothing heard"},
		}})
	})
	out, errOut, code := run(t, "routers")
	if code != 0 {
		t.Fatalf("exit %d %s", code, errOut)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "edge-1  ● serving") || !strings.HasSuffix(lines[0], "3 in flight  1 before it finishing · has taken traffic back by itself") ||
		!strings.HasPrefix(lines[1], "edge-2  ✗ silent") || !strings.HasSuffix(lines[1], "0 in flight  nothing heard") {
		t.Errorf("%s", out)
	}
	for args, want := range map[string]string{
		"routers forgt": "slipway: there is no command \"slipway routers forgt\"\ndid you mean \"slipway routers forget\"?\n",
		"services rn":   "slipway: there is no command \"slipway services rn\"\ndid you mean \"slipway services rm\"?\n",
	} {
		if _, errOut, code := run(t, strings.Fields(args)...); errOut != want || code != 2 {
			t.Errorf("%s: exit %d %s", args, code, errOut)
		}
	}
}
