package main

import (
	"bytes"
	"encoding/hex"
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
	Name    string
	Script  string
	Why     string
	Visitor value
	Key     string
	Before  [][]value
	Calls   []call
	Hash    map[string]value
	TTL     *int64 `json:"ttl_ms"`
}

type call struct {
	Keys   []string
	Argv   []value
	Reply  []answer
	Read   map[string]value
	Fields []string
	Error  string
}

type answer struct {
	Flags    []string
	Profile  map[string]value
	Triggers []string
}

// value is what the server takes and answers for a JSON value: a string for bytes, an int64 for a
// number and a flag, an []interface{} for an array, nil for null.
type value struct{ of interface{} }

func (v *value) UnmarshalJSON(raw []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var decoded interface{}
	err := decoder.Decode(&decoded)
	switch decoded := decoded.(type) {
	case nil, string:
		v.of = decoded
	case bool:
		v.of = map[bool]int64{true: 1}[decoded]
	case json.Number:
		v.of, err = decoded.Int64()
	case []interface{}:
		var items []value
		err = json.Unmarshal(raw, &items)
		list := make([]interface{}, len(items))
		for i, item := range items {
			list[i] = item.of
		}
		v.of = list
	default:
		var encoded struct{ Hex string }
		if err = json.Unmarshal(raw, &encoded); err == nil {
			var plain []byte
			plain, err = hex.DecodeString(encoded.Hex)
			v.of = string(plain)
		}
	}
	return err
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
		plain[i], _ = value.of.(string)
	}
	return plain
}

// known leaves out what the server does not know: its null is an absent name of a profile.
func known(values map[string]value) map[string]interface{} {
	plain := map[string]interface{}{}
	for name, value := range values {
		if value.of != nil {
			plain[name] = value.of
		}
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
