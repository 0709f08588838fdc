package redisreplay_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/authenticator/redisreplay"
	"github.com/gosspi/kerberos/authenticator/replaytest"
)

// startCluster starts a cluster of primaries, and a replica of the first of them if replica
// is set.
func startCluster(t *testing.T, product string, primaries int, replica bool) []*server {
	t.Helper()
	var nodes []*server
	all := primaries
	if replica {
		all++
	}
	for range all {
		nodes = append(nodes, startServer(t, product, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(freePort(t)),
			"--cluster-node-timeout", "2000", "--cluster-require-full-coverage", "no"))
	}
	for i, n := range nodes[:primaries] {
		n.do(t, "CLUSTER", "ADDSLOTSRANGE", i*16384/primaries, (i+1)*16384/primaries-1)
		n.do(t, "CLUSTER", "SET-CONFIG-EPOCH", i+1)
	}
	for _, n := range nodes[1:] {
		n.do(t, "CLUSTER", "MEET", "127.0.0.1", nodes[0].port, nodes[0].args[3])
	}
	for _, n := range nodes {
		n.awaitFor(t, "cluster", func() bool {
			text, _ := n.do(t, "CLUSTER", "INFO").(string)
			return strings.Contains(text, "cluster_state:ok") && strings.Contains(text, "cluster_slots_ok:16384") && strings.Contains(text, "cluster_known_nodes:"+strconv.Itoa(all))
		})
	}
	if replica {
		id := nodes[0].do(t, "CLUSTER", "MYID")
		last := nodes[all-1]
		last.do(t, "CLUSTER", "REPLICATE", id)
		last.awaitFor(t, "link to the primary", func() bool {
			return strings.Contains(last.info(t, "replication"), "master_link_status:up")
		})
		nodes[0].awaitFor(t, "replica", func() bool {
			text, _ := nodes[0].do(t, "CLUSTER", "NODES").(string)
			return strings.Contains(text, "slave")
		})
	}
	return nodes
}

func clusterConfig(nodes ...*server) redisreplay.Config {
	o := &redis.UniversalOptions{IsClusterMode: true}
	for _, n := range nodes {
		o.Addrs = append(o.Addrs, n.addr())
	}
	return redisreplay.Config{Options: o, Timeout: 5 * time.Second}
}

// TestCluster tests a cluster of three primaries.
func TestCluster(t *testing.T) {
	withEach(t, func(t *testing.T, product string) {
		nodes := startCluster(t, product, 3, false)
		cfg := clusterConfig(nodes...)
		t.Run("conformance", func(t *testing.T) {
			cfg := cfg
			cfg.AfterLoss = authenticator.AcceptOlder
			replaytest.Run(t, func(t *testing.T) authenticator.ReplayCache { return newPair(t, cfg) })
		})
		for i, n := range nodes {
			n.do(t, "CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
			refusesToStart(t, cfg, "allkeys-lfu")
			n.do(t, "CONFIG", "SET", "maxmemory-policy", "noeviction")
			if size := n.control.DBSize(t.Context()).Val(); size < 1000 {
				t.Errorf("node %d has %d keys", i, size)
			}
		}
		p := newPair(t, cfg)
		var stored []authenticator.Record
		for range 300 {
			r := record(time.Now())
			want(t, p, r, "fresh", "a new authenticator")
			want(t, p, r, "replay", "its replay")
			stored = append(stored, r)
		}
		nodes[2].kill()
		var got counts
		for range 60 {
			got.add(ask(t, p, record(time.Now())))
		}
		if got.of["fresh"] == 0 || got.of["fresh"] == 60 {
			t.Errorf("a third of the cluster is away: %v", &got)
		}
		nodes[2].start(t) // its file has the cluster, and no records
		nodes[0].awaitFor(t, "third node", func() bool {
			c, err := redisreplay.New(t.Context(), cfg)
			if err == nil {
				_ = c.Close()
			}
			return err == nil
		})
		fresh := open(t, cfg)
		for _, r := range stored {
			if ask(t, fresh, r) == "fresh" {
				t.Error("a replay got in after a primary was restarted without its records")
			}
		}
		t.Logf("with a third of the cluster away: %v; of %d records none can be replayed after its restart", &got, len(stored))
	})
}

// TestClusterFailover promotes the replica of a cluster, whose clients then follow, and
// waits for replicas on the way.
func TestClusterFailover(t *testing.T) {
	withEach(t, func(t *testing.T, product string) {
		nodes := startCluster(t, product, 1, true)
		cfg := clusterConfig(nodes...)
		cfg.Replicas = 1
		p := newPair(t, cfg)
		before := record(time.Now())
		want(t, p, before, "fresh", "a new authenticator")
		nodes[1].do(t, "CLUSTER", "FAILOVER")
		nodes[1].awaitFor(t, "promotion", func() bool {
			return strings.Contains(nodes[1].info(t, "replication"), "role:master") && strings.Contains(nodes[0].info(t, "replication"), "master_link_status:up")
		})
		var got counts
		nodes[1].awaitFor(t, "fresh answer", func() bool {
			answer := ask(t, p, record(time.Now()))
			got.add(answer)
			return answer == "fresh"
		})
		r := record(time.Now())
		want(t, p, r, "fresh", "after the failover")
		want(t, p, r, "replay", "its replay")
		if again := ask(t, open(t, cfg), before); again == "fresh" {
			t.Error("a replay got in after the failover")
		}
		t.Logf("answers until the clients had followed: %v", &got)
	})
}
