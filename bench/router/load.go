package router

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// run is what wrk measured once.
type run struct {
	rps, p99 float64 // requests a second; milliseconds
	cpu      float64 // microseconds of the program's own time for each request
}

var (
	rpsLine = regexp.MustCompile(`Requests/sec:\s+([\d.]+)`)
	p99Line = regexp.MustCompile(`\s99%\s+([\d.]+)(us|ms|s)`)
	badLine = regexp.MustCompile(`(?m)^\s*(Non-2xx or 3xx responses|Socket errors):.*$`)
)

// ask puts load on url for some seconds.
func (b *bench) ask(ctx context.Context, url string, seconds int) (run, error) {
	args := []string{b.wrk, "-t", strconv.Itoa(b.each), "-c", strconv.Itoa(connections),
		"-d", strconv.Itoa(seconds) + "s", "--latency", url}
	text, err := exec.CommandContext(ctx, "taskset", append([]string{"-c", b.load}, args...)...).CombinedOutput()
	if err != nil {
		return run{}, fmt.Errorf("wrk: %w: %s", err, text)
	}
	if bad := badLine.Find(text); bad != nil {
		return run{}, fmt.Errorf("wrk:%s", bad)
	}
	rps, p99 := rpsLine.FindSubmatch(text), p99Line.FindSubmatch(text)
	if rps == nil || p99 == nil {
		return run{}, fmt.Errorf("wrk said %s", text)
	}
	var r run
	r.rps, _ = strconv.ParseFloat(string(rps[1]), 64)
	r.p99, _ = strconv.ParseFloat(string(p99[1]), 64)
	switch string(p99[2]) {
	case "us":
		r.p99 /= 1000
	case "s":
		r.p99 *= 1000
	}
	return r, nil
}

// ready waits until url answers.
func ready(ctx context.Context, url string) error {
	last := errors.New("no answer")
	for range 100 {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(res.Status)
		}
		last = err
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("it does not answer: %w", last)
}
