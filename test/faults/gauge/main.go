// Command gauge is the service that fault tests deploy. It writes down every
// request that it begins and ends, and behaves as its environment says:
//
//	GAUGE_READY=never|2s     never ready, or so late
//	GAUGE_EXIT=300ms         ends with an error after so long
//	GAUGE_TAKES=50ms         for each answer
//	GAUGE_LINGER=2s          takes so long to end, and serves meanwhile
//	GAUGE_FAILS=1            answers 503 to what asks another service
//	GAUGE_WRONG=0.05:500     answers such a part of its requests with 500, and logs an error of each
//	GAUGE_WRONG=1:hang       never answers them; 1:reset breaks off instead; 0.1:slow takes a second longer
//	GAUGE_ORDERS=0.3         loses so many parts of what is ordered by its requests, though it answers them well
//	GAUGE_TARGETS=DIR        where it says that it can be asked for its counters, a file per process
//	GAUGE_QUEUE=NAME         takes the messages of a queue instead of requests, while it is told to take work
//	GAUGE_AMQP=URL           where that queue is
//	GAUGE_WRONG=0.3:error    logs an error of such a part of its messages
//	GAUGE_LEDGER=DIR         where requests and messages are written down, a file per process
//
// As gauge ready it tells whether such a worker is ready.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	do := run
	if len(os.Args) > 1 && os.Args[1] == "ready" {
		do = askReady
	}
	if err := do(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	g := &gauge{log: slog.New(slog.NewTextHandler(os.Stderr, nil)), born: time.Now(), ready: os.Getenv("GAUGE_READY"), takes: during("GAUGE_TAKES"), fails: os.Getenv("GAUGE_FAILS") != ""}
	g.orders.lose, _ = strconv.ParseFloat(os.Getenv("GAUGE_ORDERS"), 64)
	g.wrong.part, g.wrong.how = wrongdoing(os.Getenv("GAUGE_WRONG"))
	if err := g.openLedger(os.Getenv("GAUGE_LEDGER")); err != nil {
		return err
	}
	if after := os.Getenv("GAUGE_EXIT"); after != "" {
		time.AfterFunc(during("GAUGE_EXIT"), func() {
			fmt.Fprintln(os.Stderr, "out of order")
			os.Exit(3)
		})
	}
	if queue := os.Getenv("GAUGE_QUEUE"); queue != "" {
		return g.work(ctx, queue)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", os.Getenv("PORT")))
	if err != nil {
		return err
	}
	gone, err := announce(os.Getenv("GAUGE_TARGETS"), l.Addr().String())
	if err != nil {
		return err
	}
	defer gone()
	_, _ = fmt.Fprintln(os.Stdout, "listening on", l.Addr(), "process", os.Getpid())
	srv := &http.Server{Handler: g.routes(), ReadHeaderTimeout: 30 * time.Second, Protocols: new(http.Protocols)}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(true)
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	time.Sleep(during("GAUGE_LINGER"))
	last, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return srv.Shutdown(last)
}

// wrongdoing reads PART:HOW.
func wrongdoing(text string) (part float64, how string) {
	number, how, _ := strings.Cut(text, ":")
	part, _ = strconv.ParseFloat(number, 64)
	return part, how
}

func during(name string) time.Duration {
	d, _ := time.ParseDuration(os.Getenv(name))
	return d
}

// gauge is one instance.
type gauge struct {
	born  time.Time
	ready string
	takes time.Duration
	fails bool
	log   *slog.Logger
	wrong struct {
		part float64
		how  string
	}
	orders orders
	ripe   *os.File // held locked by a worker that is ready

	mu     sync.Mutex
	ledger *os.File // nil: none is kept
}

func (g *gauge) openLedger(dir string) (err error) {
	if dir == "" {
		return nil
	}
	name := filepath.Join(dir, os.Getenv("SLIPWAY_SERVICE")+"."+strconv.Itoa(os.Getpid()))
	g.ledger, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	return err
}

// write writes a request down, so that it stands there even if this process is
// killed right after.
func (g *gauge) write(what, id string) {
	if g.ledger == nil || id == "" {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	_, _ = g.ledger.WriteString(what + " " + id + "\n")
}

func (g *gauge) isReady() bool {
	switch g.ready {
	case "":
		return true
	case "never":
		return false
	}
	d, err := time.ParseDuration(g.ready)
	return err == nil && time.Since(g.born) >= d
}
