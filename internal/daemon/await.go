package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/slipway-cd/slipway"
)

// awaitServer waits until the server answers. When it ends instead, its last
// words are the error.
func awaitServer(ctx context.Context, data Data, server *role) error {
	return server.await(ctx, serverPatience, func(ctx context.Context) bool {
		for _, s := range data.seated() {
			if s.Process == server.current().Process {
				return answers(ctx, s.URL)
			}
		}
		return false
	})
}

// awaitExecutor waits until the executor listens, as awaitServer does.
func awaitExecutor(ctx context.Context, data Data, executor *role) error {
	return executor.await(ctx, executorPatience, func(ctx context.Context) bool {
		c, err := (&net.Dialer{}).DialContext(ctx, "unix", data.executorSocket())
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

func (r *role) await(ctx context.Context, patience time.Duration, there func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ended := r.current().ended
	for {
		if there(ctx) {
			return nil
		}
		select {
		case <-ended:
			return r.lastWords()
		case <-ctx.Done():
			return slipway.Errorf(slipway.Unavailable, "the %s did not answer within %s", r.name, patience).
				Do("its log: %s", r.data.roleLog(r.name))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func answers(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/healthz", nil)
	if err != nil {
		return false
	}
	resp, err := (&http.Client{Timeout: 2 * time.Second}).Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// ready is a file that is there while everything runs.
func (d Data) ready() string { return filepath.Join(d.run(), "up.ready") }

// ServerURL is where the server of this data directory listens.
func (d Data) ServerURL() (string, error) {
	text, err := os.ReadFile(d.serverFile())
	if errors.Is(err, os.ErrNotExist) {
		return "", slipway.Errorf(slipway.Unavailable, "no server runs on %s", d.Dir).Do("start it: slipway up")
	}
	var s serverFile
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	return s.URL, err
}

// serverFile is how the commands find the servers of a data directory.
type serverFile struct {
	URL    string   `json:"url"`
	Others []string `json:"others,omitempty"` // when that one does not answer
}
