//! Frames: how anything that must be whole or absent is written (docs/formats/journal.md, "Frame").
//!
//! - A frame begins on a page, and its padding to the next page is written with it: no write ever
//!   touches a page that an earlier, acknowledged frame is in, and the kernel never has to read a page
//!   before it can be written.
//! - A frame names its file (salt, lane, sequence), so that what a recycled file held before is not
//!   taken for its content. The salt is a secret of the folder: no body that a producer sends can be
//!   made to look like a frame.
//! - Each frame is flushed before the next is written, so at most one frame of a file can be torn.

use std::io;

use crate::disk::{DiskFile, read_exact, read_full};
use crate::group::FRONT_BYTES;
use crate::little_endian::{crc32c, put_u32, put_u64, u32_at, u64_at};

/// What frames are aligned to, in bytes.
pub(super) const PAGE_BYTES: usize = 4096;

/// `CJF1`, little-endian.
pub(super) const FRAME_MAGIC: u32 = u32::from_le_bytes(*b"CJF1");

/// The lane number under which the catalogue's frames go.
pub(super) const CATALOGUE_LANE: u8 = 255;

const SCAN_BYTES: usize = 1 << 20;

/// Which file a frame belongs to.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) struct Identity {
    pub(super) salt: u64,
    pub(super) lane: u8,
    pub(super) seq: u64,
}

/// What a frame says about itself.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) struct FrameHead {
    /// Counts from 0 in each file.
    pub(super) number: u32,
    /// Bytes after the head, without padding.
    pub(super) payload: u32,
    /// Records (or catalogue entries) in it.
    pub(super) records: u32,
    /// How many frames the file before this one got: proves at recovery that none of them is missing.
    pub(super) previous: u32,
}

/// A frame that was read and verified.
pub(super) struct Frame {
    pub(super) head: FrameHead,
    bytes: Vec<u8>,
}

impl Frame {
    pub(super) fn payload(&self) -> &[u8] {
        &self.bytes[FRONT_BYTES..]
    }
}

/// What stands where no valid frame is.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Tail {
    /// Nothing of this file.
    Clean,
    /// The beginning of a frame that was being written; its size as far as it is known.
    Torn { bytes: u64 },
    /// A valid frame follows later: acknowledged data is damaged here.
    Damaged { next_valid: u64 },
}

/// The room a frame takes in its file.
pub(super) fn extent(payload: usize) -> u64 {
    (FRONT_BYTES + payload).next_multiple_of(PAGE_BYTES) as u64
}

/// Fills in the head of a frame whose payload already stands after the front.
pub(super) fn seal(buffer: &mut [u8], identity: Identity, head: FrameHead) {
    put_u32(buffer, 4, FRAME_MAGIC);
    put_u64(buffer, 8, identity.salt);
    put_u64(buffer, 16, identity.seq);
    put_u32(buffer, 24, head.number);
    put_u32(buffer, 28, head.payload);
    put_u32(buffer, 32, head.records);
    put_u32(buffer, 36, head.previous);
    put_u64(buffer, 40, u64::from(identity.lane));
    let crc = crc32c(&buffer[4..FRONT_BYTES + head.payload as usize]);
    put_u32(buffer, 0, crc);
}

/// A whole padded frame around `payload`, for writers without a [`crate::Group`].
pub(super) fn framed(identity: Identity, number: u32, records: u32, payload: &[u8]) -> Vec<u8> {
    let mut buffer = vec![0; extent(payload.len()) as usize];
    buffer[FRONT_BYTES..FRONT_BYTES + payload.len()].copy_from_slice(payload);
    seal(&mut buffer, identity, FrameHead { number, payload: payload.len() as u32, records, previous: 0 });
    buffer
}

fn claimed(front: &[u8]) -> Option<(Identity, FrameHead)> {
    if u32_at(front, 4) != FRAME_MAGIC {
        return None;
    }
    let identity = Identity { salt: u64_at(front, 8), seq: u64_at(front, 16), lane: front[40] };
    let head = FrameHead {
        number: u32_at(front, 24),
        payload: u32_at(front, 28),
        records: u32_at(front, 32),
        previous: u32_at(front, 36),
    };
    Some((identity, head))
}

/// Whose file the frame at the very beginning says it is in, unverified.
pub(super) fn first_identity(file: &dyn DiskFile) -> io::Result<Option<Identity>> {
    let mut front = [0; FRONT_BYTES];
    let read = read_full(file, &mut front, 0)?;
    Ok(if read < FRONT_BYTES { None } else { claimed(&front).map(|(identity, _)| identity) })
}

/// Reads the frame at `position` if it is valid, this file's and number `number`.
pub(super) fn read(
    file: &dyn DiskFile,
    identity: Identity,
    position: u64,
    number: u32,
) -> io::Result<Option<Frame>> {
    let mut front = [0; FRONT_BYTES];
    if read_full(file, &mut front, position)? < FRONT_BYTES {
        return Ok(None);
    }
    let Some((whose, head)) = claimed(&front) else { return Ok(None) };
    let end = position + extent(head.payload as usize);
    if whose != identity || head.number != number || end > file.len()?.next_multiple_of(PAGE_BYTES as u64) {
        return Ok(None);
    }
    let bytes = match read_exact(file, position, FRONT_BYTES + head.payload as usize) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    };
    let valid = bytes[..FRONT_BYTES] == front && u32_at(&bytes, 0) == crc32c(&bytes[4..]);
    Ok(valid.then_some(Frame { head, bytes }))
}

/// Tells what stands at `position`, where frame `number` should be but is not valid.
pub(super) fn tail(file: &dyn DiskFile, identity: Identity, position: u64, number: u32) -> io::Result<Tail> {
    let mut front = [0; FRONT_BYTES];
    let read_bytes = read_full(file, &mut front, position)?;
    let torn = match claimed(&front) {
        Some((whose, head)) if read_bytes == FRONT_BYTES && whose == identity => {
            extent(head.payload as usize)
        }
        _ => 0,
    };
    let mut at = position + PAGE_BYTES as u64;
    let mut chunk = vec![0; SCAN_BYTES];
    loop {
        // What was reserved and never written is most of a file, and reading it would be most of a start.
        let got = match file.next_data(at)? {
            Some(data) => {
                at = at.max(data - data % PAGE_BYTES as u64);
                read_full(file, &mut chunk, at)?
            }
            None => 0,
        };
        for page in (0..got.saturating_sub(FRONT_BYTES - 1)).step_by(PAGE_BYTES) {
            let Some((whose, head)) = claimed(&chunk[page..page + FRONT_BYTES]) else { continue };
            let next_valid = at + page as u64;
            let later = whose == identity && head.number > number;
            if later && read(file, identity, next_valid, head.number)?.is_some() {
                return Ok(Tail::Damaged { next_valid });
            }
        }
        if got < chunk.len() {
            return Ok(if torn > 0 { Tail::Torn { bytes: torn } } else { Tail::Clean });
        }
        at += got as u64;
    }
}
