package visitorprofile.bench;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * The article's whole job on Kafka Streams, with the visitors' state in its own RocksDB.
 *
 * <p>The defaults of Kafka Streams hold, but for what `settings` and `store` say: at least once,
 * an idempotent producer with all acknowledgements, a commit every 30 seconds, one thread.
 */
public final class VisitorStream {
  private static final String STORE = "profiles";

  private static final Deserializer<Map<String, Object>> NEVER_READ =
      (topic, bytes) -> {
        throw new UnsupportedOperationException();
      };

  private VisitorStream() {}

  /**
   * Works until killed; ends with an error where the stream does.
   *
   * @param arguments brokers, application id, the topics in, flattened and out, the directory of
   *     the state, `changelog` or `no-changelog`, and a name of the group's static member, or "".
   */
  public static void main(String[] arguments) throws InterruptedException {
    Topology topology =
        topology(arguments[2], arguments[3], arguments[4], arguments[6].equals("changelog"));
    KafkaStreams streams =
        new KafkaStreams(
            topology, settings(arguments[0], arguments[1], arguments[5], arguments[7]));
    CountDownLatch ended = new CountDownLatch(1);
    streams.setUncaughtExceptionHandler(
        error -> {
          error.printStackTrace();
          ended.countDown();
          return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
    streams.start();
    ended.await();
    System.exit(1);
  }

  private static Properties settings(
      String brokers, String application, String directory, String member) {
    Properties settings = new Properties();
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, directory);
    // Its defaults, 16 kB and 1 MB, take a third more CPU an event.
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 500_000);
    settings.put(
        StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 4 << 20);
    if (!member.isEmpty()) {
      settings.put(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG, member);
    }
    return settings;
  }

  private static Topology topology(
      String topicIn, String topicFlattened, String topicOut, boolean changelog) {
    StreamsBuilder builder = new StreamsBuilder();
    builder.addStateStore(store(changelog));
    KStream<byte[], Map<String, Object>> events =
        builder
            .stream(topicIn, Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
            .mapValues(Json::flatten);
    Serializer<Map<String, Object>> writer = (topic, event) -> Json.write(event);
    Produced<byte[], Map<String, Object>> written =
        Produced.with(Serdes.ByteArray(), Serdes.serdeFrom(writer, NEVER_READ));
    // Nodes get a record in the order in which they are added, and a sink writes its bytes at
    // once. So the next node may add the profile to the very map.
    events.to(topicFlattened, written);
    events.processValues(AddProfile::new, STORE).to(topicOut, written);
    return builder.build();
  }

  private static StoreBuilder<KeyValueStore<byte[], Profile>> store(boolean changelog) {
    StoreBuilder<KeyValueStore<byte[], Profile>> store =
        Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore(STORE),
                Serdes.ByteArray(),
                Serdes.serdeFrom(
                    (topic, profile) -> profile == null ? null : Json.write(profile),
                    (topic, bytes) -> bytes == null ? null : Json.readProfile(bytes)))
            // As the DSL's own stores have it: what is written again before a commit goes to
            // RocksDB and to the changelog once.
            .withCachingEnabled();
    return changelog ? store.withLoggingEnabled(Map.of()) : store.withLoggingDisabled();
  }

  /** The state of a visitor: the article's six fields. */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  static final class Profile {
    public String visitor_id;
    public String visit_id;
    public String visitor_first_page;
    public String visit_first_page;
    public String visitor_last_page;
    public String visit_last_page;
  }

  /** Folds an event into its visitor's profile, which belongs to the record's key. */
  private static final class AddProfile
      implements FixedKeyProcessor<byte[], Map<String, Object>, Map<String, Object>> {
    private static final String USER = "query-other_domain_userid";
    private static final String SESSION = "query-other_domain_sessionid";
    private static final String TITLE = "query-other_page_title";
    private static final String EVENT_TYPE = "query-other_eventtype";

    private FixedKeyProcessorContext<byte[], Map<String, Object>> context;
    private KeyValueStore<byte[], Profile> profiles;

    @Override
    public void init(FixedKeyProcessorContext<byte[], Map<String, Object>> context) {
      this.context = context;
      this.profiles = context.getStateStore(STORE);
    }

    @Override
    public void process(FixedKeyRecord<byte[], Map<String, Object>> record) {
      Map<String, Object> event = record.value();
      String visit = (String) event.get(SESSION);
      Profile profile = profiles.get(record.key());
      boolean newVisitor = profile == null;
      if (newVisitor) {
        profile = new Profile();
        profile.visitor_id = (String) event.get(USER);
      }
      boolean newVisit = newVisitor || !visit.equals(profile.visit_id);
      boolean changed = newVisit;
      profile.visit_id = visit;
      if ("Pageview".equals(event.get(EVENT_TYPE))) {
        String title = (String) event.get(TITLE);
        if (newVisitor) {
          profile.visitor_first_page = title;
        }
        if (newVisit) {
          profile.visit_first_page = title;
        }
        changed |= !title.equals(profile.visit_last_page);
        profile.visitor_last_page = title;
        profile.visit_last_page = title;
      }
      if (changed) {
        profiles.put(record.key(), profile);
      }
      put(event, "profile_visitor_id", profile.visitor_id);
      put(event, "profile_visit_id", profile.visit_id);
      put(event, "profile_visitor_first_page", profile.visitor_first_page);
      put(event, "profile_visit_first_page", profile.visit_first_page);
      put(event, "profile_visitor_last_page", profile.visitor_last_page);
      put(event, "profile_visit_last_page", profile.visit_last_page);
      context.forward(record);
    }

    private static void put(Map<String, Object> event, String name, String value) {
      if (value != null) {
        event.put(name, value);
      }
    }
  }
}
