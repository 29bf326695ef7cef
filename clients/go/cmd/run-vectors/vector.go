package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"visitor-profiler/clients/go/internal/environment"
)

// The placeholder that keys begin with.
const prefixMark = "<prefix>"

// vector is one conformance test; lua/vectors/README.md describes the members.
type vector struct {
	Name   string
	Preset string
	Why    string
	Key    string
	Before [][]value
	Calls  []call
	Hash   map[string]value
	TTL    *int64 `json:"ttl_ms"`
}

type call struct {
	Keys  []string
	Argv  []value
	Reply []answer
	Error string
}

type answer struct {
	Flags   []string
	Profile map[string]value
}

// value is bytes: a JSON string stands for its UTF-8, {"b64": "..."} for what that decodes to.
type value struct {
	text   string
	isText bool
}

func (v *value) UnmarshalJSON(raw []byte) error {
	if err := json.Unmarshal(raw, &v.text); err == nil {
		v.isText = true
		return nil
	}
	var encoded struct{ B64 []byte }
	if err := json.Unmarshal(raw, &encoded); err != nil {
		return fmt.Errorf("expected a string or {\"b64\": ...}: %w", err)
	}
	v.text = string(encoded.B64)
	return nil
}

// place puts a prefix into a key.
func place(key, prefix string) string {
	if rest := strings.TrimPrefix(key, prefixMark); rest != key {
		return prefix + rest
	}
	return key
}

func placeAll(keys []string, prefix string) []string {
	placed := make([]string, len(keys))
	for i, key := range keys {
		placed[i] = place(key, prefix)
	}
	return placed
}

func texts(values []value) []string {
	plain := make([]string, len(values))
	for i, value := range values {
		plain[i] = value.text
	}
	return plain
}

func plainMap(values map[string]value) map[string]string {
	plain := make(map[string]string, len(values))
	for name, value := range values {
		plain[name] = value.text
	}
	return plain
}

// readVectors reads all files, in the order of their names.
func readVectors() ([]vector, error) {
	folder := filepath.Join(environment.LuaDir(), "vectors")
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no vectors in %s: start in clients/go, or set LUA_DIR", folder)
	}
	var all []vector
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var some []vector
		if err := json.Unmarshal(raw, &some); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, some...)
	}
	return all, nil
}
