//! Writes a segment.

use std::io;
use std::sync::Arc;

use super::layout::{self, MARK_BYTES, SPOT_BYTES, Shape, StreamPart};
use crate::disk::DiskFile;
use crate::embedded::change::SegmentKey;
use crate::embedded::frame::PAGE_BYTES;
use crate::embedded::place::Spot;
use crate::encoded::{self, Head};
use crate::little_endian::crc32c;
use crate::stream::StreamId;

/// One stream's records, in order; whole encoded records with their heads.
pub(in crate::embedded) struct Shelved<'a> {
    pub(in crate::embedded) stream: StreamId,
    pub(in crate::embedded) records: Vec<(Head, &'a [u8])>,
}

/// Writes the records of `streams` (ascending) and their index, and makes them durable. The name is
/// the caller's to make durable.
pub(in crate::embedded) fn write(
    file: &Arc<dyn DiskFile>,
    salt: u64,
    (key, generation): (SegmentKey, u32),
    streams: &[Shelved<'_>],
    chunk_bytes: usize,
) -> io::Result<()> {
    let mut out = Chunks::new(file, chunk_bytes);
    let mut index = Index::default();
    for shelved in streams {
        index.begin(shelved.stream, out.end());
        for (head, bytes) in &shelved.records {
            index.add(out.end(), head, bytes);
            out.put(bytes)?;
        }
        index.finish(out.end());
    }
    out.pad()?;
    let index_at = out.end();
    out.put(&layout::pages(&index.spots, SPOT_BYTES))?;
    let marks_at = out.end();
    let (marks, fences) = index.marks();
    out.put(&layout::pages(&marks, MARK_BYTES))?;
    let tail_at = out.end();
    let tail = [index.directory, fences].concat();
    out.put(&tail)?;
    out.flush()?;
    let shape = Shape {
        salt,
        key,
        generation,
        streams: streams.len() as u32,
        records: (index.spots.len() / SPOT_BYTES) as u32,
        marks: (marks.len() / MARK_BYTES) as u32,
        index_at,
        marks_at,
        tail_at,
        tail_bytes: tail.len() as u64,
        tail_crc: crc32c(&tail),
    };
    file.write_at(&shape.encode(), 0)?;
    file.sync_data()
}

/// Gathers small writes into aligned pages, which is how a disk takes them without a detour, and flushes each chunk
/// before the next so that no large flush builds up in the kernel in front of a group's.
struct Chunks<'a> {
    file: &'a Arc<dyn DiskFile>,
    position: u64,
    /// Never grows, so that what stands after `front` stays aligned.
    pending: Vec<u8>,
    /// Bytes before the first page boundary of the memory.
    front: usize,
    chunk_bytes: usize,
}

impl<'a> Chunks<'a> {
    fn new(file: &'a Arc<dyn DiskFile>, chunk_bytes: usize) -> Self {
        let chunk_bytes = chunk_bytes.max(1).next_multiple_of(PAGE_BYTES);
        let mut pending: Vec<u8> = Vec::with_capacity(chunk_bytes + PAGE_BYTES);
        let front = pending.as_ptr().align_offset(PAGE_BYTES).min(PAGE_BYTES);
        pending.resize(front, 0);
        Self { file, position: PAGE_BYTES as u64, pending, front, chunk_bytes }
    }

    fn end(&self) -> u64 {
        self.position + (self.pending.len() - self.front) as u64
    }

    fn put(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = self.front + self.chunk_bytes - self.pending.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.pending.extend_from_slice(now);
            if now.len() == room {
                self.flush()?;
            }
            bytes = later;
        }
        Ok(())
    }

    fn pad(&mut self) -> io::Result<()> {
        let gap = self.end().next_multiple_of(PAGE_BYTES as u64) - self.end();
        self.put(&vec![0; gap as usize])
    }

    fn flush(&mut self) -> io::Result<()> {
        let chunk = &self.pending[self.front..];
        if !chunk.is_empty() {
            self.file.write_at(chunk, self.position)?;
            self.file.sync_data()?;
            self.position += chunk.len() as u64;
            self.pending.truncate(self.front);
        }
        Ok(())
    }
}

#[derive(Default)]
struct Index {
    spots: Vec<u8>,
    marks: Vec<(u64, u32)>,
    directory: Vec<u8>,
    current: Option<StreamPart>,
}

impl Index {
    fn ordinal(&self) -> u32 {
        (self.spots.len() / SPOT_BYTES) as u32
    }

    fn begin(&mut self, stream: StreamId, position: u64) {
        let (position, ordinal) = (position as u32, self.ordinal());
        self.current =
            Some(StreamPart { stream, count: 0, first: 0, last_ms: 0, position, bytes: 0, ordinal });
    }

    fn add(&mut self, position: u64, head: &Head, bytes: &[u8]) {
        let ordinal = self.ordinal();
        layout::encode_spot(&Spot::new(position, head, encoded::primary(bytes, head)), &mut self.spots);
        self.marks.extend(encoded::marks(bytes, head).map(|mark| (mark, ordinal)));
        if let Some(part) = &mut self.current {
            if part.count == 0 {
                part.first = head.offset;
            }
            part.count += 1;
            part.last_ms = head.time_ms;
        }
    }

    fn finish(&mut self, end: u64) {
        if let Some(mut part) = self.current.take() {
            part.bytes = end as u32 - part.position;
            part.encode(&mut self.directory);
        }
    }

    /// The mark entries in order, and the first mark of each page.
    fn marks(&mut self) -> (Vec<u8>, Vec<u8>) {
        self.marks.sort_unstable();
        self.marks.dedup();
        let mut entries = Vec::with_capacity(self.marks.len() * MARK_BYTES);
        for (mark, ordinal) in &self.marks {
            entries.extend_from_slice(&mark.to_le_bytes());
            entries.extend_from_slice(&ordinal.to_le_bytes());
        }
        let fences = self.marks.chunks(layout::MARKS_PER_PAGE).flat_map(|page| page[0].0.to_le_bytes());
        (entries, fences.collect())
    }
}
