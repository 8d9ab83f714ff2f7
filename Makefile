# make demo   a fresh Slipway, three services, a deployment under load: the whole way of a commit
# make test   everything that must hold, with the servers it needs set up first
# make test-faults   the same for real processes that are killed, cut off and lied to

GO      ?= go
LINT    := bin/golangci-lint
LINT_AT := v2.15.0

# Packages with goroutines, which the race detector watches.
RACE := ./internal/build/... ./internal/daemon/... ./internal/deploy/... ./internal/driver/... \
        ./internal/protocol/... ./internal/router/... ./internal/server/... ./internal/state/...

.PHONY: demo test test-faults race lint cross build setup
.DEFAULT_GOAL := build

# Without cgo: no C library is asked of the machine that builds or runs it.
build:
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/slipway ./cmd/slipway

demo: build
	bin/slipway demo $(DEMO)

setup:
	dev/setup

# -count=1: the scripts run a binary that the test cache does not know.
test: setup
	. ./.slipway/dev.env && $(GO) test $(TEST) -count=1 -timeout 15m ./...

# Real processes are hurt in every way there is, under load: ten minutes.
test-faults: setup
	. ./.slipway/dev.env && SLIPWAY_FAULTS=full $(GO) test $(TEST) -count=1 -timeout 20m ./test/faults

race: setup
	. ./.slipway/dev.env && $(GO) test -race -timeout 30m $(RACE)

lint: $(LINT)
	test -z "$$(gofmt -l .)"
	$(LINT) run ./...
	shellcheck dev/setup .ci/run

$(LINT): Makefile
	GOBIN=$(CURDIR)/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_AT)

# What is not Linux on amd64 compiles; what its kernel lacks degrades by name.
cross:
	GOOS=linux GOARCH=arm64 $(GO) build -o /dev/null ./cmd/slipway
	GOOS=darwin GOARCH=arm64 $(GO) build -o /dev/null ./cmd/slipway
