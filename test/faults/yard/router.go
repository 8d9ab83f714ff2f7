package yard

import (
	"context"
	"os"
	"path/filepath"
)

// AnotherRouter starts a router beside the one of `slipway up`, with a directory
// of its own, on another address of this machine. It finds its server at the
// address server: a wire's, or the server's own.
func (y *Yard) AnotherRouter(ctx context.Context, name, host, server string) (Process, error) {
	token := filepath.Join(y.dir, name+".token")
	if _, err := os.Stat(token); err != nil {
		made, err := y.Client.AddRouterToken(ctx, name)
		if err != nil {
			return Process{}, err
		}
		if err := os.WriteFile(token, []byte(made.Token+"\n"), 0o600); err != nil {
			return Process{}, err
		}
	}
	return y.Start("router-"+name, nil, "router", "--name", name, "--data", filepath.Join(y.dir, "router-"+name),
		"--server", "http://"+server, "--token-file", token, "--route-host", host)
}
