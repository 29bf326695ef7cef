// Package profile calls the visitor-profile script: events in, flags and profiles out.
// No decision about a visitor is made here; all are made in Lua, in one atomic call.
//
// Over 250 lines: it is one file to copy.
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
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// DefaultKeyPattern is the key of both presets; a rules file may name another (store.key).
const DefaultKeyPattern = "visitor:{<id>}"

const (
	longestPlainID = 128 // bytes
	shortID        = 6   // bytes
	triggerWords   = 4
	readArguments  = 2 // by their number the script tells a read from a fold
	// Other programs may flush the script cache again and again; so often is it loaded for one call.
	loadsPerCall = 5
)

// Event is what the script is told about one event. All texts are bytes; empty means absent.
type Event struct {
	Offset   int64     // place in the stream; not sent where no stream is named
	Received time.Time // when it was received; the zero time where it is not known
	Created  string    // ms since the epoch by the clock of its device: the script judges them
	Sent     string    // when its device sent it, by the same clock
	ID       string    // recognises the event when it is sent again
	Visit    string    // empty: only visitor fields change
	Inputs   []string  // the fields that the rules use, all of them, in the contract's order
}

// Call is one visitor's events, 1 to 500, folded in order. Calls of one visitor that name the same
// stream must not overlap: if the first failed and the second did not, the failed one would count
// as applied.
type Call struct {
	Visitor string // the id itself, never empty
	Stream  string // where offsets count, e.g. "0:tracking_processed:3"; empty switches them off
	Floor   string // the last offset known committed, in decimal, or empty
	Events  []Event
}

// Argv returns the script's ARGV.
func (c Call) Argv() []string {
	argv := []string{c.Visitor, c.Stream, c.Floor, strconv.Itoa(len(c.Events))}
	for _, event := range c.Events {
		var offset string
		if c.Stream != "" {
			offset = strconv.FormatInt(event.Offset, 10)
		}
		argv = append(argv, offset, milliseconds(event.Received), event.Created, event.Sent)
		argv = append(argv, ShortID(event.ID), event.Visit)
		argv = append(argv, event.Inputs...)
	}
	return argv
}

// ShortID returns the six bytes that stand for an event's id: the script takes them as they are, so
// that the server need not hash the id. Both are the same event to it. An empty id stays empty.
func ShortID(id string) string {
	if id == "" || len(id) == shortID {
		return id
	}
	hash := sha1.Sum([]byte(id))
	return string(hash[:shortID])
}

func milliseconds(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return strconv.FormatInt(at.UnixMilli(), 10)
}

// Answer is what the script says about one event.
type Answer struct {
	Flags   map[string]bool // those that are set, e.g. "new_visit"
	Profile Profile         // as it was after this event; empty where Flags has "forgotten"
	// Triggers of the rules that this event fired or undid; nil where there were none.
	Triggers []Trigger
}

// Trigger is what became of one. Its ID is the same when it fires, is retracted, and fires again.
type Trigger struct {
	Name, ID string
	State    string // "fired" or "retracted"
	Time     string // the event's, ms since the epoch; empty where it is not known
}

// Profile holds the fields by name, each as the server sent it: an int64, a string, which is bytes, or
// an []interface{} of these. A field that is not known yet is absent.
type Profile map[string]interface{}

// Text returns a text or a decimal; false where the field is absent or holds none.
func (p Profile) Text(name string) (string, bool) {
	text, ok := p[name].(string)
	return text, ok
}

// Int returns a number; false where the field is absent or holds none.
func (p Profile) Int(name string) (int64, bool) {
	number, ok := p[name].(int64)
	return number, ok
}

// Bool returns a flag, 1 or 0; false, false where the field is absent or holds none.
func (p Profile) Bool(name string) (value, ok bool) {
	number, ok := p.Int(name)
	return number == 1, ok && (number == 0 || number == 1)
}

// List returns the texts of a list; false where the field is absent or holds none.
func (p Profile) List(name string) ([]string, bool) {
	values, ok := p[name].([]interface{})
	if !ok {
		return nil, false
	}
	list, err := texts(values)
	return list, err == nil
}

// Counts returns how often each text was there; false where the field is absent or holds no counts.
func (p Profile) Counts(name string) (map[string]int64, bool) {
	values, ok := p[name].([]interface{})
	counts := map[string]int64{}
	for ; len(values) > 1; values = values[2:] {
		text, isText := values[0].(string)
		count, isCount := values[1].(int64)
		counts[text], ok = count, ok && isText && isCount
	}
	return counts, ok && len(values) == 0
}

// Script is the registered script of one set of rules. It is safe for concurrent use.
type Script struct {
	KeyPattern string // DefaultKeyPattern; set it before the first call

	client redis.UniversalClient
	source string
	sha    string
	fields atomic.Pointer[[]string] // nil until the script was asked
}

// New takes a client of one server, of Sentinel or of Cluster (not a Ring), and the bytes of
// lua/rendered/lean.lua or of another rendering. Nothing is sent.
func New(client redis.UniversalClient, source []byte) *Script {
	sha := sha1.Sum(source)
	return &Script{
		KeyPattern: DefaultKeyPattern,
		client:     client,
		source:     string(source),
		sha:        hex.EncodeToString(sha[:]),
	}
}

// Apply folds one visitor's events; one answer each, in order. Errors are those of Do.
func (s *Script) Apply(ctx context.Context, call Call) ([]Answer, error) {
	return s.Eval(ctx, []string{KeyOf(s.KeyPattern, call.Visitor)}, call.Argv())
}

// Read returns the profile of the latest visit, nil for an unknown visitor. It changes nothing.
// The zero time reads as of the latest event. Errors are those of Do.
func (s *Script) Read(ctx context.Context, visitor string, now time.Time) (Profile, error) {
	keys := []string{KeyOf(s.KeyPattern, visitor)}
	answers, err := s.Eval(ctx, keys, []string{visitor, milliseconds(now)})
	if err != nil || len(answers) == 0 {
		return nil, err
	}
	return answers[0].Profile, nil
}

// Eval sends KEYS and ARGV of a fold or of a read; a read brings one answer, or none for an unknown
// visitor. Errors are those of Do.
func (s *Script) Eval(ctx context.Context, keys, argv []string) ([]Answer, error) {
	if len(argv) == readArguments {
		reply, err := s.Do(ctx, keys, argv)
		if err != nil {
			return nil, err
		}
		return decodeRead(reply)
	}
	fields, err := s.Fields(ctx, keys...)
	if err != nil {
		return nil, err
	}
	reply, err := s.Do(ctx, keys, argv)
	if err != nil {
		return nil, err
	}
	return decodeFold(reply, fields)
}

// Fields returns the names of an answer's values, in their order. The script itself says them, and
// is asked only once: another order is another SHA. In a cluster the node of the key is asked.
func (s *Script) Fields(ctx context.Context, key ...string) ([]string, error) {
	if fields := s.fields.Load(); fields != nil {
		return *fields, nil
	}
	reply, err := s.Do(ctx, key, []string{"fields"})
	if err != nil {
		return nil, err
	}
	fields, err := texts(reply)
	if err != nil {
		return nil, err
	}
	s.fields.Store(&fields)
	return fields, nil
}

// Do sends KEYS and ARGV as they are, and returns the reply as it is. It loads the script where the
// server does not know it. The server's refusal is an *Error; what the client library reports about
// the connection or the context comes as it is. After such an error the call may have been applied
// all the same; it may be repeated as it is.
//
// redis.Script is not used: where the script is not loaded it sends EVAL, which the documented
// rights do not include, and its Load on a cluster fails when any node, even a replica, is down.
func (s *Script) Do(ctx context.Context, keys, argv []string) ([]interface{}, error) {
	args := make([]interface{}, len(argv))
	for i, arg := range argv {
		args[i] = arg
	}
	for loads := 0; ; loads++ {
		reply, err := s.client.EvalSha(ctx, s.sha, keys, args...).Slice()
		if err == nil {
			return reply, nil
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

// decodeFold reads {flags, value, value, ...} of each event.
func decodeFold(reply []interface{}, fields []string) ([]Answer, error) {
	answers := make([]Answer, len(reply))
	for i, event := range reply {
		values, _ := event.([]interface{})
		var err error
		if len(values) == 2+len(fields) { // rules with triggers tell of them behind the fields
			if answers[i].Triggers, err = triggersOf(values[1+len(fields)]); err != nil {
				return nil, err
			}
			values = values[:1+len(fields)]
		}
		if len(values) != 1+len(fields) {
			return nil, fmt.Errorf("answer %d of the script is not flags and %d values", i+1, len(fields))
		}
		flags, err := texts(values[:1])
		if err != nil {
			return nil, err
		}
		answers[i].Flags = map[string]bool{}
		for _, flag := range strings.Fields(flags[0]) {
			answers[i].Flags[flag] = true
		}
		if answers[i].Flags["forgotten"] { // no profile, whatever values stand there
			answers[i].Profile = Profile{}
			continue
		}
		if answers[i].Profile, err = profileOf(fields, values[1:]); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// triggersOf reads {name, id, state, time, name, id, state, time, ...}.
func triggersOf(told interface{}) ([]Trigger, error) {
	values, isList := told.([]interface{})
	words, err := texts(values)
	if err != nil || !isList || len(words)%triggerWords != 0 {
		return nil, errors.New("the last part of an answer does not tell of triggers")
	}
	var triggers []Trigger
	for ; len(words) > 0; words = words[triggerWords:] {
		triggers = append(triggers, Trigger{words[0], words[1], words[2], words[3]})
	}
	return triggers, nil
}

// decodeRead reads {name, value, name, value, ...}: one answer, or none where there is no visitor.
func decodeRead(reply []interface{}) ([]Answer, error) {
	var names, values []interface{}
	for ; len(reply) > 1; reply = reply[2:] {
		names, values = append(names, reply[0]), append(values, reply[1])
	}
	fields, err := texts(names)
	if err != nil || len(reply) > 0 {
		return nil, errors.New("a read of the script is not {name, value, ...}")
	}
	if len(fields) == 0 {
		return nil, nil
	}
	profile, err := profileOf(fields, values)
	return []Answer{{Profile: profile}}, err
}

func profileOf(fields []string, values []interface{}) (Profile, error) {
	profile := Profile{}
	for at, value := range values {
		if value == nil { // not known yet
			continue
		}
		all, isList := value.([]interface{})
		if !isList {
			all = []interface{}{value}
		}
		for _, one := range all {
			switch one.(type) {
			case string, int64:
			default:
				return nil, fmt.Errorf("%s of the script has a %T", fields[at], one)
			}
		}
		profile[fields[at]] = value
	}
	return profile, nil
}

func texts(values []interface{}) ([]string, error) {
	all := make([]string, len(values))
	for i, value := range values {
		var isText bool
		if all[i], isText = value.(string); !isText {
			return nil, fmt.Errorf("the script answered a %T in the place of a text", value)
		}
	}
	return all, nil
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
