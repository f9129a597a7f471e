# What CI runs, one target each; `make check` is all of them.

.PHONY: check test lint generate generated

check: lint generated test

# The README's test command, with the race detector.
test:
	go test -race ./...

lint:
	@test -z "$$(gofmt -l .)" || { echo "not gofmt-ed:"; gofmt -l .; exit 1; }
	go vet ./...
	go tool staticcheck ./...

generate:
	go tool gqlgen generate

# Fails when what is checked in is not what the schema generates.
generated: generate
	git diff --exit-code -- graph/exec
