package visitorprofile;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.RedisClusterClient;

/** A cluster of three primaries. */
public final class RedisCluster implements AutoCloseable {
  private static final int SLOTS = 16384;
  private static final int NODES = 3;

  private final List<RedisServer> servers = new ArrayList<>();
  private final List<RedisClient> nodes = new ArrayList<>();

  public static RedisCluster start() throws IOException {
    RedisCluster cluster = new RedisCluster();
    for (int number = 0; number < NODES; number++) {
      // The usual one, the port + 10000, may not be free.
      int busPort = RedisServer.freePort();
      List<String> options =
          List.of(
              "--cluster-enabled",
              "yes",
              "--cluster-port",
              "" + busPort,
              "--cluster-require-full-coverage",
              "no");
      RedisServer server = RedisServer.start(options);
      cluster.servers.add(server);
      RedisClient node = RedisClient.create(server.url());
      cluster.nodes.add(node);
      tell(node, "ADDSLOTSRANGE", firstSlot(number), firstSlot(number + 1) - 1);
      // In one epoch they would have to agree first about which is whose.
      tell(node, "SET-CONFIG-EPOCH", number + 1);
      tell(cluster.nodes.get(0), "MEET", "127.0.0.1", server.url().getPort(), busPort);
    }
    RedisServer.await("cluster", () -> cluster.nodes.stream().allMatch(RedisCluster::isWhole));
    return cluster;
  }

  /** A client of the whole; the caller closes it. */
  public RedisClusterClient connect() {
    return RedisClusterClient.create(new HostAndPort("127.0.0.1", servers.get(0).url().getPort()));
  }

  /** A client for each node. */
  public List<RedisClient> nodes() {
    return nodes;
  }

  public void stop(int node) {
    servers.get(node).close();
  }

  /** The node's slots go from here to before the first one of the next. */
  public static int firstSlot(int node) {
    return SLOTS * node / NODES;
  }

  @Override
  public void close() {
    nodes.forEach(RedisClient::close);
    for (RedisServer server : servers) {
      server.close();
    }
  }

  private static Object tell(RedisClient node, Object... words) {
    return node.executeCommand(new CommandArguments(Command.CLUSTER).addObjects(words));
  }

  private static boolean isWhole(RedisClient node) {
    String info = new String((byte[]) tell(node, "INFO"), UTF_8);
    return info.contains("cluster_state:ok")
        && info.contains("cluster_known_nodes:" + NODES)
        && info.contains("cluster_size:" + NODES);
  }
}
