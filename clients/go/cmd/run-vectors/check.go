package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/redis/go-redis/v9"

	"visitor-profiler/clients/go/profile"
)

const ttlToleranceMS = 5_000

// mismatch is a server that answers something else than the vector says.
type mismatch struct{ text string }

func (m *mismatch) Error() string { return m.text }

// check runs one vector under keys of its own. Any error but a mismatch means that nothing is known.
func check(ctx context.Context, client redis.UniversalClient, script *profile.Script, v vector) error {
	prefix, err := newPrefix()
	if err != nil {
		return err
	}
	key := place(v.Key, prefix)
	built := prefix + profile.KeyOf(profile.DefaultKeyPattern, texts([]value{v.Visitor})[0])
	if err := same("key", map[string]interface{}{"": key}, map[string]interface{}{"": built}); err != nil {
		return err
	}
	defer func() {
		client.Unlink(ctx, key)
		for _, call := range v.Calls {
			for _, each := range placeAll(call.Keys, prefix) {
				client.Unlink(ctx, each)
			}
		}
	}()
	for _, command := range v.Before {
		words := make([]interface{}, len(command))
		for i, word := range placeAll(texts(command), prefix) {
			words[i] = word
		}
		if err := client.Do(ctx, words...).Err(); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
	}
	for i, call := range v.Calls {
		what := fmt.Sprintf("call %d of %d", i+1, len(v.Calls))
		got, err := outcome(ctx, script, placeAll(call.Keys, prefix), call)
		if err != nil {
			return err
		}
		if err := same(what, expected(call), got); err != nil {
			return err
		}
	}
	return checkStored(ctx, client, key, v)
}

// outcome makes a call; what came of it has names that tell where two differ.
func outcome(ctx context.Context, script *profile.Script, keys []string, c call) (map[string]interface{}, error) {
	all := map[string]interface{}{}
	var answers []profile.Answer
	var err error
	if c.Fields != nil || c.Error != "" {
		var reply []interface{}
		reply, err = script.Do(ctx, keys, texts(c.Argv))
		all["reply"] = fmt.Sprint(reply)
	} else {
		answers, err = script.Eval(ctx, keys, texts(c.Argv))
	}
	var refused *profile.Error
	if errors.As(err, &refused) {
		return map[string]interface{}{"error": refused.Code}, nil
	}
	for i, answer := range answers {
		var flags []string
		for flag := range answer.Flags {
			flags = append(flags, flag)
		}
		describe(all, i, flags, answer.Profile)
		var told []string
		for _, each := range answer.Triggers {
			told = append(told, each.Name, each.ID, each.State, each.Time)
		}
		all[fmt.Sprintf("event %d triggers", i+1)] = strings.Join(told, " ")
	}
	return all, err
}

func expected(c call) map[string]interface{} {
	all := map[string]interface{}{}
	if c.Error != "" {
		all["error"] = c.Error
	}
	if c.Fields != nil {
		all["reply"] = fmt.Sprint(c.Fields)
	}
	for i, answer := range c.Reply {
		describe(all, i, answer.Flags, known(answer.Profile))
		all[fmt.Sprintf("event %d triggers", i+1)] = strings.Join(answer.Triggers, " ")
	}
	if len(c.Read) > 0 {
		describe(all, 0, nil, known(c.Read))
		all["event 1 triggers"] = ""
	}
	return all
}

// describe adds one event's answer.
func describe(all map[string]interface{}, event int, flags []string, profile map[string]interface{}) {
	sorted := append([]string(nil), flags...)
	sort.Strings(sorted)
	all[fmt.Sprintf("event %d flags", event+1)] = strings.Join(sorted, " ")
	for name, value := range profile {
		if list, isList := value.([]interface{}); isList {
			value = fmt.Sprintf("%#v", list) // which can be compared
		}
		all[fmt.Sprintf("event %d %s", event+1, name)] = value
	}
}

func checkStored(ctx context.Context, client redis.UniversalClient, key string, v vector) error {
	if err := checkHash(ctx, client, key, v.Hash); err != nil {
		return err
	}
	ttl, err := client.Do(ctx, "PTTL", key).Int64()
	if err != nil {
		return err
	}
	if v.TTL == nil && ttl >= 0 {
		return &mismatch{fmt.Sprintf("TTL: expected none, got %d ms", ttl)}
	}
	if v.TTL != nil && (ttl > *v.TTL || ttl < *v.TTL-ttlToleranceMS) {
		return &mismatch{fmt.Sprintf("TTL: expected %d ms, got %d ms", *v.TTL, ttl)}
	}
	return nil
}

// checkHash compares the plain fields; expecting nil is expecting something else than a hash.
func checkHash(ctx context.Context, client redis.UniversalClient, key string, expected map[string]value) error {
	if expected == nil {
		kind, err := client.Type(ctx, key).Result()
		if err == nil && (kind == "hash" || kind == "none") {
			return &mismatch{"TYPE: expected another, got " + kind}
		}
		return err
	}
	stored, err := client.HGetAll(ctx, key).Result()
	if err != nil {
		return err
	}
	visible := map[string]interface{}{}
	for name, text := range stored {
		if !strings.HasPrefix(name, "~") {
			visible[name] = text
		}
	}
	return same("hash", known(expected), visible)
}

func same(what string, expected, got map[string]interface{}) error {
	var lines []string
	for name, value := range expected {
		if got[name] != value {
			lines = append(lines, fmt.Sprintf("%s - %#v", name, value))
		}
	}
	for name, value := range got {
		if expected[name] != value {
			lines = append(lines, fmt.Sprintf("%s + %#v", name, value))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	sort.Strings(lines)
	return &mismatch{what + " (- expected, + got)\n" + strings.Join(lines, "\n")}
}

func newPrefix() (string, error) {
	random := make([]byte, 16)
	_, err := rand.Read(random)
	return "vectors:" + hex.EncodeToString(random) + ":", err
}
