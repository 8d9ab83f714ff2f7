package cli

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A job whose server has ended asks the next one.
func TestAJobAsksTheNextServer(t *testing.T) {
	f := newFake(t)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, value := range map[string]string{
		"SLIPWAY_URL": "", "SLIPWAY_TOKEN": "", "BUILDKITE_JOB_ID": "j1", "BUILDKITE_AGENT_ENDPOINT": gone.URL + "/agent/v3",
		"BUILDKITE_AGENT_ACCESS_TOKEN": "slu_test", "SLIPWAY_SERVERS": gone.URL + "," + f.url,
	} {
		t.Setenv(name, value)
	}
	f.serveDeployment(deploymentStates("succeeded")...)
	out, errOut, code := run(t, "deploy", "prod", "thoughts-backend@14")
	if code != 0 || !strings.Contains(out, "✓ thoughts-backend@14 serves prod") {
		t.Errorf("exit %d: %s%s", code, out, errOut)
	}
	if at := (place{url: gone.URL + "," + f.url}).server(t.Context()); at != f.url {
		t.Errorf("images are pushed to %s, not %s", at, f.url)
	}
	t.Setenv("BUILDKITE_JOB_ID", "") // what a person has of that name says nothing
	if _, _, code := run(t, "deploy", "prod", "thoughts-backend@14"); code == 0 {
		t.Error("a person's command went where only jobs are told to go")
	}
}
