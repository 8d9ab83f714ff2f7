package deploy

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"text/tabwriter"
	"time"
)

// outcome is the last line.
type outcome struct {
	Requests  int     `json:"requests"`
	Lost      int     `json:"lost"`
	Rolling   float64 `json:"rolling_ms"`
	Immutable float64 `json:"immutable_switch_ms"`
	Canary    float64 `json:"canary_ms"`
	Rollback  float64 `json:"rollback_ms"`
}

func (b *bench) report() error {
	t := tabwriter.NewWriter(b.out, 0, 0, 3, ' ', 0)
	_, _ = fmt.Fprintln(t, "\tmedian ms\tmin – max")
	for _, s := range strategies {
		all := b.walls[s.name]
		if len(all) > 0 {
			_, _ = fmt.Fprintf(t, "%s\t%.0f\t%.0f – %.0f\n", s.name, ms(median(all)), ms(slices.Min(all)), ms(slices.Max(all)))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(b.out, "%d deployments under load, %d requests, %d lost, %d not sent\n", b.deployments, b.sent, b.lost, b.unsent)
	if b.lost > 0 {
		_, _ = fmt.Fprintln(b.out, b.reasons)
	}
	if !b.json {
		return nil
	}
	return json.NewEncoder(b.out).Encode(outcome{
		Requests: b.sent, Lost: b.lost,
		Rolling: ms(median(b.walls["rolling"])), Immutable: ms(median(b.walls["immutable"])),
		Canary: ms(median(b.walls["canary"])), Rollback: ms(median(b.walls["rollback"])),
	})
}

func ms(d time.Duration) float64 { return math.Round(float64(d.Microseconds())/100) / 10 }
