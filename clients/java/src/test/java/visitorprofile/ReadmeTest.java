package visitorprofile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The example of the README, run as it says. */
class ReadmeTest {
  @Test
  void exampleDoesWhatItSays() throws IOException, InterruptedException {
    String readme = Files.readString(Path.of("README.md"));
    String example = readme.split("```java\n", 2)[1].split("```", 2)[0];
    Path file = Files.createDirectories(Path.of("target", "readme")).resolve("Example.java");
    Files.writeString(file, example);
    try (RedisServer server = RedisServer.start(List.of())) {
      List<String> lines = run(file, server);
      assertTrue(lines.get(0).contains("new_visitor"), lines.get(0));
      List<String> profile = List.of("Optional[Home]", "OptionalLong[1]", "Optional[true]");
      assertEquals(profile, lines.subList(1, lines.size()));
    }
  }

  private static List<String> run(Path file, RedisServer server)
      throws IOException, InterruptedException {
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    String classpath = System.getProperty("java.class.path");
    ProcessBuilder builder = new ProcessBuilder(java, "-cp", classpath, file.toString());
    builder.environment().put("REDIS_URL", server.url().toString());
    Process process = builder.redirectError(ProcessBuilder.Redirect.INHERIT).start();
    List<String> lines = process.inputReader().lines().toList();
    assertEquals(0, process.waitFor());
    return lines;
  }
}
