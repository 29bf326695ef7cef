package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"visitor-profiler/clients/go/internal/environment"
	"visitor-profiler/clients/go/internal/redistest"
	"visitor-profiler/clients/go/profile"
)

const luaDir = "../../../../lua"

func TestAllVectorsHold(t *testing.T) {
	t.Setenv("LUA_DIR", luaDir)
	t.Setenv("REDIS_URL", redistest.URL(t))
	expectAllHold(t)
}

func TestAllVectorsHoldOnACluster(t *testing.T) {
	nodes := redistest.StartCluster(t)
	t.Setenv("LUA_DIR", luaDir)
	t.Setenv("REDIS_CLUSTER", "1")
	t.Setenv("REDIS_URL", "redis://"+nodes[0].Options().Addr)
	expectAllHold(t)
	for _, node := range nodes {
		if redistest.Calls(t, node, "evalsha") == 0 {
			t.Error("a node got no call")
		}
		if size := node.DBSize(context.Background()).Val(); size != 0 {
			t.Errorf("%d keys were left behind", size)
		}
	}
}

func TestEveryExpectationIsCompared(t *testing.T) {
	t.Setenv("LUA_DIR", luaDir)
	client := redistest.Client(t)
	source, err := environment.Script("rendered/lean.lua")
	if err != nil {
		t.Fatal(err)
	}
	script := profile.New(client, source)
	for what, change := range map[string]func(*vector){
		"":                     func(*vector) {},
		"key":                  func(v *vector) { v.Key += "x" },
		"flag not there":       func(v *vector) { v.Calls[0].Reply[0].Flags = append(v.Calls[0].Reply[0].Flags, "late") },
		"flag not expected":    func(v *vector) { v.Calls[0].Reply[0].Flags = nil },
		"value":                func(v *vector) { v.Calls[0].Reply[0].Profile["visit_end"] = value{int64(1)} },
		"type":                 func(v *vector) { v.Calls[0].Reply[0].Profile["visitor_events"] = value{"1"} },
		"value not there":      func(v *vector) { v.Calls[0].Reply[0].Profile["new"] = value{""} },
		"value not expected":   func(v *vector) { delete(v.Calls[0].Reply[0].Profile, "visit_end") },
		"answer not there":     func(v *vector) { v.Calls[0].Reply = append(v.Calls[0].Reply, answer{}) },
		"answer not expected":  func(v *vector) { v.Calls[0].Reply = nil },
		"error not there":      func(v *vector) { v.Calls[0].Reply, v.Calls[0].Error = nil, "EBADARG" },
		"error not expected":   func(v *vector) { v.Calls[0].Keys = nil },
		"hash":                 func(v *vector) { v.Hash["visit_colour"] = value{"red"} },
		"no TTL":               func(v *vector) { v.TTL = nil },
		"TTL longer than that": func(v *vector) { *v.TTL -= 2 * ttlToleranceMS },
		"TTL too short":        func(v *vector) { *v.TTL += 2 * ttlToleranceMS },
	} {
		v := vectorNamed(t, "new-visitor")
		change(&v)
		var differs *mismatch
		err := check(context.Background(), client, script, v)
		if errors.As(err, &differs) != (what != "") || err != nil && differs == nil {
			t.Errorf("%q: got %v", what, err)
		}
	}
}

func TestMismatchIsSaidAndEndsTheRun(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"rendered", "vectors"} {
		if err := os.Mkdir(filepath.Join(folder, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	wrong := `[{"name": "wrong", "script": "rendered/other.lua", "why": "Shown.", "visitor": "v", "key": "<prefix>visitor:{v}",
		"calls": [{"keys": ["k"], "argv": ["v", ""], "error": "EBADARG"}], "hash": {}, "ttl_ms": null}]`
	write(t, filepath.Join(folder, "vectors", "all.json"), wrong)
	write(t, filepath.Join(folder, "rendered", "other.lua"), "return redis.error_reply('ELAYOUT of a test')")
	t.Setenv("LUA_DIR", folder)
	t.Setenv("REDIS_URL", redistest.URL(t))
	var tap bytes.Buffer
	held, err := run(context.Background(), &tap)
	const expected = "TAP version 14\n1..1\nnot ok 1 - wrong\n# Shown.\n# call 1 of 1 (- expected, + got)\n" +
		"# error + \"ELAYOUT\"\n# error - \"EBADARG\"\nBail out! wrong\n"
	if held || err != nil || tap.String() != expected {
		t.Errorf("got %t, %v\n%s", held, err, tap.String())
	}
}

func TestUnreachableServerIsNoSuccess(t *testing.T) {
	t.Setenv("LUA_DIR", luaDir)
	t.Setenv("REDIS_URL", "redis://"+redistest.FreeAddress(t))
	if held, err := run(context.Background(), &bytes.Buffer{}); held || err == nil {
		t.Errorf("got %t, %v", held, err)
	}
}

func expectAllHold(t *testing.T) {
	t.Helper()
	var tap bytes.Buffer
	held, err := run(context.Background(), &tap)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(tap.String()), "\n")
	if !held || lines[0] != "TAP version 14" || lines[1] != "1.."+strconv.Itoa(len(lines)-2) {
		t.Fatal(tap.String())
	}
	for _, line := range lines[2:] {
		if !strings.HasPrefix(line, "ok ") {
			t.Error(line)
		}
	}
}

func vectorNamed(t *testing.T, name string) vector {
	t.Helper()
	vectors, err := readVectors()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		if v.Name == name {
			return v
		}
	}
	t.Fatal("no vector " + name)
	return vector{}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
