package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// judged says what the evidence says of a candidate, in words; nothing where
// nothing judges it, or was counted yet.
func (s *screen) judged(d api.Deployment) []string {
	e := d.Evidence
	if e == nil || e.Verdict == "" {
		return nil
	}
	open := e.Verdict == "inconclusive" || e.Verdict == "continue"
	why := e.Why
	if d.Ended && (open || e.Verdict == worse) {
		why = slipway.Brief(why) // there is nothing to do any more
	}
	lines := []string{fmt.Sprintf("    %s %s", s.verdictMark(e.Verdict), one(why))}
	for _, m := range e.Metrics {
		if m.Lacks != "" && !strings.Contains(e.Why, m.Lacks) {
			lines = append(lines, fmt.Sprintf("      %s  %s", one(m.Name), one(m.Lacks)))
		}
	}
	for _, n := range e.Errors {
		if e.First {
			lines = append(lines, fmt.Sprintf("      error  %s  %d×", one(n.Title), n.Canary))
			continue
		}
		lines = append(lines, fmt.Sprintf("      new error  %s  %d× (%d× of what serves)", one(n.Title), n.Canary, n.Baseline))
	}
	switch {
	case d.Ended:
	case e.Verdict == worse:
		lines = append(lines, fmt.Sprintf("      next  slipway deployment %d --picture why.svg · slipway promote %d · slipway abort %d", d.ID, d.ID, d.ID))
	case open:
		lines = append(lines, fmt.Sprintf("      next  slipway promote %d · slipway abort %d", d.ID, d.ID))
	}
	return lines
}

// verdictMark is the sign of a verdict.
func (s *screen) verdictMark(verdict string) string {
	switch verdict {
	case "promote", "continue":
		return s.paint(green, "✓")
	case "rollback", worse:
		return s.paint(red, "✗")
	}
	return s.paint(amber, "○")
}

// bySelf reports whether a gate only says what [screen.judged] does.
func bySelf(d api.Deployment, gate string) bool {
	return gate == evidenceGate && d.Evidence != nil && d.Evidence.Verdict != ""
}

const evidenceGate = "evidence"

// worse is the verdict on a candidate before which nothing served.
const worse = "worse"

// evidenceFiles are where what a candidate is judged by is to be kept.
type evidenceFiles struct{ picture, counts string }

func (a *app) keepEvidence(c *cobra.Command, args []string, keep evidenceFiles) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	id, err := moving(c.Context(), client, args)
	if err != nil {
		return err
	}
	if keep.picture != "" {
		r, err := client.EvidencePicture(c.Context(), id)
		if err := saveTo(c.OutOrStdout(), keep.picture, r, err); err != nil {
			return err
		}
	}
	if keep.counts == "" {
		return nil
	}
	r, err := client.EvidenceCSV(c.Context(), id, false)
	return saveTo(c.OutOrStdout(), keep.counts, r, err)
}

// saveTo writes what r gives to a file, whole or not at all, or to out when that
// is "-".
func saveTo(out io.Writer, path string, r io.ReadCloser, err error) error {
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if path == "-" {
		_, err := out.Write(text)
		return err
	}
	if err := os.WriteFile(path, text, 0o666); err != nil { //nolint:gosec // to be shared, as the umask says
		return slipway.Errorf(slipway.Invalid, "%s cannot be written: %w", path, errors.Unwrap(err))
	}
	return nil
}
