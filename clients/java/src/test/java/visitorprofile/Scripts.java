package visitorprofile;

import java.io.IOException;
import java.io.InputStream;

/** The rendered scripts, from the classpath. */
public final class Scripts {
  private Scripts() {}

  public static byte[] source(String preset) throws IOException {
    try (InputStream found = Scripts.class.getResourceAsStream("/lua/" + preset + ".lua")) {
      return found.readAllBytes();
    }
  }
}
