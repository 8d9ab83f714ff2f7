package daemon

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/driver/process"
	"github.com/slipway-cd/slipway/internal/procid"
)

const downPatience = 90 * time.Second

// Down ends everything that runs on the data directory: supervisor, server,
// agents, router and instances. It returns a NotFound error when nothing did.
func Down(ctx context.Context, dir string) error {
	data, err := OpenData(dir)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, downPatience)
	defer cancel()
	up, err := data.holder("up")
	if err != nil || !up.Alive() || up.Signal(syscall.SIGINT) != nil {
		return sweep(ctx, data)
	}
	if err := awaitEnd(ctx, up); err != nil {
		return err
	}
	return endInstances(ctx, data) // what it could not end, or why
}

func awaitEnd(ctx context.Context, id procid.ID) error {
	for id.Alive() {
		if !sleep(ctx, 20*time.Millisecond) {
			return slipway.Errorf(slipway.Unavailable, "process %d has not ended within %s", id.PID, downPatience)
		}
	}
	return nil
}

// sweep ends what a killed supervisor left behind.
func sweep(ctx context.Context, data Data) error {
	files, err := filepath.Glob(filepath.Join(data.run(), "*.json"))
	if err != nil {
		return err
	}
	found := false
	end := func(router bool) {
		for _, file := range files {
			left, err := readRunning(file)
			if err != nil || router != strings.HasPrefix(filepath.Base(file), "router") {
				continue
			}
			found = found || left.Process.Alive()
			left.Process.End(10 * time.Second)
			_ = os.Remove(file)
		}
	}
	end(false)
	err = endInstances(ctx, data)
	end(true)
	if err == nil && !found {
		return slipway.Errorf(slipway.NotFound, "nothing runs on %s", data.Dir).Do("start it: slipway up")
	}
	return err
}

// endInstances ends every instance of the data directory, for `slipway down`.
// The executor has ended by then and has let go of the directory.
func endInstances(ctx context.Context, data Data) error {
	if _, err := os.Stat(data.instances()); err != nil {
		return nil //nolint:nilerr // nothing was ever started
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	d, err := process.Open(process.Config{
		Dir: data.instances(), RuntimeDir: data.sockets(), Shim: []string{exe, "shim"}, Log: roleLogger("down"),
	})
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	if err := d.StopAll(ctx); err != nil {
		return err
	}
	_ = os.Remove(data.executorSocket())
	_ = os.Remove(data.sockets()) // stays while something is left in it
	return nil
}
