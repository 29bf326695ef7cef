package visitorprofile;

import java.io.File;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Assumptions;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.exceptions.JedisException;

/** A redis-server of a test's own, on a free port. */
public final class RedisServer implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final Process process;
  private final URI url;

  private RedisServer(Process process, URI url) {
    this.process = process;
    this.url = url;
  }

  /** Skips the test where there is no redis-server; with CI=true that is a failure. */
  public static RedisServer start(List<String> options) throws IOException {
    int port = freePort();
    // A port may come again; what an earlier server of a cluster left under it must not.
    Path folder = Files.createTempDirectory(Path.of("target"), "redis-" + port + "-");
    List<String> command =
        new ArrayList<>(List.of(binary(), "--port", "" + port, "--bind", "127.0.0.1"));
    command.addAll(List.of("--save", "", "--dir", folder.toString()));
    command.addAll(options);
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("log").toFile())
            .start();
    // Also where the tests are interrupted.
    Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
    RedisServer server = new RedisServer(process, URI.create("redis://127.0.0.1:" + port));
    await("redis-server, see " + folder + "/log", server::isUp);
    return server;
  }

  public static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }

  public static void await(String what, BooleanSupplier condition) {
    long giveUp = System.nanoTime() + PATIENCE.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > giveUp) {
        Assertions.fail("no " + what + " in " + PATIENCE);
      }
      try {
        Thread.sleep(20);
      } catch (InterruptedException error) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException(error);
      }
    }
  }

  public URI url() {
    return url;
  }

  @Override
  public void close() {
    process.destroy();
    process.onExit().orTimeout(PATIENCE.toSeconds(), TimeUnit.SECONDS).join();
  }

  private boolean isUp() {
    try (RedisClient client = RedisClient.create(url)) {
      return client.ping().equals("PONG");
    } catch (JedisException error) {
      return false;
    }
  }

  private static String binary() {
    for (String folder : System.getenv("PATH").split(Pattern.quote(File.pathSeparator), -1)) {
      Path path = Path.of(folder, "redis-server");
      if (Files.isExecutable(path)) {
        return path.toString();
      }
    }
    String remedy = "install redis-server (Debian: apt-get install redis-server)";
    if ("true".equals(System.getenv("CI"))) {
      Assertions.fail(remedy);
    }
    System.err.println("SKIPPED: " + remedy); // Surefire does not say why
    return Assumptions.abort(remedy);
  }
}
