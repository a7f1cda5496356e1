//! The lengths that binary formats write before parts of a document, and how they are mended when something inside is
//! left out or replaced.
//!
//! A [`Frame`] stands in the checked document. What is stored is a document whose sealed spans are cut out, without
//! their lengths, so a frame is kept as [`CutFrame`]: places counted in the bytes that stay and in the holes passed.

use crate::check::Span;
use crate::varint;

/// How a length is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Unsigned LEB128, as Protocol Buffers writes lengths.
    Varint,
    /// Zigzag LEB128, as Avro writes longs.
    Zigzag,
}

impl Coding {
    fn write(self, length: u64, out: &mut Vec<u8>) {
        match self {
            Coding::Varint => varint::put(out, length),
            Coding::Zigzag => varint::put(out, length << 1),
        }
    }

    fn bytes(self, length: u64) -> usize {
        match self {
            Coding::Varint => varint::length(length),
            Coding::Zigzag => varint::length(length << 1),
        }
    }
}

/// A written length and what it measures, in bytes of the document: the length stands in `start..content`, and says how
/// long `content..end` is. No span begins or ends within the length, and none reaches over `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// First byte of the length.
    pub start: u32,
    /// First byte of what it measures.
    pub content: u32,
    /// One past the last byte.
    pub end: u32,
    /// How the length is written.
    pub coding: Coding,
}

/// A place in a document whose spans were cut out: after so many bytes that stay, and so many holes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    holes: u32,
    text: u32,
}

/// A frame of a document whose spans were cut out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutFrame {
    start: Place,
    content: Place,
    end: Place,
    coding: Coding,
}

/// The frames of a document from which `spans` are cut. Both are in order, and no span is empty.
pub fn cut(frames: &[Frame], spans: &[Span]) -> Vec<CutFrame> {
    cut_at(frames, spans.iter().map(|span| (span.start, span.end)))
}

/// The same for spans by their first bytes, and one past their last.
pub(crate) fn cut_at(frames: &[Frame], spans: impl Iterator<Item = (u32, u32)>) -> Vec<CutFrame> {
    // JSON has none.
    if frames.is_empty() {
        return Vec::new();
    }
    let ends: Vec<(u32, u32)> = spans
        .scan(0, |cut, (start, end)| {
            *cut += end - start;
            Some((end, *cut))
        })
        .collect();
    let place = |at: u32| {
        let holes = ends.partition_point(|(end, _)| *end <= at);
        let cut = holes.checked_sub(1).map_or(0, |last| ends[last].1);
        Place { holes: holes as u32, text: at - cut }
    };
    let cut_frame = |frame: &Frame| CutFrame {
        start: place(frame.start),
        content: place(frame.content),
        end: place(frame.end),
        coding: frame.coding,
    };
    frames.iter().map(cut_frame).collect()
}

/// Appends frames: their number, then for each the coding (0 varint, 1 zigzag) and holes and text of its three places,
/// all as unsigned LEB128.
pub fn encode(frames: &[CutFrame], out: &mut Vec<u8>) {
    varint::put(out, frames.len() as u64);
    for frame in frames {
        varint::put(out, u64::from(frame.coding == Coding::Zigzag));
        for place in [frame.start, frame.content, frame.end] {
            varint::put(out, u64::from(place.holes));
            varint::put(out, u64::from(place.text));
        }
    }
}

/// Reads what [`encode`] wrote; also what is left behind it. `None` for anything else.
pub fn decode(bytes: &[u8]) -> Option<(Vec<CutFrame>, &[u8])> {
    let mut rest = bytes;
    let mut number = || -> Option<u32> {
        let (number, after) = varint::take(rest)?;
        rest = after;
        u32::try_from(number).ok()
    };
    let count = number()?;
    let mut frames: Vec<CutFrame> = Vec::with_capacity((count as usize).min(bytes.len() / 7));
    let mut open: Vec<Place> = Vec::new();
    for _ in 0..count {
        let coding = if number()? == 0 { Coding::Varint } else { Coding::Zigzag };
        let mut place = || Some(Place { holes: number()?, text: number()? });
        let frame = CutFrame { start: place()?, content: place()?, end: place()?, coding };
        let begun = frames.last().is_none_or(|before| before.content <= frame.start);
        while open.last().is_some_and(|end| *end <= frame.start) {
            open.pop();
        }
        let inside = open.last().is_none_or(|end| frame.end <= *end);
        if !begun || !inside || frame.start > frame.content || frame.content > frame.end {
            return None;
        }
        open.push(frame.end);
        frames.push(frame);
    }
    Some((frames, rest))
}

/// Puts a cut binary document together again, piece by piece; lengths are mended where something inside is replaced.
#[derive(Debug)]
pub(crate) struct Reframing<'o> {
    out: &'o mut Vec<u8>,
    frames: Vec<CutFrame>,
    /// The frames' places in order, with where each turned out to stand in `out`.
    marks: Vec<(Place, usize)>,
    settled: usize,
    passed: Place,
    replaced: bool,
}

impl<'o> Reframing<'o> {
    pub(crate) fn new(frames: Vec<CutFrame>, out: &'o mut Vec<u8>) -> Self {
        let places = frames.iter().flat_map(|frame| [frame.start, frame.content, frame.end]);
        let mut marks: Vec<(Place, usize)> = places.map(|place| (place, 0)).collect();
        marks.sort_unstable();
        Self { out, frames, marks, settled: 0, passed: Place { holes: 0, text: 0 }, replaced: false }
    }

    /// Bytes that no span was cut from.
    pub(crate) fn text(&mut self, bytes: &[u8]) {
        let end = Place { text: self.passed.text + bytes.len() as u32, ..self.passed };
        self.settle(end);
        self.passed = end;
        self.out.extend_from_slice(bytes);
    }

    /// A cut span's exact bytes, put back.
    pub(crate) fn keep(&mut self, bytes: &[u8]) {
        self.hole();
        self.out.extend_from_slice(bytes);
    }

    /// A cut span, with what `write` appends in its place.
    pub(crate) fn replace(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.hole();
        self.replaced = true;
        write(self.out);
    }

    fn hole(&mut self) {
        self.settle(self.passed);
        self.passed.holes += 1;
    }

    /// The places up to here are where the output ends now, or as far behind as bytes are about to be written.
    fn settle(&mut self, to: Place) {
        while let Some((place, at)) = self.marks.get_mut(self.settled).filter(|(place, _)| *place <= to) {
            let ahead = place.text.clamp(self.passed.text, to.text) - self.passed.text;
            *at = self.out.len() + ahead as usize;
            self.settled += 1;
        }
    }

    /// Ends the document.
    pub(crate) fn finish(mut self) {
        self.settle(Place { holes: u32::MAX, text: self.passed.text });
        if self.replaced && !self.frames.is_empty() {
            self.mend();
        }
    }

    fn mend(self) {
        let at = |place: Place| {
            let found = self.marks.binary_search_by_key(&place, |(place, _)| *place);
            found.map_or(self.out.len(), |index| self.marks[index].1)
        };
        let frames: Vec<(usize, usize, usize, Coding)> = self
            .frames
            .iter()
            .map(|frame| (at(frame.start), at(frame.content), at(frame.end), frame.coding))
            .collect();
        // By how much the lengths from a frame on grow or shrink, so that those inside another can be told.
        let mut grown = vec![0_isize; frames.len() + 1];
        let mut lengths = vec![0_u64; frames.len()];
        for (index, (start, content, end, coding)) in frames.iter().enumerate().rev() {
            let behind = index + 1 + frames[index + 1..].partition_point(|(start, ..)| start < end);
            let inside = grown[index + 1] - grown[behind];
            let length = end.saturating_sub(*content).saturating_add_signed(inside) as u64;
            lengths[index] = length;
            let own = coding.bytes(length) as isize - (content - start) as isize;
            grown[index] = grown[index + 1] + own;
        }
        let Some(first) = frames.first().map(|(start, ..)| *start) else { return };
        let old = self.out.split_off(first);
        let mut copied = first;
        for ((start, content, _, coding), length) in frames.into_iter().zip(lengths) {
            self.out.extend_from_slice(&old[copied - first..start - first]);
            coding.write(length, self.out);
            copied = content;
        }
        self.out.extend_from_slice(&old[copied - first..]);
    }
}
