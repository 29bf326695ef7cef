package visitorprofile.bench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import visitorprofile.bench.VisitorStream.Profile;

/** Bytes to values and back, by Jackson. */
final class Json {
  private static final ObjectMapper MAPPER =
      JsonMapper.builder().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES).build();
  private static final ObjectReader SECTIONS =
      MAPPER.readerFor(new TypeReference<Map<String, List<Element>>>() {});
  private static final ObjectReader PROFILE = MAPPER.readerFor(Profile.class);
  private static final ObjectWriter WRITER = MAPPER.writer();

  private Json() {}

  /** One of a section's elements. */
  static final class Element {
    public String name;
    public Object value;
  }

  /** {@code {section: [{"name": n, "value": v}, …]}} to {@code {"section-n": v}}. */
  static Map<String, Object> flatten(byte[] value) {
    try {
      Map<String, List<Element>> sections = SECTIONS.readValue(value);
      Map<String, Object> flat = new LinkedHashMap<>(128);
      for (Map.Entry<String, List<Element>> section : sections.entrySet()) {
        String prefix = section.getKey() + "-";
        for (Element element : section.getValue()) {
          flat.put(prefix + element.name, element.value);
        }
      }
      return flat;
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  static Profile readProfile(byte[] bytes) {
    try {
      return PROFILE.readValue(bytes);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  static byte[] write(Object value) {
    try {
      return WRITER.writeValueAsBytes(value);
    } catch (JsonProcessingException error) {
      throw new UncheckedIOException(error);
    }
  }
}
