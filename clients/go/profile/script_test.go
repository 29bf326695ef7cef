package profile_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"visitor-profiler/clients/go/internal/redistest"
	"visitor-profiler/clients/go/profile"
)

var ctx = context.Background()

func TestEventsComeBackAsFlagsAndProfiles(t *testing.T) {
	script := profile.New(redistest.Client(t), lean(t))
	answers, err := script.Apply(ctx, profile.Call{
		Visitor: newVisitor(t),
		Events:  []profile.Event{pageview("e1", "home"), pageview("e2", "prices")},
	})
	if err != nil {
		t.Fatal(err)
	}
	expectSame(t, len(answers), 2)
	expectSame(t, answers[0].Flags, map[string]bool{"new_visitor": true, "new_visit": true})
	expectSame(t, answers[1].Flags, map[string]bool{})
	last := answers[1].Profile
	expectSame(t, last["visit_first_page"], "home")
	expectSame(t, last["visit_last_page"], "prices")
	expectSame(t, last["visit_pageviews"], int64(2))
	bounce, ok := last.Bool("visit_bounce")
	expectSame(t, []interface{}{bounce, ok}, []interface{}{false, true})
}

func TestReadShowsTheProfile(t *testing.T) {
	script, visitor := profile.New(redistest.Client(t), lean(t)), newVisitor(t)
	for _, now := range []time.Time{{}, time.UnixMilli(1700000000000)} {
		unknown, err := script.Read(ctx, visitor, now)
		expectSame(t, []interface{}{unknown, err}, []interface{}{profile.Profile(nil), nil})
	}
	answer := apply(t, script, visitor, pageview("e1", "home"))
	for _, now := range []time.Time{{}, time.UnixMilli(1700000000000)} {
		read, err := script.Read(ctx, visitor, now)
		expectSame(t, []interface{}{read, err}, []interface{}{answer.Profile, nil})
	}
}

func TestOtherRulesAnswerTheirFields(t *testing.T) {
	source, err := os.ReadFile("../../../lua/rendered/article.lua")
	if err != nil {
		t.Fatal(err)
	}
	script := profile.New(redistest.Client(t), source)
	visitor := newVisitor(t)
	expectSame(t, apply(t, script, visitor, pageview("e1", "home")).Profile, profile.Profile{
		"visitor_id": visitor, "visitor_first_page": "home", "visitor_last_page": "home",
		"visit_id": "A", "visit_first_page": "home", "visit_last_page": "home",
	})
}

func TestFieldsAreAskedForOnce(t *testing.T) {
	client := own(t)
	script := profile.New(client, lean(t))
	for n := 1; n <= 3; n++ {
		apply(t, script, "alice", pageview("", "home"))
	}
	// The first call was refused (NOSCRIPT), the second brought the names.
	expectSame(t, redistest.Calls(t, client, "evalsha"), 1+1+3)
}

func TestShortIDIsTheSameEvent(t *testing.T) {
	script, visitor := profile.New(redistest.Client(t), lean(t)), newVisitor(t)
	key := profile.KeyOf(profile.DefaultKeyPattern, visitor)
	for _, id := range []string{"event-1", profile.ShortID("event-1")} {
		argv := []string{visitor, "", "", "1", "", "1700000000000", "", "", id, "A", "Pageview", "home"}
		answers, err := script.Eval(ctx, []string{key}, argv)
		if err != nil {
			t.Fatal(err)
		}
		expectSame(t, answers[0].Flags["repeated"], id != "event-1")
	}
}

func TestBytesStayAsTheyAre(t *testing.T) {
	script := profile.New(redistest.Client(t), lean(t))
	const page = "\x00\xff\r\n{é"
	answer := apply(t, script, newVisitor(t), pageview("e1", page))
	expectSame(t, answer.Profile["visit_first_page"], page)
}

func TestStreamMakesRedeliveryHarmless(t *testing.T) {
	script := profile.New(redistest.Client(t), lean(t))
	call := profile.Call{
		Visitor: newVisitor(t), Stream: "0:topic:3",
		Events: []profile.Event{{Offset: 41, Inputs: []string{"Pageview", "home"}}},
	}
	for _, expected := range []bool{false, true} {
		answers, err := script.Apply(ctx, call)
		if err != nil {
			t.Fatal(err)
		}
		expectSame(t, answers[0].Flags["replayed"], expected)
		expectSame(t, answers[0].Profile["visitor_events"], int64(1))
	}
}

func TestCallersThatShareAVisitorLoseNothing(t *testing.T) {
	const callers, each = 8, 50
	client, visitor := redistest.Client(t), newVisitor(t)
	var all sync.WaitGroup
	for caller := 0; caller < callers; caller++ {
		all.Add(1)
		go func(caller int) {
			defer all.Done()
			script := profile.New(client, lean(t))
			for n := 0; n < each; n++ {
				id := strconv.Itoa(caller) + "-" + strconv.Itoa(n)
				call := profile.Call{Visitor: visitor, Events: []profile.Event{pageview(id, "home")}}
				if _, err := script.Apply(ctx, call); err != nil {
					t.Error(err)
				}
			}
		}(caller)
	}
	all.Wait()
	read, err := profile.New(client, lean(t)).Read(ctx, visitor, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	expectSame(t, read["visitor_events"], int64(callers*each))
}

func TestScriptIsLoadedWhenTheServerForgotIt(t *testing.T) {
	client := own(t)
	script := profile.New(client, lean(t))
	for n := 1; n <= 3; n++ {
		apply(t, script, "alice", pageview("", "home"))
		expectSame(t, redistest.Calls(t, client, "script|load"), n)
		apply(t, script, "alice", pageview("", "home"))
		expectSame(t, redistest.Calls(t, client, "script|load"), n)
		if err := client.ScriptFlush(ctx).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDocumentedRightsAreEnough(t *testing.T) {
	admin := own(t)
	allow(t, admin)
	client := redis.NewClient(&redis.Options{
		Addr: admin.Options().Addr, Username: "profiler", Password: "secret",
	})
	defer client.Close()
	script := profile.New(client, lean(t))
	apply(t, script, "alice", pageview("e1", "home"))

	script.KeyPattern = "other:{<id>}"
	_, err := script.Apply(ctx, profile.Call{Visitor: "alice", Events: []profile.Event{pageview("e1", "home")}})
	expectRefusal(t, err, "NOPERM", false)
}

func lean(t *testing.T) []byte {
	t.Helper()
	source, err := os.ReadFile("../../../lua/rendered/lean.lua")
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func pageview(id, page string) profile.Event {
	return profile.Event{
		Received: time.UnixMilli(1700000000000), ID: id, Visit: "A", Inputs: []string{"Pageview", page},
	}
}

func apply(t *testing.T, script *profile.Script, visitor string, event profile.Event) profile.Answer {
	t.Helper()
	answers, err := script.Apply(ctx, profile.Call{Visitor: visitor, Events: []profile.Event{event}})
	if err != nil {
		t.Fatal(err)
	}
	if len(answers) != 1 {
		t.Fatalf("got %d answers to one event", len(answers))
	}
	return answers[0]
}

// allow gives the user profiler the rights that docs/operations.md says a worker needs, and others.
func allow(t *testing.T, admin *redis.Client, others ...interface{}) {
	t.Helper()
	rights := append([]interface{}{
		"ACL", "SETUSER", "profiler", "on", ">secret", "resetkeys", "~visitor:*", "resetchannels", "-@all",
		"+evalsha", "+script|load", "+hget", "+hset", "+hdel", "+exists", "+pexpire",
	}, others...)
	if err := admin.Do(ctx, rights...).Err(); err != nil {
		t.Fatal(err)
	}
}

// own is connected to a server that no other test uses.
func own(t *testing.T) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t)})
	t.Cleanup(func() { client.Close() })
	return client
}

// newVisitor is an id that no server has seen.
func newVisitor(t *testing.T) string {
	t.Helper()
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		t.Fatal(err)
	}
	return "go-" + hex.EncodeToString(random)
}
