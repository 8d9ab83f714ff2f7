package retention

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
)

const (
	maxCount = 10_000
	maxAge   = 100 * 365 * 24 * time.Hour
)

// ParseKeep reads a policy as people write it: releases=20,age=30d,deployments=10,
// logs=180d,agents=30d. What is left out is as in [slipway.DefaultKeep]. Its error
// is Invalid.
func ParseKeep(text string) (slipway.Keep, error) {
	k := slipway.DefaultKeep
	if strings.TrimSpace(text) == "" {
		return k, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		var err error
		switch name {
		case "releases":
			k.Releases, err = count(value)
		case "deployments":
			k.Deployments, err = count(value)
		case "age":
			k.Age, err = age(value)
		case "logs":
			k.Logs, err = age(value)
		case "agents":
			k.Agents, err = age(value)
		default:
			err = fmt.Errorf("there is nothing called %q to keep", name)
		}
		if err != nil {
			return slipway.Keep{}, slipway.Errorf(slipway.Invalid, "--keep: %.80q: %w", part, err).
				Do("write for example: --keep %s", FormatKeep(slipway.DefaultKeep))
		}
	}
	return k, nil
}

// FormatKeep writes what ParseKeep reads.
func FormatKeep(k slipway.Keep) string {
	return fmt.Sprintf("releases=%d,age=%s,deployments=%d,logs=%s,agents=%s", k.Releases, days(k.Age), k.Deployments, days(k.Logs), days(k.Agents))
}

func count(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxCount {
		return 0, fmt.Errorf("not a number from 1 to %d", maxCount)
	}
	return n, nil
}

// age is a number of days, 30d, or what Go reads, 12h.
func age(s string) (time.Duration, error) {
	if n, isDays := strings.CutSuffix(s, "d"); isDays {
		if n, err := strconv.Atoi(n); err == nil && n >= 0 && n <= int(maxAge/day) {
			return time.Duration(n) * day, nil
		}
	} else if d, err := time.ParseDuration(s); err == nil && d >= 0 && d <= maxAge {
		return d, nil
	}
	return 0, fmt.Errorf("not a time such as 30d or 12h")
}

const day = 24 * time.Hour

func days(d time.Duration) string {
	if d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return d.String()
}
