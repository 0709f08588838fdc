# make test      runs all tests that need no KDC, and compiles for other systems
# make lint      checks the format, go.mod and go.sum, and runs vet and staticcheck
# make interop   tests with the KDCs and clients of the operating system
# make interop-ad  tests with Active Directory, which is Samba in a chroot of Debian 13
# make contract  runs every test that testdata/contract.tsv names; none may skip
# make fuzz      runs every fuzz target for FUZZTIME
# make bench     runs the benchmarks
# make mutate    removes each check, one by one, and expects a test to fail; this takes five
#                to ten minutes; DIR=ticket restricts it to one folder
# make mutate-changed  does the same for the checks in changed lines, for at most ten
#                minutes; KERBEROS_MUTATE_BASE names the commit to compare with
# make portable  builds the programs for other systems, and tests on a big-endian processor (s390x, emulated by qemu), and with
#                GODEBUG=fips140=only; testdata/portable.tsv lists the exceptions
# make vulncheck runs govulncheck with the database of the module golang.org/x/vulndb
# make release-test  serves the tree as a module proxy does, and builds a program that
#                requires its modules (RELEASING.md)
# make newest    builds and tests with the newest versions of all dependencies
#
# Targets that build or test work on every module of the repository.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := test

GO ?= go
# The race detector needs a C compiler. RACE= disables it.
RACE ?= -race
FUZZTIME ?= 30s
BENCH ?= .

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOFUMPT := mvdan.cc/gofumpt@v0.12.0
PLATFORMS := windows/amd64 darwin/arm64 linux/386 linux/arm64 js/wasm

# In a container the checkout may belong to another user. Git then refuses to read its
# revision, and a build with -buildvcs fails.
GOFLAGS := $(filter-out -buildvcs%,$(GOFLAGS)) -buildvcs=false
export GOFLAGS

MODULES := $(sort $(dir $(shell find . -name go.mod -not -path '*/testdata/*')))

# The packages of make test: all except internal/interop, internal/interop/ad and
# internal/interop/replay, whose tests need a KDC. The modules below internal/interop are
# servers for those tests. Their own tests need no KDC. KERBEROS_SERVERS=no skips the tests
# of replay caches that start a server of Redis or PostgreSQL: make interop runs them.
PACKAGES = $$($(GO) list ./... | grep -Ev '/internal/interop(/ad|/replay)?$$')
# A program with the race detector sleeps for a second at its end: one more than the
# processors run at a time.
CPUS := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null)
TEST = $(if $(RACE),CGO_ENABLED=1) KERBEROS_SERVERS=no $(GO) test $(RACE) $(if $(CPUS),-p $$(($(CPUS) + 1))) $(PACKAGES)

# $(call each,COMMAND) runs the command in every module.
each = for m in $(MODULES); do echo "--- $$m"; (cd "$$m" && $(1)); done

.PHONY: test rest fmt vet race compiler root nested 386 compile cross lint interop interop-ad contract fuzz bench mutate mutate-changed \
	portable tidy vulncheck newest release-test

# Two runs share the processors: the tests of the root module with the race detector, and all
# the rest. Each waits for clocks, locks and sockets now and then, and lets the other run.
test: fmt compiler
	@$(MAKE) --no-print-directory -j 2 root rest
	@echo "make test: passed"

rest:
	@for step in vet compile 386 nested; do $(MAKE) --no-print-directory $$step; done

fmt:
	@echo "=== $@"
	@files=$$(gofmt -l .); if [ -n "$$files" ]; then printf 'gofmt would change these files:\n%s\n' "$$files"; exit 1; fi

vet:
	@echo "=== $@"
	@$(call each,$(GO) vet ./...)

race: compiler root nested

compiler:
ifneq ($(RACE),)
	@GO="$(GO)" bash .ci/compiler
else
	@echo "RACE is empty: the tests run WITHOUT the race detector"
endif

root:
	@echo "=== tests of the root module"
	@$(TEST)

nested:
	@echo "=== tests of the other modules"
	@for m in $(filter-out ./,$(MODULES)); do echo "--- $$m"; (cd "$$m" && $(TEST)); done

386:
	@echo "=== $@"
	@GO="$(GO)" bash .ci/32bit

compile:
	@echo "=== $@"
	@GO="$(GO)" PLATFORMS="$(PLATFORMS)" bash .ci/compile

cross:
	@echo "=== $@"
	@for p in $(PLATFORMS); do \
	export GOOS=$${p%/*} GOARCH=$${p#*/} CGO_ENABLED=0; echo "--- build for $$p"; \
	for m in $(MODULES); do (cd "$$m" && $(GO) build -o /dev/null ./...); done; done

lint: vet tidy
	@echo "=== $@"
	@files=$$($(GO) run $(GOFUMPT) -l .); if [ -n "$$files" ]; then printf 'gofumpt would change these files:\n%s\n' "$$files"; exit 1; fi
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

portable: cross
	@echo "=== $@"
	@GO="$(GO)" bash .ci/portable

release-test:
	@echo "=== $@"
	@KERBEROS_RELEASE=1 $(GO) test -count=1 -v -run 'TestRelease_' ./internal/archtest

interop:
	@echo "=== $@"
	@GO="$(GO)" bash .ci/interop

interop-ad:
	@echo "=== $@"
	@GO="$(GO)" bash .ci/interop-ad

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
	@KERBEROS_MUTATE="$(or $(DIR),1)" $(GO) test -count=1 -v -timeout 7h -run 'APREQ_15' ./internal/archtest

mutate-changed:
	@echo "=== $@"
	@KERBEROS_MUTATE=changed $(GO) test -count=1 -v -timeout 20m -run 'APREQ_15_Every' ./internal/archtest
