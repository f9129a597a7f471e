package extract

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// children are what this program does as a child: what the real one does, and what one does that goes wrong.
var children = map[string]func() int{
	"extract": func() int { return Child(os.Stdin, os.NewFile(3, "file"), os.Stdout) },
	"hang": func() int {
		begin()
		time.Sleep(time.Hour)
		return 0
	},
	"spin": func() int {
		limitProcess(begin())
		//lint:ignore SA5002 that is what it is for
		for {
		}
	},
	"hog": func() int { // only the kernel holds it
		limitProcess(begin())
		return eat()
	},
	"hog-watched": func() int { // only it itself does
		go watchMemory(begin().Memory)
		return eat()
	},
	"crash": func() int {
		begin()
		done := make(chan bool)
		go func() { panic("secret of a stack") }()
		<-done
		return 0
	},
	"fail":  func() int { begin(); return exitTrouble },
	"stop":  func() int { return 1 },
	"mute":  func() int { begin(); return 0 },
	"babel": func() int { _, _ = os.Stdout.WriteString("no JSON"); time.Sleep(time.Hour); return 0 },
	"flood": func() int {
		begin()
		for {
			if _, err := os.Stdout.WriteString(`{"block":{"kind":"paragraph","text":"water"}}` + "\n"); err != nil {
				return 0
			}
		}
	},
	"parent": func() int {
		program, _ := os.Executable()
		_, _ = (&Extractor{Command: []string{program, "hang"}}).Extract(context.Background(), "", "a.txt", strings.NewReader("text"))
		return 0
	},
	"environment": func() int {
		begin()
		encoder := json.NewEncoder(os.Stdout)
		folder, _ := os.Getwd()
		own := "its own group"
		if syscall.Getpgrp() != os.Getpid() {
			own = "another's group"
		}
		for _, text := range append(os.Environ(), folder, own) {
			_ = encoder.Encode(message{Block: &Block{Kind: Paragraph, Text: text}})
		}
		_ = encoder.Encode(message{End: &end{}})
		return 0
	},
}

// begin does what Child does first.
func begin() Limits {
	var asked request
	_ = json.NewDecoder(os.Stdin).Decode(&asked)
	_, _ = os.Stdout.WriteString("\n")
	return asked.Limits
}

func eat() int {
	var eaten [][]byte
	for {
		eaten = append(eaten, bytes.Repeat([]byte{1}, 1<<20))
		if len(eaten) > 8<<10 {
			return 0
		}
	}
}

func TestMain(m *testing.M) {
	if len(os.Args) > 1 { // the child has no environment to be told by
		if child := children[os.Args[1]]; child != nil {
			os.Exit(child())
		}
	}
	code := m.Run()
	if plainChildFolder != "" {
		_ = os.RemoveAll(plainChildFolder)
	}
	os.Exit(code)
}

// cacheDir keeps the compiled reader of PDF between runs, as the tests of blobs keep Azurite.
func cacheDir(t testing.TB) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(cache, "dossier", "extract")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	return folder
}

// plainChild is the child without the race detector, under which the reader of PDF takes minutes.
var plainChild = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "dossier-extract-child-")
	if err != nil {
		return "", err
	}
	program := filepath.Join(folder, "child")
	if out, err := exec.Command("go", "build", "-o", program, "./testdata/child").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the child: %w\n%s", err, out)
	}
	plainChildFolder = folder
	return program, nil
})

var plainChildFolder string

func extractor(t testing.TB, child string, limits Limits) *Extractor {
	t.Helper()
	program, err := os.Executable()
	if withRace && child == "extract" {
		program, err = plainChild()
	}
	if err != nil {
		t.Fatal(err)
	}
	return &Extractor{Command: []string{program, child}, Limits: limits, CacheDir: cacheDir(t), TempDir: t.TempDir()}
}

func mustExtract(t testing.TB, contentType, name string, body []byte) *Text {
	t.Helper()
	text, err := extractor(t, "extract", Limits{}).Extract(t.Context(), contentType, name, bytes.NewReader(body))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	wantTidy(t, name, text)
	return text
}

// wantTidy checks what is promised of each block.
func wantTidy(t testing.TB, name string, text *Text) {
	t.Helper()
	for _, b := range text.Blocks {
		if b.Text == "" || b.Text != clean(b.Text) {
			t.Errorf("%s: not tidy: %q", name, b.Text)
		}
		if (b.Kind == Heading) != (b.Level > 0) || b.Level > headingMax || b.Page < 0 || b.Page > text.Pages {
			t.Errorf("%s: %+v of %d pages", name, b, text.Pages)
		}
	}
}

// has tells whether there is such a block.
func (t *Text) has(b Block) bool { return slices.Contains(t.Blocks, b) }

func wantBlocks(t testing.TB, text *Text, want ...Block) {
	t.Helper()
	missing := false
	for _, b := range want {
		if !text.has(b) {
			missing = true
			t.Errorf("there is no %+v", b)
		}
	}
	if missing {
		for _, b := range text.Blocks[:min(len(text.Blocks), 60)] {
			t.Logf("  %+v", b)
		}
	}
}

// wantOnly checks all blocks.
func wantOnly(t testing.TB, text *Text, want ...Block) {
	t.Helper()
	if !slices.Equal(text.Blocks, want) {
		t.Errorf("got  %+v\nwant %+v", text.Blocks, want)
	}
}

func wantCode(t testing.TB, err error, code Code, says string) {
	t.Helper()
	var reason *Error
	if !errors.As(err, &reason) || reason.Code != code || !strings.Contains(reason.Message, says) {
		t.Errorf("got %v, want %s with %q", err, code, says)
	}
}
