// kafkajs, as its documentation uses it.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

// The packages are installed beside what is built.
const here = dirname(fileURLToPath(import.meta.url));
const { Kafka, CompressionTypes, logLevel } = createRequire(pathToFileURL(join(here, "../../target/compat/node/")))("kafkajs");

const { CLIENT, TOPIC, GROUP, BOOTSTRAP, EVENT } = process.env;

const kafka = (who) =>
  new Kafka({
    clientId: `${CLIENT}-${who.toLowerCase()}`,
    brokers: [BOOTSTRAP],
    sasl: { mechanism: who === "PRODUCER" ? "plain" : "scram-sha-512", username: process.env[who], password: process.env[`${who}_TOKEN`] },
    logLevel: logLevel.NOTHING,
    retry: { retries: 12 },
  });

const birth = JSON.parse(readFileSync(EVENT, "utf8"));

// A birth: the CloudEvents attributes as headers, the data as the value.
const event = (number, changes = {}) => ({
  key: `key-${number}`,
  value: JSON.stringify({ ...birth.data, child: { ...birth.data.child, ...changes } }),
  headers: {
    ce_specversion: "1.0",
    ce_id: `${CLIENT}-${number}`,
    ce_source: birth.source,
    ce_type: TOPIC,
    "content-type": "application/json",
  },
});

const range = (from, to) => Array.from({ length: to - from }, (_, index) => from + index);
const ids = (from, to) => range(from, to).map((number) => `${CLIENT}-${number}`);
const check = (holds, what) => {
  if (!holds) throw new Error(what);
};
const until = async (holds, what) => {
  const end = Date.now() + 60_000;
  while (!holds()) {
    check(Date.now() < end, what());
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
};

// A member of the group that notes what it saw and what it was dealt.
const member = async () => {
  const consumer = kafka("CONSUMER").consumer({ groupId: GROUP, sessionTimeout: 10_000, heartbeatInterval: 500 });
  const one = { consumer, seen: [], parts: [] };
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => (one.parts = payload.memberAssignment[TOPIC] ?? []));
  await consumer.connect();
  await consumer.subscribe({ topics: [TOPIC], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      check(JSON.parse(message.value).child.name, "the value is opened");
      const id = message.headers.ce_id.toString();
      if (id.startsWith(`${CLIENT}-`)) one.seen.push(id);
    },
  });
  return one;
};

const main = async () => {
  const producer = kafka("PRODUCER").producer({ idempotent: true });
  await producer.connect();
  const publish = (from, to) =>
    producer.send({ topic: TOPIC, compression: CompressionTypes.GZIP, messages: range(from, to).map((n) => event(n)) });
  await publish(0, 20);

  const plain = kafka("PRODUCER").producer();
  await plain.connect();
  const refusal = await plain
    .send({ topic: TOPIC, messages: [event("typo", { dateOfBirth: "2026-13-01" })] })
    .then(() => null, (error) => error);
  check(refusal, "a typo was not refused");
  console.log(`saw a refusal: ${refusal.message}`);
  await plain.disconnect();

  const first = await member();
  await until(() => first.seen.length >= 20, () => `not all came: ${first.seen}`);
  check(new Set(first.seen).size === 20 && first.seen.length === 20, "every event came once");

  const second = await member();
  await until(() => first.parts.length === 2 && second.parts.length === 2, () => `no share: ${first.parts} ${second.parts}`);
  check(new Set([...first.parts, ...second.parts]).size === 4, "no partition is with both");
  console.log(`saw two members share ${first.parts.length} and ${second.parts.length} partitions`);
  await second.consumer.disconnect();
  await until(() => first.parts.length === 4, () => `what the second had did not come back: ${first.parts}`);

  const admin = kafka("CONSUMER").admin();
  await admin.connect();
  check((await admin.listGroups()).groups.some((group) => group.groupId === GROUP), "the group is listed");
  await admin.disconnect();

  // What was read is committed when its consumer ends; the next begins there.
  await first.consumer.disconnect();
  console.log("restart");
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  check((await lines.next()).value === "restarted", "the bus was started again");
  await publish(20, 25);
  const third = await member();
  await until(() => third.seen.length >= 5, () => `not all came: ${third.seen}`);
  check(third.seen.sort().join() === ids(20, 25).sort().join(), `it went on where it was: ${third.seen}`);
  await third.consumer.disconnect();
  await producer.disconnect();
  console.log("saw the bus killed and started again, and went on");
};

main().then(
  () => process.exit(0),
  (error) => {
    console.log(error.stack);
    process.exit(1);
  },
);
