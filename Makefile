# What CI runs, one target each; `make check` is all of them.

.PHONY: check test lint generate generated screenshot bench bench-growth bench-search bench-smoke bench-search-smoke bench-report bench-test

check: lint generated test bench-test bench-smoke bench-search-smoke

# The README's test command, with the race detector.
test:
	go test -race -timeout 40m ./...
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit; done; \
		echo "SKIPPED: there is no Chromium, so nobody looked at the playground or read its PDF. On Debian: apt-get install chromium"
	@PATH="$$PATH:/usr/sbin"; command -v pgbouncer >/dev/null || \
		echo "SKIPPED: there is no PgBouncer, so nothing went through a pooler. On Debian: apt-get install pgbouncer"
	@command -v npm >/dev/null || echo "SKIPPED: there is no npm, so nobody tried the adapter of Auth.js, uploads from a page, office files, Azure, and pgvector. Install Node.js 20 or later"
	@command -v curl >/dev/null && command -v jq >/dev/null || \
		echo "SKIPPED: curl or jq is missing, so docs/integrating.md was not tried. On Debian: apt-get install curl jq"

# The README's picture of the playground.
screenshot:
	PLAYGROUND_SCREENSHOT=docs/playground.png go test -count=1 -run 'TestPlayground$$' .

lint:
	@test -z "$$(gofmt -l .)" || { echo "not gofmt-ed:"; gofmt -l .; exit 1; }
	go vet ./...
	go tool staticcheck ./...
	cd bench && go vet ./... && go tool staticcheck ./...
	cd examples/go-client && go vet ./...

generate:
	go run ./internal/generate
	cd examples/go-client && go generate ./...

# Fails when what is checked in is not what the schema generates.
generated: generate
	git diff --exit-code -- graph/exec/generated.go examples/go-client

# The benchmark: a module of its own, see bench/README.md. Its program is what runs, and so what Ctrl-C and SIGTERM reach;
# it ends whatever it has started. Settings are variables: make bench SCALE=0.1 PEERS=dossier,limit
BENCH_DIR ?= $(or $(TMPDIR),/tmp)/dossier-bench
export BENCH_DIR
in_bench = cd bench && go build -o "$(BENCH_DIR)/bench" . && exec "$(BENCH_DIR)/bench"

bench:
	@$(in_bench) run

bench-growth:
	@$(in_bench) growth

bench-search:
	@$(in_bench) search

bench-smoke:
	@$(in_bench) smoke

bench-search-smoke:
	@$(in_bench) search-smoke

# Writes the reports anew from their figures, with what notes.md says now.
bench-report:
	@$(in_bench) report

bench-test:
	cd bench && go test -race ./...
