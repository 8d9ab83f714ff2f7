// Command beacon is the service that the scripts deploy, and how they look at
// it from outside.
//
//	beacon            serves PORT, or without one works until it is stopped
//	beacon who URL    prints which instances answer there, with their processes
//	beacon load URL   asks until it is interrupted and prints how many answers got lost
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch port := os.Getenv("PORT"); {
	case len(os.Args) == 3 && os.Args[1] == "who":
		who(os.Args[2])
	case len(os.Args) == 3 && os.Args[1] == "load":
		load(ctx, os.Args[2])
	case os.Getenv("LAMP") == "broken":
		log.Fatal("no lamp")
	case port == "":
		log.Print("at work, process ", os.Getpid())
		<-ctx.Done()
	default:
		serve(ctx, port)
	}
}

func serve(ctx context.Context, port string) {
	http.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if os.Getenv("READY") == "never" {
			http.Error(w, "the lamp is dark", http.StatusServiceUnavailable)
		}
	})
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, "%s @%s, process %d\n", os.Getenv("SLIPWAY_INSTANCE"), os.Getenv("SLIPWAY_RELEASE"), os.Getpid())
	})
	s := &http.Server{Addr: "127.0.0.1:" + port, ReadHeaderTimeout: time.Second}
	go func() {
		<-ctx.Done()
		_ = s.Shutdown(context.Background())
	}()
	log.Print("listening on ", port)
	if err := s.ListenAndServe(); err != http.ErrServerClosed {
		log.Fatal(err)
	}
}

// who asks often enough to meet everybody, on a connection each. It takes its
// time: an instance that has an answer under way is not asked.
func who(url string) {
	seen := map[string]bool{}
	tick := time.NewTicker(5 * time.Millisecond)
	for range 40 {
		<-tick.C
		answer, err := get(fresh, url)
		if err != nil {
			log.Fatal(err)
		}
		seen[answer] = true
	}
	for _, answer := range slices.Sorted(maps.Keys(seen)) {
		fmt.Print(answer)
	}
}

// load alternates between a connection that it keeps and fresh ones, and never
// asks twice for the same.
func load(ctx context.Context, url string) {
	asked, lost := 0, 0
	for tick := time.NewTicker(5 * time.Millisecond); ctx.Err() == nil; <-tick.C {
		client := fresh
		if asked%2 == 0 {
			client = kept
		}
		asked++
		if _, err := get(client, url); err != nil {
			lost++
			fmt.Println(time.Now().Format(time.StampMilli), err)
		}
	}
	if asked < 20 {
		log.Fatalf("only %d requests", asked)
	}
	fmt.Printf("%d lost\n", lost)
}

var (
	kept  = &http.Client{Timeout: 5 * time.Second}
	fresh = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
)

func get(c *http.Client, url string) (string, error) {
	r, err := c.Get(url)
	if err != nil {
		return "", err
	}
	defer func() { _ = r.Body.Close() }()
	text, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", r.Status, text)
	}
	return string(text), err
}
