package cli

import (
	"fmt"
	"math"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/evidence"
)

// planned is what it takes to find a worse version.
type planned struct {
	Limit    float64 `json:"limit"`    // requests that any method needs
	Requests int     `json:"requests"` // of the canary, on average
	Seconds  float64 `json:"seconds"`
}

func (a *app) canaryPlanCommand() *cobra.Command {
	bound := slipway.DefaultEvidence.Rollback
	base, worse, share, rate := part(.001), part(.01), part(.1), 100.0
	c := &cobra.Command{
		Use:   "plan",
		Short: "Tell how long it takes to find a version that is worse",
		Long: "Prints how many requests of the canary it takes on average until a version that fails more often is rolled back by its\n" +
			"errors alone, and how long that is; and how many any method would need that is wrong as seldom. As shipped, with errors\n" +
			"in cells and other metrics beside them, it takes up to 1.4 times as many.",
		Example: "  slipway canary plan --base 0.1% --worse 1% --share 10% --rate 100",
		Args:    between(0, 0),
	}
	f := c.Flags()
	f.Var(&base, "base", "errors of the stable version")
	f.Var(&worse, "worse", "errors of the version that is to be found")
	f.Var(&share, "share", "the canary's part of the traffic")
	f.Float64Var(&rate, "rate", rate, "requests a second, of both")
	apply := bounds(c, &bound, "r0", "d", "alpha", "tolerated", "a version that is no worse is rolled back")
	c.RunE = func(c *cobra.Command, _ []string) error {
		apply()
		rules := slipway.DefaultEvidence
		rules.Rollback = bound
		rules.Promote.Ratio, rules.Promote.Margin = max(rules.Promote.Ratio, bound.Ratio), max(rules.Promote.Margin, bound.Margin)
		if err := rules.Validate(); err != nil {
			return err
		}
		o, err := evidence.Plan(bound, float64(base), float64(worse), float64(share), rate)
		if err != nil {
			return err
		}
		s := a.screen(c)
		if a.json {
			return s.json(planned{Limit: math.Round(10*o.Limit) / 10, Requests: int(math.Ceil(o.Requests)), Seconds: math.Round(10*o.Time.Seconds()) / 10})
		}
		return s.line("about %d requests of the canary, %s\n%s", int(math.Ceil(o.Requests)), about(o.Time),
			s.paint(dim, fmt.Sprintf("no method needs fewer than %.0f if it is to be wrong in %s of all good versions at most", math.Ceil(o.Limit), (*part)(&bound.Error))))
	}
	return c
}

// about is a duration that is an estimate: 17 s, 4 min, 3 h, 2 days.
func about(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", math.Ceil(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}
