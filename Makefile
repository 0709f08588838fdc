# make test      everything that needs no other machine and no KDC
# make lint      formatting, go mod tidy and static analysis
# make interop   against real KDCs and clients of the operating system
# make contract  every test that testdata/contract.tsv names, none of them skipped
# make fuzz      every fuzz target for FUZZTIME
# make bench     the benchmarks
# make mutate    leaves out every check, one by one, and wants a test to fail; DIR=ticket
#                for one folder, else it takes an hour or more
# make mutate-changed  the same for the checks in lines that changed, for ten minutes at
#                most; KERBEROS_MUTATE_BASE names the commit to compare with
# make portable  the tests on a big-endian processor (s390x, by qemu), and with
#                GODEBUG=fips140=only; testdata/portable.tsv has the exceptions
# make vulncheck govulncheck, with the database from the module golang.org/x/vulndb
# make release-test  serves the tree by a module proxy of its own, and builds a program
#                that requires it and its nested modules (RELEASING.md)
# make newest    builds and tests with the newest versions of all dependencies
#
# Each target runs in every module of the repository.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := test

GO ?= go
# The race detector. It needs a C compiler; RACE= leaves it out.
RACE ?= -race
FUZZTIME ?= 30s
BENCH ?= .

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOFUMPT := mvdan.cc/gofumpt@v0.12.0
PLATFORMS := windows/amd64 darwin/arm64 linux/386 linux/arm64 js/wasm

# A checkout owned by another user, as in a container, has no readable revision.
GOFLAGS := $(filter-out -buildvcs%,$(GOFLAGS)) -buildvcs=false
export GOFLAGS

MODULES := $(sort $(dir $(shell find . -name go.mod -not -path '*/testdata/*')))

# What the tests run on: all but the tests that need a KDC, which are interop's. Modules
# in internal/interop are servers for these tests, and have tests that need no KDC.
PACKAGES = $$($(GO) list ./... | grep -v '/internal/interop$$')


# each runs a command in every module.
each = for m in $(MODULES); do echo "--- $$m"; (cd "$$m" && $(1)); done

.NOTPARALLEL:
.PHONY: test fmt vet race 386 cross lint interop contract fuzz bench mutate mutate-changed \
	portable tidy vulncheck newest release-test

test: fmt vet race 386 cross
	@echo "make test: passed"

fmt:
	@echo "=== $@"
	@files=$$(gofmt -l .); if [ -n "$$files" ]; then printf 'not as gofmt writes it:\n%s\n' "$$files"; exit 1; fi

vet:
	@echo "=== $@"
	@$(call each,$(GO) vet ./...)

race:
	@echo "=== tests"
ifneq ($(RACE),)
	@GO="$(GO)" bash .ci/compiler
	@export CGO_ENABLED=1; $(call each,$(GO) test $(RACE) $(PACKAGES))
else
	@echo "RACE is empty: the tests run WITHOUT the race detector"
	@$(call each,$(GO) test $(PACKAGES))
endif

386:
	@echo "=== $@"
	@GO="$(GO)" bash .ci/32bit

cross:
	@echo "=== $@"
	@for p in $(PLATFORMS); do \
	export GOOS=$${p%/*} GOARCH=$${p#*/} CGO_ENABLED=0; echo "--- build for $$p"; \
	for m in $(MODULES); do (cd "$$m" && $(GO) build -o /dev/null ./...); done; done

lint: vet tidy
	@echo "=== $@"
	@files=$$($(GO) run $(GOFUMPT) -l .); if [ -n "$$files" ]; then printf 'not as gofumpt writes it:\n%s\n' "$$files"; exit 1; fi
	@$(call each,$(GO) run $(STATICCHECK) ./...)
	@echo "make lint: passed"

tidy:
	@echo "=== $@"
	@GO="$(GO)" bash .ci/tidy

vulncheck:
	@echo "=== $@"
	@GO="$(GO)" bash .ci/vulncheck

newest:
	@echo "=== $@"
	@GO="$(GO)" bash .ci/newest

portable:
	@echo "=== $@"
	@GO="$(GO)" bash .ci/portable

release-test:
	@echo "=== $@"
	@KERBEROS_RELEASE=1 $(GO) test -count=1 -v -run 'TestRelease_' ./internal/archtest

interop:
	@echo "=== $@"
	@GO="$(GO)" bash .ci/interop

contract:
	@echo "=== $@"
	@KERBEROS_CONTRACT=1 $(GO) test -count=1 -v -timeout 40m -run 'TestContract_Ran' ./internal/archtest

fuzz:
	@echo "=== $@"
	@GO="$(GO)" FUZZTIME="$(FUZZTIME)" bash .ci/fuzz

bench:
	@echo "=== $@"
	@$(call each,$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem ./...)

mutate:
	@echo "=== $@"
	@KERBEROS_MUTATE="$(or $(DIR),1)" $(GO) test -count=1 -timeout 7h -run 'APREQ_15' ./internal/archtest

mutate-changed:
	@echo "=== $@"
	@KERBEROS_MUTATE=changed $(GO) test -count=1 -timeout 20m -run 'APREQ_15_Every' ./internal/archtest
