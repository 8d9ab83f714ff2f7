package main_test

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestPageOfEvidence looks at a candidate that is as good as what serves while it
// is judged, and at one that is worse.
func TestPageOfEvidence(t *testing.T) {
	b := newBrowser(t)
	w := newWorld(t)
	const canary = "strategy: canary, canary: { weights: [20%, 50%], hold: 4s, evidence: { promote: { ratio: 4, margin: 2% }, latency: 290%, min_requests: 100 } }"
	dir := w.beacon(canary)
	w.run(t.Context(), dir, "slipway", "deploy", "prod")
	w.asked(t, 300)

	w.change(dir, "As good")
	good := w.begin(dir)
	var link struct{ URL string }
	w.json(&link, "login")
	pages, _, _ := strings.Cut(link.URL, "/login")
	page := func(id int64) string { return fmt.Sprintf("%s/deployments/%d", pages, id) }
	b.do(chromedp.Navigate(link.URL), chromedp.WaitVisible("button"))
	b.do(chromedp.Click("button"), chromedp.WaitVisible("#board"))
	b.do(chromedp.Navigate(page(good)), chromedp.WaitVisible(`//h2[text()="Evidence"]`))
	b.do(chromedp.WaitVisible("#deployment-evidence svg")) // live
	b.see("#deployment-evidence", "not decided")
	b.do(chromedp.Click("#table-ratio summary"), chromedp.WaitVisible("#table-ratio td"))
	b.picture("evidence-begun")
	for end := time.Now().Add(2 * time.Minute); !w.deployment(good).Ended && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond) // a machine with much to do gives few requests to judge by
	}
	if d := w.deployment(good); d.Phase != "succeeded" || d.Evidence.Verdict != "promote" {
		t.Errorf("an equal candidate: %s, %+v", d.Phase, d.Evidence)
	}
	b.see("#deployment-evidence", "✓ good")
	b.do(chromedp.WaitVisible("#table-ratio td")) // what was opened stays so
	b.picture("evidence-good")

	w.write(dir, "env: { FAILS: '8' }, "+canary)
	w.change(dir, "Flicker")
	bad := w.begin(dir)
	b.do(chromedp.Navigate(page(bad)), chromedp.WaitVisible("#deployment-evidence svg"))
	b.do(chromedp.WaitVisible(`//span[contains(., "✗ worse")]`)) // without a reload
	b.see("#deployment-evidence", "ROLLED BACK after")
	b.see("#deployment-evidence", "the lamp flickers")
	b.do(chromedp.Click("#table-wealth summary"), chromedp.Click("#table-latency summary"))
	b.see("#table-wealth", "answers 4xx")
	b.see("#table-latency", "p99")
	w.until("it is back", func() bool { return w.deployment(bad).Ended })
	b.picture("evidence-bad")
	b.dark()
	b.picture("evidence-bad-dark")
	b.do(chromedp.EmulateViewport(360, 740, chromedp.EmulateScale(2), chromedp.EmulateMobile))
	b.narrow()
	b.picture("evidence-bad-360")
	b.do(chromedp.Navigate(page(good)), chromedp.WaitVisible("#deployment-evidence svg"))
	b.narrow()
	b.picture("evidence-good-360")

	w.savedPicture(t, bad)
	b.do(chromedp.Navigate(page(bad)+"/evidence.svg"), chromedp.WaitVisible("svg"))
	b.picture("evidence-file")
}

// TestPageOfAFirstRelease looks at one that has nothing beside it and is worse than
// is tolerated, and promotes it.
func TestPageOfAFirstRelease(t *testing.T) {
	b := newBrowser(t)
	w := newWorld(t)
	dir := w.beacon("env: { FAILS: '12' }, strategy: canary, canary: { weights: [20%], hold: 4s, bake: 1h }")
	var link struct{ URL string }
	w.json(&link, "login")
	pages, _, _ := strings.Cut(link.URL, "/login")
	b.do(chromedp.Navigate(link.URL), chromedp.WaitVisible("button"))
	b.do(chromedp.Click("button"), chromedp.WaitVisible("#board"))
	id := w.begin(dir)
	b.do(chromedp.Navigate(fmt.Sprintf("%s/deployments/%d", pages, id)), chromedp.WaitVisible(`//h2[text()="Evidence"]`))
	b.see("#deployment-evidence", "no requests yet")
	b.picture("first-begun")
	w.asked(t, 300)
	b.do(chromedp.WaitVisible(`//span[contains(., "✗ worse")]`)) // without a reload
	b.see("#deployment-evidence", "WORSE after")
	b.see("#deployment-evidence", "Nothing is there to go back to: promote or abort it.")
	b.see("#deployment-evidence", "tolerated 1 % errors")
	b.see("#deployment-evidence", "errors that it printed")
	b.see("#deployment-why", "is held: WORSE after")
	b.do(chromedp.Click("#table-wealth summary"), chromedp.Click("#table-latency summary"))
	b.see("#table-wealth", "SLO guard")
	if text, err := chromedp.Run(b.ctx, chromedp.Text("#deployment-evidence")); err != nil || strings.Contains(text, "stable") || strings.Contains(text, "candidate to") {
		t.Errorf("it tells of what is not there, %v:\n%s", err, text)
	}
	b.picture("first-worse")
	b.do(chromedp.Navigate(pages+"/"), chromedp.WaitVisible("#board"))
	b.see("#board", "waits: WORSE after")
	b.picture("first-board")
	b.dark()
	b.do(chromedp.EmulateViewport(360, 740, chromedp.EmulateScale(2), chromedp.EmulateMobile))
	b.do(chromedp.Navigate(fmt.Sprintf("%s/deployments/%d", pages, id)), chromedp.WaitVisible("#deployment-evidence svg"))
	b.narrow()
	b.picture("first-worse-360")
	b.do(chromedp.Navigate(fmt.Sprintf("%s/deployments/%d/evidence.svg", pages, id)), chromedp.WaitVisible("svg"))
	b.picture("first-file")
	b.do(chromedp.Navigate(fmt.Sprintf("%s/deployments/%d", pages, id)), chromedp.WaitVisible("#deployment-evidence svg"))
	b.do(chromedp.Click(`//button[text()="Promote"]`))
	b.do(chromedp.WaitVisible(`//h1//span[contains(., "succeeded")]`))
	b.see("#deployment-why", "past stage 1 of 1; evidence: WORSE after")
}

// savedPicture holds that the picture of a deployment is a file of its own.
func (w *world) savedPicture(t *testing.T, id int64) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "why.svg")
	w.run(t.Context(), w.dir, "slipway", "deployment", fmt.Sprint(id), "--picture", file)
	text, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(text), "ROLLED BACK") {
		t.Fatalf("%s, %v", text, err)
	}
	for in := xml.NewDecoder(strings.NewReader(string(text))); ; {
		if _, err := in.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("no XML: %v", err)
		}
	}
}

// asked has the beacon of prod asked so often a second until the end of the test,
// whatever it answers.
func (w *world) asked(t *testing.T, rate int) {
	ctx, stop := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	t.Cleanup(func() { stop(); asking.Wait() })
	url := fmt.Sprintf("http://127.0.0.1:%d", w.port+2)
	const clients = 4
	for range clients {
		asking.Go(func() {
			tick := time.NewTicker(clients * time.Second / time.Duration(rate))
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
				if err != nil {
					t.Error(err)
					return
				}
				if res, err := http.DefaultClient.Do(req); err == nil {
					_, _ = io.Copy(io.Discard, res.Body)
					_ = res.Body.Close()
				}
			}
		})
	}
}
