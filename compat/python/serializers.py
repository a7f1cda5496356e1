"""confluent-kafka's serializers with the bus as their schema registry, as their documentation uses them."""

import os
import sys
import time

from confluent_kafka import Consumer, Producer
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, header_schema_id_serializer
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

CLIENT, GROUP = (os.environ[name] for name in ("CLIENT", "GROUP"))
# What protoc made of the contract's file.
sys.path.insert(0, os.path.join(os.path.dirname(sys.prefix), "protobuf"))
CONTRACTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "governance", "topics")


def settings(who):
    return {
        "bootstrap.servers": os.environ["BOOTSTRAP"],
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanisms": "PLAIN",
        "sasl.username": os.environ[who],
        "sasl.password": os.environ[who + "_TOKEN"],
    }


def registry(who):
    return SchemaRegistryClient(
        {"url": os.environ["REGISTRY"], "basic.auth.user.info": f"{os.environ[who]}:{os.environ[who + '_TOKEN']}"}
    )


def holder(number):
    return {
        "personId": f"2026-1000-{number:04}",
        "name": f"Ada {number}",
        "favouriteColour": None if number % 2 else "blue",
        "permits": [{"number": f"P-{number}", "until": 20000 + number}],
        "office": "Old Town",
    }


def without(value, left_out):
    """What a consumer that is not cleared gets of a value."""
    value = {name: of for name, of in value.items() if name not in left_out}
    value["permits"] = [{name: of for name, of in one.items() if name not in left_out} for one in value["permits"]]
    return value


def headers(topic, number):
    return {"ce_specversion": "1.0", "ce_id": f"{CLIENT}-{number}", "ce_source": "urn:xx:civil-registry:register", "ce_type": topic}


def message_of(number):
    """The same as a message of the class that protoc made."""
    import v1_pb2

    of = holder(number)
    permits = [v1_pb2.Permit(**permit) for permit in of.pop("permits")]
    return v1_pb2.Holder(permits=permits, **{name: value for name, value in of.items() if value is not None})


def publish(topic, serializer, numbers, made=holder):
    producer, reports = Producer(settings("PRODUCER")), []
    for number in numbers:
        named = headers(topic, number)
        pairs = [(name, value.encode()) for name, value in named.items()]
        context = SerializationContext(topic, MessageField.VALUE, pairs)
        value = serializer(made(number), context)
        producer.produce(topic, value=value, headers=pairs, on_delivery=lambda err, _: reports.append(err))
    assert producer.flush(30) == 0 and not any(reports), reports


def read(topic, group, deserializer, wanted):
    """The values that a stock deserializer makes of what the subscription is handed, by the event's number."""
    consumer = Consumer(
        {**settings("CONSUMER"), "group.id": group, "client.id": group, "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    seen, until = {}, time.time() + 60
    while len(seen) < wanted and time.time() < until:
        message = consumer.poll(0.2)
        if message is None:
            continue
        assert not message.error(), message.error()
        number = int(dict(message.headers())["ce_id"].decode().rsplit("-", 1)[1])
        context = SerializationContext(topic, MessageField.VALUE, message.headers())
        seen[number] = deserializer(message.value(), context)
    consumer.close()
    assert len(seen) == wanted, f"{topic} as {group}: saw {sorted(seen)}"
    return seen


def text(topic, file):
    with open(os.path.join(CONTRACTS, topic, file)) as contract:
        return contract.read()


def plain(value):
    """Dates as the numbers that they are."""
    import datetime

    def one(permit):
        return {
            name: (of - datetime.date(1970, 1, 1)).days if isinstance(of, datetime.date) else of
            for name, of in permit.items()
        }

    return {**value, "permits": [one(permit) for permit in value["permits"]]}


def round_trip(name, file, serializer, by_header, deserializer):
    topic = f"permit.holder-{name}.changed"
    schema = text(topic, file)
    publish(topic, serializer(schema), range(10))
    publish(topic, by_header(schema), range(10, 12))
    opened = read(topic, f"tax-office.opened-{name}", deserializer(), 12)
    assert all(plain(opened[number]) == holder(number) for number in range(12)), opened
    redacted = read(topic, f"tax-office.redacted-{name}", deserializer(), 12)
    left_out = {"personId", "name", "number", "favouriteColour"}
    assert all(plain(redacted[number]) == without(holder(number), left_out) for number in range(12)), redacted
    print(f"saw {name} opened as it was and redacted by a stock deserializer, framed by id and by GUID")


def protobuf(producing, consuming, in_header):
    """The class that protoc made goes in and comes out; what is left out stands at its default."""
    import v1_pb2

    topic = "permit.holder-protobuf.changed"
    publish(topic, ProtobufSerializer(v1_pb2.Holder, producing), range(10), message_of)
    publish(topic, ProtobufSerializer(v1_pb2.Holder, producing, conf=in_header), range(10, 12), message_of)
    opened = read(topic, "tax-office.opened-protobuf", ProtobufDeserializer(v1_pb2.Holder, schema_registry_client=consuming), 12)
    assert all(opened[number] == message_of(number) for number in range(12)), opened
    redacted = read(topic, "tax-office.redacted-protobuf", ProtobufDeserializer(v1_pb2.Holder, schema_registry_client=consuming), 12)
    for number in range(12):
        wanted = message_of(number)
        for name in ("personId", "name", "favouriteColour"):
            wanted.ClearField(name)
        for permit in wanted.permits:
            permit.ClearField("number")
        assert redacted[number] == wanted, redacted[number]
    print("saw protobuf opened as it was and redacted by a stock deserializer, framed by id and by GUID")


def refused(what, act, *wanted):
    try:
        act()
    except SchemaRegistryError as error:
        assert all(word in str(error) for word in wanted), f"{what}: {error}"
        return error
    raise AssertionError(f"{what} was taken")


def govern(name, file, kind, new_field, incompatible):
    """A schema alone changes nothing: it is proposed, by whom it is to propose, with a class for each field."""
    topic = f"permit.holder-{name}.changed"
    subject = topic + "-value"
    schema, steward, producer = text(topic, file), registry("STEWARD"), registry("PRODUCER")
    assert [v for v in steward.get_versions(subject)] == [1]
    latest = steward.get_latest_version(subject)
    assert latest.version == 1 and steward.get_schema(latest.schema_id).schema_str

    unclassified = Schema(new_field(schema, None), kind)
    refused("a field without a class", lambda: steward.register_schema(subject, unclassified), "/phone", "is not classified")
    classified = Schema(new_field(schema, "PII"), kind)
    error = refused("a producer's schema", lambda: producer.register_schema(subject, classified), "m.okafor@civil-registry")
    proposed = steward.register_schema(subject, classified)
    assert proposed != latest.schema_id
    assert steward.get_latest_version(subject).version == 1, "what is only proposed is not the latest"
    assert steward.get_versions(subject) == [1, 2]
    assert steward.register_schema(subject, classified) == proposed, "the same again is the same"
    assert not steward.test_compatibility(subject, Schema(incompatible(schema), kind)), "it would break its readers"
    refused("a breaking schema", lambda: steward.register_schema(subject, Schema(incompatible(schema), kind)), "incompatible")
    return error


def main():
    import json

    def avro_field(schema, tag):
        schema = json.loads(schema)
        field = {"name": "phone", "type": ["null", "string"], "default": None}
        schema["fields"].append({**field, "confluent:tags": [tag]} if tag else field)
        return json.dumps(schema)

    def avro_breaking(schema):
        schema = json.loads(schema)
        schema["fields"].append({"name": "phone", "type": "string", "confluent:tags": ["PII"]})
        return json.dumps(schema)

    def json_field(schema, tag):
        schema = json.loads(schema)
        schema["properties"]["phone"] = {"type": "string", **({"confluent:tags": [tag]} if tag else {})}
        return json.dumps(schema)

    def json_breaking(schema):
        schema = json.loads(schema)
        schema["properties"]["office"] = {"type": "integer"}
        return json.dumps(schema)

    def protobuf_field(schema, tag):
        tagged = f' [(confluent.field_meta).tags = "{tag}"]' if tag else ""
        schema = schema.replace("string office = 5;", f"string office = 5;\n  string phone = 6{tagged};")
        return schema.replace('package xx.permits;', 'package xx.permits;\nimport "confluent/meta.proto";')

    def protobuf_breaking(schema):
        return schema.replace("string office = 5;", "int32 office = 5;")

    producing, consuming = registry("PRODUCER"), registry("CONSUMER")
    in_header = {"schema.id.serializer": header_schema_id_serializer}
    round_trip(
        "avro",
        "v1.avsc",
        lambda schema: AvroSerializer(producing, schema),
        lambda schema: AvroSerializer(producing, schema, conf=in_header),
        lambda: AvroDeserializer(consuming),
    )
    round_trip(
        "json",
        "v1.schema.json",
        lambda schema: JSONSerializer(schema, producing),
        lambda schema: JSONSerializer(schema, producing, conf=in_header),
        lambda: JSONDeserializer(None, schema_registry_client=consuming),
    )
    protobuf(producing, consuming, in_header)
    govern("protobuf", "v1.proto", "PROTOBUF", protobuf_field, protobuf_breaking)
    error = govern("avro", "v1.avsc", "AVRO", avro_field, avro_breaking)
    govern("json", "v1.schema.json", "JSON", json_field, json_breaking)
    print(f"saw a producer's new schema refused: {error}")

    print("restart", flush=True)
    assert sys.stdin.readline().strip() == "restarted"
    assert registry("STEWARD").get_versions("permit.holder-avro.changed-value") == [1, 2]
    topic = "permit.holder-avro.changed"
    publish(topic, AvroSerializer(registry("PRODUCER"), text(topic, "v1.avsc")), range(12, 14))
    seen = read(topic, "tax-office.redacted-avro", AvroDeserializer(registry("CONSUMER")), 2)
    assert set(seen) == {12, 13}, seen
    print("saw the bus killed and started again with its schemas, and went on")


main()
