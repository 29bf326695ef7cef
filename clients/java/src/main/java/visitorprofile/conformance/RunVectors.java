package visitorprofile.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import redis.clients.jedis.UnifiedJedis;
import visitorprofile.ProfileScript;
import visitorprofile.conformance.VectorCheck.Mismatch;

/**
 * Runs the conformance vectors and prints TAP. Ends with 0, with 1 at the first mismatch, or with 2
 * when it could not go on. {@link Environment} has the variables that it reads.
 */
public final class RunVectors {
  private RunVectors() {}

  public static void main(String[] args) {
    Environment.exitWith(RunVectors::run);
  }

  private static int run(Environment environment, UnifiedJedis redis) throws IOException {
    List<Vector> vectors = Vector.readAll(environment.lua().resolve("vectors"));
    Map<String, ProfileScript> scripts = new HashMap<>();
    for (Vector vector : vectors) {
      if (!scripts.containsKey(vector.script())) {
        scripts.put(vector.script(), environment.script(redis, vector.script()));
      }
    }
    // System.out has the encoding of the locale.
    PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, UTF_8);
    out.println("TAP version 14");
    out.println("1.." + vectors.size());
    for (int at = 0; at < vectors.size(); at++) {
      Vector vector = vectors.get(at);
      String result = "ok " + (at + 1) + " - " + vector.name();
      try {
        VectorCheck.check(redis, scripts.get(vector.script()), vector);
        out.println(result);
      } catch (Mismatch mismatch) {
        out.println("not " + result);
        out.println(comment(vector.why()));
        out.println(comment(mismatch.getMessage()));
        out.println("Bail out! " + vector.name());
        return 1;
      }
    }
    return 0;
  }

  private static String comment(String text) {
    return text.replaceAll("(?m)^", "# ");
  }
}
