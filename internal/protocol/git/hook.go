package git

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/slipway-cd/slipway"
)

// The hook tries this long to reach a server that is away.
const hookPatience = 15 * time.Second

// RunHook is the command that git runs once refs have changed: it tells the
// server, and copies what the server says to out, which git shows the pusher as
// "remote: …". stdin holds git's lines; getenv is os.Getenv. An error is for the
// pusher to read; the push stands in any case.
func RunHook(ctx context.Context, stdin io.Reader, out io.Writer, getenv func(string) string) error {
	url, secret := getenv("SLIPWAY_HOOK_URL"), getenv("SLIPWAY_HOOK_SECRET")
	if url == "" || secret == "" {
		return slipway.Errorf(slipway.Invalid, "slipway git-hook is run by git, during a push")
	}
	changes, err := io.ReadAll(io.LimitReader(stdin, maxHookInput+1))
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy: the server is here
	end := time.Now().Add(followFor)
	away := time.Now()
	for delay := 50 * time.Millisecond; ; delay = min(2*delay, 2*time.Second) {
		answered, err := callBack(ctx, client, url, secret, changes, out)
		if err == nil {
			return nil
		}
		if answered {
			away, delay = time.Now(), 50*time.Millisecond // it was there a moment ago
		}
		if time.Since(away) > hookPatience || time.Now().After(end) {
			return slipway.Errorf(slipway.Unavailable, "the server went away; what was pushed is built when it is back: %w", err)
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// callBack makes one attempt. An error without an answer, or in the middle of
// one, is worth another.
func callBack(ctx context.Context, client *http.Client, url, secret string, changes []byte, out io.Writer) (answered bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(changes))
	if err != nil {
		return false, err
	}
	req.Header.Set("Authorization", "Bearer "+secret)
	res, err := client.Do(req)
	if err != nil {
		return false, err
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.Copy(out, res.Body); err != nil {
		return true, fmt.Errorf("listening to the server: %w", err)
	}
	return true, nil
}
