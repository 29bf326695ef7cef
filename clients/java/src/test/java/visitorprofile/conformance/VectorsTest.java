package visitorprofile.conformance;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import redis.clients.jedis.UnifiedJedis;
import visitorprofile.ProfileScript;
import visitorprofile.RedisCluster;
import visitorprofile.conformance.VectorCheck.Mismatch;

/** All vectors on a cluster; and that the check sees what is wrong. */
class VectorsTest {
  private static final Path LUA = Path.of("../../lua");

  private static RedisCluster cluster;
  private static UnifiedJedis redis;

  @BeforeAll
  static void start() throws IOException {
    cluster = RedisCluster.start();
    redis = cluster.connect();
  }

  @AfterAll
  static void stop() {
    if (redis != null) {
      redis.close();
    }
    if (cluster != null) {
      cluster.close();
    }
  }

  static Stream<Vector> vectors() throws IOException {
    return Vector.readAll(LUA.resolve("vectors")).stream();
  }

  @ParameterizedTest
  @MethodSource("vectors")
  void vectorHolds(Vector vector) throws IOException, Mismatch {
    VectorCheck.check(redis, script(vector), vector);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          "key":"<prefix>visitor:{alice}"       | "key":"<prefix>visitor:{bob}"
          "error":null                          | "error":"EBADARG"
          "flags":["new_visitor","new_visit"]   | "flags":["new_visitor"]
          "profile":{                           | "profile":{"more":"1",
          "profile":{"visitor_id":"alice",      | "profile":{
          "profile":{"visitor_id":"alice",      | "profile":{"visitor_id":"bob",
          "visitor_events":1,                   | "visitor_events":"1",
          "hash":{                              | "hash":{"more":"1"
          "ttl_ms":34128000000                  | "ttl_ms":34127990000
          "ttl_ms":34128000000                  | "ttl_ms":34128005001
          "ttl_ms":34128000000                  | "ttl_ms":null
          """)
  void wrongVectorDoesNotHold(String right, String wrong) throws IOException {
    Gson gson = new GsonBuilder().serializeNulls().disableHtmlEscaping().create();
    Vector vector = vectors().filter(each -> each.name().equals("new-visitor")).findAny().get();
    String text = gson.toJson(vector);
    assertTrue(text.contains(right), text);
    Vector changed = gson.fromJson(text.replace(right, wrong), Vector.class);
    ProfileScript script = script(vector);
    assertThrows(Mismatch.class, () -> VectorCheck.check(redis, script, changed));
  }

  private static ProfileScript script(Vector vector) throws IOException {
    return new ProfileScript(redis, Files.readAllBytes(LUA.resolve(vector.script())));
  }
}
