// Package redistest gives tests a real server: REDIS_URL, or redis-server from the PATH.
package redistest

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const patience = 30 * time.Second

// URL is the address of a server for this test: REDIS_URL, else one of its own.
func URL(t *testing.T) string {
	t.Helper()
	if url := os.Getenv("REDIS_URL"); url != "" {
		return url
	}
	return "redis://" + Start(t)
}

// Client is connected to URL.
func Client(t *testing.T) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(URL(t))
	if err != nil {
		t.Fatal("REDIS_URL is no address")
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { client.Close() })
	return client
}

// Start runs redis-server with these options on a free port until the test ends; it returns
// host:port. REDIS_SERVER names another program, e.g. valkey-server.
func Start(t *testing.T, options ...string) string {
	t.Helper()
	name := os.Getenv("REDIS_SERVER")
	if name == "" {
		name = "redis-server"
	}
	program, err := exec.LookPath(name)
	if err != nil {
		const remedy = "install redis-server 7 or later (Debian: apt-get install redis-server), or set REDIS_URL"
		if os.Getenv("CI") == "true" {
			t.Fatal(remedy)
		}
		t.Skip("NOT TESTED: " + remedy)
	}
	port := freePort(t)
	defaults := []string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir()}
	server := exec.Command(program, append(defaults, options...)...)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	address := net.JoinHostPort("127.0.0.1", port)
	client := redis.NewClient(&redis.Options{Addr: address})
	defer client.Close()
	Eventually(t, "no answer from "+program, func() bool {
		return client.Ping(context.Background()).Err() == nil
	})
	return address
}

// StartCluster runs two primaries, without replicas, that share the slots in halves.
func StartCluster(t *testing.T) []*redis.Client {
	t.Helper()
	ctx := context.Background()
	var nodes []*redis.Client
	for _, slots := range [][2]int{{0, 8191}, {8192, 16383}} {
		bus := freePort(t)
		address := Start(t, "--cluster-enabled", "yes", "--cluster-port", bus)
		node := redis.NewClient(&redis.Options{Addr: address})
		t.Cleanup(func() { node.Close() })
		if err := node.ClusterAddSlotsRange(ctx, slots[0], slots[1]).Err(); err != nil {
			t.Fatal(err)
		}
		if len(nodes) > 0 {
			host, port, _ := net.SplitHostPort(address)
			if err := nodes[0].Do(ctx, "CLUSTER", "MEET", host, port, bus).Err(); err != nil {
				t.Fatal(err)
			}
		}
		nodes = append(nodes, node)
	}
	Eventually(t, "the cluster does not form", func() bool {
		for _, node := range nodes {
			info := node.ClusterInfo(ctx).Val()
			if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_size:2") {
				return false
			}
		}
		return true
	})
	return nodes
}

// Eventually waits until a condition holds.
func Eventually(t *testing.T, otherwise string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(otherwise)
		}
	}
}

// Calls is how often a server was sent a command, by the name that INFO commandstats uses.
func Calls(t *testing.T, client *redis.Client, command string) int {
	t.Helper()
	info, err := client.Info(context.Background(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	_, found, _ := strings.Cut(info, "cmdstat_"+command+":calls=")
	number, _, _ := strings.Cut(found, ",")
	calls, _ := strconv.Atoi(number) // a command that was never sent is not listed
	return calls
}

// FreeAddress is a host:port where nothing listens.
func FreeAddress(t *testing.T) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", freePort(t))
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}
