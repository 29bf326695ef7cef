package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"visitor-profiler/clients/go/internal/environment"
	"visitor-profiler/clients/go/internal/redistest"
	"visitor-profiler/clients/go/profile"
)

var ctx = context.Background()

func TestEveryCallIsMadeWhileScriptsAreFlushed(t *testing.T) {
	client := server(t)
	const calls, visitors = 500, 5
	var lines strings.Builder
	for n := 0; n < calls; n++ {
		fmt.Fprintln(&lines, line(n%visitors, n))
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for every := time.NewTicker(time.Millisecond); ; {
			select {
			case <-stop:
				return
			case <-every.C:
				client.ScriptFlush(ctx)
			}
		}
	}()
	done, err := run(ctx, file(t, lines.String()))
	close(stop)
	<-stopped
	if err != nil || done != (totals{Calls: calls, Events: calls}) {
		t.Fatalf("got %+v, %v", done, err)
	}
	source, err := environment.Script(lean)
	if err != nil {
		t.Fatal(err)
	}
	script := profile.New(client, source)
	for visitor := 0; visitor < visitors; visitor++ {
		read, err := script.Read(ctx, fmt.Sprint(visitor), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := read.Int("visitor_events"); got != calls/visitors {
			t.Errorf("visitor %d: %d events", visitor, got)
		}
	}
	if loads := redistest.Calls(t, client, "script|load"); loads < 2 {
		t.Errorf("the script was loaded %d times only: nothing was tested", loads)
	}
}

func TestCallIsRepeatedWhileTheServerIsBusy(t *testing.T) {
	client := server(t)
	if err := client.ConfigSet(ctx, "busy-reply-threshold", "1").Err(); err != nil {
		t.Fatal(err)
	}
	blocking := redis.NewClient(&redis.Options{Addr: client.Options().Addr, ReadTimeout: time.Minute})
	defer blocking.Close()
	ended := make(chan error)
	go func() { ended <- blocking.Eval(ctx, "while true do end", nil).Err() }()
	redistest.Eventually(t, "the server is not busy", func() bool { return client.Get(ctx, "x").Err() != redis.Nil })
	go func() {
		time.Sleep(5 * pause)
		client.ScriptKill(ctx)
	}()
	if done, err := run(ctx, file(t, line(1, 1))); err != nil || done.Events != 1 {
		t.Errorf("got %+v, %v", done, err)
	}
	<-ended
	_, stats, _ := strings.Cut(client.Info(ctx, "commandstats").Val(), "cmdstat_evalsha:")
	stats, _, _ = strings.Cut(stats, "\r")
	if !strings.Contains(stats, ",rejected_calls=") || strings.Contains(stats, ",rejected_calls=0,") {
		t.Errorf("no call met the busy server, nothing was tested: %s", stats)
	}
}

func TestAnotherErrorEndsIt(t *testing.T) {
	server(t)
	for lines, expected := range map[string]string{
		line(1, 1) + "\n" + `{"key": "visitor:{a}", "argv": ["a"]}`: "call 2: visitor profile: EBADARG",
		line(1, 1) + "\n" + `{"key": 1}`:                            "call 2: json",
	} {
		done, err := run(ctx, file(t, lines))
		if err == nil || !strings.HasPrefix(err.Error(), expected) || done.Calls != 1 {
			t.Errorf("got %+v, %v", done, err)
		}
	}
}

// server is one that no other test uses, for the visitors have plain names.
func server(t *testing.T) *redis.Client {
	t.Helper()
	address := redistest.Start(t)
	t.Setenv("LUA_DIR", "../../../../lua")
	t.Setenv("REDIS_URL", "redis://"+address)
	client := redis.NewClient(&redis.Options{Addr: address})
	t.Cleanup(func() { client.Close() })
	return client
}

func line(visitor, event int) string {
	return fmt.Sprintf(
		`{"key": "visitor:{%d}", "argv": ["%d", "", "", "1", "", "1700000000000", "", "", "e%d", "A", "Pageview", "home"]}`,
		visitor, visitor, event,
	)
}

func file(t *testing.T, lines string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "calls.ndjson")
	if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
