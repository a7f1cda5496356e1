//! Events per second through the Kafka door, with librdkafka as the client in the same process: client and bus share the
//! processors, as they would share them with nobody else. Beside it, what the same client reaches against its own
//! in-process mock, which checks, seals and stores nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use serde_json::json;
use tokio::net::TcpListener;

use crate::{events, report, setup};

const PARTITIONS: u32 = 8;
const PEOPLE: usize = 20_000;
const CLASSIFIED: &str = "bench.standard0.happened";
const PLAIN: &str = "bench.plain.happened";
/// Longest that one measurement may take.
const PATIENCE: Duration = Duration::from_secs(120);
const PRINCIPAL: &str = "service@bench";

pub async fn run(count: usize) {
    let bench = setup::bus(&[("standard", 1)], PARTITIONS).await;
    bench.bus.apply(&bench.operator, &more_files(), false).await.expect("the folder applies");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let options = door_kafka::Options { cluster: "bench".to_owned(), advertised: None };
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let door = tokio::spawn(door_kafka::serve(listener, bench.bus.clone(), options, async {
        let _ = ended.await;
    }));
    let token = bench.token.clone();
    tokio::task::spawn_blocking(move || measure(count, &address, &token)).await.expect("the measurement");
    let _ = end.send(());
    let _ = door.await;
    bench.bus.close().await;
}

/// A topic without classified fields, and a subscription to each topic.
fn more_files() -> BTreeMap<String, String> {
    let plain = setup::topic(PLAIN, "standard", PARTITIONS)
        .replace("key: subject", "key: none")
        .replace("  subject: /child/personId\n", "")
        .replace(": personal", ": public");
    let subscription = |name: &str, topic: &str| {
        format!(
            "subscription: {name}\ntopic: {topic}\nagency: bench\npurpose: measure\nlegal_basis: Bench Act\n\
             clears: [internal, personal]\nexpires: 2030-01-01\n"
        )
    };
    BTreeMap::from([
        (format!("topics/{PLAIN}/topic.yaml"), plain),
        (format!("topics/{PLAIN}/v1.schema.json"), events::SCHEMA.to_owned()),
        ("subscriptions/bench.classified.yaml".to_owned(), subscription("bench.classified", CLASSIFIED)),
        ("subscriptions/bench.plain.yaml".to_owned(), subscription("bench.plain", PLAIN)),
    ])
}

fn measure(count: usize, address: &str, token: &str) {
    let data: Vec<String> = (0..PEOPLE).map(|number| events::data(number, PEOPLE)).collect();
    let mock = MockCluster::new(1).expect("librdkafka's mock");
    mock.create_topic(CLASSIFIED, PARTITIONS as i32, 1).expect("a topic of the mock");
    let ceiling = produce(&config(&mock.bootstrap_servers(), None), CLASSIFIED, &data, count, 0);
    println!("  produce, librdkafka's own mock     {ceiling:>10.0} events/s");
    let config = config(address, Some(token));
    produce(&config, CLASSIFIED, &data, 40_000, 1_000_000_000);
    let mut results = vec![("mock", ceiling)];
    for (what, topic, group) in
        [("classified", CLASSIFIED, "bench.classified"), ("plain", PLAIN, "bench.plain")]
    {
        let before = report::cpu_by_thread();
        let rate = produce(&config, topic, &data, count, 0);
        println!(
            "  produce, the bus, {what:<10}       {rate:>10.0} events/s   {:.2} of the mock's",
            rate / ceiling
        );
        by_thread(&before, count);
        let before = report::cpu_by_thread();
        let read = consume(&config, topic, group, count);
        println!("  consume, the bus, {what:<10}       {read:>10.0} events/s");
        by_thread(&before, count);
        results.extend([(what, rate), (what, read)]);
    }
    let rates: Vec<f64> = results.iter().map(|(_, rate)| *rate).collect();
    report::record(
        "kafka",
        &json!({"bench": "kafka", "events": count, "mock": rates[0], "produce_classified": rates[1],
            "consume_classified": rates[2], "produce_plain": rates[3], "consume_plain": rates[4]}),
    );
}

fn config(address: &str, token: Option<&str>) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address).set("linger.ms", "5").set("acks", "all");
    config.set("queue.buffering.max.messages", "200000").set("queue.buffering.max.kbytes", "1000000");
    if let Some(token) = token {
        config.set("security.protocol", "SASL_PLAINTEXT").set("sasl.mechanisms", "PLAIN");
        config.set("sasl.username", PRINCIPAL).set("sasl.password", token);
    }
    config
}

/// Sends `count` events and waits until all are acknowledged; events per second.
fn produce(config: &ClientConfig, topic: &str, data: &[String], count: usize, first: usize) -> f64 {
    let producer: ThreadedProducer<DefaultProducerContext> = config.create().expect("a producer");
    let started = Instant::now();
    for number in first..first + count {
        let id = format!("kafka-{number:012}");
        let header = |key, value| Header { key, value: Some(value) };
        let headers = OwnedHeaders::new_with_capacity(5)
            .insert(header("ce_specversion", "1.0"))
            .insert(header("ce_id", id.as_str()))
            .insert(header("ce_source", "urn:xx:bench:registry"))
            .insert(header("ce_type", topic))
            .insert(header("content-type", "application/json"));
        let partition = (number / 97) as i32 % PARTITIONS as i32;
        let mut record = BaseRecord::<str, str>::to(topic)
            .payload(&data[number % PEOPLE])
            .partition(partition)
            .headers(headers);
        while let Err((error, back)) = producer.send(record) {
            assert_eq!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
            std::thread::sleep(Duration::from_millis(1));
            record = back;
        }
    }
    producer.flush(PATIENCE).expect("everything is acknowledged");
    count as f64 / started.elapsed().as_secs_f64()
}

/// Reads the last `count` events of a topic as a member of its group; events per second from the first one on.
fn consume(config: &ClientConfig, topic: &str, group: &str, count: usize) -> f64 {
    let mut config = config.clone();
    config.set("group.id", group).set("auto.offset.reset", "earliest").set("enable.auto.commit", "false");
    config.set("queued.min.messages", "100000").set("client.id", group);
    let consumer: BaseConsumer = config.create().expect("a consumer");
    consumer.subscribe(&[topic]).expect("a subscription");
    let (mut seen, mut started) = (0, Instant::now());
    while seen < count {
        assert!(started.elapsed() < PATIENCE, "{seen} of {count} events came");
        // Nothing comes also where the client was busy with its group.
        let Some(polled) = consumer.poll(Duration::from_secs(1)) else { continue };
        polled.expect("an event");
        if seen == 0 {
            started = Instant::now();
        }
        seen += 1;
    }
    count as f64 / started.elapsed().as_secs_f64()
}

fn by_thread(before: &[(String, f64)], count: usize) {
    for (name, seconds) in report::cpu_by_thread() {
        let earlier = before.iter().find(|(known, _)| *known == name).map_or(0.0, |(_, seconds)| *seconds);
        if seconds - earlier > 0.05 {
            println!("    {name:18}{:>8.0} ns", (seconds - earlier) * 1e9 / count as f64);
        }
    }
}
