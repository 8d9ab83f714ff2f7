package wire

import (
	"os"
	"strings"
	"sync"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/procid"
)

// Process names the process of a router, so that its end can be proven.
type Process struct {
	Host string `json:"host"` // MACHINE-ID/HOSTNAME/PID-NAMESPACE
	procid.ID
}

// Self is the process that runs this code.
func Self() Process { return Process{Host: thisHost(), ID: procid.Self()} }

// ProcessOf is the process that a router was when it spoke last.
func ProcessOf(r slipway.Router) Process {
	return Process{Host: r.Host, ID: procid.ID{Boot: r.Boot, PID: r.PID, Start: r.Start}}
}

// Ended reports whether it is proven that the process has ended: its machine
// was booted since, or it is gone from the process table that both share. What
// cannot be proven from here is not claimed.
func (p Process) Ended() bool {
	here := Process{Host: thisHost()}
	if p.OfThisBoot() {
		return p.Host == here.Host && p.Gone()
	}
	return p.SameMachine(here) && p.Gone()
}

// SameMachine reports whether both were seen on one machine, whatever its boot.
func (p Process) SameMachine(o Process) bool {
	a, b := p.machine(), o.machine()
	return a == b && !strings.HasPrefix(a, "/")
}

func (p Process) machine() string {
	if i := strings.LastIndexByte(p.Host, '/'); i >= 0 {
		return p.Host[:i]
	}
	return p.Host
}

// thisHost names the machine so that it outlives its boots, and the namespace in
// which process numbers mean anything. Machine IDs are copied with images and
// host names are chosen twice, but hardly both at once.
var thisHost = sync.OnceValue(func() string {
	machine, _ := os.ReadFile("/etc/machine-id") // absent in many containers: then no reboot is ever proven
	name, _ := os.Hostname()
	namespace, _ := os.Readlink("/proc/self/ns/pid")
	return strings.TrimSpace(string(machine)) + "/" + name + "/" + namespace
})
