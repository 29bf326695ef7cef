// Package environment gives the commands what they take from their environment variables.
package environment

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/redis/go-redis/v9"
)

// DefaultRedisURL is where the commands look without REDIS_URL.
const DefaultRedisURL = "redis://127.0.0.1:6379"

// Client connects to REDIS_URL; REDIS_CLUSTER=1 says that it is a node of a cluster. Nothing is
// sent. A wrong address is an error that does not repeat it: it may hold a password.
func Client() (redis.UniversalClient, error) {
	url := os.Getenv("REDIS_URL")
	if url == "" {
		url = DefaultRedisURL
	}
	if os.Getenv("REDIS_CLUSTER") == "1" {
		options, err := redis.ParseClusterURL(url)
		if err != nil {
			return nil, fmt.Errorf("REDIS_URL is no address of a cluster, e.g. %s", DefaultRedisURL)
		}
		return redis.NewClusterClient(options), nil
	}
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL is no address, e.g. %s", DefaultRedisURL)
	}
	return redis.NewClient(options), nil
}

// LuaDir is the repository's lua/, LUA_DIR or as seen from the module's folder.
func LuaDir() string {
	if folder := os.Getenv("LUA_DIR"); folder != "" {
		return folder
	}
	return filepath.Join("..", "..", "lua")
}

// Script reads a script of the repository's lua/, e.g. "rendered/lean.lua".
func Script(path string) ([]byte, error) {
	source, err := os.ReadFile(filepath.Join(LuaDir(), filepath.FromSlash(path)))
	if err != nil {
		return nil, fmt.Errorf("%w: start in clients/go, or set LUA_DIR to the repository's lua/", err)
	}
	return source, nil
}
