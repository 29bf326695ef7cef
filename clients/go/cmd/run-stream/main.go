// Command run-stream makes the script calls of a file against REDIS_URL, one after the other, and
// prints how many there were. A line of the file is {"key": "...", "argv": ["...", ...]}.
// A call is repeated while the server is busy or away; any other error ends it with 1.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"visitor-profiler/clients/go/internal/environment"
	"visitor-profiler/clients/go/profile"
)

const (
	lean     = "rendered/lean.lua"
	patience = time.Minute // for one call
	pause    = 20 * time.Millisecond
)

type call struct {
	Key  string
	Argv []string
}

type totals struct {
	Calls  int `json:"calls"`
	Events int `json:"events"`
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: run-stream FILE")
		os.Exit(2)
	}
	done, err := run(context.Background(), os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "run-stream:", err)
		os.Exit(1)
	}
	fmt.Printf(`{"calls": %d, "events": %d}`+"\n", done.Calls, done.Events)
}

func run(ctx context.Context, path string) (totals, error) {
	file, err := os.Open(path)
	if err != nil {
		return totals{}, err
	}
	defer file.Close()
	source, err := environment.Script(lean)
	if err != nil {
		return totals{}, err
	}
	client, err := environment.Client()
	if err != nil {
		return totals{}, err
	}
	defer client.Close()
	return stream(ctx, profile.New(client, source), file)
}

func stream(ctx context.Context, script *profile.Script, lines io.Reader) (totals, error) {
	var done totals
	for decoder := json.NewDecoder(lines); ; done.Calls++ {
		var next call
		if err := decoder.Decode(&next); errors.Is(err, io.EOF) {
			return done, nil
		} else if err != nil {
			return done, fmt.Errorf("call %d: %w", done.Calls+1, err)
		}
		events, err := persist(ctx, script, next)
		if err != nil {
			return done, fmt.Errorf("call %d: %w", done.Calls+1, err)
		}
		done.Events += events
	}
}

// persist repeats a call as it is until it goes through; it returns how many answers there are.
func persist(ctx context.Context, script *profile.Script, next call) (int, error) {
	for end := time.Now().Add(patience); ; time.Sleep(pause) {
		answers, err := script.Eval(ctx, []string{next.Key}, next.Argv)
		if err == nil || !profile.IsTemporary(err) || time.Now().After(end) {
			return len(answers), err
		}
	}
}
