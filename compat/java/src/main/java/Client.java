import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.stream.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.PolicyViolationException;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.*;

/** The Java client, as its documentation uses it. */
public class Client {
    static final String CLIENT = System.getenv("CLIENT"), TOPIC = System.getenv("TOPIC"), GROUP = System.getenv("GROUP");

    static Map<String, Object> settings(String who) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", System.getenv("BOOTSTRAP"));
        settings.put("security.protocol", "SASL_PLAINTEXT");
        boolean scram = who.equals("CONSUMER");
        settings.put("sasl.mechanism", scram ? "SCRAM-SHA-256" : "PLAIN");
        settings.put("sasl.jaas.config", String.format(
            "org.apache.kafka.common.security.%s required username=\"%s\" password=\"%s\";",
            scram ? "scram.ScramLoginModule" : "plain.PlainLoginModule",
            System.getenv(who), System.getenv(who + "_TOKEN")));
        return settings;
    }

    /** A birth: the CloudEvents attributes as headers, the data as the value. */
    static ProducerRecord<String, String> event(String number, String birthDate) throws Exception {
        String birth = Files.readString(Path.of(System.getenv("EVENT"))).strip();
        String data = birth.substring(birth.indexOf("\"data\":") + 7, birth.length() - 1);
        String source = birth.replaceAll(".*\"source\":\"([^\"]*)\".*", "$1");
        RecordHeaders headers = new RecordHeaders();
        Map.of("ce_specversion", "1.0", "ce_id", CLIENT + "-" + number, "ce_source", source, "ce_type", TOPIC,
                "content-type", "application/json")
            .forEach((name, value) -> headers.add(name, value.getBytes(StandardCharsets.UTF_8)));
        return new ProducerRecord<>(TOPIC, null, "key-" + number, data.replace("2026-11-22", birthDate), headers);
    }

    static Set<String> publish(Producer<String, String> producer, int from, int to) throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (int number = from; number < to; number++) {
            sent.add(producer.send(event("" + number, "2026-11-22")));
        }
        Set<String> places = new HashSet<>();
        for (Future<RecordMetadata> one : sent) {
            places.add(one.get().partition() + ":" + one.get().offset());
        }
        return places;
    }

    static Consumer<String, String> consumer() {
        Map<String, Object> settings = settings("CONSUMER");
        settings.put("group.id", GROUP);
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", false);
        // The newer protocol has the group itself deal out the parts (KIP-848); its heartbeats are the bus's to set.
        if ("consumer".equals(System.getenv("PROTOCOL"))) {
            settings.put("group.protocol", "consumer");
        } else {
            settings.put("heartbeat.interval.ms", 500);
        }
        return new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
    }

    /** Polls until every wanted event was seen; what was seen of this client's, in order. */
    static List<String> read(Consumer<String, String> member, Set<String> wanted) {
        List<String> seen = new ArrayList<>();
        long until = System.currentTimeMillis() + 60_000;
        while (!seen.containsAll(wanted) && System.currentTimeMillis() < until) {
            for (ConsumerRecord<String, String> record : member.poll(Duration.ofMillis(200))) {
                String id = new String(record.headers().lastHeader("ce_id").value(), StandardCharsets.UTF_8);
                check(record.value().contains("\"name\""), "the value is opened");
                if (id.startsWith(CLIENT + "-")) {
                    seen.add(id);
                }
            }
        }
        check(seen.containsAll(wanted), "not all seen: " + seen);
        return seen;
    }

    static Set<String> ids(int from, int to) {
        return IntStream.range(from, to).mapToObj(number -> CLIENT + "-" + number).collect(Collectors.toSet());
    }

    static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    public static void main(String[] arguments) throws Exception {
        Properties about = new Properties();
        about.load(Client.class.getResourceAsStream("/kafka/kafka-version.properties"));
        System.out.println("saw version " + about.getProperty("version"));
        Map<String, Object> producing = settings("PRODUCER");
        producing.put("compression.type", "lz4");
        producing.put("linger.ms", 5);
        Producer<String, String> producer =
            new KafkaProducer<>(producing, new StringSerializer(), new StringSerializer());
        check(publish(producer, 0, 20).size() == 20, "every event has a place of its own");

        Throwable refused = null;
        try {
            producer.send(event("typo", "2026-13-01")).get();
        } catch (ExecutionException failed) {
            refused = failed.getCause();
        }
        check(refused != null && refused.getMessage().contains("/child/dateOfBirth")
            && refused.getMessage().contains("civil-registry"), "the reason is readable: " + refused);
        System.out.println("saw a refusal: " + refused.getMessage().lines().findFirst().orElse(""));

        Consumer<String, String> first = consumer();
        first.subscribe(List.of(TOPIC));
        check(read(first, ids(0, 20)).size() == 20, "every event came once");
        first.commitSync();

        Consumer<String, String> second = consumer();
        second.subscribe(List.of(TOPIC));
        share(first, second);
        System.out.printf("saw two members share %d and %d partitions%n", first.assignment().size(), second.assignment().size());
        second.close();
        long until = System.currentTimeMillis() + 60_000;
        while (first.assignment().size() < 4 && System.currentTimeMillis() < until) {
            first.poll(Duration.ofMillis(100));
        }
        check(first.assignment().size() == 4, "what the second member had came back");
        administer();

        System.out.println("restart");
        check("restarted".equals(new Scanner(System.in).nextLine()), "the bus was started again");
        // By the newer protocol members join again after a restart; their next heartbeat tells them.
        long rejoined = System.currentTimeMillis() + ("consumer".equals(System.getenv("PROTOCOL")) ? 8_000 : 0);
        while (System.currentTimeMillis() < rejoined) {
            first.poll(Duration.ofMillis(100));
        }
        publish(producer, 20, 25);
        List<String> seen = read(first, ids(20, 25));
        check(Set.copyOf(seen).equals(ids(20, 25)), "it went on where it was: " + seen);
        first.commitSync();
        first.close();
        producer.close();
        System.out.println("saw the bus killed and started again, and went on");
    }

    static void share(Consumer<String, String> first, Consumer<String, String> second) {
        long until = System.currentTimeMillis() + 60_000;
        while (System.currentTimeMillis() < until) {
            first.poll(Duration.ofMillis(100));
            second.poll(Duration.ofMillis(100));
            if (first.assignment().size() == 2 && second.assignment().size() == 2) {
                Set<TopicPartition> all = new HashSet<>(first.assignment());
                all.addAll(second.assignment());
                check(all.size() == 4, "no partition is with both");
                return;
            }
        }
        throw new AssertionError("they did not share: " + first.assignment() + " " + second.assignment());
    }

    /** Groups, places and lag are listed; topics are not made here. */
    static void administer() throws Exception {
        try (Admin admin = Admin.create(settings("CONSUMER"))) {
            check(admin.listConsumerGroups().valid().get().stream().anyMatch(group -> group.groupId().equals(GROUP)), "the group is listed");
            ConsumerGroupDescription group = admin.describeConsumerGroups(List.of(GROUP)).describedGroups().get(GROUP).get();
            check(group.members().size() == 1, "the group has one member: " + group);
            Map<TopicPartition, OffsetAndMetadata> places = admin.listConsumerGroupOffsets(GROUP).partitionsToOffsetAndMetadata().get();
            Map<TopicPartition, OffsetSpec> latest = places.keySet().stream().collect(Collectors.toMap(part -> part, part -> OffsetSpec.latest()));
            long lag = admin.listOffsets(latest).all().get().entrySet().stream()
                .mapToLong(end -> end.getValue().offset() - places.get(end.getKey()).offset()).sum();
            check(lag == 0, "everything is committed, lag " + lag);
            try {
                admin.createTopics(List.of(new NewTopic("made.by.kafka", 1, (short) 1))).all().get();
                throw new AssertionError("a topic was made through Kafka");
            } catch (ExecutionException failed) {
                check(failed.getCause() instanceof PolicyViolationException && failed.getCause().getMessage().contains("chancery apply"), "the way is told: " + failed.getCause());
            }
            System.out.println("saw the group listed with lag 0, and a topic refused");
        }
    }
}
