package agent

import (
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// dead is the address of a server that has ended.
func dead(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return "http://" + l.Addr().String()
}

// TestTheNextServer: the first one is dead, and the job names its repository
// there; submodules are found by their place beside it.
func TestTheNextServer(t *testing.T) {
	gone := dead(t)
	w := newWorld(t, func(a *Agent) {
		a.servers, _ = newServers([]string{gone, a.Servers[0]}, nil)
	})
	words := w.repository(t, "words", map[string]string{"word": "hello"})
	commit := w.repository(t, "book", map[string]string{"words": "submodule ../words.git " + words})
	w.start(t)
	began := time.Now()
	job := w.ended(w.add("book", commit, "cat words/word", "BUILDKITE_REPO="+gone+"/git/book.git"))
	if !strings.HasSuffix(string(job.log), "hello") || job.finished.ExitStatus != "0" {
		t.Errorf("finished as %+v:\n%s", job.finished, job.log)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

// TestTheServerDiesWhileAJobRuns: job, log and end go to the other server.
func TestTheServerDiesWhileAJobRuns(t *testing.T) {
	w := newWorld(t)
	front := httptest.NewServer(w.Config.Handler) // another way to the same state
	t.Cleanup(front.Close)
	w.agent.servers, _ = newServers([]string{front.URL, w.URL}, nil)
	w.start(t)
	id := w.add("app", w.commit, `echo begun; until [ -e go ]; do sleep 0.01; done; echo "$BUILDKITE_AGENT_ENDPOINT $SLIPWAY_SERVERS"`)
	w.says(id, "begun")
	front.CloseClientConnections()
	front.Close()
	touch(t, w.agent.path("checkout", "app", "go"))
	job := w.ended(id)
	if job.finished.ExitStatus != "0" || !strings.HasSuffix(string(job.log), "begun\n"+front.URL+"/agent/v3 "+front.URL+","+w.URL+"\n") {
		t.Errorf("finished as %+v:\n%s", job.finished, job.log)
	}
	if w.registered() != 1 {
		t.Errorf("registered %d times", w.registered())
	}
	w.ended(w.add("app", w.commit, "true"))
}

func TestServersThatComeAndGo(t *testing.T) {
	there := []string{"http://a", "http://b"}
	s, err := newServers([]string{"http://a"}, func() []string { return there })
	if err != nil {
		t.Fatal(err)
	}
	a := s.now()
	next, left := s.leave(a)
	if next.Host != "b" || !left {
		t.Errorf("after a comes %s", next)
	}
	if again, left := s.leave(a); again != next || left {
		t.Error("one that was left was left again")
	}
	if others := s.others(); !slices.Equal(others, []string{"http://a"}) {
		t.Errorf("beside b: %v", others)
	}
	there = []string{"http://c"}
	if next, _ := s.leave(next); next.Host != "c" {
		t.Errorf("after b, which is gone, comes %s", next)
	}
	there = nil // nobody can say
	if next, left := s.leave(s.now()); next.Host != "c" || left {
		t.Errorf("the last one was left for %s", next)
	}
}
