package visitorprofile;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.net.URI;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.RedisClient;
import visitorprofile.ProfileScript.Answer;
import visitorprofile.ProfileScript.Event;
import visitorprofile.ProfileScript.Profile;
import visitorprofile.ProfileScript.ProfileException;

/** Against REDIS_URL, or a server of its own where that is not set. */
class ProfileScriptTest {
  private static final long NOW = 1_795_522_012_000L;

  private static RedisServer server;
  private static RedisClient redis;
  private static ProfileScript script;

  private final String visitorId = "java test " + UUID.randomUUID();

  @BeforeAll
  static void connect() throws IOException {
    String url = System.getenv("REDIS_URL");
    if (url == null) {
      server = RedisServer.start(List.of());
    }
    redis = RedisClient.create(url == null ? server.url() : URI.create(url));
    script = new ProfileScript(redis, Scripts.source("lean"));
  }

  @AfterAll
  static void disconnect() {
    if (redis != null) {
      redis.close();
    }
    if (server != null) {
      server.close();
    }
  }

  @AfterEach
  void forgetTheVisitor() {
    redis.unlink(ProfileScript.keyOf(visitorId));
  }

  @Test
  void valuesHaveTheirTypes() {
    Answer answer = script.update(visitorId, pageview("e1", "v1", NOW, "Hömé")).get(0);
    assertEquals(Set.of("new_visitor", "new_visit"), answer.flags());
    Profile profile = answer.profile();
    assertEquals(Optional.of(visitorId), profile.text("visitor_id"));
    assertEquals(Optional.of("Hömé"), profile.text("visitor_first_page"));
    assertEquals(OptionalLong.of(NOW), profile.number("visitor_first_seen"));
    assertEquals(Optional.of(true), profile.bool("visit_bounce"));
  }

  @Test
  void whatIsNotKnownIsAbsent() {
    Event event = new Event(null, NOW, null, null, "e1", null, List.of("", ""));
    Answer answer = script.update(visitorId, event).get(0);
    assertEquals(Set.of("new_visitor", "no_visit"), answer.flags());
    assertEquals(Optional.empty(), answer.profile().text("visitor_first_page"));
    assertEquals(OptionalLong.empty(), answer.profile().number("visit_number"));
    assertEquals(Optional.empty(), answer.profile().bool("visit_bounce"));
  }

  @Test
  void eventsAreFoldedInOrder() {
    List<Answer> answers =
        script.update(
            visitorId, pageview("e1", "v1", NOW, "A"), pageview("e2", "v1", NOW + 1, "B"));
    assertEquals(2, answers.size());
    assertEquals(Set.of(), answers.get(1).flags());
    Profile profile = answers.get(1).profile();
    assertEquals(Optional.of("A"), profile.text("visit_first_page"));
    assertEquals(Optional.of("B"), profile.text("visit_last_page"));
    assertEquals(OptionalLong.of(2), profile.number("visitor_pageviews"));
    assertEquals(Optional.of(false), profile.bool("visit_bounce"));
  }

  @Test
  void inputsThatAreNullAreEmpty() {
    Answer answer = script.update(visitorId, pageview("e1", "v1", NOW, null)).get(0);
    assertFalse(answer.profile().values().containsKey("visit_first_page"));
  }

  @Test
  void ownTimeOfTheEventComesFirst() {
    Event event = new Event(null, NOW, NOW - 500, null, "e1", "v1", List.of("Pageview", "A"));
    Answer answer = script.update(visitorId, event).get(0);
    assertEquals(OptionalLong.of(NOW - 500), answer.profile().number("visit_start"));
  }

  @Test
  void clockOfTheDeviceIsPutRight() {
    long wrong = NOW - 7_200_000; // two hours slow
    Event event = new Event(null, NOW, wrong - 500, wrong, "e1", "v1", List.of("Pageview", "A"));
    Answer answer = script.update(visitorId, event).get(0);
    assertEquals(Set.of("new_visitor", "new_visit", "time_corrected"), answer.flags());
    assertEquals(OptionalLong.of(NOW - 500), answer.profile().number("visit_start"));
  }

  @Test
  void readHasTheLatestVisitAndChangesNothing() {
    assertEquals(Optional.empty(), script.read(visitorId, NOW));
    Profile profile = script.update(visitorId, pageview("e1", "v1", NOW, "A")).get(0).profile();
    for (Long now : Arrays.asList(null, NOW)) {
      Profile read = script.read(visitorId, now).get();
      assertEquals(profile.values().keySet(), read.values().keySet());
      assertEquals(Optional.of("A"), read.text("visit_last_page"));
      assertEquals(OptionalLong.of(1), read.number("visitor_events"));
    }
  }

  @Test
  void fieldsOfOtherRulesHaveTheirNames() throws IOException {
    ProfileScript article = new ProfileScript(redis, Scripts.source("article"));
    Profile profile = article.update(visitorId, pageview("e1", "v1", NOW, "A")).get(0).profile();
    assertEquals(6, profile.values().size());
    assertEquals(Optional.of(visitorId), profile.text("visitor_id"));
    assertEquals(Optional.of("v1"), profile.text("visit_id"));
    assertEquals(Optional.of("A"), profile.text("visitor_last_page"));
  }

  @Test
  void shortIdIsTheSameEvent() {
    byte[] id = bytes("event-1");
    assertEquals(Set.of("new_visitor", "new_visit"), flagsOfEvent(id));
    assertEquals(Set.of("repeated"), flagsOfEvent(ProfileScript.shortId(id)));
  }

  @Test
  void shortIdLeavesSixBytesAndNoIdAsTheyAre() {
    assertArrayEquals(bytes("click1"), ProfileScript.shortId(bytes("click1")));
    assertArrayEquals(bytes(""), ProfileScript.shortId(bytes("")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"{''}", "{'', '1', '2'}"})
  void answerOfAnotherLengthIsRefused(String answer) {
    String source = "return ARGV[1] == 'fields' and {'name'} or {" + answer + "}";
    ProfileScript other = new ProfileScript(redis, bytes(source));
    Event event = pageview("e1", "v1", NOW, "A");
    assertThrows(IllegalStateException.class, () -> other.update(visitorId, event));
  }

  @Test
  void streamRecognisesWhatWasApplied() {
    List<Event> events =
        List.of(new Event(7L, NOW, null, null, "", "v1", List.of("Pageview", "A")));
    script.update(visitorId, "0:java:0", null, events);
    Answer again = script.update(visitorId, "0:java:0", 7L, events).get(0);
    assertEquals(Set.of("replayed"), again.flags());
    assertEquals(OptionalLong.of(1), again.profile().number("visitor_events"));
  }

  @Test
  void bytesAreKept() {
    byte[] page = {'a', -1, 0, 'z'};
    Profile profile = call(bytes("e1"), page).profile();
    assertArrayEquals(page, (byte[]) profile.values().get("visit_first_page"));
    assertEquals(Optional.of("a\ufffd\0z"), profile.text("visit_first_page"));
  }

  @Test
  void scriptIsLoadedWhereTheServerDoesNotKnowIt() {
    script.update(visitorId, pageview("e1", "v1", NOW, "A"));
    redis.scriptFlush();
    Answer answer = script.update(visitorId, pageview("e2", "v1", NOW + 1, "B")).get(0);
    assertEquals(OptionalLong.of(2), answer.profile().number("visitor_events"));
  }

  @Test
  void wrongArgumentsAreTheCallersFault() {
    Event event = Event.of(NOW, "e1", "v1", "Pageview");
    ProfileException error =
        assertThrows(ProfileException.class, () -> script.update(visitorId, event));
    assertEquals("EBADARG", error.code());
    assertFalse(error.isRetryable());
    assertFalse(redis.exists(ProfileScript.keyOf(visitorId)));
  }

  @Test
  void callsWithoutAKeyAreRefusedAlsoWhereTheScriptIsNotLoaded() {
    redis.scriptFlush();
    ProfileException error =
        assertThrows(ProfileException.class, () -> script.call(List.of(), List.of(bytes("a"))));
    assertEquals("EBADARG", error.code());
  }

  @Test
  void keysOfAnotherKindAreTheVisitorsFault() {
    redis.set(ProfileScript.keyOf(visitorId), "text");
    ProfileException error =
        assertThrows(
            ProfileException.class, () -> script.update(visitorId, pageview("e1", "v1", NOW, "A")));
    assertEquals("EPROFILE", error.code());
    assertFalse(error.isRetryable());
  }

  private Set<String> flagsOfEvent(byte[] eventId) {
    return call(eventId, bytes("A")).flags();
  }

  private Answer call(byte[] eventId, byte[] page) {
    byte[] none = {};
    List<byte[]> argv =
        List.of(
            bytes(visitorId),
            none,
            none,
            bytes("1"),
            none,
            bytes("" + NOW),
            none,
            none,
            eventId,
            bytes("v1"),
            bytes("Pageview"),
            page);
    return script.call(List.of(bytes(ProfileScript.keyOf(visitorId))), argv).get(0);
  }

  private static Event pageview(String eventId, String visitId, long at, String page) {
    return Event.of(at, eventId, visitId, "Pageview", page);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }
}
