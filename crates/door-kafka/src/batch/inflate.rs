//! Unpacking, to a bound: a batch that would inflate beyond it costs no memory beyond it.

use std::io::Read;

use super::{BatchFault, INFLATED_MAX_BYTES};

/// Frames of snappy's Java stream begin with this, a version and the oldest version that reads it.
const XERIAL_MAGIC: &[u8] = b"\x82SNAPPY\0";
const XERIAL_HEAD_BYTES: usize = 16;

/// Largest window that a zstd frame may ask for, as a power of two: 8 MiB, what RFC 8878 recommends to support.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Unpacks a batch's records by the codec of its attributes.
pub(super) fn inflate(codec: u16, packed: &[u8]) -> Result<Vec<u8>, BatchFault> {
    match codec {
        1 => read(flate2::read::MultiGzDecoder::new(packed), "gzip"),
        2 => snappy(packed),
        3 => read(lz4_flex::frame::FrameDecoder::new(packed), "lz4"),
        4 => {
            let damaged = |_| BatchFault::Damaged("its zstd frame");
            let mut decoder = zstd::stream::read::Decoder::with_buffer(packed).map_err(damaged)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(damaged)?;
            read(decoder, "zstd")
        }
        _ => Err(BatchFault::Codec(codec)),
    }
}

fn read(from: impl Read, codec: &'static str) -> Result<Vec<u8>, BatchFault> {
    let mut out = Vec::new();
    from.take(INFLATED_MAX_BYTES as u64 + 1).read_to_end(&mut out).map_err(|_| BatchFault::Damaged(codec))?;
    if out.len() > INFLATED_MAX_BYTES { Err(BatchFault::TooLarge) } else { Ok(out) }
}

/// One raw block, or blocks behind the head of snappy's Java stream.
fn snappy(packed: &[u8]) -> Result<Vec<u8>, BatchFault> {
    let mut out = Vec::new();
    if !packed.starts_with(XERIAL_MAGIC) {
        block(packed, &mut out)?;
        return Ok(out);
    }
    let mut rest = packed.get(XERIAL_HEAD_BYTES..).ok_or(BatchFault::Damaged("snappy"))?;
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<4>().ok_or(BatchFault::Damaged("snappy"))?;
        let length = u32::from_be_bytes(*length) as usize;
        let (one, after) = after.split_at_checked(length).ok_or(BatchFault::Damaged("snappy"))?;
        block(one, &mut out)?;
        rest = after;
    }
    Ok(out)
}

fn block(packed: &[u8], out: &mut Vec<u8>) -> Result<(), BatchFault> {
    let damaged = |_| BatchFault::Damaged("snappy");
    let length = snap::raw::decompress_len(packed).map_err(damaged)?;
    if out.len().saturating_add(length) > INFLATED_MAX_BYTES {
        return Err(BatchFault::TooLarge);
    }
    let start = out.len();
    out.resize(start + length, 0);
    snap::raw::Decoder::new().decompress(packed, &mut out[start..]).map_err(damaged)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn packed(codec: u16, bytes: &[u8]) -> Vec<u8> {
        match codec {
            1 => {
                let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                gzip.write_all(bytes).unwrap();
                gzip.finish().unwrap()
            }
            2 => snap::raw::Encoder::new().compress_vec(bytes).unwrap(),
            3 => {
                let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
                lz4.write_all(bytes).unwrap();
                lz4.finish().unwrap()
            }
            _ => zstd::stream::encode_all(bytes, 3).unwrap(),
        }
    }

    #[test]
    fn every_codec_gives_back_what_went_in() {
        let bytes: Vec<u8> = (0..100_000u32).flat_map(|n| (n % 977).to_le_bytes()).collect();
        for codec in 1..=4 {
            assert_eq!(inflate(codec, &packed(codec, &bytes)).unwrap(), bytes, "codec {codec}");
        }
        let mut stream = [XERIAL_MAGIC, &[0, 0, 0, 1, 0, 0, 0, 1]].concat();
        for part in bytes.chunks(32 * 1024) {
            let block = packed(2, part);
            stream.extend((block.len() as u32).to_be_bytes());
            stream.extend(block);
        }
        assert_eq!(inflate(2, &stream).unwrap(), bytes, "snappy's Java stream");
    }

    #[test]
    fn a_bomb_is_refused_by_every_codec() {
        let bomb = vec![0; INFLATED_MAX_BYTES + 1];
        for codec in 1..=4 {
            let packed = packed(codec, &bomb);
            assert!(packed.len() < INFLATED_MAX_BYTES / 10);
            assert_eq!(inflate(codec, &packed), Err(BatchFault::TooLarge), "codec {codec}");
        }
    }

    #[test]
    fn damage_is_told_and_never_breaks() {
        let bytes: Vec<u8> = (0..5_000u32).flat_map(|n| (n % 97).to_le_bytes()).collect();
        for codec in 1..=4 {
            let whole = packed(codec, &bytes);
            for cut in [0, 1, whole.len() / 3, whole.len() / 2] {
                let left = inflate(codec, &whole[..cut]);
                assert!(
                    left.is_err() || left.is_ok_and(|left| left.len() < bytes.len()),
                    "codec {codec} at {cut}"
                );
            }
        }
        assert_eq!(inflate(5, b"x"), Err(BatchFault::Codec(5)));
    }
}
