// Over 250 lines: it is one file to copy.
package visitorprofile;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.regex.Pattern;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.Connection;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.Protocol.Keyword;
import redis.clients.jedis.RedisClusterClient;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisNoScriptException;
import redis.clients.jedis.util.JedisClusterCRC16;

/**
 * Calls the visitor-profile script: events in, flags and profiles out, all decisions in Lua.
 *
 * <p>Threads may share it, as they may the client. One visitor's calls must not overlap where a
 * stream is named.
 *
 * <p>An error reply becomes a {@link ProfileException}. What Jedis throws when it gets no reply
 * (JedisConnectionException) passes through; the call may then be made again as it is.
 */
public final class ProfileScript {
  private static final String KEY_PATTERN = "visitor:{<id>}";
  private static final int LONGEST_PLAIN_ID = 128;
  private static final int SHORT_ID = 6;
  // By their number the script tells a read from a fold.
  private static final int READ_ARGUMENTS = 2;
  private static final int TRIGGER_WORDS = 4;
  private static final Pattern UNSAFE = Pattern.compile("[^A-Za-z0-9_.~-]");

  private final UnifiedJedis redis;
  private final byte[] source;
  private final byte[] sha;
  private final String keyPattern;
  private volatile List<String> fields; // null until the script was asked

  /**
   * @param redis a RedisClient, RedisClusterClient or any other; it stays yours to close
   * @param source the rendered script's bytes
   */
  public ProfileScript(UnifiedJedis redis, byte[] source) {
    this(redis, source, KEY_PATTERN);
  }

  /** For rules that have another key than the presets'. */
  public ProfileScript(UnifiedJedis redis, byte[] source, String keyPattern) {
    this.redis = redis;
    this.source = source.clone();
    this.sha = HexFormat.of().formatHex(digest("SHA-1", source)).getBytes(UTF_8);
    this.keyPattern = keyPattern;
  }

  /**
   * One event. Null, and an empty text, is what is not known.
   *
   * @param offset its place in the stream, at most 15 digits; ignored where no stream is named
   * @param receivedMs when it was received, ms since the epoch
   * @param createdMs when its device made it, ms since the epoch by the device's clock
   * @param sentMs when its device sent it, by the same clock
   * @param inputs what the rules use, in the order of the script's header
   */
  public record Event(
      Long offset,
      Long receivedMs,
      Long createdMs,
      Long sentMs,
      String eventId,
      String visitId,
      List<String> inputs) {

    public Event {
      inputs = Collections.unmodifiableList(new ArrayList<>(inputs)); // which takes nulls
    }

    /** An event without an offset, that happened when it was received. */
    public static Event of(long receivedMs, String eventId, String visitId, String... inputs) {
      return new Event(null, receivedMs, null, null, eventId, visitId, Arrays.asList(inputs));
    }
  }

  /**
   * What the script says of one event: what happened, and the profile after it.
   *
   * @param profile empty where the flags have "forgotten": the event is from before a forget
   * @param triggers of the rules, that the event fired or undid
   */
  public record Answer(Set<String> flags, Profile profile, List<Trigger> triggers) {}

  /**
   * What became of a trigger.
   *
   * @param id the same when it fires, is retracted, and fires again
   * @param state "fired" or "retracted"
   * @param time the event's, ms since the epoch; empty where it is not known
   */
  public record Trigger(String name, String id, String state, String time) {}

  /**
   * A visitor's and a visit's fields by name. One that is not known yet is absent. To ask for
   * another type than a field has is a ClassCastException.
   *
   * @param values as the script gave them: Long, or byte[], a tracker's bytes, not always UTF-8, or
   *     a List of these
   */
  public record Profile(Map<String, Object> values) {
    /** A text, or a decimal, e.g. 19.99. */
    public Optional<String> text(String name) {
      return Optional.ofNullable(values.get(name)).map(ProfileScript::text);
    }

    /** A count, or a time in ms since the epoch. */
    public OptionalLong number(String name) {
      Long value = (Long) values.get(name);
      return value == null ? OptionalLong.empty() : OptionalLong.of(value);
    }

    public Optional<Boolean> bool(String name) {
      return number(name).stream().mapToObj(value -> value == 1).findFirst();
    }

    /** How often each text was there. */
    public Optional<Map<String, Long>> counts(String name) {
      List<?> list = (List<?>) values.get(name);
      Map<String, Long> counts = new LinkedHashMap<>();
      for (int at = 0; list != null && at < list.size(); at += 2) {
        counts.put(ProfileScript.text(list.get(at)), (Long) list.get(at + 1));
      }
      return Optional.ofNullable(list).map(known -> counts);
    }

    /** A list of texts. */
    public Optional<List<String>> list(String name) {
      return Optional.ofNullable((List<?>) values.get(name))
          .map(list -> list.stream().map(ProfileScript::text).toList());
    }
  }

  /** The server's answer was an error. */
  public static final class ProfileException extends RuntimeException {
    private static final long serialVersionUID = 1;
    // NOSCRIPT gets here only where the script was flushed again between our load and our call.
    private static final String NOT_NOW =
        "BUSY CLUSTERDOWN LOADING MASTERDOWN MISCONF NOREPLICAS NOSCRIPT OOM READONLY TRYAGAIN";

    private final String code;

    ProfileException(JedisDataException cause) {
      super(cause.getMessage(), cause);
      code = cause.getMessage().split(" ", 2)[0];
    }

    /**
     * The error's first word. EBADARG: the caller is wrong. EPROFILE: this visitor's stored state
     * is unusable, the others are well. ELAYOUT: a newer script wrote it, update this one.
     */
    public String code() {
      return code;
    }

    /** Whether the server only cannot now: wait, and make the same call again. */
    public boolean isRetryable() {
      return Set.of(NOT_NOW.split(" ")).contains(code);
    }
  }

  /**
   * Fold events of a visitor in order, without a stream: one that is sent again is recognised by
   * its id, or else its content.
   *
   * @return one answer per event
   */
  public List<Answer> update(String visitorId, Event... events) {
    return update(visitorId, "", null, List.of(events));
  }

  /**
   * Fold events of a visitor in order.
   *
   * @param stream where offsets count, e.g. "0:tracking_processed:3"
   * @param floor the last offset known committed, or null
   * @param events 1 to 500
   * @return one answer per event
   */
  public List<Answer> update(String visitorId, String stream, Long floor, List<Event> events) {
    List<Object> argv = new ArrayList<>(Arrays.asList(visitorId, stream, floor, events.size()));
    for (Event event : events) {
      argv.addAll(Arrays.asList(event.offset, event.receivedMs, event.createdMs, event.sentMs));
      argv.addAll(Arrays.asList(shortId(bytes(event.eventId)), event.visitId));
      argv.addAll(event.inputs);
    }
    return call(keys(visitorId), argv.stream().map(ProfileScript::bytes).toList());
  }

  /**
   * The profile of the latest visit, where the visitor is known. Changes nothing.
   *
   * @param nowMs ms since the epoch, or null: as of the latest event
   */
  public Optional<Profile> read(String visitorId, Long nowMs) {
    List<byte[]> argv = List.of(bytes(visitorId), bytes(nowMs));
    return call(keys(visitorId), argv).stream().map(Answer::profile).findFirst();
  }

  /**
   * Either call, for ids and texts that are no UTF-8: all KEYS and all ARGV.
   *
   * @return one answer per event; of a read one, or none where there is no such visitor
   */
  public List<Answer> call(List<byte[]> keys, List<byte[]> argv) {
    if (argv.size() == READ_ARGUMENTS) {
      List<?> pairs = send(keys, argv);
      List<String> names = new ArrayList<>();
      List<Object> answer = new ArrayList<>(List.of(new byte[0])); // no flags
      for (int at = 0; at < pairs.size(); at += 2) {
        names.add(text(pairs.get(at)));
        answer.add(pairs.get(at + 1));
      }
      return pairs.isEmpty() ? List.of() : List.of(decode(answer, names));
    }
    List<String> names = fields(keys.subList(0, Math.min(1, keys.size())));
    return send(keys, argv).stream().map(answer -> decode((List<?>) answer, names)).toList();
  }

  /** The same without a look at the reply. */
  public List<?> send(List<byte[]> keys, List<byte[]> argv) {
    try {
      return (List<?>) run(keys, argv);
    } catch (JedisDataException error) {
      throw new ProfileException(error);
    }
  }

  /**
   * The six bytes that stand for an event's id: the script takes them as they are, so that the
   * server need not hash the id. Both are the same event to it. An empty id stays empty.
   */
  public static byte[] shortId(byte[] eventId) {
    return eventId.length == 0 || eventId.length == SHORT_ID
        ? eventId
        : Arrays.copyOf(digest("SHA-1", eventId), SHORT_ID);
  }

  /** The key of a visitor by the presets' pattern, as every caller must build it. */
  public static String keyOf(String visitorId) {
    return keyOf(bytes(visitorId), KEY_PATTERN);
  }

  /** The same by another pattern, for ids that are not always UTF-8. */
  public static String keyOf(byte[] visitorId, String pattern) {
    return pattern.replace("<id>", encode(visitorId));
  }

  private List<byte[]> keys(String visitorId) {
    return List.of(bytes(keyOf(bytes(visitorId), keyPattern)));
  }

  /** The script itself says them, and is asked once: another order is another SHA. */
  private List<String> fields(List<byte[]> keys) {
    List<String> names = fields;
    if (names == null) {
      names = send(keys, List.of(bytes("fields"))).stream().map(ProfileScript::text).toList();
      fields = names;
    }
    return names;
  }

  private Object run(List<byte[]> keys, List<byte[]> argv) {
    try {
      return redis.evalsha(sha, keys, argv);
    } catch (JedisNoScriptException error) {
      load(keys);
      return redis.evalsha(sha, keys, argv);
    }
  }

  private void load(List<byte[]> keys) {
    if (redis instanceof RedisClusterClient cluster && !keys.isEmpty()) {
      // Jedis itself would load it on all primaries, and fail when one of them is down.
      int slot = JedisClusterCRC16.getSlot(keys.get(0));
      try (Connection owner = cluster.getConnectionFromSlot(slot)) {
        owner.executeCommand(new CommandArguments(Command.SCRIPT).add(Keyword.LOAD).add(source));
      }
    } else {
      redis.scriptLoad(new String(source, UTF_8));
    }
  }

  /** Flags, then the values in the order of the names; null where one is not known. */
  private static Answer decode(List<?> answer, List<String> names) {
    // Rules with triggers tell of them in an array behind the fields.
    boolean tells =
        answer.size() == 2 + names.size() && answer.get(1 + names.size()) instanceof List;
    if (!tells && answer.size() != 1 + names.size()) {
      throw new IllegalStateException(
          "expected flags and " + names.size() + " values of the script, got " + answer.size());
    }
    String flags = text(answer.get(0)).strip();
    Set<String> set = flags.isEmpty() ? Set.of() : Set.of(flags.split(" "));
    Map<String, Object> values = new LinkedHashMap<>();
    // What was forgotten has no profile, whatever values stand there.
    int known = set.contains("forgotten") ? 0 : names.size();
    for (int at = 0; at < known; at++) {
      if (answer.get(1 + at) != null) {
        values.put(names.get(at), answer.get(1 + at));
      }
    }
    Profile profile = new Profile(Collections.unmodifiableMap(values));
    List<Trigger> triggers = new ArrayList<>();
    List<?> told = tells ? (List<?>) answer.get(1 + names.size()) : List.of();
    for (int at = 0; at < told.size(); at += TRIGGER_WORDS) {
      List<String> words =
          told.subList(at, at + TRIGGER_WORDS).stream().map(ProfileScript::text).toList();
      triggers.add(new Trigger(words.get(0), words.get(1), words.get(2), words.get(3)));
    }
    return new Answer(set, profile, Collections.unmodifiableList(triggers));
  }

  private static String encode(byte[] visitorId) {
    if (visitorId.length > LONGEST_PLAIN_ID) {
      return "sha256:" + HexFormat.of().formatHex(digest("SHA-256", visitorId));
    }
    return UNSAFE
        .matcher(new String(visitorId, ISO_8859_1))
        .replaceAll(found -> String.format("%%%02X", (int) found.group().charAt(0)));
  }

  private static byte[] digest(String algorithm, byte[] data) {
    try {
      return MessageDigest.getInstance(algorithm).digest(data);
    } catch (NoSuchAlgorithmException error) {
      throw new IllegalStateException(error); // every Java platform must have both
    }
  }

  private static byte[] bytes(Object value) {
    if (value instanceof byte[] bytes) {
      return bytes;
    }
    return value == null ? new byte[0] : value.toString().getBytes(UTF_8);
  }

  private static String text(Object value) {
    return new String((byte[]) value, UTF_8);
  }
}
