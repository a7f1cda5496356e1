import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.*;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.CloseableIterator;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.StringSerializer;

/** Flink's Kafka source, as its documentation uses it. */
public class Source {
    static final String CLIENT = System.getenv("CLIENT"), TOPIC = System.getenv("TOPIC"), GROUP = System.getenv("GROUP");

    static Properties settings(String who) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", System.getenv("BOOTSTRAP"));
        settings.put("security.protocol", "SASL_PLAINTEXT");
        settings.put("sasl.mechanism", "PLAIN");
        settings.put("sasl.jaas.config", String.format(
            "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"%s\" password=\"%s\";",
            System.getenv(who), System.getenv(who + "_TOKEN")));
        return settings;
    }

    /** Whose event it is, from the CloudEvents headers. */
    static class Ids implements KafkaRecordDeserializationSchema<String> {
        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<String> out) {
            out.collect(new String(record.headers().lastHeader("ce_id").value(), StandardCharsets.UTF_8));
        }

        @Override
        public TypeInformation<String> getProducedType() {
            return TypeInformation.of(String.class);
        }
    }

    static void publish(int from, int to) throws Exception {
        String birth = Files.readString(Path.of(System.getenv("EVENT"))).strip();
        String data = birth.substring(birth.indexOf("\"data\":") + 7, birth.length() - 1);
        try (KafkaProducer<String, String> producer =
                new KafkaProducer<>(settings("PRODUCER"), new StringSerializer(), new StringSerializer())) {
            for (int number = from; number < to; number++) {
                RecordHeaders headers = new RecordHeaders();
                Map.of("ce_specversion", "1.0", "ce_id", CLIENT + "-" + number, "ce_source", "urn:xx:civil-registry:register",
                        "ce_type", TOPIC, "content-type", "application/json")
                    .forEach((name, value) -> headers.add(name, value.getBytes(StandardCharsets.UTF_8)));
                producer.send(new ProducerRecord<>(TOPIC, null, "key-" + number, data, headers)).get();
            }
        }
    }

    /** What a job reads of this client's events, until it has so many. */
    static Set<String> read(CloseableIterator<String> events, int wanted) {
        Set<String> seen = new TreeSet<>();
        while (seen.size() < wanted && events.hasNext()) {
            String id = events.next();
            if (id.startsWith(CLIENT + "-") && !seen.add(id)) {
                throw new AssertionError(id + " came twice");
            }
        }
        return seen;
    }

    public static void main(String[] arguments) throws Exception {
        publish(0, 20);
        KafkaSource<String> source = KafkaSource.<String>builder()
            .setProperties(settings("CONSUMER"))
            .setTopics(TOPIC)
            .setGroupId(GROUP)
            .setClientIdPrefix(GROUP)
            .setStartingOffsets(OffsetsInitializer.earliest())
            .setDeserializer(new Ids())
            .build();
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.createLocalEnvironment(2);
        environment.enableCheckpointing(500);
        try (CloseableIterator<String> events =
                environment.fromSource(source, WatermarkStrategy.noWatermarks(), "births").executeAndCollect()) {
            System.out.println("saw a job read " + read(events, 20).size() + " events, each once");
            System.out.println("restart");
            if (!"restarted".equals(new Scanner(System.in).nextLine())) {
                throw new AssertionError("the bus was not started again");
            }
            publish(20, 30);
            System.out.println("saw the bus killed and started again, and the job go on with " + read(events, 10).size());
        }
        System.exit(0);
    }
}
