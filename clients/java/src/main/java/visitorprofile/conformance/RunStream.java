package visitorprofile.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.gson.Gson;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import redis.clients.jedis.UnifiedJedis;
import visitorprofile.ProfileScript;
import visitorprofile.ProfileScript.ProfileException;

/**
 * Makes the calls of a file in order, each a line {"key": "…", "argv": ["…"]}, with the script
 * `lean`, and prints how many calls and events that were. Ends with 2 when it could not go on.
 */
public final class RunStream {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final long PAUSE_MS = 10;

  private RunStream() {}

  private record Line(String key, List<String> argv) {}

  private record Total(int calls, int events) {}

  public static void main(String[] args) {
    if (args.length != 1) {
      System.err.println(
          "RunStream FILE: a line {\"key\": \"…\", \"argv\": [\"…\"]} for each call");
      System.exit(2);
    }
    Environment.exitWith((environment, redis) -> run(environment, redis, Path.of(args[0])));
  }

  private static int run(Environment environment, UnifiedJedis redis, Path path)
      throws IOException, InterruptedException {
    ProfileScript script = environment.script(redis, "rendered/lean.lua");
    Gson gson = new Gson();
    int calls = 0;
    int events = 0;
    try (BufferedReader lines = Files.newBufferedReader(path)) {
      for (String text = lines.readLine(); text != null; text = lines.readLine()) {
        events += answersOf(script, gson.fromJson(text, Line.class));
        calls++;
      }
    }
    System.out.println(gson.toJson(new Total(calls, events)));
    return 0;
  }

  /** Repeats the call for as long as the server only cannot now. */
  private static int answersOf(ProfileScript script, Line line) throws InterruptedException {
    List<byte[]> keys = List.of(line.key.getBytes(UTF_8));
    List<byte[]> argv = line.argv.stream().map(each -> each.getBytes(UTF_8)).toList();
    long giveUp = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      try {
        return script.call(keys, argv).size();
      } catch (ProfileException error) {
        if (!error.isRetryable() || System.nanoTime() > giveUp) {
          throw error;
        }
        Thread.sleep(PAUSE_MS);
      }
    }
  }
}
