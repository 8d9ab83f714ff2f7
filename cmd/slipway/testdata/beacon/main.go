// Command beacon is the service that the scripts deploy, and how they look at
// it from outside.
//
//	beacon            serves PORT, or without one works until it is stopped
//	beacon who URL    prints which instances answer there, with their processes
//	beacon load URL   asks until it is interrupted and prints how many answers got lost
package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strconv"
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
		switch os.Getenv("READY") {
		case "never":
			http.Error(w, "the lamp is dark", http.StatusServiceUnavailable)
		case "tell":
			log.Print("no lamp for ", os.Getenv("LAMP_KEY"))
			http.Error(w, "no lamp for "+os.Getenv("LAMP_KEY"), http.StatusServiceUnavailable)
		}
	})
	fails, _ := strconv.Atoi(os.Getenv("FAILS")) // of a hundred
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		if rand.IntN(100) < fails {
			_, _ = fmt.Fprintf(os.Stderr, "level=ERROR msg=\"the lamp flickers\" request=%d\n", rand.IntN(1e6))
			http.Error(w, "the lamp flickers", http.StatusInternalServerError)
			return
		}
		_, _ = fmt.Fprintf(w, "%s @%s, process %d\n", os.Getenv("SLIPWAY_INSTANCE"), os.Getenv("SLIPWAY_RELEASE"), os.Getpid())
	})
	http.HandleFunc("/setting/{name}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintln(w, os.Getenv(r.PathValue("name")))
	})
	http.HandleFunc("/file/{name}", func(w http.ResponseWriter, r *http.Request) {
		text, err := os.ReadFile(os.Getenv(r.PathValue("name") + "_FILE"))
		_, _ = fmt.Fprintln(w, string(text), err)
	})
	http.HandleFunc("/print/{name}", func(_ http.ResponseWriter, r *http.Request) {
		v := os.Getenv(r.PathValue("name"))
		log.Printf("ERROR: it is %s, %q, %x, %s, %s", v, v, v, url.QueryEscape(v), base64.StdEncoding.EncodeToString([]byte("x"+v)))
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
