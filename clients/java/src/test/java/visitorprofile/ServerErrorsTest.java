package visitorprofile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.JedisClientConfig;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.exceptions.JedisBusyException;
import redis.clients.jedis.exceptions.JedisConnectionException;
import visitorprofile.ProfileScript.Event;
import visitorprofile.ProfileScript.ProfileException;

/** The server's own errors, on a server that may be brought into such states. */
class ServerErrorsTest {
  private static final Event EVENT = Event.of(1_795_522_012_000L, "e1", "v1", "Pageview", "A");

  private RedisServer server;
  private RedisClient redis;
  private ProfileScript script;

  @BeforeEach
  void start() throws IOException {
    server = RedisServer.start(List.of());
    redis = RedisClient.create(server.url());
    script = new ProfileScript(redis, Scripts.source("lean"));
  }

  @AfterEach
  void stop() {
    if (server != null) {
      redis.close();
      server.close();
    }
  }

  @Test
  void fullMemoryPasses() {
    script.update("ada", EVENT);
    redis.configSet("maxmemory", "1");
    assertRetryable("OOM");
  }

  @Test
  void replicasTakeNoWrites() {
    script.update("ada", EVENT);
    redis.executeCommand(new CommandArguments(Command.REPLICAOF).addObjects("127.0.0.1", 1));
    assertRetryable("READONLY");
  }

  @Test
  void longScriptsOfOthersPass() {
    script.update("ada", EVENT);
    redis.configSet("busy-reply-threshold", "1");
    CompletableFuture<Object> endless =
        CompletableFuture.supplyAsync(() -> redis.eval("while true do end"));
    try {
      RedisServer.await("endless script", this::refusesPings);
      assertRetryable("BUSY");
    } finally {
      redis.scriptKill();
    }
    endless.handle((result, killed) -> killed).join();
    assertEquals(Set.of("repeated"), script.update("ada", EVENT).get(0).flags());
  }

  @Test
  void missingRightsDoNotPass() {
    Object[] rights = {"SETUSER", "reader", "on", "nopass", "~*", "+@read", "+@connection"};
    redis.executeCommand(new CommandArguments(Command.ACL).addObjects(rights));
    JedisClientConfig login =
        DefaultJedisClientConfig.builder().user("reader").password("any").build();
    try (RedisClient reader =
        RedisClient.builder()
            .hostAndPort("127.0.0.1", server.url().getPort())
            .clientConfig(login)
            .build()) {
      ProfileException error =
          assertThrows(
              ProfileException.class,
              () -> new ProfileScript(reader, Scripts.source("lean")).update("ada", EVENT));
      assertEquals("NOPERM", error.code());
      assertFalse(error.isRetryable());
    }
  }

  @Test
  void noServerIsNoReply() {
    server.close();
    assertThrows(JedisConnectionException.class, () -> script.update("ada", EVENT));
  }

  private void assertRetryable(String code) {
    ProfileException error =
        assertThrows(ProfileException.class, () -> script.update("ada", EVENT));
    assertEquals(code, error.code());
    assertTrue(error.isRetryable());
  }

  private boolean refusesPings() {
    try {
      return !redis.ping().equals("PONG");
    } catch (JedisBusyException error) {
      return true;
    }
  }
}
