"""confluent-kafka (librdkafka), as its documentation uses it."""

import json
import os
import sys
import time
import urllib.request

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

CLIENT, TOPIC, GROUP = (os.environ[name] for name in ("CLIENT", "TOPIC", "GROUP"))


def settings(who):
    return {
        "bootstrap.servers": os.environ["BOOTSTRAP"],
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanisms": "PLAIN" if who == "PRODUCER" else "SCRAM-SHA-512",
        "sasl.username": os.environ[who],
        "sasl.password": os.environ[who + "_TOKEN"],
    }


def event(number, office=None, **changes):
    """A birth: the CloudEvents attributes as headers, the data as the value."""
    birth = json.load(open(os.environ["EVENT"]))
    data = birth["data"]
    data["child"].update(changes)
    data["registrationOffice"] = office or data["registrationOffice"]
    headers = {
        "ce_specversion": "1.0",
        "ce_id": f"{CLIENT}-{number}",
        "ce_source": birth["source"],
        "ce_type": TOPIC,
        "content-type": "application/json",
    }
    return {"key": f"key-{number}", "value": json.dumps(data), "headers": headers}


def publish(producer, numbers):
    reports = []
    for number in numbers:
        producer.produce(TOPIC, **event(number), on_delivery=lambda err, msg: reports.append((err, msg)))
    assert producer.flush(30) == 0, "not everything was delivered in time"
    failed = [err.str() for err, _ in reports if err]
    assert not failed, failed
    return {(msg.partition(), msg.offset()) for _, msg in reports}


def consumer():
    # By the newer protocol (KIP-848) the bus says how long a session is.
    newer = os.environ["PROTOCOL"] == "consumer"
    protocol = {"group.protocol": "consumer"} if newer else {"session.timeout.ms": 10000}
    return Consumer(
        {
            **settings("CONSUMER"),
            "group.id": GROUP,
            # One principal reads one topic for several subscriptions here: a fetch names no group.
            "client.id": GROUP,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            **protocol,
        }
    )


def read(members, wanted, patience=60):
    """Polls all members until every wanted event was seen; gives back what they saw, in order."""
    seen, until = [], time.time() + patience
    while not wanted.issubset(seen) and time.time() < until:
        for member in members:
            message = member.poll(0.1)
            if message is None:
                continue
            assert not message.error(), message.error()
            seen.append(dict(message.headers())["ce_id"].decode())
            assert json.loads(message.value())["child"]["name"], "the value is opened"
    missing = wanted.difference(seen)
    assert not missing, f"not seen: {sorted(missing)}"
    return seen


def ids(numbers):
    return {f"{CLIENT}-{number}" for number in numbers}


def release(partition, offset):
    """What the data protection officer of the topic's owner does."""
    place = f"/v1/topics/{TOPIC}/quarantine/{partition}/{offset}/release"
    said = json.dumps({"reason": "the account of the office itself"}).encode()
    headers = {"Authorization": f"Bearer {os.environ['OFFICER_TOKEN']}", "Content-Type": "application/json"}
    request = urllib.request.Request(os.environ["REGISTRY"] + place, data=said, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def quarantined(producer, member):
    """An event in which an account was found is acknowledged, passed over by who reads, and read once when it is released."""

    def send(number, **more):
        done = []
        producer.produce(TOPIC, partition=2, on_delivery=lambda err, msg: done.append((err, msg)), **event(number, **more))
        assert producer.flush(30) == 0 and not done[0][0], done
        return done[0][1]

    # Numbers, as of all events: Kafka Streams reads them off.
    apart = send(40, office="pay to NL91 ABNA 0417 1643 00")
    send(41)
    seen = read([member], ids([41]))
    assert f"{CLIENT}-40" not in seen, "nobody reads what is quarantined"
    placed = release(apart.partition(), apart.offset())
    assert (placed["partition"], placed["offset"]) == (2, apart.offset() + 2), placed
    again = send(40, office="pay to NL91 ABNA 0417 1643 00")
    assert not again.error(), "the same event again is acknowledged too"
    send(42)
    seen = read([member], ids([40, 42]))
    assert seen.count(f"{CLIENT}-40") == 1, seen
    member.commit(asynchronous=False)
    print("saw a quarantined event after its release only, and once")


def main():
    producer = Producer({**settings("PRODUCER"), "enable.idempotence": True, "compression.type": "zstd"})
    places = publish(producer, range(20))
    assert len(places) == 20, "every event has a place of its own"
    again = publish(producer, range(20))
    assert again, "the same events again are acknowledged too"

    refused = []
    producer.produce(TOPIC, **event("typo", dateOfBirth="2026-13-01"), on_delivery=lambda err, _: refused.append(err))
    producer.flush(30)
    assert refused[0].name() == "INVALID_RECORD", refused[0]
    print(f"saw a refusal: {refused[0].str()}")

    first = consumer()
    first.subscribe([TOPIC])
    seen = read([first], ids(range(20)))
    own = [one for one in seen if one.startswith(CLIENT + "-")]
    assert len(own) == 20, "every event came once"
    first.commit(asynchronous=False)

    second = consumer()
    second.subscribe([TOPIC])
    until = time.time() + 60
    while not (first.assignment() and second.assignment()) and time.time() < until:
        first.poll(0.1), second.poll(0.1)
    shares = [{part.partition for part in member.assignment()} for member in (first, second)]
    assert shares[0] and shares[1] and not shares[0] & shares[1] and len(shares[0] | shares[1]) == 4, shares
    print(f"saw two members share {len(shares[0])} and {len(shares[1])} partitions")
    second.close()
    until = time.time() + 60
    while len(first.assignment()) < 4 and time.time() < until:
        first.poll(0.1)
    assert len(first.assignment()) == 4, "what the second member had came back"

    quarantined(producer, first)

    admin = AdminClient(settings("CONSUMER"))
    groups = admin.list_consumer_groups(request_timeout=10).result()
    assert any(group.group_id == GROUP for group in groups.valid), f"the group is listed: {groups.errors}"

    print("restart", flush=True)
    assert sys.stdin.readline().strip() == "restarted"
    # By the newer protocol members join again after a restart; their next heartbeat tells them.
    until = time.time() + (8 if os.environ["PROTOCOL"] == "consumer" else 0)
    while time.time() < until:
        first.poll(0.1)
    publish(producer, range(20, 25))
    seen = read([first], ids(range(20, 25)))
    own = {one for one in seen if one.startswith(CLIENT + "-")}
    assert own == ids(range(20, 25)), f"it went on where it was: {sorted(own)}"
    first.commit(asynchronous=False)
    first.close()
    print("saw the bus killed and started again, and went on")


main()
