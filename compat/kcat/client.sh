#!/usr/bin/env bash
# kcat, as its manual page uses it.
set -euo pipefail

common=(-b "$BOOTSTRAP" -X security.protocol=SASL_PLAINTEXT -X sasl.mechanisms=PLAIN)
producer=("${common[@]}" -X "sasl.username=$PRODUCER" -X "sasl.password=$PRODUCER_TOKEN" -X enable.idempotence=true)
consumer=("${common[@]}" -X "sasl.username=$CONSUMER" -X "sasl.password=$CONSUMER_TOKEN")
data=$(sed 's/.*"data":\(.*\)}$/\1/' "$EVENT")
source=$(sed 's/.*"source":"\([^"]*\)".*/\1/' "$EVENT")

publish() { # number, data
  printf '%s' "$2" | kcat "${producer[@]}" -P -t "$TOPIC" -k "key-$1" -X topic.request.required.acks=-1 \
    -H ce_specversion=1.0 -H "ce_id=$CLIENT-$1" -H "ce_source=$source" -H "ce_type=$TOPIC" \
    -H content-type=application/json -D '\0'
}
# Reads as a member of the group until nothing more comes; prints the ids of this client's events.
read_group() {
  timeout "$1" kcat "${consumer[@]}" -G "$GROUP" -X auto.offset.reset=earliest -X client.id="$2" -f '%p %h\n' "$TOPIC" \
    2>>"$noise" || true
}
own() { grep -o "ce_id=$CLIENT-[0-9]*" | sort | uniq -c | awk '{ print $1 " " $2 }'; }
noise=$(mktemp)
trap 'rm -f "$noise" "$noise".*' EXIT

kcat "${consumer[@]}" -L -t "$TOPIC" | grep -q "with 4 partitions"
for number in $(seq 1 12); do publish "$number" "$data"; done
if publish typo "${data/2026-11-22/2026-13-01}" 2>"$noise.refusal"; then echo "a typo was not refused"; exit 1; fi
echo "saw a refusal: $(grep -i 'failed' "$noise.refusal" | head -1)"

seen=$(read_group 6 one | own)
[ "$(wc -l <<<"$seen")" = 12 ] || { echo "not every event came: $seen"; cat "$noise"; exit 1; }
grep -qv '^1 ' <<<"$seen" && { echo "an event came twice: $seen"; exit 1; }

read_group 10 one >"$noise.one" & one=$!
read_group 10 two >"$noise.two" & two=$!
sleep 5
for number in $(seq 13 36); do publish "$number" "$data"; done
wait "$one" "$two"
of_one=$(grep -c . "$noise.one" || true) of_two=$(grep -c . "$noise.two" || true)
[ "$of_one" -gt 0 ] && [ "$of_two" -gt 0 ] || { echo "one member got everything: $of_one, $of_two"; cat "$noise"; exit 1; }
[ "$((of_one + of_two))" = 24 ] || { echo "24 events, and $of_one and $of_two came"; exit 1; }
echo "saw two members share: $of_one and $of_two events"

echo restart
read -r answer
[ "$answer" = restarted ]
publish 37 "$data"
seen=$(read_group 6 one | own)
[ "$seen" = "1 ce_id=$CLIENT-37" ] || { echo "it did not go on where it was: $seen"; exit 1; }
echo "saw the bus killed and started again, and went on"
