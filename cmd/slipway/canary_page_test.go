package main_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestPageOfACanary looks at a deployment while its tests run, and while its
// first weight is held.
func TestPageOfACanary(t *testing.T) {
	b := newBrowser(t)
	w := newWorld(t)
	dir := w.beacon("strategy: immutable, immutable: { keep_old: 10m }")
	w.run(t.Context(), dir, "slipway", "deploy", "prod")
	w.write(dir, "strategy: canary, canary: { weights: [1%, 10%, 50%], hold: 5m, preview: 'echo probing \"$SLIPWAY_PREVIEW_URL\"; beacon who \"$SLIPWAY_PREVIEW_URL\"; sleep 4; echo fine' }")
	w.change(dir, "Ask a few first")
	id := w.begin(dir)

	var link struct{ URL string }
	w.json(&link, "login")
	pages, _, _ := strings.Cut(link.URL, "/login")
	b.do(chromedp.Navigate(link.URL), chromedp.WaitVisible("button"))
	b.do(chromedp.Click("button"), chromedp.WaitVisible("#board"))
	b.do(chromedp.Navigate(fmt.Sprintf("%s/deployments/%d", pages, id)), chromedp.WaitVisible("#deployment-tests"))
	b.see("#deployment-schedule", "tests")
	b.do(chromedp.WaitVisible(`//ol[@class="lines"]//*[contains(., "probing")]`)) // live
	b.picture("canary-tests")
	b.do(chromedp.WaitVisible(`//p[contains(., "now: ②")]`)) // without a reload
	b.see("#deployment-schedule", "② 1 %")
	b.see("#deployment-schedule", "of 5 min")
	b.see("#deployment-schedule", "1 % to @2")
	b.see("#deployment-tests", "passed")
	b.see("#deployment-tests", "fine")
	b.picture("canary-held")
	b.do(chromedp.Navigate(pages+"/"), chromedp.WaitVisible("#board"))
	b.see("#board", "stage 2 of 6, 1 %")
	b.picture("canary-board")
	b.dark()
	b.picture("canary-board-dark")
	b.do(chromedp.Navigate(fmt.Sprintf("%s/deployments/%d", pages, id)), chromedp.WaitVisible("#deployment-tests"))
	b.picture("canary-held-dark")
	b.do(chromedp.EmulateViewport(360, 740, chromedp.EmulateScale(2), chromedp.EmulateMobile))
	b.narrow()
	b.picture("canary-held-360")
}
