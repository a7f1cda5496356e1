//! A Kafka client of few words: one connection, one request after the other, and every byte of an answer to look at.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::{Read, Write};
use std::net::TcpStream;

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{
    FetchRequest, FetchResponse, ProduceRequest, RequestHeader, ResponseHeader, SaslAuthenticateRequest,
    SaslHandshakeRequest, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use kafka_protocol::records::{
    Compression, Record, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};

pub fn wire(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub fn topic(name: &str) -> TopicName {
    TopicName(wire(name))
}

/// A client that said who it is.
pub struct Kafka {
    stream: TcpStream,
    client: String,
    asked: i32,
}

impl Kafka {
    /// Connects as a principal; `client` is its `client.id`.
    pub fn connect(address: &str, principal: &str, token: &str, client: &str) -> Self {
        Self::connect_on(TcpStream::connect(address).unwrap(), principal, token, client)
    }

    /// The same, on a connection that is there.
    pub fn connect_on(stream: TcpStream, principal: &str, token: &str, client: &str) -> Self {
        let mut kafka = Self { stream, client: client.to_owned(), asked: 0 };
        kafka.ask(1, &SaslHandshakeRequest::default().with_mechanism(wire("PLAIN")));
        let plain = Bytes::from(format!("\0{principal}\0{token}"));
        let (said, _) = kafka.ask(1, &SaslAuthenticateRequest::default().with_auth_bytes(plain));
        assert_eq!(said.error_code, 0, "{:?}", said.error_message);
        kafka
    }

    /// Asks, and takes nothing of the answer.
    pub fn leave<R: Request>(mut self, version: i16, request: &R) -> TcpStream {
        self.send(version, request);
        self.stream
    }

    fn send<R: Request>(&mut self, version: i16, request: &R) {
        self.asked += 1;
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.asked)
            .with_client_id(Some(wire(&self.client)));
        let mut frame = BytesMut::new();
        header.encode(&mut frame, R::header_version(version)).unwrap();
        request.encode(&mut frame, version).unwrap();
        self.stream.write_all(&(frame.len() as i32).to_be_bytes()).unwrap();
        self.stream.write_all(&frame).unwrap();
    }

    /// Asks, and waits for the answer and its bytes.
    pub fn ask<R: Request>(&mut self, version: i16, request: &R) -> (R::Response, Bytes) {
        self.send(version, request);
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).unwrap();
        let mut answer = vec![0; i32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut answer).unwrap();
        let raw = Bytes::from(answer);
        let mut rest = raw.clone();
        let header = ResponseHeader::decode(&mut rest, R::Response::header_version(version)).unwrap();
        assert_eq!(header.correlation_id, self.asked);
        let said = R::Response::decode(&mut rest, version).unwrap();
        assert!(!rest.has_remaining(), "all of it was read");
        (said, raw)
    }

    /// Publishes one record with these headers.
    pub fn produce(&mut self, to: &str, headers: &[(&str, &str)], value: &str) -> PartitionProduceResponse {
        self.produce_all(to, &[record(0, headers, value)]).0
    }

    /// Publishes records as one batch to the first partition; with the answer's bytes.
    pub fn produce_all(&mut self, to: &str, records: &[Record]) -> (PartitionProduceResponse, Bytes) {
        let mut batch = BytesMut::new();
        let options = RecordEncodeOptions { version: 2, compression: Compression::None };
        RecordBatchEncoder::encode(&mut batch, records, &options).unwrap();
        let data = PartitionProduceData::default().with_index(0).with_records(Some(batch.freeze()));
        let data = TopicProduceData::default().with_name(topic(to)).with_partition_data(vec![data]);
        let request =
            ProduceRequest::default().with_acks(-1).with_timeout_ms(30_000).with_topic_data(vec![data]);
        let (mut said, raw) = self.ask(9, &request);
        (said.responses.remove(0).partition_responses.remove(0), raw)
    }

    /// Fetches a topic's partitions from these offsets on; waits so long for the first byte.
    pub fn fetch(&mut self, from: &str, offsets: &[i64], wait_ms: i32) -> (FetchResponse, Bytes) {
        let partitions = offsets.iter().zip(0..).map(|(offset, index)| {
            FetchPartition::default()
                .with_partition(index)
                .with_fetch_offset(*offset)
                .with_partition_max_bytes(1 << 20)
        });
        let asked = FetchTopic::default().with_topic(topic(from)).with_partitions(partitions.collect());
        let request = FetchRequest::default()
            .with_max_wait_ms(wait_ms)
            .with_min_bytes(1)
            .with_max_bytes(1 << 20)
            .with_session_epoch(-1)
            .with_topics(vec![asked]);
        self.ask(12, &request)
    }

    /// The values of all records of a topic's partitions, as text; control records have none.
    pub fn values(&mut self, from: &str, partitions: usize) -> Vec<String> {
        let (answer, _) = self.fetch(from, &vec![0; partitions], 100);
        let mut values = Vec::new();
        for partition in answer.responses.into_iter().flat_map(|topic| topic.partitions) {
            assert_eq!(partition.error_code, 0, "{partition:?}");
            let mut batches = partition.records.unwrap_or_default();
            let records = RecordBatchDecoder::decode_all(&mut batches).unwrap();
            let records = records.into_iter().flat_map(|set| set.records).filter(|record| !record.control);
            values.extend(
                records.map(|record| String::from_utf8_lossy(&record.value.unwrap_or_default()).into_owned()),
            );
        }
        values
    }
}

/// The record at a place of its batch.
pub fn record(at: i64, headers: &[(&str, &str)], value: impl AsRef<[u8]>) -> Record {
    Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset: at,
        // Of a batch, that of the first counts: none.
        sequence: at as i32 - 1,
        timestamp: 0,
        key: None,
        value: Some(Bytes::copy_from_slice(value.as_ref())),
        headers: headers
            .iter()
            .map(|(name, value)| (wire(name), Some(Bytes::from((*value).to_owned()))))
            .collect(),
    }
}
