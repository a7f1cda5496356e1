import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;

/** A stock topology: filter, map, forward to another governed topic, exactly once. */
public class Topology {
    static final String CLIENT = System.getenv("CLIENT"), TOPIC = System.getenv("TOPIC"), GROUP = System.getenv("GROUP");
    static final String ASSIGNED = "tax.id.assigned";

    static Map<String, Object> settings(String who) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", System.getenv("BOOTSTRAP"));
        settings.put("security.protocol", "SASL_PLAINTEXT");
        settings.put("sasl.mechanism", "PLAIN");
        settings.put("sasl.jaas.config", String.format(
            "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"%s\" password=\"%s\";",
            System.getenv(who), System.getenv(who + "_TOKEN")));
        return settings;
    }

    static Properties streaming(String application) throws Exception {
        Properties settings = new Properties();
        settings.putAll(settings("WORKER"));
        settings.put("application.id", application);
        settings.put("processing.guarantee", "exactly_once_v2");
        settings.put("default.key.serde", Serdes.String().getClass());
        settings.put("default.value.serde", Serdes.String().getClass());
        settings.put("auto.offset.reset", "earliest");
        settings.put("replication.factor", 1);
        settings.put("session.timeout.ms", 6_000);
        settings.put("heartbeat.interval.ms", 1_000);
        settings.put("state.dir", Files.createTempDirectory("streams").toString());
        return settings;
    }

    static ProducerRecord<String, String> birth(int number, String office) throws Exception {
        String birth = Files.readString(Path.of(System.getenv("EVENT"))).strip();
        String data = birth.substring(birth.indexOf("\"data\":") + 7, birth.length() - 1).replace("Old Town", office);
        RecordHeaders headers = new RecordHeaders();
        Map.of("ce_specversion", "1.0", "ce_id", CLIENT + "-" + number, "ce_source", "urn:xx:civil-registry:register",
                "ce_type", TOPIC, "content-type", "application/json")
            .forEach((name, value) -> headers.add(name, value.getBytes(StandardCharsets.UTF_8)));
        return new ProducerRecord<>(TOPIC, null, "key-" + number, data, headers);
    }

    /** A tax identifier for each birth; what CloudEvents says of it stands in the headers. */
    static class Assign implements Processor<String, String, String, String> {
        private ProcessorContext<String, String> context;

        @Override
        public void init(ProcessorContext<String, String> context) {
            this.context = context;
        }

        @Override
        public void process(Record<String, String> birth) {
            String id = new String(birth.headers().lastHeader("ce_id").value(), StandardCharsets.UTF_8);
            RecordHeaders headers = new RecordHeaders();
            Map.of("ce_specversion", "1.0", "ce_id", "for-" + id, "ce_source", "urn:xx:tax-office:ids", "ce_type", ASSIGNED,
                    "ce_causationid", id, "content-type", "application/json")
                .forEach((name, value) -> headers.add(name, value.getBytes(StandardCharsets.UTF_8)));
            int number = Integer.parseInt(id.substring(id.lastIndexOf('-') + 1));
            String data = String.format("{\"personId\":\"2026-1000-0001\",\"taxId\":\"T%010d\",\"assignedOn\":\"2026-11-23\","
                + "\"ground\":\"birth\",\"office\":\"Old Town\"}", number);
            context.forward(new Record<>(birth.key(), data, birth.timestamp(), headers));
        }
    }

    static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    public static void main(String[] arguments) throws Exception {
        KafkaProducer<String, String> births =
            new KafkaProducer<>(settings("PRODUCER"), new StringSerializer(), new StringSerializer());
        for (int number = 0; number < 20; number++) {
            births.send(birth(number, number % 2 == 0 ? "Old Town" : "New Town")).get();
        }
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(TOPIC, Consumed.with(Serdes.String(), Serdes.String()))
            .filter((key, value) -> value.contains("Old Town") && key != null && key.startsWith("key-"))
            .mapValues(value -> value.strip())
            .process(Assign::new)
            .to(ASSIGNED, Produced.with(Serdes.String(), Serdes.String()));
        KafkaStreams streams = new KafkaStreams(builder.build(), streaming(GROUP));
        CompletableFuture<Throwable> failure = new CompletableFuture<>();
        streams.setUncaughtExceptionHandler(error -> {
            failure.complete(error);
            return StreamThreadExceptionResponse.REPLACE_THREAD;
        });
        streams.start();
        KafkaConsumer<String, String> check = reader();
        Set<String> seen = read(check, 10);
        System.out.println("saw a topology of " + streams.metrics().values().stream()
            .filter(metric -> metric.metricName().name().equals("version")).findFirst().map(m -> m.metricValue().toString()).orElse("?")
            + " forward " + seen.size() + " of 20 events, each once");

        System.out.println("restart");
        check("restarted".equals(new Scanner(System.in).nextLine()), "the bus was started again");
        for (int number = 20; number < 30; number++) {
            births.send(birth(number, number % 2 == 0 ? "Old Town" : "New Town")).get();
        }
        check(read(check, 5).size() == 5, "it went on");
        System.out.println("saw the bus killed and started again, and went on, each event once");
        streams.close(Duration.ofSeconds(20));
        check.close();
        internal();
        births.close();
    }

    static KafkaConsumer<String, String> reader() {
        Map<String, Object> settings = settings("WORKER");
        settings.put("group.id", GROUP + "-assigned");
        settings.put("client.id", GROUP + "-assigned");
        settings.put("isolation.level", "read_committed");
        settings.put("auto.offset.reset", "earliest");
        settings.put("heartbeat.interval.ms", 500);
        KafkaConsumer<String, String> reader = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
        reader.subscribe(List.of(ASSIGNED));
        return reader;
    }

    /** This client's events, each once; a second more is waited for one too many. */
    static Set<String> read(KafkaConsumer<String, String> reader, int wanted) {
        List<String> seen = new ArrayList<>();
        long until = System.currentTimeMillis() + 60_000, more = Long.MAX_VALUE;
        while (System.currentTimeMillis() < Math.min(until, more)) {
            for (ConsumerRecord<String, String> record : reader.poll(Duration.ofMillis(200))) {
                String id = new String(record.headers().lastHeader("ce_id").value(), StandardCharsets.UTF_8);
                if (id.startsWith("for-" + CLIENT + "-")) {
                    seen.add(id);
                }
            }
            if (seen.size() >= wanted && more == Long.MAX_VALUE) {
                more = System.currentTimeMillis() + 1_000;
            }
        }
        check(seen.size() == wanted && Set.copyOf(seen).size() == wanted, "wanted " + wanted + " of them once: " + seen);
        return Set.copyOf(seen);
    }

    /** Counting by key wants topics of its own: they are not made here, and the answer says how they are. */
    static void internal() throws Exception {
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(TOPIC, Consumed.with(Serdes.String(), Serdes.String()))
            .groupBy((key, value) -> "all", Grouped.with(Serdes.String(), Serdes.String()))
            .count();
        KafkaStreams counting = new KafkaStreams(builder.build(), streaming(GROUP));
        CompletableFuture<Throwable> failure = new CompletableFuture<>();
        counting.setUncaughtExceptionHandler(error -> {
            failure.complete(error);
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        counting.start();
        Throwable refused = failure.get(60, TimeUnit.SECONDS);
        StringBuilder said = new StringBuilder();
        for (Throwable cause = refused; cause != null; cause = cause.getCause()) {
            said.append(cause.getMessage()).append(' ');
        }
        counting.close(Duration.ofSeconds(20));
        check(said.toString().contains("chancery apply"), "the way is told: " + said);
        System.out.println("saw internal topics refused: " + said.toString().lines().filter(line -> line.contains("chancery")).findFirst().orElse("").strip());
    }
}
