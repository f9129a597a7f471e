# What CI runs, one target each; `make check` is all of them.

.PHONY: check test lint generate generated screenshot

check: lint generated test

# The README's test command, with the race detector.
test:
	go test -race ./...
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit; done; \
		echo "SKIPPED: there is no Chromium, so nobody looked at the playground. On Debian: apt-get install chromium"
	@PATH="$$PATH:/usr/sbin"; command -v pgbouncer >/dev/null || \
		echo "SKIPPED: there is no PgBouncer, so nothing went through a pooler. On Debian: apt-get install pgbouncer"

# The README's picture of the playground.
screenshot:
	PLAYGROUND_SCREENSHOT=docs/playground.png go test -count=1 -run 'TestPlayground$$' .

lint:
	@test -z "$$(gofmt -l .)" || { echo "not gofmt-ed:"; gofmt -l .; exit 1; }
	go vet ./...
	go tool staticcheck ./...

generate:
	go tool gqlgen generate

# Fails when what is checked in is not what the schema generates.
generated: generate
	git diff --exit-code -- graph/exec
