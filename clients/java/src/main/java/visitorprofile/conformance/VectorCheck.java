package visitorprofile.conformance;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static visitorprofile.conformance.Vector.bytesOf;

import com.google.gson.JsonElement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Stream;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.UnifiedJedis;
import visitorprofile.ProfileScript;
import visitorprofile.ProfileScript.ProfileException;

/** Makes the calls of one vector. What is compared are lines of text, the same for equal bytes. */
final class VectorCheck {
  private static final String PREFIX = "<prefix>";
  private static final long TTL_TOLERANCE_MS = 5_000;

  private VectorCheck() {}

  /** The script did not do as the vector says. */
  static final class Mismatch extends Exception {
    private static final long serialVersionUID = 1;

    Mismatch(String message) {
      super(message);
    }
  }

  static void check(UnifiedJedis redis, ProfileScript script, Vector vector) throws Mismatch {
    String prefix = "vectors:" + UUID.randomUUID() + ":";
    String key = place(vector.key(), prefix);
    String built = prefix + ProfileScript.keyOf(bytesOf(vector.visitor()), "visitor:{<id>}");
    expectSame("key", List.of(key), List.of(built));
    try {
      vector.before().forEach(command -> send(redis, command, prefix));
      for (Vector.Call call : vector.calls()) {
        List<byte[]> keys = call.keys().stream().map(each -> bytes(place(each, prefix))).toList();
        String what = "call " + (vector.calls().indexOf(call) + 1) + " of " + vector.calls().size();
        expectSame(what, expected(call), outcome(script, keys, call));
      }
      expectStored(redis, key, vector.hash());
      expectTtl(vector.ttlMs(), redis.pttl(key));
    } finally {
      redis.unlink(key);
      vector.calls().stream()
          .flatMap(call -> call.keys().stream())
          .forEach(each -> redis.unlink(place(each, prefix)));
    }
  }

  private static void send(UnifiedJedis redis, List<JsonElement> command, String prefix) {
    CommandArguments words = new CommandArguments(() -> bytesOf(command.get(0)));
    for (JsonElement word : command.subList(1, command.size())) {
      if (word.isJsonPrimitive() && word.getAsString().startsWith(PREFIX)) {
        words.key(place(word.getAsString(), prefix));
      } else {
        words.add(bytesOf(word));
      }
    }
    redis.executeCommand(words);
  }

  private static List<String> expected(Vector.Call call) {
    if (call.error() != null) {
      return List.of("error: " + call.error());
    }
    if (call.fields() != null) {
      return call.fields();
    }
    List<String> lines = new ArrayList<>();
    if (call.reply() != null) {
      for (Vector.Expected each : call.reply()) {
        describe(lines, each.flags(), known(each.profile()));
        lines.add("triggers: " + each.triggers());
      }
    } else if (!call.read().isEmpty()) {
      describe(lines, Set.of(), known(call.read()));
      lines.add("triggers: []");
    }
    return lines;
  }

  private static List<String> outcome(ProfileScript script, List<byte[]> keys, Vector.Call call) {
    List<byte[]> argv = call.argv().stream().map(Vector::bytesOf).toList();
    List<String> lines = new ArrayList<>();
    try {
      if (call.fields() != null || call.error() != null) {
        script.send(keys, argv).forEach(each -> lines.add(shown(each)));
      } else {
        for (ProfileScript.Answer each : script.call(keys, argv)) {
          describe(lines, each.flags(), each.profile().values());
          lines.add("triggers: " + words(each.triggers()));
        }
      }
    } catch (ProfileException error) {
      lines.add("error: " + error.code());
    }
    return lines;
  }

  private static List<String> words(List<ProfileScript.Trigger> triggers) {
    return triggers.stream()
        .flatMap(each -> Stream.of(each.name(), each.id(), each.state(), each.time()))
        .toList();
  }

  private static void describe(List<String> lines, Set<String> flags, Map<String, ?> values) {
    lines.add("flags: " + new TreeSet<>(flags));
    lines.addAll(lines(values));
  }

  private static List<String> lines(Map<String, ?> values) {
    List<String> lines = new ArrayList<>();
    new TreeMap<>(values).forEach((name, value) -> lines.add(name + ": " + shown(value)));
    return lines;
  }

  /** A number and a text of the same digits differ. */
  private static String shown(Object value) {
    if (value instanceof List<?> list) {
      return list.stream().map(VectorCheck::shown).toList().toString();
    }
    return value instanceof byte[] bytes ? new String(bytes, ISO_8859_1) : value + " (number)";
  }

  /** What the script answers for them: null is absent, and a flag is 1 or 0. */
  private static Map<String, Object> known(Map<String, JsonElement> values) {
    Map<String, Object> known = new TreeMap<>();
    values.forEach(
        (name, value) -> {
          if (!value.isJsonNull()) {
            known.put(name, answered(value));
          }
        });
    return known;
  }

  private static Object answered(JsonElement value) {
    if (value.isJsonArray()) {
      return value.getAsJsonArray().asList().stream().map(VectorCheck::answered).toList();
    }
    if (value.isJsonPrimitive() && value.getAsJsonPrimitive().isBoolean()) {
      return value.getAsBoolean() ? 1L : 0L;
    }
    boolean isNumber = value.isJsonPrimitive() && value.getAsJsonPrimitive().isNumber();
    return isNumber ? (Object) value.getAsLong() : bytesOf(value);
  }

  private static void expectSame(String what, List<String> expected, List<String> got)
      throws Mismatch {
    if (!expected.equals(got)) {
      List<String> diff = new ArrayList<>(List.of(what + " (- expected, + got)"));
      expected.stream().filter(line -> !got.contains(line)).forEach(line -> diff.add("- " + line));
      got.stream().filter(line -> !expected.contains(line)).forEach(line -> diff.add("+ " + line));
      throw new Mismatch(String.join("\n", diff));
    }
  }

  private static void expectStored(
      UnifiedJedis redis, String key, Map<String, JsonElement> expected) throws Mismatch {
    if (expected == null) {
      String type = redis.type(key);
      if (type.equals("hash") || type.equals("none")) {
        throw new Mismatch("TYPE: expected another, got " + type);
      }
      return;
    }
    Map<String, Object> hash = new TreeMap<>();
    redis.hgetAll(bytes(key)).forEach((name, value) -> hash.put(new String(name, UTF_8), value));
    hash.keySet().removeIf(name -> name.startsWith("~"));
    expectSame("hash", lines(known(expected)), lines(hash));
  }

  private static void expectTtl(Long expected, long got) throws Mismatch {
    boolean isRight =
        expected == null ? got < 0 : got <= expected && got >= expected - TTL_TOLERANCE_MS;
    if (!isRight) {
      throw new Mismatch("TTL: expected " + expected + " ms, got " + got + " ms");
    }
  }

  private static String place(String key, String prefix) {
    return key.startsWith(PREFIX) ? prefix + key.substring(PREFIX.length()) : key;
  }

  private static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }
}
