package visitorprofile.conformance;

import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.RedisClusterClient;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.JedisURIHelper;
import visitorprofile.ProfileScript;

/**
 * What its variables name: REDIS_URL, REDIS_CLUSTER=1 and LUA_DIR.
 *
 * @param redis where to connect; nothing is sent yet
 * @param isCluster whether the address is that of a cluster's node
 * @param lua the folder with rendered/ and vectors/
 */
record Environment(URI redis, boolean isCluster, Path lua) {
  private static final int COULD_NOT = 2;

  /** What a program does with them; returns its exit status. */
  @FunctionalInterface
  interface Program {
    int run(Environment environment, UnifiedJedis redis) throws Exception;
  }

  /** Run a program and end with its status, or with 2 after an error, which is printed. */
  static void exitWith(Program program) {
    int status;
    try {
      Environment environment = of(System.getenv());
      try (UnifiedJedis redis = environment.connect()) {
        status = program.run(environment, redis);
      }
    } catch (Exception error) {
      for (Throwable each = error; each != null; each = each.getCause()) {
        System.err.println(each);
      }
      status = COULD_NOT;
    }
    System.exit(status);
  }

  static Environment of(Map<String, String> variables) {
    URI address = address(variables.getOrDefault("REDIS_URL", "redis://127.0.0.1:6379"));
    String lua = variables.get("LUA_DIR");
    return new Environment(
        address,
        "1".equals(variables.get("REDIS_CLUSTER")),
        lua == null ? project().resolve("../../lua").normalize() : Path.of(lua));
  }

  UnifiedJedis connect() {
    if (!isCluster) {
      return RedisClient.create(redis);
    }
    return RedisClusterClient.builder()
        .nodes(Set.of(JedisURIHelper.getHostAndPort(redis)))
        .clientConfig(DefaultJedisClientConfig.builder(redis).build())
        .build();
  }

  /** A script of the folder, e.g. rendered/lean.lua. */
  ProfileScript script(UnifiedJedis client, String path) throws IOException {
    return new ProfileScript(client, Files.readAllBytes(lua.resolve(path)));
  }

  private static URI address(String url) {
    // Neither error shows the address: there may be a password in it.
    String remedy = "REDIS_URL: give redis://[user:password@]host:port[/database], or rediss://";
    try {
      URI address = new URI(url);
      if (JedisURIHelper.isValid(address)) {
        return address;
      }
    } catch (URISyntaxException error) {
      throw new IllegalArgumentException(remedy);
    }
    throw new IllegalArgumentException(remedy);
  }

  /** The folder of pom.xml: these classes, or their jar, are in its target/. */
  private static Path project() {
    try {
      URI here = Environment.class.getProtectionDomain().getCodeSource().getLocation().toURI();
      return Path.of(here).getParent().getParent();
    } catch (URISyntaxException error) {
      throw new IllegalStateException(error);
    }
  }
}
