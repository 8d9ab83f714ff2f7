package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Bounds of one call that is not a stream.
const (
	callTimeout = 30 * time.Second
	maxAnswer   = 32 << 20
)

// Client calls a Slipway server. Every error that the server answered, and
// every failure to reach it, is a *[Problem]. It is safe for concurrent use.
type Client struct {
	servers []string
	at      atomic.Int32 // the one that is asked
	token   string
	http    *http.Client
}

// New makes a client of the server at baseURL, for example
// http://127.0.0.1:7070, that acts with token. Several servers of one
// installation are separated by commas: one is asked until it takes no
// connections, then the next.
func New(baseURL, token string) *Client {
	var servers []string
	for base := range strings.SplitSeq(baseURL, ",") {
		servers = append(servers, strings.TrimRight(base, "/"))
	}
	return &Client{
		servers: servers,
		token:   token,
		// A redirect would carry the token elsewhere; the API never redirects.
		http: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
}

// URL is the address of the server that is asked.
func (c *Client) URL() string { return c.servers[c.at.Load()] }

// refused goes on with the next server when err says that base takes no
// connections, so that nothing was asked of it.
func (c *Client) refused(base string, err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); !ok || op.Op != "dial" {
		return false
	}
	if at := c.at.Load(); c.servers[at] == base {
		c.at.CompareAndSwap(at, (at+1)%int32(len(c.servers)))
	}
	return true
}

// Whoami says who the token is.
func (c *Client) Whoami(ctx context.Context) (Whoami, error) {
	return call[Whoami](ctx, c, http.MethodGet, path("whoami"), nil, nil)
}

// Board is the whole picture: services by environments.
func (c *Client) Board(ctx context.Context) (Board, error) {
	return call[Board](ctx, c, http.MethodGet, path("board"), nil, nil)
}

// Target is a service in an environment.
func (c *Client) Target(ctx context.Context, service, environment string) (Target, error) {
	return call[Target](ctx, c, http.MethodGet, path("targets", service, environment), nil, nil)
}

// Builds lists builds, newest first; repository "" means all, limit 0 the
// server's default.
func (c *Client) Builds(ctx context.Context, repository string, limit int) ([]Build, error) {
	return list[Build](ctx, c, path("builds"), query("repository", repository, "limit", limit))
}

// Build is one build with its jobs.
func (c *Client) Build(ctx context.Context, repository string, number int) (Build, error) {
	return call[Build](ctx, c, http.MethodGet, buildPath(repository, number), nil, nil)
}

// Unblock lets a build past a block step: job is its ID or key, "" the only one
// that is blocked.
func (c *Client) Unblock(ctx context.Context, repository string, number int, job string) (Build, error) {
	return call[Build](ctx, c, http.MethodPost, buildPath(repository, number)+"/unblock", nil, Unblock{Job: job})
}

// CancelBuild ends a build: what runs is stopped, what waits never starts.
func (c *Client) CancelBuild(ctx context.Context, repository string, number int) (Build, error) {
	return call[Build](ctx, c, http.MethodPost, buildPath(repository, number)+"/cancel", nil, nil)
}

// Releases lists releases, newest first; service "" means all.
func (c *Client) Releases(ctx context.Context, service string, limit int) ([]Release, error) {
	return list[Release](ctx, c, path("releases"), query("service", service, "limit", limit))
}

// PublishRelease makes a release of an image that was pushed.
func (c *Client) PublishRelease(ctx context.Context, p PublishRelease) (Release, error) {
	return call[Release](ctx, c, http.MethodPost, path("releases"), nil, p)
}

// Deploy asks for a deployment, a rollback or a restart, and returns at once.
func (c *Client) Deploy(ctx context.Context, d CreateDeployment) (Deployment, error) {
	return call[Deployment](ctx, c, http.MethodPost, path("deployments"), nil, d)
}

// Plan is what Deploy would begin; nothing moves.
func (c *Client) Plan(ctx context.Context, d CreateDeployment) (Plan, error) {
	return call[Plan](ctx, c, http.MethodPost, path("plans"), nil, d)
}

// Scale asks for a number of instances, now and of every later deployment; 0
// gives back the manifest's.
func (c *Client) Scale(ctx context.Context, service, environment string, instances int) (Target, error) {
	return call[Target](ctx, c, http.MethodPost, path("targets", service, environment, "scale"), nil, Scale{Instances: instances})
}

// Remove asks that nothing of a service runs any more in an environment.
func (c *Client) Remove(ctx context.Context, service, environment string) (Target, error) {
	return call[Target](ctx, c, http.MethodPost, path("targets", service, environment, "remove"), nil, nil)
}

// Deployment is one deployment as it is now.
func (c *Client) Deployment(ctx context.Context, id int64) (Deployment, error) {
	return call[Deployment](ctx, c, http.MethodGet, path("deployments", strconv.FormatInt(id, 10)), nil, nil)
}

// Deployments lists deployments, newest first; "" means all.
func (c *Client) Deployments(ctx context.Context, service, environment string, limit int) ([]Deployment, error) {
	return list[Deployment](ctx, c, path("deployments"), query("service", service, "environment", environment, "limit", limit))
}

// Abort asks a running deployment to return to what served before.
func (c *Client) Abort(ctx context.Context, id int64) (Deployment, error) {
	return call[Deployment](ctx, c, http.MethodPost, path("deployments", strconv.FormatInt(id, 10), "abort"), nil, nil)
}

// Promote lets the stage of a running deployment pass without the rest of its hold
// and its evidence; stage is which, from 1, or 0 for the one that it is in.
func (c *Client) Promote(ctx context.Context, id int64, p Promote) (Deployment, error) {
	return call[Deployment](ctx, c, http.MethodPost, path("deployments", strconv.FormatInt(id, 10), "promote"), nil, p)
}

// Agents lists the agents that are known.
func (c *Client) Agents(ctx context.Context) ([]Agent, error) {
	return list[Agent](ctx, c, path("agents"), nil)
}

// Users lists the people who may use this installation.
func (c *Client) Users(ctx context.Context) ([]User, error) {
	return list[User](ctx, c, path("users"), nil)
}

// AddUser adds a person. The token in the answer is shown this once.
func (c *Client) AddUser(ctx context.Context, u CreateUser) (CreatedUser, error) {
	return call[CreatedUser](ctx, c, http.MethodPost, path("users"), nil, u)
}

// AddAgentToken makes a token with which agents of these queues may register.
// It is shown this once.
func (c *Client) AddAgentToken(ctx context.Context, queues ...string) (AgentToken, error) {
	return call[AgentToken](ctx, c, http.MethodPost, path("agent-tokens"), nil, CreateAgentToken{Queues: queues})
}

// LoginLink makes a link that logs a browser in as the caller, once.
func (c *Client) LoginLink(ctx context.Context) (LoginLink, error) {
	return call[LoginLink](ctx, c, http.MethodPost, path("login-links"), nil, nil)
}

// JobLog streams the log of a job's newest attempt from offset, in bytes. With
// follow it ends when the attempt does; the caller reconnects from where it
// was. The caller closes it.
func (c *Client) JobLog(ctx context.Context, job string, offset int64, follow bool) (io.ReadCloser, error) {
	return c.stream(ctx, path("jobs", job, "log"), query("offset", offset, "follow", follow), "text/plain")
}

// Logs streams what the instances of a service in an environment print: the
// last tail lines, and with follow what comes. instance "" means all. The
// caller closes it.
func (c *Client) Logs(ctx context.Context, service, environment, instance string, tail int, follow bool) (io.ReadCloser, error) {
	return c.Output(ctx, service, environment, OutputQuery{Instance: instance, Tail: tail, Follow: follow})
}

// OutputQuery says what of the output of instances is wanted.
type OutputQuery struct {
	Instance string    // "" means all
	Tail     int       // lines of each that were printed before; 0 means 100
	Since    time.Time // nothing older, to the second, and instances that are gone, too; zero: those that are there
	Follow   bool      // and what comes
}

// Output streams what the instances of a service in an environment print. The
// caller closes it.
func (c *Client) Output(ctx context.Context, service, environment string, q OutputQuery) (io.ReadCloser, error) {
	since := ""
	if !q.Since.IsZero() {
		since = q.Since.UTC().Format(time.RFC3339)
	}
	return c.stream(ctx, path("targets", service, environment, "logs"),
		query("instance", q.Instance, "tail", q.Tail, "since", since, "follow", q.Follow), "text/plain")
}

func path(segments ...string) string {
	var b strings.Builder
	b.WriteString("/api/v1")
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

func buildPath(repository string, number int) string {
	return path("builds", repository, strconv.Itoa(number))
}

// query makes parameters of key, value pairs, without the zero ones.
func query(pairs ...any) url.Values {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if v := fmt.Sprint(pairs[i+1]); v != "" && v != "0" && v != "false" {
			q.Set(pairs[i].(string), v)
		}
	}
	return q
}

func list[T any](ctx context.Context, c *Client, path string, q url.Values) ([]T, error) {
	l, err := call[List[T]](ctx, c, http.MethodGet, path, q, nil)
	return l.Items, err
}

// call makes one bounded call with a JSON answer.
func call[T any](ctx context.Context, c *Client, method, path string, q url.Values, body any) (T, error) {
	var answer T
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	res, err := c.send(ctx, method, path, q, body, "application/json")
	if err != nil {
		return answer, err
	}
	defer func() { _ = res.Body.Close() }()
	err = json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(&answer)
	if err != nil {
		return answer, unreached(ctx, c.URL(), fmt.Errorf("reading its answer: %w", err))
	}
	return answer, nil
}

// stream opens an answer that ends when the server or ctx says so.
func (c *Client) stream(ctx context.Context, path string, q url.Values, accept string) (io.ReadCloser, error) {
	res, err := c.send(ctx, http.MethodGet, path, q, nil, accept)
	if err != nil {
		return nil, err
	}
	return res.Body, nil
}

func (c *Client) send(ctx context.Context, method, path string, q url.Values, body any, accept string) (*http.Response, error) {
	var content []byte
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, &Problem{Code: "internal", Message: err.Error()}
		}
		content = b
	}
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	for tries := 1; ; tries++ {
		base := c.URL()
		req, err := c.request(ctx, method, base, path, content, accept)
		if err != nil {
			return nil, err
		}
		res, err := c.http.Do(req)
		if err == nil && res.StatusCode < 300 {
			return res, nil
		}
		if err == nil {
			defer func() { _ = res.Body.Close() }()
			return nil, problem(base, res)
		}
		if !c.refused(base, err) || tries == len(c.servers) {
			return nil, unreached(ctx, base, err)
		}
	}
}

func (c *Client) request(ctx context.Context, method, base, path string, content []byte, accept string) (*http.Request, error) {
	var body io.Reader
	if content != nil {
		body = bytes.NewReader(content)
	}
	req, err := http.NewRequestWithContext(ctx, method, base+path, body)
	if err != nil {
		return nil, &Problem{Code: "invalid", Message: fmt.Sprintf("%q is not the address of a server; write http://HOST:PORT", base)}
	}
	req.Header.Set("Accept", accept)
	if content != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return req, nil
}

// unreached says why the server could not be reached or understood.
func unreached(ctx context.Context, base string, err error) *Problem {
	p := &Problem{Code: "unavailable", Err: err}
	switch u, isURL := errors.AsType[*url.Error](err); {
	case errors.Is(err, syscall.ECONNREFUSED):
		p.Message = fmt.Sprintf("slipway is not running at %s\nstart it: slipway up", base)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		p.Message = fmt.Sprintf("the server at %s did not answer in time", base)
	case errors.Is(err, io.ErrUnexpectedEOF):
		p.Message = fmt.Sprintf("the connection to the server at %s broke", base)
	case isURL:
		p.Message = fmt.Sprintf("cannot reach the server at %s: %v", base, u.Err)
	default:
		p.Message = fmt.Sprintf("cannot understand the server at %s: %v", base, err)
	}
	return p
}

// problem reads the body of a failed call.
func problem(base string, res *http.Response) *Problem {
	b, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	p := &Problem{}
	if json.Unmarshal(b, p) != nil || p.Code == "" {
		p = &Problem{Code: "internal", Message: fmt.Sprintf("%s answered %s; is it a Slipway server?", base, res.Status)}
	}
	p.Status = res.StatusCode
	return p
}
