package profile_test

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"visitor-profiler/clients/go/profile"
)

func TestKeyIsTheSameAsEveryOtherCallers(t *testing.T) {
	cases := map[string]string{
		"alice":                  "visitor:{alice}",
		"a-b_c.d~1":              "visitor:{a-b_c.d~1}",
		"a b+c":                  "visitor:{a%20b%2Bc}",
		"}{:%/":                  "visitor:{%7D%7B%3A%25%2F}",
		"zoë":                    "visitor:{zo%C3%AB}",
		"\x00\xff":               "visitor:{%00%FF}",
		"<id>":                   "visitor:{%3Cid%3E}",
		strings.Repeat("x", 128): "visitor:{" + strings.Repeat("x", 128) + "}",
		strings.Repeat("é", 65):  "visitor:{sha256:c8a2666a1a2bceeac205744f944a3f5bdad0fb469a015a9dcb5766c2ea2db470}",
	}
	for id, expected := range cases {
		if got := profile.KeyOf(profile.DefaultKeyPattern, id); got != expected {
			t.Errorf("%q: got %s, expected %s", id, got, expected)
		}
	}
	if got := profile.KeyOf("<id>", "$1"); got != "%241" {
		t.Errorf("another pattern: got %s", got)
	}
}

func TestArgumentsOfACall(t *testing.T) {
	event := profile.Event{
		Offset: 7, Received: time.UnixMilli(1700000000123), Created: "1700000000000", Sent: "1700000000100",
		ID: "click1", Visit: "A", Inputs: []string{"Pageview", "home"},
	}
	named := profile.Call{Visitor: "v", Stream: "0:t:3", Floor: "6", Events: []profile.Event{event}}
	expectSame(t, named.Argv(), []string{
		"v", "0:t:3", "6", "1",
		"7", "1700000000123", "1700000000000", "1700000000100", "click1", "A", "Pageview", "home",
	})
	bare := profile.Call{Visitor: "v", Events: []profile.Event{{Inputs: []string{"", ""}}}}
	expectSame(t, bare.Argv(), []string{"v", "", "", "1", "", "", "", "", "", "", "", ""})
}

func TestShortIDIsWhatTheServerWouldMakeOfIt(t *testing.T) {
	for id, expected := range map[string]string{
		"":            "",
		"click1":      "click1",
		"é\x00\xffab": "é\x00\xffab",
		"e1":          "\x84\x89\x6d\x3e\x06\x78",
		"click12":     "\x09\x1a\x8a\x3d\x73\xc1",
	} {
		if got := profile.ShortID(id); got != expected {
			t.Errorf("%q: got %q, expected %q", id, got, expected)
		}
	}
}

func TestTypedValues(t *testing.T) {
	p := profile.Profile{"n": int64(1700000000000), "yes": int64(1), "no": int64(0), "text": "1"}
	if n, ok := p.Int("n"); n != 1700000000000 || !ok {
		t.Errorf("number: got %d, %t", n, ok)
	}
	for _, name := range []string{"text", "absent"} {
		if n, ok := p.Int(name); n != 0 || ok {
			t.Errorf("%s as a number: got %d, %t", name, n, ok)
		}
		if value, ok := p.Bool(name); value || ok {
			t.Errorf("%s as a flag: got %t, %t", name, value, ok)
		}
	}
	if value, ok := p.Bool("n"); value || ok {
		t.Errorf("n as a flag: got %t, %t", value, ok)
	}
	if text, ok := p.Text("text"); text != "1" || !ok {
		t.Errorf("text: got %q, %t", text, ok)
	}
	if text, ok := p.Text("n"); text != "" || ok {
		t.Errorf("n as a text: got %q, %t", text, ok)
	}
	if value, ok := p.Bool("yes"); !value || !ok {
		t.Errorf("yes: got %t, %t", value, ok)
	}
	if value, ok := p.Bool("no"); value || !ok {
		t.Errorf("no: got %t, %t", value, ok)
	}
}

func TestErrorsThatAreNotTheServers(t *testing.T) {
	temporary := map[error]bool{
		io.EOF:                   true,
		io.ErrUnexpectedEOF:      true,
		redis.ErrPoolTimeout:     true,
		redis.ErrClosed:          false,
		context.Canceled:         false,
		context.DeadlineExceeded: false,
		fmt.Errorf("something"):  false,
		nil:                      false,
	}
	for err, expected := range temporary {
		if profile.IsTemporary(err) != expected {
			t.Errorf("%v: expected temporary to be %t", err, expected)
		}
	}
}

func expectSame(t *testing.T, got, expected interface{}) {
	t.Helper()
	if !reflect.DeepEqual(got, expected) {
		t.Errorf("\ngot      %#v\nexpected %#v", got, expected)
	}
}
