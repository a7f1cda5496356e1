// franz-go, as its documentation uses it.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

var client, topic, group = os.Getenv("CLIENT"), os.Getenv("TOPIC"), os.Getenv("GROUP")

func check(holds bool, what ...any) {
	if !holds {
		fmt.Println(what...)
		os.Exit(1)
	}
}

func settings(who string, more ...kgo.Opt) *kgo.Client {
	token := os.Getenv(who + "_TOKEN")
	login := plain.Auth{User: os.Getenv(who), Pass: token}.AsMechanism()
	if who == "CONSUMER" {
		login = oauth.Auth{Token: token}.AsMechanism()
	}
	all := append([]kgo.Opt{kgo.SeedBrokers(os.Getenv("BOOTSTRAP")), kgo.SASL(login)}, more...)
	made, err := kgo.NewClient(all...)
	check(err == nil, err)
	return made
}

type birth struct {
	Source string         `json:"source"`
	Data   map[string]any `json:"data"`
}

// A birth: the CloudEvents attributes as headers, the data as the value.
func event(number, dateOfBirth string) *kgo.Record {
	text, err := os.ReadFile(os.Getenv("EVENT"))
	check(err == nil, err)
	var one birth
	check(json.Unmarshal(text, &one) == nil, "the event does not read")
	one.Data["child"].(map[string]any)["dateOfBirth"] = dateOfBirth
	value, _ := json.Marshal(one.Data)
	record := kgo.KeySliceRecord([]byte("key-"+number), value)
	record.Topic = topic
	for name, value := range map[string]string{
		"ce_specversion": "1.0", "ce_id": client + "-" + number, "ce_source": one.Source, "ce_type": topic,
		"content-type": "application/json",
	} {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
	}
	return record
}

func publish(producer *kgo.Client, from, to int) {
	var records []*kgo.Record
	for number := from; number < to; number++ {
		records = append(records, event(fmt.Sprint(number), "2026-11-22"))
	}
	check(producer.ProduceSync(context.Background(), records...).FirstErr() == nil, "not everything was taken")
}

// A member of the group; notes its partitions.
type member struct {
	*kgo.Client
	lock  sync.Mutex
	parts map[int32]bool
}

func join() *member {
	one := &member{parts: map[int32]bool{}}
	change := func(holds bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, changed map[string][]int32) {
			one.lock.Lock()
			defer one.lock.Unlock()
			for _, part := range changed[topic] {
				if holds {
					one.parts[part] = true
				} else {
					delete(one.parts, part)
				}
			}
		}
	}
	one.Client = settings("CONSUMER", kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.HeartbeatInterval(500*time.Millisecond),
		kgo.OnPartitionsAssigned(change(true)), kgo.OnPartitionsRevoked(change(false)), kgo.OnPartitionsLost(change(false)))
	return one
}

func (one *member) held() int {
	one.lock.Lock()
	defer one.lock.Unlock()
	return len(one.parts)
}

func (one *member) poll(wait time.Duration) []string {
	within, done := context.WithTimeout(context.Background(), wait)
	defer done()
	var seen []string
	one.PollFetches(within).EachRecord(func(record *kgo.Record) {
		for _, header := range record.Headers {
			if header.Key == "ce_id" && strings.HasPrefix(string(header.Value), client+"-") {
				seen = append(seen, string(header.Value))
			}
		}
	})
	return seen
}

func (one *member) read(count int) []string {
	var seen []string
	for until := time.Now().Add(time.Minute); len(seen) < count && time.Now().Before(until); {
		seen = append(seen, one.poll(200*time.Millisecond)...)
	}
	return seen
}

func main() {
	producer := settings("PRODUCER", kgo.ProducerBatchCompression(kgo.SnappyCompression()))
	publish(producer, 0, 20)
	err := producer.ProduceSync(context.Background(), event("typo", "2026-13-01")).FirstErr()
	check(errors.Is(err, kerr.InvalidRecord), "a typo was not refused:", err)
	fmt.Println("saw a refusal:", err)

	first := join()
	seen := first.read(20)
	check(len(seen) == 20, "every event comes once:", seen)
	check(first.CommitUncommittedOffsets(context.Background()) == nil, "the places were not committed")
	second := join()
	for until := time.Now().Add(time.Minute); first.held() != 2 || second.held() != 2; {
		check(time.Now().Before(until), "they did not share:", first.held(), second.held())
		first.poll(100 * time.Millisecond)
		second.poll(100 * time.Millisecond)
	}
	fmt.Println("saw two members share", first.held(), "and", second.held(), "partitions")
	second.Close()
	for until := time.Now().Add(time.Minute); first.held() != 4; {
		check(time.Now().Before(until), "what the second had did not come back:", first.held())
		first.poll(100 * time.Millisecond)
	}

	fmt.Println("restart")
	answer, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	check(answer == "restarted\n", "the bus was not started again")
	producer.Close()
	producer = settings("PRODUCER")
	publish(producer, 20, 25)
	seen = first.read(5)
	check(len(seen) == 5, "it goes on where it was:", seen)
	check(first.CommitUncommittedOffsets(context.Background()) == nil, "the places were not committed")
	first.Close()
	producer.Close()
	fmt.Println("saw the bus killed and started again, and went on")
}
