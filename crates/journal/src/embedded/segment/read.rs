//! Reads a segment.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::layout::{
    self, MARK_BYTES, MARKS_PER_PAGE, PART_BYTES, SPOT_BYTES, SPOTS_PER_PAGE, Shape, StreamPart,
};
use crate::disk::{DiskFile, read_exact};
use crate::embedded::change::SegmentKey;
use crate::embedded::frame::PAGE_BYTES;
use crate::embedded::place::{Extent, Spot};
use crate::error::{Finding, JournalError};
use crate::little_endian::{crc32c, u32_at, u64_at};
use crate::stream::{Found, StreamId};

/// Index pages read at once when a whole stream is walked.
const WALK_PAGES: usize = 64;

const ADVICE: &str = "restore this file from a backup";

/// An open segment. Its file stays readable through it after it was replaced or removed.
pub(in crate::embedded) struct Segment {
    pub(in crate::embedded) path: PathBuf,
    pub(in crate::embedded) file: Arc<dyn DiskFile>,
    pub(in crate::embedded) shape: Shape,
    /// By stream, and so by ordinal.
    pub(in crate::embedded) parts: Vec<StreamPart>,
    fences: Vec<u64>,
}

impl Segment {
    /// The folder of all segments.
    pub(in crate::embedded) fn folder(root: &Path) -> PathBuf {
        root.join("segments")
    }

    /// The file name of a segment's generation.
    pub(in crate::embedded) fn name(key: SegmentKey, generation: u32) -> String {
        format!("{}-{:012}-{}.{generation}.segment", key.lane.0, key.seq, key.shelf)
    }

    /// Reads head, directory and fences.
    pub(in crate::embedded) fn open(
        path: &Path,
        file: Arc<dyn DiskFile>,
        salt: u64,
        key: SegmentKey,
        generation: u32,
    ) -> Result<Self, JournalError> {
        let damaged =
            |at, what: &str| JournalError::Corrupt(Finding::new(path, at, format!("{what}; {ADVICE}")));
        let head = bytes_at(path, &*file, 0, PAGE_BYTES)?;
        let shape = Shape::decode(&head).ok_or_else(|| damaged(0, "damaged head"))?;
        if (shape.salt, shape.key, shape.generation) != (salt, key, generation) {
            return Err(damaged(0, "another segment than its name says"));
        }
        let directory_bytes = shape.streams as usize * PART_BYTES;
        let expected = directory_bytes + shape.mark_pages() * 8;
        if shape.tail_bytes != expected as u64 {
            return Err(damaged(0, "lengths that contradict each other"));
        }
        let tail = bytes_at(path, &*file, shape.tail_at, expected)?;
        if crc32c(&tail) != shape.tail_crc {
            return Err(damaged(shape.tail_at, "damaged directory"));
        }
        let (directory, fences) = tail.split_at(directory_bytes);
        let parts = directory.chunks_exact(PART_BYTES).map(StreamPart::decode).collect();
        let fences = fences.chunks_exact(8).map(|fence| u64_at(fence, 0)).collect();
        Ok(Self { path: path.to_owned(), file, shape, parts, fences })
    }

    /// What each of its streams has in it.
    pub(in crate::embedded) fn extents(self: &Arc<Self>) -> impl Iterator<Item = (StreamId, Extent)> {
        self.parts.iter().map(|part| {
            let (first, count, ordinal, last_ms) = (part.first, part.count, part.ordinal, part.last_ms);
            (part.stream, Extent { segment: self.clone(), first, count, ordinal, last_ms })
        })
    }

    /// A whole page of entries.
    fn page(&self, region: u64, number: usize) -> Result<Vec<u8>, JournalError> {
        self.pages(region, number, 1)
    }

    /// The entries of `count` pages one after the other, page heads and padding taken out.
    fn pages(&self, region: u64, number: usize, count: usize) -> Result<Vec<u8>, JournalError> {
        let at = region + (number * PAGE_BYTES) as u64;
        let bytes = bytes_at(&self.path, &*self.file, at, count * PAGE_BYTES)?;
        let size = if region == self.shape.index_at { SPOT_BYTES } else { MARK_BYTES };
        let mut entries = Vec::with_capacity(bytes.len());
        for (index, page) in bytes.chunks_exact(PAGE_BYTES).enumerate() {
            let whole = layout::page_entries(page, number + index).ok_or_else(|| {
                let at = at + (index * PAGE_BYTES) as u64;
                JournalError::Corrupt(Finding::new(&self.path, at, format!("damaged index page; {ADVICE}")))
            })?;
            entries.extend_from_slice(&whole[..whole.len() / size * size]);
        }
        Ok(entries)
    }

    /// The place of one record.
    pub(in crate::embedded) fn spot(&self, ordinal: u32) -> Result<Spot, JournalError> {
        let entries = self.page(self.shape.index_at, ordinal as usize / SPOTS_PER_PAGE)?;
        Ok(layout::decode_spot(&entries[ordinal as usize % SPOTS_PER_PAGE * SPOT_BYTES..]))
    }

    /// Visits the places of `count` records from `ordinal` on, until `visit` says false. Reads `pages_at_once`, then twice
    /// as many each time: whoever goes on goes on far.
    pub(in crate::embedded) fn walk(
        &self,
        ordinal: u32,
        count: u32,
        mut pages_at_once: usize,
        visit: &mut dyn FnMut(Spot) -> bool,
    ) -> Result<(), JournalError> {
        let (mut at, end) = (ordinal as usize, (ordinal + count) as usize);
        while at < end {
            let page = at / SPOTS_PER_PAGE;
            let wanted = (end.div_ceil(SPOTS_PER_PAGE) - page).min(pages_at_once);
            let entries = self.pages(self.shape.index_at, page, wanted)?;
            let upto = end.min((page + wanted) * SPOTS_PER_PAGE);
            let base = page * SPOTS_PER_PAGE;
            for entry in
                entries[(at - base) * SPOT_BYTES..(upto - base) * SPOT_BYTES].chunks_exact(SPOT_BYTES)
            {
                if !visit(layout::decode_spot(entry)) {
                    return Ok(());
                }
            }
            at = upto;
            pages_at_once = (2 * pages_at_once).min(WALK_PAGES);
        }
        Ok(())
    }

    /// Visits the places of `count` records from `ordinal` on, with large reads.
    pub(in crate::embedded) fn walk_all(
        &self,
        ordinal: u32,
        count: u32,
        visit: &mut dyn FnMut(Spot),
    ) -> Result<(), JournalError> {
        self.walk(ordinal, count, WALK_PAGES, &mut |spot| {
            visit(spot);
            true
        })
    }

    /// Adds the records that carry a mark to `found`.
    pub(in crate::embedded) fn find(&self, mark: u64, found: &mut Vec<Found>) -> Result<(), JournalError> {
        // The page before the first fence at or above the mark may end with it already.
        let mut page = self.fences.partition_point(|fence| *fence < mark).saturating_sub(1);
        while self.fences.get(page).is_some_and(|fence| *fence <= mark) {
            let entries = self.page(self.shape.marks_at, page)?;
            let count = (self.shape.marks as usize - page * MARKS_PER_PAGE).min(MARKS_PER_PAGE);
            for entry in entries.chunks_exact(MARK_BYTES).take(count) {
                if u64_at(entry, 0) == mark {
                    found.extend(self.found(u32_at(entry, 8)));
                }
            }
            page += 1;
        }
        Ok(())
    }

    fn found(&self, ordinal: u32) -> Option<Found> {
        let behind = self.parts.partition_point(|part| part.ordinal <= ordinal);
        let part = self.parts.get(behind.checked_sub(1)?)?;
        Some(Found { stream: part.stream, offset: part.first + u64::from(ordinal - part.ordinal) })
    }

    /// Verifies every page of index and marks.
    pub(in crate::embedded) fn check_pages(&self) -> Vec<Finding> {
        let index = (0..(self.shape.records as usize).div_ceil(SPOTS_PER_PAGE))
            .map(|page| (self.shape.index_at, page));
        let marks = (0..self.shape.mark_pages()).map(|page| (self.shape.marks_at, page));
        let results = index.chain(marks).map(|(region, page)| self.page(region, page));
        results.filter_map(|result| finding(&self.path, result.err()?)).collect()
    }
}

/// What a doctor writes down about an error.
pub(in crate::embedded) fn finding(path: &Path, error: JournalError) -> Option<Finding> {
    Some(match error {
        JournalError::Corrupt(finding) => finding,
        other => Finding::new(path, 0, other.to_string()),
    })
}

fn bytes_at(path: &Path, file: &dyn DiskFile, position: u64, length: usize) -> Result<Vec<u8>, JournalError> {
    read_exact(file, position, length).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            JournalError::Corrupt(Finding::new(path, position, format!("the file ends too early; {ADVICE}")))
        }
        _ => JournalError::io(path, &error),
    })
}
