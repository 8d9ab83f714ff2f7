//go:build !linux

package process

import (
	"errors"
	"time"
)

// spent is not known here.
func spent(int) (cpu time.Duration, memory int64, err error) { return 0, 0, errors.ErrUnsupported }

// room is not known here.
func room() int64 { return 0 }
