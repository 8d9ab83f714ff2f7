package cli

import (
	"fmt"
	"strings"

	"github.com/slipway-cd/slipway/api"
)

// consumption is what an instance costs, and has complained of: 12 % CPU, 48 MB,
// 3 errors.
func consumption(i api.Instance) string {
	var parts []string
	if u := i.Uses; u != nil {
		parts = append(parts, fmt.Sprintf("%.0f %% CPU", 100*u.Busy), megabytes(u.Memory))
	}
	if p := i.Printed; p != nil && p.Errors > 0 {
		parts = append(parts, numberOf(p.Errors, "error"))
	}
	if p := i.Printed; p != nil && p.Warnings > 0 {
		parts = append(parts, numberOf(p.Warnings, "warning"))
	}
	return strings.Join(parts, ", ")
}

func megabytes(n int64) string {
	if n < 10_000_000 {
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.0f MB", float64(n)/1e6)
}

func numberOf(n uint64, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
