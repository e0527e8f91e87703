# Brine. `make demo` shows it at work; `make test` runs every test.

GO      ?= go
BIN     := bin
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X brine/internal/daemon.Version=$(VERSION)
PREFIX  ?= /usr/local
FUZZTIME ?= 10s

.PHONY: all build demo test race check bench fuzz install clean

all: build

## build: the three binaries, into bin/
build:
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/ ./cmd/brine ./cmd/brine-master ./cmd/brine-minion

## demo: a drifted file is put back through a real master and a real minion
demo: build
	$(BIN)/brine demo

## test: all tests, the end-to-end ones with the real binaries included
test: build
	BRINE_BIN=$(abspath $(BIN)) $(GO) test -timeout 10m ./...

## race: the same under the race detector
race: build
	BRINE_BIN=$(abspath $(BIN)) $(GO) test -race -timeout 20m ./...

## check: format, vet, static analysis and a tidy go.mod
check:
	./.ci/check

## bench: edit to restored, many files, a drift war, events and decisions a second, memory and idle CPU, beacons, 10,000 sockets, through the real binaries; ARGS="-only war"
bench: build
	$(GO) run ./internal/bench -bin $(BIN) $(ARGS)

## fuzz: every fuzz target for FUZZTIME
fuzz:
	./.ci/fuzz $(FUZZTIME)

## install: the binaries below PREFIX
install: build
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 0755 $(BIN)/brine $(BIN)/brine-master $(BIN)/brine-minion $(DESTDIR)$(PREFIX)/bin/

clean:
	rm -rf $(BIN)
