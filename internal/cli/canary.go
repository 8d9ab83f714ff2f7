package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
)

func (a *app) canaryCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "canary", Short: "How canaries are judged: replay a verdict, plan one",
		Long: "A canary is judged by a sequential test that may be looked at after every batch of counts. What was counted can be\n" +
			"judged again by anybody, and how long it takes to find a bad version can be told before.",
		Example: "  slipway canary replay counts.csv\n  slipway canary plan --base 0.1% --worse 1% --share 10% --rate 100",
	}
	c.AddCommand(a.canaryReplayCommand(), a.canaryPlanCommand())
	return parent(c)
}

// part is a flag for a part of 1: 0.01, 1%, 1pp.
type part float64

func (p *part) String() string {
	return strconv.FormatFloat(math.Round(float64(*p)*1e8)/1e6, 'f', -1, 64) + "%"
}

func (p *part) Type() string { return "percent" }

func (p *part) Set(text string) error {
	unit := 1.0
	number := strings.TrimSpace(text)
	for _, suffix := range []string{"%", "pp"} {
		if n, found := strings.CutSuffix(number, suffix); found {
			number, unit = strings.TrimSpace(n), 100
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !(n >= 0 && n <= unit) {
		return fmt.Errorf("write a part such as 0.01 or 1%%")
	}
	*p = part(n / unit)
	return nil
}

// bounds adds the flags of a bound to c; apply, once they are read, puts them into b.
func bounds(c *cobra.Command, b *slipway.Bound, ratio, margin, chance, of, wrong string) (apply func()) {
	d, e := part(b.Margin), part(b.Error)
	f := c.Flags()
	f.Float64Var(&b.Ratio, ratio, b.Ratio, of+", as a multiple of the stable version's errors")
	f.Var(&d, margin, of+", beyond that multiple, in percentage points")
	f.Var(&e, chance, "how probable it may be that "+wrong)
	return func() { b.Margin, b.Error = float64(d), float64(e) }
}
