package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// place is where the server is and the token to use there.
type place struct {
	url, token string // url may be several, separated by commas
	job        bool   // we are inside a job
}

// server is the address of the first server that takes connections.
func (p place) server(ctx context.Context) string {
	all := strings.Split(p.url, ",")
	for _, base := range all[:len(all)-1] {
		u, err := url.Parse(base)
		if err != nil {
			continue
		}
		port := u.Port()
		if port == "" {
			port = u.Scheme
		}
		dialer := net.Dialer{Timeout: 2 * time.Second}
		if c, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port)); err == nil {
			_ = c.Close()
			return base
		}
	}
	return all[len(all)-1]
}

// client finds the server and the token: flags first, then SLIPWAY_URL and
// SLIPWAY_TOKEN, inside a job what its agent was given, else the data directory.
func (a *app) client() (*api.Client, error) {
	p, err := a.place()
	if err != nil {
		return nil, err
	}
	return api.New(p.url, p.token), nil
}

// board is what runs where, with the client that it was asked by.
func (a *app) board(c *cobra.Command) (*api.Client, api.Board, error) {
	client, err := a.client()
	if err != nil {
		return nil, api.Board{}, err
	}
	board, err := client.Board(c.Context())
	return client, board, err
}

// present asks the server for something and shows it: as JSON when that is asked
// for, else in words.
func present[T any](a *app, c *cobra.Command, ask func(*api.Client, context.Context) (T, error), show func(*screen, T) error) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	got, err := ask(client, c.Context())
	if err != nil {
		return err
	}
	s := a.screen(c)
	if a.json {
		return s.json(got)
	}
	return show(s, got)
}

func (a *app) place() (place, error) {
	p := place{url: a.server, job: os.Getenv("BUILDKITE_JOB_ID") != ""}
	var err error
	if a.tokenFile != "" {
		if p.token, err = readToken(a.tokenFile); err != nil {
			return place{}, err
		}
	}
	p.or(os.Getenv("SLIPWAY_URL"), os.Getenv("SLIPWAY_TOKEN"))
	if a.data == "" {
		endpoint, _ := strings.CutSuffix(strings.TrimRight(os.Getenv("BUILDKITE_AGENT_ENDPOINT"), "/"), "/agent/v3")
		if all := os.Getenv("SLIPWAY_SERVERS"); all != "" && p.job {
			endpoint = all // this one first, and those that stand in for it
		}
		p.or(endpoint, os.Getenv("BUILDKITE_AGENT_ACCESS_TOKEN"))
	}
	if p.url != "" && p.token != "" {
		return p, nil
	}
	return a.fromData(p)
}

// or takes url and token where they are not known yet. A token goes with the
// servers it was given for: it is not taken for another.
func (p *place) or(url, token string) {
	if p.url == "" {
		p.url = url
	} else if url != "" && !slices.Contains(strings.Split(url, ","), p.url) {
		return
	}
	if p.token == "" {
		p.token = token
	}
}

// fromData completes p with what the server wrote into the data directory.
func (a *app) fromData(p place) (place, error) {
	dir, err := a.dataDir()
	if err != nil {
		return place{}, err
	}
	var server struct {
		URL    string   `json:"url"`
		Others []string `json:"others"`
	}
	text, err := os.ReadFile(filepath.Join(dir, "server.json"))
	if err == nil {
		err = json.Unmarshal(text, &server)
	}
	switch {
	case err == nil:
	case p.url != "":
	case errors.Is(err, fs.ErrNotExist):
		return place{}, slipway.Errorf(slipway.Unavailable, "no server runs on %s", dir).
			Do("start it: slipway up · or say where it is: --data DIR, or --server URL --token-file FILE")
	default:
		return place{}, slipway.Errorf(slipway.Unavailable, "cannot read where the server is: %w", err)
	}
	servers := strings.Join(append([]string{server.URL}, server.Others...), ",")
	token, err := readToken(filepath.Join(dir, "admin.token"))
	if err == nil {
		p.or(servers, token)
	} else {
		p.or(servers, "")
	}
	if p.token == "" {
		return place{}, slipway.Errorf(slipway.Unauthenticated, "no token for %s", p.url).
			Do("give one: --token-file FILE, or the variable SLIPWAY_TOKEN; an administrator makes it: slipway user add NAME")
	}
	return p, nil
}

func (a *app) dataDir() (string, error) {
	if a.data != "" {
		return filepath.Abs(a.data)
	}
	return a.DataDir()
}

func readToken(file string) (string, error) {
	text, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", slipway.Errorf(slipway.Invalid, "there is no token file %s", file)
	case err != nil:
		return "", slipway.Errorf(slipway.Invalid, "cannot read the token: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}
