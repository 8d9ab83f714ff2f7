package preflight_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/driver/preflight"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wanted is what dev/setup tells of a server; without it the test is skipped by
// its name.
func wanted(t *testing.T, variable, what string) string {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		t.Skipf("there is no %s: run dev/setup and . .slipway/dev.env", what)
	}
	return value
}

// nobody is an address where nothing listens.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// serve starts a program that listens on a port of its own, and ends it with
// the test.
func serve(t *testing.T, command func(port string) *exec.Cmd) (address string) {
	t.Helper()
	address = nobody(t)
	_, port, _ := net.SplitHostPort(address)
	c := command(port)
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
			return address
		}
		if time.Since(start) > 10*time.Second {
			t.Fatalf("%s does not listen: %v", c.Path, err)
		}
	}
}

// redis starts a server that wants a password.
func redis(t *testing.T, password string) (address string) {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal("there is no redis-server: run dev/setup")
	} else if err != nil {
		t.Skip("there is no redis-server: run dev/setup")
	}
	dir := t.TempDir()
	return serve(t, func(port string) *exec.Cmd {
		return exec.Command(path, "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", dir, "--requirepass", password)
	})
}

// bucket starts an S3 server that has one bucket.
func bucket(t *testing.T, name string) (endpoint string) {
	t.Helper()
	path := wanted(t, "SLIPWAY_TEST_S3", "S3 server")
	return "http://" + serve(t, func(port string) *exec.Cmd {
		return exec.Command(path, "-host", "127.0.0.1:"+port, "-backend", "memory", "-initialbucket", name)
	})
}

func ask(t *testing.T, c slipway.Check, vars map[string]string) string {
	t.Helper()
	if err := preflight.Ask(t.Context(), c, vars); err != nil {
		return err.Error()
	}
	return ""
}

func want(t *testing.T, name, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", name, got, want)
	}
	if strings.Contains(got, secret) {
		t.Errorf("%s: a secret is told: %q", name, got)
	}
}

const secret = "open-sesame"

func TestTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	at := nobody(t)
	want(t, "somebody", ask(t, slipway.Check{TCP: "${AT}"}, map[string]string{"AT": l.Addr().String()}), "")
	want(t, "nobody", ask(t, slipway.Check{TCP: at}, nil), "preflight tcp "+at+": connection refused")
	want(t, "named", ask(t, slipway.Check{TCP: at, Name: "audit log"}, nil), "preflight audit log (tcp "+at+"): connection refused")
	want(t, "no address", ask(t, slipway.Check{TCP: secret}, nil), "preflight tcp: its address is none; look at the variable that holds it")
	want(t, "no variable", ask(t, slipway.Check{TCP: "${AT}"}, nil), "preflight tcp: the instance has no variable AT")
	want(t, "an empty variable", ask(t, slipway.Check{TCP: "${AT}"}, map[string]string{"AT": ""}), "preflight tcp: the variable AT is empty")
	want(t, "nothing", ask(t, slipway.Check{}, nil), "preflight: it does not say what to check")
}

func TestHTTP(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/elsewhere":
			http.Redirect(w, r, "/down", http.StatusFound)
		case "/down":
			http.Error(w, "out of paper\nand ink", http.StatusServiceUnavailable)
		}
	}))
	defer s.Close()
	host := s.Listener.Addr().String()
	with := strings.Replace(s.URL, "http://", "http://mei:"+secret+"@", 1)
	want(t, "up", ask(t, slipway.Check{HTTP: "${URL}/"}, map[string]string{"URL": with}), "")
	want(t, "a redirect", ask(t, slipway.Check{HTTP: s.URL + "/elsewhere"}, nil), "")
	want(t, "down", ask(t, slipway.Check{HTTP: with + "/down?key=" + secret}, nil), "preflight http "+host+`: GET /down → 503 "out of paper"`)
	at := nobody(t)
	want(t, "nobody", ask(t, slipway.Check{HTTP: "http://mei:" + secret + "@" + at}, nil), "preflight http "+at+": connection refused")
	want(t, "another scheme", ask(t, slipway.Check{HTTP: "${URL}"}, map[string]string{"URL": "ftp://mei:" + secret + "@x"}), "preflight http: its address must begin with http://, not ftp://")
	want(t, "no URL", ask(t, slipway.Check{HTTP: "${URL}"}, map[string]string{"URL": "http://mei:" + secret + "@x:port:"}), "preflight http: its address is none; look at the variable that holds it")
}

func TestRedis(t *testing.T) {
	t.Parallel()
	at := redis(t, secret)
	want(t, "with the password", ask(t, slipway.Check{Redis: "${REDIS_URL}"}, map[string]string{"REDIS_URL": "redis://:" + secret + "@" + at + "/0"}), "")
	if got := ask(t, slipway.Check{Redis: "redis://:" + secret + "-not@" + at}, nil); !strings.HasPrefix(got, "preflight redis "+at+": ") || !strings.Contains(got, "WRONGPASS") {
		t.Errorf("with a wrong password: %q", got)
	}
	if got := ask(t, slipway.Check{Redis: "redis://" + at}, nil); !strings.Contains(got, "NOAUTH") {
		t.Errorf("without the password: %q", got)
	}
	gone := nobody(t)
	want(t, "nobody", ask(t, slipway.Check{Redis: "redis://:" + secret + "@" + gone}, nil), "preflight redis "+gone+": connection refused")
	want(t, "no URL", ask(t, slipway.Check{Redis: "redis://:" + secret + "@" + gone + "/words"}, nil), "preflight redis "+gone+": its address is none; look at the variable that holds it")
}

func TestAMQP(t *testing.T) {
	t.Parallel()
	address := wanted(t, "SLIPWAY_TEST_AMQP", "RabbitMQ")
	u, _ := url.Parse(address)
	want(t, "up", ask(t, slipway.Check{AMQP: address}, nil), "")
	u.User = url.UserPassword("guest", secret)
	want(t, "a wrong password", ask(t, slipway.Check{AMQP: u.String()}, nil),
		"preflight amqp "+u.Host+`: Exception (403) Reason: "username or password not allowed"`)
	at := nobody(t)
	want(t, "nobody", ask(t, slipway.Check{AMQP: "amqp://guest:" + secret + "@" + at}, nil), "preflight amqp "+at+": connection refused")
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	address := wanted(t, "SLIPWAY_TEST_POSTGRES", "PostgreSQL")
	u, _ := url.Parse(address)
	want(t, "up", ask(t, slipway.Check{Postgres: "${DATABASE_URL}"}, map[string]string{"DATABASE_URL": address}), "")
	u.Path = "/nowhere"
	want(t, "no such database", ask(t, slipway.Check{Postgres: u.String()}, nil), "preflight postgres "+u.Host+`: database "nowhere" does not exist`)
	u.User = url.UserPassword("postgres", secret)
	want(t, "a wrong password", ask(t, slipway.Check{Postgres: u.String()}, nil), "preflight postgres "+u.Host+`: password authentication failed for user "postgres"`)
	at := nobody(t)
	want(t, "nobody", ask(t, slipway.Check{Postgres: "postgres://mei:" + secret + "@" + at + "/x"}, nil), "preflight postgres "+at+": connection refused")
	want(t, "no URL", ask(t, slipway.Check{Postgres: "postgres://mei:" + secret + "@" + at + "/x?sslmode=perhaps"}, nil),
		"preflight postgres "+at+": its address is none; look at the variable that holds it")
}

func TestS3(t *testing.T) {
	t.Parallel()
	endpoint := bucket(t, "thoughts")
	host := strings.TrimPrefix(endpoint, "http://")
	vars := map[string]string{"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "eu-north-1", "AWS_ACCESS_KEY_ID": "mei", "AWS_SECRET_ACCESS_KEY": secret}
	want(t, "up", ask(t, slipway.Check{S3: "s3://thoughts/uploads/${AWS_REGION}"}, vars), "")
	res, err := http.Get(endpoint + "/thoughts?prefix=uploads")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if left, _ := io.ReadAll(res.Body); strings.Contains(string(left), "<Contents>") {
		t.Errorf("the marker is left: %s", left)
	}
	got := ask(t, slipway.Check{S3: "s3://nowhere/x"}, vars)
	if !strings.HasPrefix(got, "preflight s3 "+host+"/nowhere: put: ") || !strings.HasSuffix(got, "(NoSuchBucket)") {
		t.Errorf("no such bucket: %q", got)
	}
	at := nobody(t)
	vars["AWS_ENDPOINT_URL"] = "http://" + at
	want(t, "nobody", ask(t, slipway.Check{S3: "s3://thoughts/x"}, vars), "preflight s3 "+at+"/thoughts: connection refused")
}

// A server that takes connections and says nothing is told from one that is
// down.
func TestSilence(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	at := l.Addr().String()
	for name, c := range map[string]slipway.Check{
		"redis":    {Redis: "redis://" + at},
		"amqp":     {AMQP: "amqp://" + at},
		"postgres": {Postgres: "postgres://" + at + "/x?sslmode=disable"},
		"http":     {HTTP: "http://" + at},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			want(t, name, ask(t, c, nil), "preflight "+name+" "+at+": no answer within 5s")
			if took := time.Since(start); took > preflight.Timeout+3*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestAFlightGoesOnUntilAllHavePassed(t *testing.T) {
	late := nobody(t)
	gone := nobody(t)
	f := preflight.NewFlight([]slipway.Check{{TCP: late}, {TCP: gone, Name: "audit"}})
	if ok, why := f.Passed(); ok || why != "preflight tcp: no answer yet (and 1 more)" {
		t.Errorf("at first: %t, %q", ok, why)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { f.Run(ctx, nil); close(ended) }()
	until := func(want string) {
		t.Helper()
		why := ""
		for start := time.Now(); time.Since(start) < 10*time.Second; time.Sleep(5 * time.Millisecond) {
			if _, why = f.Passed(); why == want {
				return
			}
		}
		t.Fatalf("it says %q, want %q", why, want)
	}
	until("preflight tcp " + late + ": connection refused (and 1 more)")
	l, err := net.Listen("tcp", late)
	if err != nil {
		t.Fatal(err)
	}
	until("preflight audit (tcp " + gone + "): connection refused")
	_ = l.Close() // what has passed once is not asked again
	time.Sleep(300 * time.Millisecond)
	until("preflight audit (tcp " + gone + "): connection refused")
	cancel()
	<-ended
	if l, err = net.Listen("tcp", gone); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	f.Run(t.Context(), nil)
	if ok, why := f.Passed(); !ok {
		t.Errorf("at last: %q", why)
	}
}
