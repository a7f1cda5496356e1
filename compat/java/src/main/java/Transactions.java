import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.ExecutionException;
import java.util.stream.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.*;

/** Consume, transform, produce, in transactions, as the Java client's documentation writes it. */
public class Transactions {
    static final String ASSIGNED = "tax.id.assigned", CLIENT = Client.CLIENT;

    static KafkaProducer<String, String> producer() {
        Map<String, Object> settings = Client.settings("WORKER");
        settings.put("sasl.mechanism", "PLAIN");
        settings.put("transactional.id", CLIENT);
        settings.put("max.block.ms", 20_000);
        return new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
    }

    static KafkaConsumer<String, String> consumer(String group) {
        Map<String, Object> settings = Client.settings("WORKER");
        settings.put("sasl.mechanism", "PLAIN");
        settings.put("group.id", group);
        settings.put("client.id", group);
        settings.put("isolation.level", "read_committed");
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", false);
        settings.put("heartbeat.interval.ms", 500);
        return new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
    }

    static ProducerRecord<String, String> assigned(String id, String taxId) {
        String data = String.format("{\"personId\":\"2026-1000-0001\",\"taxId\":\"%s\",\"assignedOn\":\"2026-11-23\","
            + "\"ground\":\"birth\",\"office\":\"Old Town\"}", taxId);
        RecordHeaders headers = new RecordHeaders();
        Map.of("ce_specversion", "1.0", "ce_id", CLIENT + "-" + id, "ce_source", "urn:xx:tax-office:ids",
                "ce_type", ASSIGNED, "content-type", "application/json")
            .forEach((name, value) -> headers.add(name, value.getBytes(StandardCharsets.UTF_8)));
        return new ProducerRecord<>(ASSIGNED, null, (String) null, data, headers);
    }

    /** What this client's events in the topic are called, in the time given. */
    static List<String> read(KafkaConsumer<String, String> consumer, int wanted, long patience) {
        List<String> seen = new ArrayList<>();
        long until = System.currentTimeMillis() + patience;
        while (seen.size() < wanted && System.currentTimeMillis() < until) {
            for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
                String id = new String(record.headers().lastHeader("ce_id").value(), StandardCharsets.UTF_8);
                if (id.startsWith(CLIENT + "-")) {
                    seen.add(id.substring(CLIENT.length() + 1));
                }
            }
        }
        // Kept, so that a member that joins again under load goes on here and not from the beginning.
        if (!seen.isEmpty()) {
            consumer.commitSync();
        }
        return seen;
    }

    static void only(KafkaConsumer<String, String> consumer, String wanted, String promise) {
        List<String> seen = read(consumer, 1, 30_000);
        Client.check(seen.equals(List.of(wanted)), promise + ": " + seen);
    }

    static Map<TopicPartition, OffsetAndMetadata> ends(List<ConsumerRecord<String, String>> births) {
        Map<TopicPartition, OffsetAndMetadata> ends = new HashMap<>();
        for (ConsumerRecord<String, String> birth : births) {
            ends.merge(new TopicPartition(birth.topic(), birth.partition()), new OffsetAndMetadata(birth.offset() + 1),
                (one, other) -> one.offset() > other.offset() ? one : other);
        }
        return ends;
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, Object> registry = Client.settings("PRODUCER");
        try (Producer<String, String> births = new KafkaProducer<>(registry, new StringSerializer(), new StringSerializer())) {
            Client.publish(births, 0, 10);
        }
        KafkaConsumer<String, String> check = consumer(Client.GROUP + "-assigned");
        check.subscribe(List.of(ASSIGNED));
        KafkaConsumer<String, String> source = consumer(Client.GROUP);
        source.subscribe(List.of(Client.TOPIC));
        List<ConsumerRecord<String, String>> taken = new ArrayList<>();
        long until = System.currentTimeMillis() + 60_000;
        while (taken.size() < 10 && System.currentTimeMillis() < until) {
            source.poll(Duration.ofMillis(200)).forEach(taken::add);
        }
        Client.check(taken.size() >= 10, "the births came: " + taken.size());

        KafkaProducer<String, String> producer = producer();
        producer.initTransactions();
        for (boolean commit : new boolean[] {false, true}) {
            producer.beginTransaction();
            for (int number = 0; number < 10; number++) {
                producer.send(assigned("" + number, String.format("T%010d", number)));
            }
            producer.sendOffsetsToTransaction(ends(taken), source.groupMetadata());
            if (commit) {
                producer.commitTransaction();
            } else {
                producer.abortTransaction();
                Client.check(read(check, 1, 3_000).isEmpty(), "nothing of an aborted transaction is seen");
                Client.check(source.committed(ends(taken).keySet()).values().stream().allMatch(Objects::isNull), "no place moved");
            }
        }
        List<String> seen = read(check, 10, 30_000);
        Client.check(Set.copyOf(seen).size() == 10 && seen.size() == 10, "each came once: " + seen);
        Map<TopicPartition, OffsetAndMetadata> ends = ends(taken), places = source.committed(ends.keySet());
        Client.check(ends.keySet().stream().allMatch(part -> places.get(part).offset() == ends.get(part).offset()),
            "the places moved with it: " + places);
        System.out.println("saw ten events and their places committed together, and nothing of the aborted");

        producer.beginTransaction();
        Throwable refused = null;
        try {
            producer.send(assigned("typo", "not a tax id")).get();
        } catch (ExecutionException failed) {
            refused = failed.getCause();
        }
        Client.check(refused != null && refused.getMessage().contains("/taxId"), "the reason is readable: " + refused);
        producer.abortTransaction();
        producer.beginTransaction();
        producer.send(assigned("after", "T0000000011"));
        producer.commitTransaction();
        only(check, "after", "it went on after a refusal");
        System.out.println("saw a refusal end a transaction: " + refused.getMessage().lines().findFirst().orElse(""));

        producer.beginTransaction();
        producer.send(assigned("lost", "T0000000012"));
        producer.flush();
        System.out.println("restart");
        Client.check("restarted".equals(new Scanner(System.in).nextLine()), "the bus was started again");
        try {
            producer.commitTransaction();
            throw new AssertionError("a transaction was committed that the bus had lost");
        } catch (KafkaException expected) {
            producer.abortTransaction();
        }
        producer.beginTransaction();
        producer.send(assigned("again", "T0000000012"));
        producer.commitTransaction();
        only(check, "again", "only what was committed is there");
        System.out.println("saw a transaction that a kill -9 broke off leave nothing behind, and its producer go on");

        KafkaProducer<String, String> successor = producer();
        successor.initTransactions();
        try {
            producer.beginTransaction();
            producer.send(assigned("zombie", "T0000000013")).get();
            producer.commitTransaction();
            throw new AssertionError("two producers of one transactional id");
        } catch (KafkaException | ExecutionException expected) {
            System.out.println("saw the former instance fenced: " + expected.getClass().getSimpleName());
        }
        producer.close(Duration.ZERO);
        successor.beginTransaction();
        successor.send(assigned("successor", "T0000000014"));
        successor.commitTransaction();
        only(check, "successor", "the successor goes on, the former left nothing");
        successor.close();
        source.close();
        check.close();
    }
}
