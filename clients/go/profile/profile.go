// Package profile calls the visitor-profile script: events in, flags and profiles out.
// No decision about a visitor is made here; all are made in Lua, in one atomic call.
package profile

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// DefaultKeyPattern is the key of both presets; a rules file may name another (store.key).
const DefaultKeyPattern = "visitor:{<id>}"

const (
	longestPlainID = 128 // bytes
	// Other programs may flush the script cache again and again; so often is it loaded for one call.
	loadsPerCall = 5
)

// Event is what the script is told about one event. All texts are bytes; empty means absent.
type Event struct {
	Offset   int64     // place in the stream; not sent where no stream is named
	Recorded time.Time // the record's timestamp; the zero time where it is not known
	Time     string    // ms since the epoch, as the tracker sent them: the script judges them
	ID       string    // recognises the event when it is sent again
	Visit    string    // empty: only visitor fields change
	Inputs   []string  // the fields that the rules use, all of them, in the contract's order
}

// Call is one visitor's events, at most 500, folded in order. Calls of one visitor that name the
// same stream must not overlap: if the first failed and the second did not, the failed one would
// count as applied.
type Call struct {
	Visitor string // the id itself, never empty
	Stream  string // where offsets count, e.g. "0:tracking_processed:3"; empty switches them off
	Floor   string // the last offset known committed, in decimal, or empty
	Events  []Event
}

// Argv returns the script's ARGV.
func (c Call) Argv() []string {
	argv := []string{c.Visitor, c.Stream, c.Floor}
	for _, event := range c.Events {
		var offset, recorded string
		if c.Stream != "" {
			offset = strconv.FormatInt(event.Offset, 10)
		}
		if !event.Recorded.IsZero() {
			recorded = strconv.FormatInt(event.Recorded.UnixMilli(), 10)
		}
		argv = append(argv, offset, recorded, event.Time, event.ID, event.Visit)
		argv = append(argv, event.Inputs...)
	}
	return argv
}

// Answer is what the script says about one event.
type Answer struct {
	Flags   map[string]bool // those that are set, e.g. "new_visit"
	Profile Profile         // as it was after this event
}

// Profile holds the public fields by name, each as the bytes that the server sent. A field that is
// not known yet is absent; a newer script may add fields.
type Profile map[string]string

// Int returns a number; false where the field is absent or holds none.
func (p Profile) Int(name string) (int64, bool) {
	number, err := strconv.ParseInt(p[name], 10, 64)
	return number, err == nil
}

// Bool returns a flag, "1" or "0"; false, false where the field is absent or holds none.
func (p Profile) Bool(name string) (value, ok bool) {
	return p[name] == "1", p[name] == "1" || p[name] == "0"
}

// Script is the registered script of one set of rules. It is safe for concurrent use.
type Script struct {
	KeyPattern string // DefaultKeyPattern; set it before the first call

	client redis.UniversalClient
	source string
	sha    string
}

// New takes a client of one server, of Sentinel or of Cluster (not a Ring), and the bytes of
// lua/rendered/standard.lua or of another rendering. Nothing is sent.
func New(client redis.UniversalClient, source []byte) *Script {
	sha := sha1.Sum(source)
	return &Script{
		KeyPattern: DefaultKeyPattern,
		client:     client,
		source:     string(source),
		sha:        hex.EncodeToString(sha[:]),
	}
}

// Apply folds one visitor's events; one answer each, in order. Errors are those of Eval.
func (s *Script) Apply(ctx context.Context, call Call) ([]Answer, error) {
	return s.Eval(ctx, []string{KeyOf(s.KeyPattern, call.Visitor)}, call.Argv())
}

// Eval sends KEYS and ARGV as they are. It loads the script where the server does not know it.
// The server's refusal is an *Error; what the client library reports about the connection or the
// context comes as it is. After such an error the call may have been applied all the same; it may
// be repeated as it is.
//
// redis.Script is not used: where the script is not loaded it sends EVAL, which the documented
// rights do not include, and its Load on a cluster fails when any node, even a replica, is down.
func (s *Script) Eval(ctx context.Context, keys, argv []string) ([]Answer, error) {
	args := make([]interface{}, len(argv))
	for i, arg := range argv {
		args[i] = arg
	}
	for loads := 0; ; loads++ {
		reply, err := s.client.EvalSha(ctx, s.sha, keys, args...).Slice()
		if err == nil {
			return decode(reply)
		}
		if !redis.HasErrorPrefix(err, "NOSCRIPT") || loads == loadsPerCall {
			return nil, refusal(err)
		}
		if err := s.load(ctx, keys, loads > 0); err != nil {
			return nil, refusal(err)
		}
	}
}

// load registers the script on the node that answered NOSCRIPT. In a cluster this is the key's
// owner, or, when a load there was not enough, the node that its slot is moving to: then on all.
func (s *Script) load(ctx context.Context, keys []string, everywhere bool) error {
	load := func(ctx context.Context, node *redis.Client) error {
		return node.ScriptLoad(ctx, s.source).Err()
	}
	cluster, isCluster := s.client.(interface {
		MasterForKey(context.Context, string) (*redis.Client, error)
		ForEachMaster(context.Context, func(context.Context, *redis.Client) error) error
	})
	if !isCluster {
		return s.client.ScriptLoad(ctx, s.source).Err()
	}
	if everywhere || len(keys) == 0 {
		return cluster.ForEachMaster(ctx, load)
	}
	owner, err := cluster.MasterForKey(ctx, keys[0])
	if err != nil {
		return err
	}
	return load(ctx, owner)
}

// KeyOf returns the key of a visitor as every caller must build it: the id percent-encoded, or
// hashed where it is longer than 128 bytes. No encoded id holds a brace or a colon, so none can
// break the hash tag or pretend to be a hashed one.
func KeyOf(pattern, visitor string) string {
	// Query escaping differs in nothing but the space; a plus sign of the id is %2B by then.
	id := strings.ReplaceAll(url.QueryEscape(visitor), "+", "%20")
	if len(visitor) > longestPlainID {
		hash := sha256.Sum256([]byte(visitor))
		id = "sha256:" + hex.EncodeToString(hash[:])
	}
	return strings.Replace(pattern, "<id>", id, 1)
}

func decode(reply []interface{}) ([]Answer, error) {
	answers := make([]Answer, len(reply))
	for i, event := range reply {
		texts, isArray := event.([]interface{})
		if !isArray || len(texts)%2 != 1 {
			return nil, fmt.Errorf("answer %d of the script is not {flags, name, value, ...}", i+1)
		}
		words := make([]string, len(texts))
		for at, text := range texts {
			var isText bool
			if words[at], isText = text.(string); !isText {
				return nil, fmt.Errorf("answer %d of the script holds a %T, not a text", i+1, text)
			}
		}
		flags, pairs := map[string]bool{}, make(Profile, len(words)/2)
		for _, flag := range strings.Fields(words[0]) {
			flags[flag] = true
		}
		for at := 1; at < len(words); at += 2 {
			pairs[words[at]] = words[at+1]
		}
		answers[i] = Answer{Flags: flags, Profile: pairs}
	}
	return answers, nil
}

// Codes of the script itself. None goes away by repeating the call.
const (
	CodeBadArguments = "EBADARG"  // a bug in the caller: stop
	CodeBadProfile   = "EPROFILE" // this visitor's state is unusable: set it aside, go on with others
	CodeNewerLayout  = "ELAYOUT"  // a newer script wrote this state: update the caller
)

// Error is a refusal of the server. Code is its first word: one of the script's, or the server's
// own (OOM, READONLY, NOPERM, ...).
type Error struct {
	Code  string
	cause error
}

func (e *Error) Error() string { return "visitor profile: " + e.cause.Error() }

// Unwrap returns the client library's error.
func (e *Error) Unwrap() error { return e.cause }

func refusal(err error) error {
	var reply redis.Error
	if !errors.As(err, &reply) {
		return err
	}
	code, _, _ := strings.Cut(reply.Error(), " ")
	return &Error{Code: code, cause: err}
}

// IsTemporary reports whether to back off and repeat the call as it is: the server cannot now, or
// the connection failed. It is false for an ended context.
func IsTemporary(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var refused *Error
	if errors.As(err, &refused) {
		switch refused.Code {
		case "BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "NOREPLICAS", "NOSCRIPT", "OOM",
			"READONLY", "TRYAGAIN", "MOVED", "ASK":
			return true
		}
		text := refused.cause.Error() // these two have no code of their own
		return strings.Contains(text, "max number of clients") || strings.Contains(text, "Script killed")
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, redis.ErrPoolTimeout) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
