//! As much of a Kafka client as a test needs to read a partition: SASL/PLAIN, Fetch version 4, batches without compression.

use std::io::{Read, Write};
use std::net::TcpStream;

const FETCH: i16 = 1;
const SASL_HANDSHAKE: i16 = 17;
const SASL_AUTHENTICATE: i16 = 36;

/// A client that said who it is.
pub struct Client(TcpStream);

impl Client {
    pub fn connect(address: &str, principal: &str, token: &str) -> Self {
        let mut client = Self(TcpStream::connect(address).unwrap());
        assert_eq!(client.ask(SASL_HANDSHAKE, 1, b"\x00\x05PLAIN")[..2], [0, 0]);
        let proof = format!("\0{principal}\0{token}");
        let body = [&(proof.len() as i32).to_be_bytes()[..], proof.as_bytes()].concat();
        assert_eq!(client.ask(SASL_AUTHENTICATE, 0, &body)[..2], [0, 0]);
        client
    }

    fn ask(&mut self, key: i16, version: i16, body: &[u8]) -> Vec<u8> {
        let head = [key.to_be_bytes(), version.to_be_bytes()].concat();
        let frame = [&head[..], &7_i32.to_be_bytes(), &(-1_i16).to_be_bytes(), body].concat();
        self.0.write_all(&(frame.len() as i32).to_be_bytes()).unwrap();
        self.0.write_all(&frame).unwrap();
        let mut length = [0; 4];
        self.0.read_exact(&mut length).unwrap();
        let mut answer = vec![0; i32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut answer).unwrap();
        answer.split_off(4)
    }

    /// The values of all records of a topic's partitions, as text.
    pub fn values(&mut self, topic: &str, partitions: i32) -> Vec<String> {
        let mut body = [(-1_i32), 100, 1, 1 << 24].map(i32::to_be_bytes).concat();
        body.push(0);
        body.extend(1_i32.to_be_bytes());
        body.extend((topic.len() as i16).to_be_bytes());
        body.extend(topic.as_bytes());
        body.extend(partitions.to_be_bytes());
        for partition in 0..partitions {
            body.extend(partition.to_be_bytes());
            body.extend(0_i64.to_be_bytes());
            body.extend((1_i32 << 22).to_be_bytes());
        }
        let answer = self.ask(FETCH, 4, &body);
        let mut read = Cursor { bytes: &answer, at: 4 };
        assert_eq!(read.int(), 1, "one topic");
        let name = read.short();
        read.take(name as usize);
        let mut values = Vec::new();
        for _ in 0..read.int() {
            read.int();
            assert_eq!(read.short(), 0, "no error");
            read.take(16);
            assert!(read.int() <= 0, "no transactions were broken off");
            let length = read.int().max(0) as usize;
            let records = read.take(length);
            values.extend(values_of(records));
        }
        values
    }
}

/// The values of one batch's records; none of control records.
fn values_of(batch: &[u8]) -> Vec<String> {
    if batch.is_empty() || batch[22] & 0x20 != 0 {
        return Vec::new();
    }
    let mut read = Cursor { bytes: batch, at: 57 };
    let count = read.int();
    let record = |_| {
        read.number();
        read.take(1);
        read.number();
        read.number();
        let key = read.number();
        read.take(key.max(0) as usize);
        let length = read.number();
        let value = String::from_utf8_lossy(read.take(length.max(0) as usize)).into_owned();
        for _ in 0..read.number() {
            for _ in 0..2 {
                let length = read.number();
                read.take(length as usize);
            }
        }
        value
    };
    (0..count).map(record).collect()
}

struct Cursor<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Cursor<'b> {
    fn take(&mut self, count: usize) -> &'b [u8] {
        self.at += count;
        &self.bytes[self.at - count..self.at]
    }

    fn short(&mut self) -> i16 {
        i16::from_be_bytes(self.take(2).try_into().unwrap())
    }

    fn int(&mut self) -> i32 {
        i32::from_be_bytes(self.take(4).try_into().unwrap())
    }

    /// A zigzag variable-length number.
    fn number(&mut self) -> i64 {
        let (mut number, mut shift) = (0u64, 0);
        loop {
            let byte = self.take(1)[0];
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return (number >> 1) as i64 ^ -((number & 1) as i64);
            }
        }
    }
}
