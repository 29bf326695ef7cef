package profile_test

import (
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"visitor-profiler/clients/go/internal/redistest"
	"visitor-profiler/clients/go/profile"
)

func TestWrongPasswordIsARefusal(t *testing.T) {
	admin := own(t)
	allow(t, admin)
	client := redis.NewClient(&redis.Options{
		Addr: admin.Options().Addr, Username: "profiler", Password: "wrong",
	})
	defer client.Close()
	_, err := profile.New(client, lean(t)).Read(ctx, "alice", time.Time{})
	expectRefusal(t, err, "WRONGPASS", false)
}

func TestRefusalsOfTheScript(t *testing.T) {
	client := redistest.Client(t)
	script := profile.New(client, lean(t))
	_, err := script.Apply(ctx, profile.Call{})
	expectRefusal(t, err, profile.CodeBadArguments, false)

	visitor := newVisitor(t)
	key := profile.KeyOf(profile.DefaultKeyPattern, visitor)
	defer client.Unlink(ctx, key)
	if err := client.Set(ctx, key, "no hash", 0).Err(); err != nil {
		t.Fatal(err)
	}
	_, err = script.Apply(ctx, profile.Call{Visitor: visitor, Events: []profile.Event{pageview("e1", "home")}})
	expectRefusal(t, err, profile.CodeBadProfile, false)
}

func TestServerThatCannotNow(t *testing.T) {
	client := own(t)
	script := profile.New(client, lean(t))
	call := profile.Call{Visitor: "alice", Events: []profile.Event{pageview("e1", "home")}}

	set := func(name, value string) {
		if err := client.ConfigSet(ctx, name, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	set("maxmemory", "1")
	_, err := script.Apply(ctx, call)
	expectRefusal(t, err, "OOM", true)
	set("maxmemory", "0")

	set("busy-reply-threshold", "1")
	waiting := redis.NewClient(&redis.Options{Addr: client.Options().Addr, ReadTimeout: time.Minute})
	defer waiting.Close()
	killed := make(chan error)
	go func() { killed <- waiting.Eval(ctx, "while true do end", nil).Err() }()
	redistest.Eventually(t, "the server is not busy", func() bool {
		_, err = script.Apply(ctx, call)
		return err != nil
	})
	expectRefusal(t, err, "BUSY", true)
	if err := client.ScriptKill(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	if err := <-killed; err == nil {
		t.Error("the endless script came to an end")
	}
	apply(t, script, "alice", pageview("e1", "home"))
}

func TestServerThatIsAway(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: redistest.FreeAddress(t), MaxRetries: -1})
	defer client.Close()
	_, err := profile.New(client, lean(t)).Read(ctx, "alice", time.Time{})
	var refused *profile.Error
	if err == nil || errors.As(err, &refused) || !profile.IsTemporary(err) {
		t.Errorf("got %v", err)
	}
}

func TestAnswerOfAnotherScriptIsAnError(t *testing.T) {
	client := redistest.Client(t)
	const names = "if ARGV[1] == 'fields' then return {'name'} end "
	for source, argv := range map[string][]string{
		"return 'text'":                     nil,
		"return {1}":                        nil,
		names + "return 'text'":             nil,
		names + "return {'text'}":           nil,
		names + "return {{''}}":             nil,
		names + "return {{'', 'x', 'y'}}":   nil,
		names + "return {{1, 'x'}}":         nil,
		names + "return {{'', {{'x'}}}}":    nil,
		"return {'name'}":                   {"alice", ""},
		"return {1, 'x'}":                   {"alice", ""},
		"return {'name', {{'x'}}}":          {"alice", ""},
		"return 'a text in place of pairs'": {"alice", ""},
	} {
		answers, err := profile.New(client, []byte(source)).Eval(ctx, []string{"visitor:{alice}"}, argv)
		var refused *profile.Error
		if err == nil || errors.As(err, &refused) || profile.IsTemporary(err) {
			t.Errorf("%s: got %v, %v", source, answers, err)
		}
	}
}

func expectRefusal(t *testing.T, err error, code string, temporary bool) {
	t.Helper()
	var refused *profile.Error
	if !errors.As(err, &refused) || refused.Code != code || profile.IsTemporary(err) != temporary {
		t.Errorf("expected %s (temporary: %t), got %v", code, temporary, err)
	}
}
