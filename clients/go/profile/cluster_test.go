package profile_test

import (
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"

	"visitor-profiler/clients/go/internal/redistest"
	"visitor-profiler/clients/go/profile"
)

func TestClusterLoadsWhereTheKeyIs(t *testing.T) {
	nodes := redistest.StartCluster(t)
	script := profile.New(clusterClient(t, nodes), lean(t))
	loads := []int{0, 0}
	for n := 0; n < 10; n++ {
		visitor := strconv.Itoa(n)
		apply(t, script, visitor, pageview("e1", "home"))
		loads[ownerOf(t, nodes, visitor)] = 1
		for i, node := range nodes {
			expectSame(t, redistest.Calls(t, node, "script|load"), loads[i])
		}
	}
	expectSame(t, loads, []int{1, 1})
}

func TestClusterWithoutAKeyAnswersTheScriptsError(t *testing.T) {
	nodes := redistest.StartCluster(t)
	script := profile.New(clusterClient(t, nodes), lean(t))
	_, err := script.Eval(ctx, nil, []string{"alice", "", ""})
	expectRefusal(t, err, profile.CodeBadArguments, false)
}

func TestClusterWhileASlotMoves(t *testing.T) {
	nodes := redistest.StartCluster(t)
	const visitor = "alice"
	from := ownerOf(t, nodes, visitor)
	source, target := nodes[from], nodes[1-from]
	slot := source.ClusterKeySlot(ctx, profile.KeyOf(profile.DefaultKeyPattern, visitor)).Val()
	for _, move := range []struct {
		on, other *redis.Client
		state     string
	}{{target, source, "IMPORTING"}, {source, target, "MIGRATING"}} {
		id := move.other.Do(ctx, "CLUSTER", "MYID").Val()
		if err := move.on.Do(ctx, "CLUSTER", "SETSLOT", slot, move.state, id).Err(); err != nil {
			t.Fatal(err)
		}
	}
	// The key is not there yet: its owner sends the caller on, to a node without the script.
	script := profile.New(clusterClient(t, nodes), lean(t))
	answer := apply(t, script, visitor, pageview("e1", "home"))
	expectSame(t, answer.Flags["new_visitor"], true)
	expectSame(t, target.ClusterCountKeysInSlot(ctx, int(slot)).Val(), int64(1))
}

func TestClusterNeedsOneRightMore(t *testing.T) {
	nodes := redistest.StartCluster(t)
	for _, node := range nodes {
		allow(t, node, "+cluster|slots")
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: []string{nodes[0].Options().Addr}, Username: "profiler", Password: "secret",
	})
	defer client.Close()
	script := profile.New(client, lean(t))
	for n := 0; n < 10; n++ {
		apply(t, script, strconv.Itoa(n), pageview("e1", "home"))
	}
	for i, node := range nodes {
		if redistest.Calls(t, node, "evalsha") == 0 {
			t.Errorf("node %d got no call", i)
		}
	}
}

func clusterClient(t *testing.T, nodes []*redis.Client) redis.UniversalClient {
	t.Helper()
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{nodes[0].Options().Addr}})
	t.Cleanup(func() { client.Close() })
	return client
}

// ownerOf returns which node has the visitor's slot: StartCluster halves them.
func ownerOf(t *testing.T, nodes []*redis.Client, visitor string) int {
	t.Helper()
	slot, err := nodes[0].ClusterKeySlot(ctx, profile.KeyOf(profile.DefaultKeyPattern, visitor)).Result()
	if err != nil {
		t.Fatal(err)
	}
	return int(slot / 8192)
}
