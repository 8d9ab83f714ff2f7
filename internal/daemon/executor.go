package daemon

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/driver/executor"
	"github.com/slipway-cd/slipway/internal/driver/process"
	"github.com/slipway-cd/slipway/internal/protocol/oci"
	"github.com/slipway-cd/slipway/internal/state/blob"
	"github.com/slipway-cd/slipway/internal/state/store"
)

// executorSocket is where the executor of a data directory listens.
func (d Data) executorSocket() string { return filepath.Join(d.sockets(), "executor.sock") }

func executorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "executor",
		Short: "Run the executor alone: it starts and ends the instances of this machine",
		Long: `Run the executor alone: it starts and ends the instances of this machine, for every server that shares
its data directory. "slipway up" does this and more. When it ends, what it has started runs on.

The database's address comes in the variable SLIPWAY_DATABASE.`,
		Example: "  slipway executor",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runRole(c, func(c *cobra.Command) error {
				return Executor(c.Context(), dataFlag(c), os.Getenv(databaseEnv))
			})
		},
	}
}

// Executor runs the executor role until ctx ends. It needs the database only
// for secrets, and not before an instance is to have one.
func Executor(ctx context.Context, dir, database string) error {
	data, err := OpenData(dir)
	if err != nil {
		return err
	}
	held, err := data.lockData("executor")
	if err != nil {
		return err
	}
	defer held.release()
	if err := process.Opaque(); err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	blobs, err := blob.Open(data.blobs())
	if err != nil {
		return err
	}
	defer func() { _ = blobs.Close() }()
	log := roleLogger("executor")
	vault := &vault{data: data, address: database}
	defer vault.close()
	d, err := process.Open(process.Config{
		Dir: data.instances(), RuntimeDir: data.sockets(), Images: oci.New(imageBlobs{blobs}, data.tmp()), Secrets: vault.give,
		Shim: []string{exe, "shim"}, Log: log,
	})
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	listener, err := executor.Listen(data.executorSocket())
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var running sync.WaitGroup
	running.Go(func() { _ = d.Run(ctx) })
	err = executor.Serve(ctx, listener, d, log)
	stop()
	running.Wait()
	return err
}

// vault opens secrets with the database that they are sealed in, which it opens
// when the first is asked for.
type vault struct {
	data    Data
	address string

	mu       sync.Mutex
	settings *settings
}

func (v *vault) give(ctx context.Context, t slipway.TargetID, versions []slipway.SecretVersion) (map[string][]byte, error) {
	s, err := v.open(ctx)
	if err != nil {
		return nil, err
	}
	return s.give(ctx, t, versions)
}

func (v *vault) open(ctx context.Context) (*settings, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.settings != nil {
		return v.settings, nil
	}
	address := v.address
	if address == "" {
		address = v.data.database()
	}
	s, err := store.Open(ctx, address)
	if err != nil {
		return nil, err
	}
	v.settings = newSettings(s, v.data, os.Getenv, roleLogger("executor"))
	return v.settings, nil
}

func (v *vault) close() {
	if v.settings != nil {
		_ = v.settings.Close()
	}
}

// executorAnswers reports why the executor of the data directory does not
// answer.
func (d Data) executorAnswers(ctx context.Context) error {
	_, err := executor.Connect(d.executorSocket()).List(ctx)
	if cause := errors.Unwrap(err); cause != nil {
		return cause
	}
	return err
}
