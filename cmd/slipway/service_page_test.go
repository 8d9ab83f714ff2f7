package main_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestPageOfAService looks at a service in every environment: what serves, what
// is set for it, what keeps it.
func TestPageOfAService(t *testing.T) {
	b := newBrowser(t)
	w := newWorld(t)
	dir := w.beacon("strategy: canary, canary: { weights: [50%], hold: 1s, evidence: none }")
	w.run(t.Context(), dir, "slipway", "deploy", "prod")
	w.run(t.Context(), dir, "slipway", "config", "set", "beacon", "prod", "LOG_LEVEL=debug", "GREETING=hello, everybody who passes by at night")
	w.run(t.Context(), dir, "slipway", "config", "set", "beacon", "prod", "LOG_LEVEL=info", "--later")
	w.run(t.Context(), dir, "sh", "-c", "printf 'opensesame' | slipway secret set beacon prod DOOR --later")
	w.run(t.Context(), dir, "slipway", "scale", "beacon", "prod", "3")
	w.run(t.Context(), dir, "slipway", "lock", "prod", "beacon", "--why", "database migration", "--for", "2h")

	var link struct{ URL string }
	w.json(&link, "login")
	pages, _, _ := strings.Cut(link.URL, "/login")
	b.do(chromedp.Navigate(link.URL), chromedp.WaitVisible("button"))
	b.do(chromedp.Click("button"), chromedp.WaitVisible("#board"))
	b.do(chromedp.Click(`//a[text()="beacon"]`), chromedp.WaitVisible("#service"))
	for _, text := range []string{
		"canary", "weights 50 %", "3 by hand", "slipway scale beacon prod --manifest",
		"version 2", "version 1 is live", "LOG_LEVEL", "info", "slipway config set beacon prod KEY=VALUE", "nothing is set",
		"DOOR@1", "not live yet", "slipway secret set beacon prod NAME",
		"no trial has ended yet", "database migration", "slipway unlock prod beacon", "succeeded",
	} {
		b.see("#service", text)
	}
	if html, err := chromedp.Run(b.ctx, chromedp.OuterHTML("html")); err != nil || strings.Contains(html, "opensesame") {
		t.Errorf("the page shows the secret, %v", err)
	}
	b.picture("service")
	b.dark()
	b.picture("service-dark")
	b.do(chromedp.EmulateViewport(360, 740, chromedp.EmulateScale(2), chromedp.EmulateMobile))
	b.narrow()
	b.picture("service-360")
	b.do(chromedp.Navigate(pages+"/services/nothing"), chromedp.WaitVisible("main"))
	b.see("main", `there is no service "nothing"`)
}
