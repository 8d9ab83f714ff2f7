package cli

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/evidence"
)

// replayed is a verdict as it is printed.
type replayed struct {
	Verdict        evidence.Decision `json:"verdict"`
	Batch          int               `json:"batch"`
	CanaryRequests uint64            `json:"canary_requests"`
	Evidence       float64           `json:"evidence"`
	RatioLow       float64           `json:"ratio_low"`
	RatioHigh      *float64          `json:"ratio_high"` // null: not known
	Why            string            `json:"why"`
}

func (a *app) canaryReplayCommand() *cobra.Command {
	rules := slipway.DefaultEvidence
	c := &cobra.Command{
		Use:   "replay FILE",
		Short: "Judge counts again, and print the verdict as JSON",
		Long: "Reads CSV, from standard input where FILE is -, and prints one JSON object:\n" +
			"{\"verdict\",\"batch\",\"canary_requests\",\"evidence\",\"ratio_low\",\"ratio_high\",\"why\"}. The first line names the columns. Each of the others\n" +
			"is what was counted between two looks:\n\n" +
			"  nC  requests of the canary          xC  how many of them failed\n" +
			"  nB  requests of the stable version  xB  how many of them failed\n\n" +
			"There may be more columns, such as buckets of latency; they must be counts as well, and are not judged. Rows are counted\n" +
			"as they are given, and errors have the whole of alpha. The verdict is the first rollback, else the first promotion, else\n" +
			"continue or inconclusive; batch, requests and evidence are of that moment. A ratio that nothing is known to be below is null.",
		Example: "  slipway canary replay counts.csv\n  printf 'nC,xC,nB,xB\\n100,9,900,4\\n' | slipway canary replay - --alpha 1%",
		Args:    between(1, 1),
	}
	back := bounds(c, &rules.Rollback, "r0", "d", "alpha", "tolerated", "a version that is no worse is rolled back")
	forth := bounds(c, &rules.Promote, "r1", "d1", "beta", "good enough", "a version that is worse is promoted")
	c.RunE = func(c *cobra.Command, args []string) error {
		back()
		forth()
		for flag, follows := range map[string]func(){
			"r1": func() { rules.Promote.Ratio = max(rules.Promote.Ratio, rules.Rollback.Ratio) },
			"d1": func() { rules.Promote.Margin = max(rules.Promote.Margin, rules.Rollback.Margin) },
		} {
			if !c.Flags().Changed(flag) {
				follows()
			}
		}
		if err := rules.Validate(); err != nil {
			return err
		}
		v, err := replay(c.InOrStdin(), args[0], rules)
		if err != nil {
			return err
		}
		shown := replayed{Verdict: v.Decision, Batch: v.Batch, CanaryRequests: v.CanaryRequests, Evidence: v.Evidence, RatioLow: v.RatioLow, Why: v.Why}
		if v.RatioHigh != evidence.Unbounded {
			shown.RatioHigh = &v.RatioHigh
		}
		return a.screen(c).json(shown)
	}
	return c
}

func replay(stdin io.Reader, file string, rules slipway.Evidence) (evidence.Verdict, error) {
	from := stdin
	if file != "-" {
		f, err := os.Open(file)
		if errors.Is(err, fs.ErrNotExist) {
			return evidence.Verdict{}, slipway.Errorf(slipway.NotFound, "there is no %s", file)
		} else if err != nil {
			return evidence.Verdict{}, slipway.Errorf(slipway.Invalid, "cannot read %s: %w", file, err)
		}
		defer func() { _ = f.Close() }()
		from = f
	}
	rows := evidence.NewRows(rules)
	if err := evidence.ReadRows(from, rows.Look); err != nil {
		if slipway.CodeOf(err) == slipway.Internal {
			return evidence.Verdict{}, slipway.Errorf(slipway.Invalid, "cannot read %s: %w", file, err)
		}
		return evidence.Verdict{}, err
	}
	return rows.Verdict(), nil
}
