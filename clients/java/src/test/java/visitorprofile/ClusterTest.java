package visitorprofile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.RedisClusterClient;
import redis.clients.jedis.util.JedisClusterCRC16;
import visitorprofile.ProfileScript.Event;

/** On a cluster, where each node has scripts of its own. */
class ClusterTest {
  private static final List<String> VISITORS =
      IntStream.range(0, 30).mapToObj(number -> "visitor " + number).toList();

  private RedisCluster cluster;
  private RedisClusterClient redis;
  private ProfileScript script;

  @BeforeEach
  void start() throws IOException {
    cluster = RedisCluster.start();
    redis = cluster.connect();
    script = new ProfileScript(redis, Scripts.source("lean"));
  }

  @AfterEach
  void stop() {
    if (cluster != null) {
      redis.close();
      cluster.close();
    }
  }

  @Test
  void scriptIsLoadedOnTheNodeThatHasTheKey() {
    updateAll(1);
    assertTrue(cluster.nodes().stream().allMatch(node -> node.dbSize() > 0));
    assertEquals(List.of(1L, 1L, 1L), scriptsNotFound());

    cluster.nodes().get(1).scriptFlush();
    updateAll(2);
    assertEquals(List.of(1L, 2L, 1L), scriptsNotFound());
  }

  @Test
  void nodeThatIsDownDoesNotConcernTheOthers() {
    updateAll(1);
    cluster.nodes().get(1).scriptFlush();
    cluster.stop(0);
    List<String> others = VISITORS.stream().filter(ClusterTest::isOnNode1).toList();
    others.forEach(visitorId -> update(visitorId, 2));
    assertEquals(2, scriptsNotFound(cluster.nodes().get(1)));
  }

  private void updateAll(int time) {
    VISITORS.forEach(visitorId -> update(visitorId, time));
  }

  private void update(String visitorId, int time) {
    Event event = Event.of(1_795_522_012_000L + time, "e" + time, "v", "Pageview", "A");
    OptionalLong events = script.update(visitorId, event).get(0).profile().number("visitor_events");
    assertEquals(OptionalLong.of(time), events);
  }

  private static boolean isOnNode1(String visitorId) {
    int slot = JedisClusterCRC16.getSlot(ProfileScript.keyOf(visitorId));
    return RedisCluster.firstSlot(1) <= slot && slot < RedisCluster.firstSlot(2);
  }

  /** How often each node said NOSCRIPT. */
  private List<Long> scriptsNotFound() {
    return cluster.nodes().stream().map(ClusterTest::scriptsNotFound).toList();
  }

  private static long scriptsNotFound(RedisClient node) {
    String start = "errorstat_NOSCRIPT:count=";
    return node.info("errorstats")
        .lines()
        .filter(line -> line.startsWith(start))
        .mapToLong(line -> Long.parseLong(line.substring(start.length())))
        .sum();
  }
}
