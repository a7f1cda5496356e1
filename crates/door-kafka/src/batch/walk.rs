//! A batch as it comes in, record by record, without copying what is not packed.

use std::fmt;

use bytes::{Buf, Bytes};
use crc_fast::{CrcAlgorithm, checksum};

use super::{HEAD_BYTES, inflate, number};

/// Bit of the attributes: the batch belongs to a transaction.
const TRANSACTIONAL: u16 = 1 << 4;

/// Bit of the attributes: the batch ends a transaction; only a broker writes such.
const CONTROL: u16 = 1 << 5;

/// Fewest bytes of a record: its length, attributes, two deltas, two lengths and a count.
const RECORD_MIN_BYTES: usize = 7;

/// Headers of one record; more are a mistake.
const HEADERS_MAX: i64 = 128;

/// Why a batch cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchFault {
    /// A message format before 2, which clients from before 2017 write.
    OldFormat(i8),
    /// Its checksum does not fit.
    Checksum,
    /// A part of it cannot be what it should.
    Damaged(&'static str),
    /// A codec that does not exist.
    Codec(u16),
    /// It inflates beyond the bound.
    TooLarge,
    /// Only a broker writes control batches.
    Control,
}

impl fmt::Display for BatchFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BatchFault::OldFormat(magic) => {
                write!(
                    f,
                    "message format {magic} is not served; format 2 is what clients write since Kafka 0.11"
                )
            }
            BatchFault::Checksum => {
                f.write_str("the batch's checksum does not fit: it was damaged on its way")
            }
            BatchFault::Damaged(part) => write!(f, "the batch does not read: {part}"),
            BatchFault::Codec(codec) => write!(f, "there is no compression codec {codec}"),
            BatchFault::TooLarge => {
                write!(f, "the batch inflates to more than {} bytes", super::INFLATED_MAX_BYTES)
            }
            BatchFault::Control => f.write_str("a producer does not write control batches"),
        }
    }
}

/// A batch's head, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The codec of its records.
    pub codec: u16,
    /// Whether it belongs to a transaction.
    pub transactional: bool,
    /// The producer; -1 without idempotence.
    pub producer: i64,
    /// The producer's epoch.
    pub epoch: i16,
    /// The first record's sequence.
    pub sequence: i32,
    /// How many records it claims.
    pub count: i32,
    /// The records, packed or not.
    pub records: Bytes,
}

/// Takes the first batch off the bytes of a partition; `None` at their end.
pub fn split(bytes: &mut Bytes) -> Option<Result<Header, BatchFault>> {
    if bytes.is_empty() {
        return None;
    }
    let header = header(bytes);
    if header.is_err() {
        bytes.clear();
    }
    Some(header)
}

fn header(bytes: &mut Bytes) -> Result<Header, BatchFault> {
    if bytes.len() < 17 {
        return Err(BatchFault::Damaged("it is shorter than a batch"));
    }
    let magic = bytes[16] as i8;
    if magic != 2 {
        return Err(BatchFault::OldFormat(magic));
    }
    let length = i32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
    let whole = usize::try_from(length).ok().and_then(|length| length.checked_add(12));
    let whole = whole.filter(|whole| (HEAD_BYTES..=bytes.len()).contains(whole));
    let mut batch = bytes.split_to(whole.ok_or(BatchFault::Damaged("its length"))?);
    batch.advance(17);
    let crc = batch.get_u32();
    if checksum(CrcAlgorithm::Crc32Iscsi, &batch) as u32 != crc {
        return Err(BatchFault::Checksum);
    }
    let attributes = batch.get_u16();
    if attributes & CONTROL != 0 {
        return Err(BatchFault::Control);
    }
    // The last offset's delta and two times: offsets and times are the bus's.
    batch.advance(4 + 8 + 8);
    let header = Header {
        codec: attributes & 7,
        transactional: attributes & TRANSACTIONAL != 0,
        producer: batch.get_i64(),
        epoch: batch.get_i16(),
        sequence: batch.get_i32(),
        count: batch.get_i32(),
        records: batch,
    };
    let plain = header.codec == 0;
    if header.count < 1 || (plain && header.count as usize > header.records.len() / RECORD_MIN_BYTES) {
        return Err(BatchFault::Damaged("its count of records"));
    }
    Ok(header)
}

/// One record; its parts are slices of the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value.
    pub value: Option<Bytes>,
    /// Its headers in order; names are UTF-8.
    pub headers: Vec<(Bytes, Option<Bytes>)>,
}

/// The records of a batch.
pub struct Records {
    bytes: Bytes,
    left: i32,
}

impl Records {
    /// Unpacks a batch's records, where they are packed.
    pub fn of(header: &Header) -> Result<Self, BatchFault> {
        let bytes = match header.codec {
            0 => header.records.clone(),
            codec => Bytes::from(inflate::inflate(codec, &header.records)?),
        };
        if header.count as usize > bytes.len() / RECORD_MIN_BYTES {
            return Err(BatchFault::Damaged("its count of records"));
        }
        Ok(Self { bytes, left: header.count })
    }

    fn read(&mut self) -> Option<Record> {
        let whole = self.bytes.clone();
        let mut rest: &[u8] = &whole;
        let length = usize::try_from(number::take(&mut rest)?).ok()?;
        let (mut record, after) = rest.split_at_checked(length)?;
        self.bytes = whole.slice_ref(after);
        let (_, behind) = record.split_first()?;
        record = behind;
        number::take(&mut record)?;
        number::take(&mut record)?;
        let key = part(&mut record, &whole)?;
        let value = part(&mut record, &whole)?;
        let count = number::take(&mut record).filter(|count| (0..=HEADERS_MAX).contains(count))?;
        let mut headers = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let name = part(&mut record, &whole)??;
            std::str::from_utf8(&name).ok()?;
            headers.push((name, part(&mut record, &whole)?));
        }
        record.is_empty().then_some(Record { key, value, headers })
    }
}

/// Bytes behind their length; -1 says that there are none. `Some(None)` is an absent part.
#[allow(clippy::option_option, reason = "damage and absence are two things")]
fn part(record: &mut &[u8], whole: &Bytes) -> Option<Option<Bytes>> {
    let length = number::take(record)?;
    if length == -1 {
        return Some(None);
    }
    let (bytes, rest) = record.split_at_checked(usize::try_from(length).ok()?)?;
    *record = rest;
    Some(Some(whole.slice_ref(bytes)))
}

impl Iterator for Records {
    type Item = Result<Record, BatchFault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            let clean = self.bytes.is_empty();
            self.bytes.clear();
            return (!clean).then_some(Err(BatchFault::Damaged("bytes behind its last record")));
        }
        self.left -= 1;
        let record = self.read();
        if record.is_none() {
            self.left = 0;
            self.bytes.clear();
        }
        Some(record.ok_or(BatchFault::Damaged("a record")))
    }
}
