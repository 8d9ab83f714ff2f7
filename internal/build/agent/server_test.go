package agent

import (
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/buildkite/agent/v3/api"
)

const (
	queueToken = "sla_registration-token"
	agentToken = "sla_agent-access-token"
)

// fakeServer speaks the agent protocol, and serves git repositories, as the
// real server does.
type fakeServer struct {
	*httptest.Server
	t    *testing.T
	git  string       // folder of bare repositories
	away atomic.Bool  // connections are cut
	busy atomic.Int32 // so many git requests are told to come back later

	mu        sync.Mutex
	changed   chan struct{} // closed, and made anew, when something changes
	jobs      map[string]*fakeJob
	waiting   []string
	registers []api.AgentRegisterRequest
	calls     map[string]int
}

// fakeJob is a job, and what the server heard of it.
type fakeJob struct {
	api.Job
	state    string
	log      []byte
	next     uint64
	repeated int
	started  time.Time
	finished *api.JobFinishRequest
	gone     bool // the attempt is not known any more
}

func newFakeServer(t *testing.T) *fakeServer {
	t.Helper()
	s := &fakeServer{t: t, git: t.TempDir(), changed: make(chan struct{}), jobs: map[string]*fakeJob{}, calls: map[string]int{}}
	mux := http.NewServeMux()
	on := func(pattern, token string, h func(w http.ResponseWriter, r *http.Request) any) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Token "+token {
				http.Error(w, `{"message":"no such token"}`, http.StatusUnauthorized)
				return
			}
			s.mu.Lock()
			s.calls[pattern]++
			s.mu.Unlock()
			if answer := h(w, r); answer != nil {
				_ = json.NewEncoder(w).Encode(answer)
			}
		})
	}
	on("POST /agent/v3/register", queueToken, s.register)
	nothing := func(http.ResponseWriter, *http.Request) any { return struct{}{} }
	on("POST /agent/v3/connect", agentToken, nothing)
	on("POST /agent/v3/disconnect", agentToken, nothing)
	on("POST /agent/v3/heartbeat", agentToken, func(http.ResponseWriter, *http.Request) any { return api.Heartbeat{} })
	on("GET /agent/v3/ping", agentToken, s.ping)
	on("PUT /agent/v3/jobs/{id}/accept", agentToken, s.accept)
	mux.HandleFunc("/agent/v3/jobs/{id}", s.ofJob)
	mux.HandleFunc("/agent/v3/jobs/{id}/{what}", s.ofJob)
	mux.Handle("/git/", s.gitHandler())
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.away.Load() {
			if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
				_ = conn.Close()
			}
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *fakeServer) register(w http.ResponseWriter, r *http.Request) any {
	var req api.AgentRegisterRequest
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.registers = append(s.registers, req)
	return api.AgentRegisterResponse{
		UUID: "agent-" + strconv.Itoa(len(s.registers)), Name: req.Name, AccessToken: agentToken,
		Endpoint: "http://elsewhere.invalid/", PingInterval: 1, HeartbeatInterval: 5,
	}
}

// ping is held open until there is work.
func (s *fakeServer) ping(_ http.ResponseWriter, r *http.Request) any {
	limit := time.After(time.Second)
	for {
		s.mu.Lock()
		changed := s.changed
		if len(s.waiting) > 0 {
			id := s.waiting[0]
			s.mu.Unlock()
			return api.Ping{Job: &api.Job{ID: id, State: "assigned"}}
		}
		s.mu.Unlock()
		select {
		case <-changed:
		case <-limit:
			return api.Ping{Action: "idle"}
		case <-r.Context().Done():
			return nil
		}
	}
}

func (s *fakeServer) accept(w http.ResponseWriter, r *http.Request) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.waiting, r.PathValue("id"))
	if i < 0 {
		http.Error(w, `{"message":"not yours"}`, http.StatusUnprocessableEntity)
		return nil
	}
	job := s.jobs[s.waiting[i]]
	s.waiting = slices.Delete(s.waiting, i, i+1)
	job.state = "accepted"
	return job.Job
}

// ofJob answers what is asked with the token of an attempt.
func (s *fakeServer) ofJob(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	job := s.jobs[r.PathValue("id")]
	if job == nil || job.gone || r.Header.Get("Authorization") != "Token "+job.Token {
		http.Error(w, `{"message":"this attempt is over"}`, http.StatusUnauthorized)
		return
	}
	what := r.Method + " " + r.PathValue("what")
	s.calls[what]++
	switch what {
	case "GET ":
		_ = json.NewEncoder(w).Encode(api.JobState{State: job.state})
		return
	case "PUT start":
		job.state, job.started = "running", time.Now()
	case "POST chunks":
		s.chunk(w, r, job)
	case "PUT finish":
		job.finished = &api.JobFinishRequest{}
		_ = json.NewDecoder(r.Body).Decode(job.finished)
		job.state = "finished"
	default:
		http.NotFound(w, r)
		return
	}
	close(s.changed)
	s.changed = make(chan struct{})
	if what != "POST chunks" {
		_, _ = io.WriteString(w, "{}")
	}
}

func (s *fakeServer) chunk(w http.ResponseWriter, r *http.Request, job *fakeJob) {
	number := func(name string) uint64 { n, _ := strconv.ParseUint(r.URL.Query().Get(name), 10, 64); return n }
	zip, err := gzip.NewReader(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	data, err := io.ReadAll(zip)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch sequence := number("sequence"); {
	case sequence <= job.next:
		job.repeated++
	case sequence != job.next+1 || number("offset") != uint64(len(job.log)) || number("size") != uint64(len(data)):
		s.t.Errorf("chunk %d at %d of %d bytes does not follow %d bytes", sequence, number("offset"), len(data), len(job.log))
	default:
		job.next, job.log = sequence, append(job.log, data...)
	}
	w.WriteHeader(http.StatusCreated)
}

// gitHandler serves git's smart protocol to whoever has the token of a job, for
// the repositories that its variable ALLOWED lists.
func (s *fakeServer) gitHandler() http.Handler {
	exe, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		s.t.Fatal(err)
	}
	backend := filepath.Join(strings.TrimSpace(string(exe)), "git-http-backend")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.busy.Add(-1) >= 0 {
			http.Error(w, "starting", http.StatusServiceUnavailable)
			return
		}
		_, token, _ := r.BasicAuth()
		name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/git/"), ".git/")
		s.mu.Lock()
		allowed := false
		for _, job := range s.jobs {
			allowed = allowed || token == job.Token && slices.Contains(job.repositories(), name)
		}
		s.mu.Unlock()
		if !allowed {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		(&cgi.Handler{Path: backend, Root: "/git", Stderr: io.Discard, Env: []string{
			"GIT_PROJECT_ROOT=" + s.git, "GIT_HTTP_EXPORT_ALL=1", "GIT_PROTOCOL=" + r.Header.Get("Git-Protocol"), "REMOTE_USER=job",
		}}).ServeHTTP(w, r)
	})
}

func (j *fakeJob) repositories() []string {
	return append(strings.Split(j.TraceState, ","), strings.TrimSuffix(filepath.Base(j.Env["BUILDKITE_REPO"]), ".git"))
}

// add queues a job that runs command at the given commit.
func (s *fakeServer) add(repository, commit, command string, env ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := fmt.Sprintf("0190c3d1-0000-7000-8000-%012d", len(s.jobs)+1)
	job := &fakeJob{Job: api.Job{
		ID: id, Token: fmt.Sprintf("slj_token-of-%s", id), ChunksMaxSizeBytes: 1 << 20, Endpoint: "http://elsewhere.invalid/",
		Env: map[string]string{
			"BUILDKITE_REPO": s.URL + "/git/" + repository + ".git", "BUILDKITE_COMMIT": commit, "BUILDKITE_COMMAND": command,
			"BUILDKITE_BRANCH": "master", "BUILDKITE_JOB_ID": id,
		},
		TraceState: "build-scripts,words", // other repositories that it may fetch
	}}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		job.Env[name] = value
	}
	s.jobs[id] = job
	s.waiting = append(s.waiting, id)
	close(s.changed)
	s.changed = make(chan struct{})
	return id
}

// change alters a job.
func (s *fakeServer) change(id string, f func(*fakeJob)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.jobs[id])
}

// until waits until a job is as asked, and returns a copy of it.
func (s *fakeServer) until(id, what string, ok func(*fakeJob) bool) fakeJob {
	s.t.Helper()
	for limit := time.Now().Add(time.Minute); time.Now().Before(limit); time.Sleep(2 * time.Millisecond) {
		s.mu.Lock()
		job := *s.jobs[id]
		s.mu.Unlock()
		if ok(&job) {
			return job
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.t.Fatalf("job %s never was %s; it is %s, its log is\n%s", id, what, cmp.Or(s.jobs[id].state, "waiting"), s.jobs[id].log)
	return fakeJob{}
}

// ended waits until a job was finished.
func (s *fakeServer) ended(id string) fakeJob {
	s.t.Helper()
	return s.until(id, "finished", func(j *fakeJob) bool { return j.finished != nil })
}

// says waits until a job's log holds a text.
func (s *fakeServer) says(id, text string) fakeJob {
	s.t.Helper()
	return s.until(id, "heard to say "+text, func(j *fakeJob) bool { return strings.Contains(string(j.log), text) })
}

func (s *fakeServer) registered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.registers)
}
