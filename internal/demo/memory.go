package demo

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// memory samples the peak resident memory of the server, which comes back as
// another process when it is killed.
type memory struct {
	peak  atomic.Int64 // KiB
	ended chan struct{}
	once  sync.Once
	wg    sync.WaitGroup
}

const sampleEvery = 20 * time.Millisecond

func watchMemory(pid func() int) *memory {
	m := &memory{ended: make(chan struct{})}
	m.wg.Go(func() {
		t := time.NewTicker(sampleEvery)
		defer t.Stop()
		for {
			m.peak.Store(max(m.peak.Load(), peakOf(pid())))
			select {
			case <-m.ended:
				return
			case <-t.C:
			}
		}
	})
	return m
}

func (m *memory) stop() {
	m.once.Do(func() { close(m.ended) })
	m.wg.Wait()
}

// megabytes is the largest peak so far, 0 where the kernel does not tell.
func (m *memory) megabytes() float64 { return float64(m.peak.Load()) * 1024 / 1e6 }

// peakOf is a process's VmHWM in KiB, or 0.
func peakOf(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	line, _, _ := strings.Cut(after, "\n")
	n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(line), " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
