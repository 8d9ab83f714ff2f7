package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/slipway-cd/slipway"
)

// awaitServer waits until the server answers. When it ends instead, its last
// words are the error.
func awaitServer(ctx context.Context, data Data, server *role) error {
	ctx, cancel := context.WithTimeout(ctx, serverPatience)
	defer cancel()
	ended := server.current().ended
	for {
		if url, err := data.ServerURL(); err == nil && answers(ctx, url) {
			return nil
		}
		select {
		case <-ended:
			return server.lastWords()
		case <-ctx.Done():
			return slipway.Errorf(slipway.Unavailable, "the server did not answer within %s", serverPatience).
				Do("its log: %s", data.roleLog("server"))
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

// serverFile is how the commands find the server of a data directory.
type serverFile struct {
	URL string `json:"url"`
}
