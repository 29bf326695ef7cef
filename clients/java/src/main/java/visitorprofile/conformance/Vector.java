package visitorprofile.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.annotations.SerializedName;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** A conformance vector as its file has it; lua/vectors/README.md says what it means. */
record Vector(
    String name,
    String script,
    String why,
    JsonElement visitor,
    String key,
    List<List<JsonElement>> before,
    List<Call> calls,
    Map<String, JsonElement> hash,
    @SerializedName("ttl_ms") Long ttlMs) {

  Vector {
    before = before == null ? List.of() : before;
  }

  /** A script call and what comes of it: one of the four, the others are null. */
  record Call(
      List<String> keys,
      List<JsonElement> argv,
      List<Expected> reply,
      Map<String, JsonElement> read,
      List<String> fields,
      String error) {}

  /** What a reply says of one event. */
  record Expected(Set<String> flags, Map<String, JsonElement> profile, List<String> triggers) {
    Expected {
      triggers = triggers == null ? List.of() : triggers;
    }
  }

  static List<Vector> readAll(Path folder) throws IOException {
    Set<Path> paths = new TreeSet<>();
    try (DirectoryStream<Path> found = Files.newDirectoryStream(folder, "*.json")) {
      found.forEach(paths::add);
    }
    List<Vector> vectors = new ArrayList<>();
    for (Path path : paths) {
      vectors.addAll(List.of(new Gson().fromJson(Files.readString(path), Vector[].class)));
    }
    return vectors;
  }

  /** The bytes of a value: a text's UTF-8, or what its base64 stands for. */
  static byte[] bytesOf(JsonElement value) {
    return value.isJsonPrimitive()
        ? value.getAsString().getBytes(UTF_8)
        : HexFormat.of().parseHex(value.getAsJsonObject().get("hex").getAsString());
  }
}
