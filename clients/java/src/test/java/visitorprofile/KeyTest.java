package visitorprofile;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class KeyTest {
  @ParameterizedTest
  @CsvSource({
    "alice, visitor:{alice}",
    "AZaz09_.-~, visitor:{AZaz09_.-~}",
    "a b+c*d, visitor:{a%20b%2Bc%2Ad}",
    "{}:/%, visitor:{%7B%7D%3A%2F%25}",
    "<id>, visitor:{%3Cid%3E}",
    "é€, visitor:{%C3%A9%E2%82%AC}",
  })
  void idsAreEscaped(String visitorId, String key) {
    assertEquals(key, ProfileScript.keyOf(visitorId));
  }

  @Test
  void idsOfUpTo128BytesStayAsTheyAre() {
    assertEquals("visitor:{" + "x".repeat(128) + "}", ProfileScript.keyOf("x".repeat(128)));
  }

  @Test
  void longerIdsAreHashed() {
    String hash = "sha256:0ec9eb33e74510bcdd1f2ea55206e82f21649c5c2becbf2b433eb475b34c01bd";
    assertEquals("visitor:{" + hash + "}", ProfileScript.keyOf("x".repeat(129)));
  }

  @Test
  void lengthIsThatOfBytes() {
    String key = ProfileScript.keyOf("é".repeat(65));
    assertEquals("visitor:{sha256:".length() + 64 + "}".length(), key.length());
  }

  @Test
  void rulesMayNameAnotherKey() {
    assertEquals("v2:{ada}:p", ProfileScript.keyOf("ada".getBytes(UTF_8), "v2:{<id>}:p"));
  }

  @Test
  void bytesThatAreNoTextAreEscapedOneByOne() {
    assertEquals("{%FF%00}", ProfileScript.keyOf(new byte[] {-1, 0}, "{<id>}"));
  }
}
