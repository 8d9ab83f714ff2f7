package dispatch_test

import (
	"testing"

	"github.com/slipway-cd/slipway/internal/state/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }
