package drivertest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/driver"
	"github.com/slipway-cd/slipway/internal/driver/drivertest"
)

func TestFake(t *testing.T) {
	image := slipway.Digest("sha256:" + strings.Repeat("ab", 32))
	drivertest.Test(t, func(t *testing.T) drivertest.Lab {
		fake := drivertest.NewFake(image, time.Millisecond)
		return drivertest.Lab{
			Image: image,
			Open:  func(*testing.T) (driver.Driver, func()) { return fake, func() {} },
		}
	})
}
