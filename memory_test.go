package main

import (
	"fmt"
	"math"
	"regexp"
	"runtime/debug"
	"strconv"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"dossier/internal/config"
	"dossier/internal/tcpproxy"
)

const mebibyte = 1 << 20

// Not parallel: the collector is the process's.
func TestMemoryIsTuned(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(math.MaxInt64)
	t.Cleanup(func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) })
	none := func() (uint64, error) { return 0, memlimit.ErrNoLimit }
	for _, test := range []struct {
		set       config.Config
		available memlimit.Provider
		percent   int
		limit     int64
		shown     string
	}{
		{config.Config{}, memlimit.Limit(64 * mebibyte), 150, 57 * mebibyte, "150 57MiB"},
		{config.Config{}, memlimit.Limit(math.MaxUint64), 150, math.MaxInt64 >> 20 << 20, "150 8796093022207MiB"},
		{config.Config{}, none, 150, math.MaxInt64, "150 off"},
		{config.Config{GCPercent: "50"}, memlimit.Limit(64 * mebibyte), 100, 57 * mebibyte, "50 57MiB"},
		{config.Config{MemoryLimit: "1GiB"}, memlimit.Limit(64 * mebibyte), 150, math.MaxInt64, "150 1GiB"},
	} {
		debug.SetGCPercent(100)
		debug.SetMemoryLimit(math.MaxInt64)
		c, beside := tuneMemory(test.set, test.available)
		gotPercent, gotLimit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
		if beside(32 * mebibyte); test.set.GCPercent != "" && debug.SetGCPercent(100) != 100 {
			t.Errorf("%v: what the environment sets is changed", test)
		}
		if shown := c.GCPercent + " " + c.MemoryLimit; gotPercent != test.percent || gotLimit != test.limit || shown != test.shown {
			t.Errorf("%v: %d, %d, shown as %s", test, gotPercent, gotLimit, shown)
		}
	}
	for kept, want := range map[int64]int{0: 150, 32 * mebibyte: 75, 128 * mebibyte: 30, 1 << 40: 1} {
		_, beside := tuneMemory(config.Config{}, none)
		beside(kept)
		if got := debug.SetGCPercent(100); got != want {
			t.Errorf("with %d bytes kept: %d", kept, got)
		}
	}
	if available, err := memoryAvailable(); err != nil || available < 64*mebibyte {
		t.Errorf("this machine has %d bytes, %v", available, err)
	}
}

// metric reads one of the process, as its operator does.
func metric(t *testing.T, address, name string) float64 {
	t.Helper()
	_, body, err := (&program{url: "http://" + address}).get("/metrics")
	found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(body)
	if err != nil || found == nil {
		t.Fatalf("there is no metric %s: %v", name, err)
	}
	value, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// What was chosen is shown and holds; the environment's values win.
func TestMemoryOfTheProgram(t *testing.T) {
	t.Parallel()
	available, err := memoryAvailable()
	if err != nil {
		t.Fatal(err)
	}
	chosen := uint64(float64(available)*memoryPart) >> 20
	for _, test := range []struct {
		settings       []string
		shown          string
		percent, limit float64
	}{
		{nil, fmt.Sprintf("GOGC=150\n    GOMEMLIMIT=%dMiB\n", chosen), 150, float64(chosen << 20)},
		{[]string{"GOGC=", "GOMEMLIMIT="}, fmt.Sprintf("GOGC=150\n    GOMEMLIMIT=%dMiB\n", chosen), 150, float64(chosen << 20)},
		{[]string{"GOGC=50", "GOMEMLIMIT=123MiB"}, "GOGC=50\n    GOMEMLIMIT=123MiB\n", 50, 123 * mebibyte},
	} {
		admin := tcpproxy.FreeAddr(t)
		p := serve(t, append(test.settings, "DATA_DIR="+seededFolder(t), "ADMIN_ADDR="+admin)...)
		p.waitReady(t)
		eventually(t, test.shown, func() bool { return regexp.MustCompile(regexp.QuoteMeta(test.shown)).MatchString(p.output.String()) })
		if percent, limit := metric(t, admin, "go_gc_gogc_percent"), metric(t, admin, "go_gc_gomemlimit_bytes"); percent != test.percent || limit != test.limit {
			t.Errorf("%v: GOGC is %v and GOMEMLIMIT %v", test.settings, percent, limit)
		}
		p.stop(t)
	}
}
