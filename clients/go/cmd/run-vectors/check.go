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
	if visitor := v.Calls[0].Argv[0].text; visitor != "" {
		built := prefix + profile.KeyOf(profile.DefaultKeyPattern, visitor)
		if err := same("key", map[string]string{"": key}, map[string]string{"": built}); err != nil {
			return err
		}
	}
	defer client.Unlink(ctx, key)
	for _, command := range v.Before {
		words := make([]interface{}, len(command))
		for i, word := range command {
			words[i] = word.text
			if word.isText {
				words[i] = place(word.text, prefix)
			}
		}
		if err := client.Do(ctx, words...).Err(); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
	}
	for i, call := range v.Calls {
		what := fmt.Sprintf("call %d of %d", i+1, len(v.Calls))
		got, err := script.Eval(ctx, placeAll(call.Keys, prefix), texts(call.Argv))
		if err := sameOutcome(what, call, got, err); err != nil {
			return err
		}
	}
	return checkStored(ctx, client, key, v)
}

func sameOutcome(what string, expected call, got []profile.Answer, err error) error {
	var refused *profile.Error
	if err != nil && !errors.As(err, &refused) {
		return err
	}
	outcome := map[string]string{}
	if refused != nil {
		outcome["error"] = refused.Code
	}
	for i, answer := range got {
		var flags []string
		for flag := range answer.Flags {
			flags = append(flags, flag)
		}
		describe(outcome, i, flags, answer.Profile)
	}
	wanted := map[string]string{}
	if expected.Error != "" {
		wanted["error"] = expected.Error
	}
	for i, answer := range expected.Reply {
		describe(wanted, i, answer.Flags, plainMap(answer.Profile))
	}
	return same(what, wanted, outcome)
}

// describe adds one event's answer, so that names tell where two differ.
func describe(all map[string]string, event int, flags []string, profile map[string]string) {
	sorted := append([]string(nil), flags...)
	sort.Strings(sorted)
	all[fmt.Sprintf("event %d flags", event+1)] = strings.Join(sorted, " ")
	for name, text := range profile {
		all[fmt.Sprintf("event %d %s", event+1, name)] = text
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
	for name := range stored {
		if strings.HasPrefix(name, "~") {
			delete(stored, name)
		}
	}
	return same("hash", plainMap(expected), stored)
}

func same(what string, expected, got map[string]string) error {
	var lines []string
	for name, text := range expected {
		if other, ok := got[name]; !ok || other != text {
			lines = append(lines, fmt.Sprintf("%s - %q", name, text))
		}
	}
	for name, text := range got {
		if other, ok := expected[name]; !ok || other != text {
			lines = append(lines, fmt.Sprintf("%s + %q", name, text))
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
