//! The strict RFC 8259 parser: one pass over the bytes, one cell per value and key.

use std::collections::HashSet;

use super::{Cell, Kind, Malformed, Mistake, Tape, string};
use crate::limits::{self, Limits};

/// A key of an object that is being read: enough of it to tell most keys apart without touching the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct SeenKey {
    fingerprint: u64,
    cell: u32,
}

struct Parser<'a, 't> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth_left: usize,
    depth_limit: usize,
    tape: &'t mut Tape,
}

/// Fills the tape with the cells of `text` and returns the text as UTF-8.
pub(super) fn parse<'a>(text: &'a [u8], limits: &Limits, tape: &mut Tape) -> Result<&'a str, Malformed> {
    tape.cells.clear();
    tape.keys.clear();
    let longest = limits.document_bytes.min(limits::DOCUMENT_BYTES_CEILING);
    if text.len() > longest {
        return Err(Malformed { what: Mistake::TooLong(longest), position: longest });
    }
    let text = std::str::from_utf8(text)
        .map_err(|error| Malformed { what: Mistake::NotUtf8, position: error.valid_up_to() })?;
    let depth = limits.depth.min(limits::DEPTH_CEILING);
    let mut parser =
        Parser { text, bytes: text.as_bytes(), at: 0, depth_left: depth, depth_limit: depth, tape };
    parser.skip_whitespace();
    parser.value()?;
    parser.skip_whitespace();
    if parser.at < parser.bytes.len() {
        return Err(parser.wrong(Mistake::Trailing));
    }
    Ok(text)
}

impl Parser<'_, '_> {
    fn wrong(&self, what: Mistake) -> Malformed {
        Malformed { what, position: self.at }
    }

    /// Something else than `what` stands here, or nothing.
    fn expected(&self, what: &'static str) -> Malformed {
        self.wrong(if self.at < self.bytes.len() { Mistake::Expected(what) } else { Mistake::Ends })
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_whitespace(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn push(&mut self, kind: Kind, start: usize) -> usize {
        let index = self.tape.cells.len();
        self.tape.cells.push(Cell {
            start: start as u32,
            end: self.at as u32,
            next: index as u32 + 1,
            count: 0,
            kind,
            escaped: false,
        });
        index
    }

    fn close(&mut self, index: usize, count: u32) {
        let next = self.tape.cells.len() as u32;
        let cell = &mut self.tape.cells[index];
        (cell.end, cell.next, cell.count) = (self.at as u32, next, count);
    }

    fn value(&mut self) -> Result<(), Malformed> {
        match self.peek() {
            Some(b'"') => self.string().map(|_| ()),
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Kind::True),
            Some(b'f') => self.word("false", Kind::False),
            Some(b'n') => self.word("null", Kind::Null),
            _ => Err(self.expected("a value")),
        }
    }

    fn word(&mut self, word: &'static str, kind: Kind) -> Result<(), Malformed> {
        let start = self.at;
        if !self.bytes[start..].starts_with(word.as_bytes()) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        self.push(kind, start);
        Ok(())
    }

    fn nested(&mut self, body: fn(&mut Self) -> Result<(), Malformed>) -> Result<(), Malformed> {
        let left = self.depth_left.checked_sub(1);
        self.depth_left = left.ok_or_else(|| self.wrong(Mistake::TooDeep(self.depth_limit)))?;
        body(self)?;
        self.depth_left += 1;
        Ok(())
    }

    fn array(&mut self) -> Result<(), Malformed> {
        let index = self.push(Kind::Array, self.at);
        self.at += 1;
        self.skip_whitespace();
        let mut count = 0;
        if self.peek() != Some(b']') {
            loop {
                self.value()?;
                count += 1;
                self.skip_whitespace();
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(b']') => break,
                    _ => return Err(self.expected("a comma or ]")),
                }
                self.skip_whitespace();
            }
        }
        self.at += 1;
        self.close(index, count);
        Ok(())
    }

    fn object(&mut self) -> Result<(), Malformed> {
        let index = self.push(Kind::Object, self.at);
        let first_key = self.tape.keys.len();
        self.at += 1;
        self.skip_whitespace();
        let mut count = 0;
        if self.peek() != Some(b'}') {
            loop {
                self.key(first_key)?;
                self.value()?;
                count += 1;
                self.skip_whitespace();
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(b'}') => break,
                    _ => return Err(self.expected("a comma or }")),
                }
                self.skip_whitespace();
            }
        }
        self.at += 1;
        self.refuse_duplicates_of_many(first_key)?;
        self.tape.keys.truncate(first_key);
        self.close(index, count);
        Ok(())
    }

    /// Reads a key and its colon, up to where the value starts.
    fn key(&mut self, first_key: usize) -> Result<(), Malformed> {
        if self.peek() != Some(b'"') {
            return Err(self.expected("a key in quotes"));
        }
        let cell = self.string()?;
        let fingerprint = self.with_key(cell as u32, fingerprint);
        let earlier = &self.tape.keys[first_key..];
        if earlier.len() < limits::KEYS_COMPARED_IN_PAIRS
            && earlier.iter().any(|key| key.fingerprint == fingerprint && self.same_key(key.cell, cell as u32))
        {
            return Err(self.duplicate(cell as u32));
        }
        self.tape.keys.push(SeenKey { fingerprint, cell: cell as u32 });
        self.skip_whitespace();
        if self.peek() != Some(b':') {
            return Err(self.expected("a colon"));
        }
        self.at += 1;
        self.skip_whitespace();
        Ok(())
    }

    fn with_key<T>(&self, cell: u32, f: impl FnOnce(&str) -> T) -> T {
        let cell = &self.tape.cells[cell as usize];
        let inner = &self.text[cell.start as usize + 1..cell.end as usize - 1];
        if cell.escaped { f(&string::unescape(inner)) } else { f(inner) }
    }

    fn same_key(&self, one: u32, other: u32) -> bool {
        self.with_key(one, |one| self.with_key(other, |other| one == other))
    }

    fn duplicate(&self, cell: u32) -> Malformed {
        let position = self.tape.cells[cell as usize].start as usize;
        Malformed { what: Mistake::DuplicateKey, position }
    }

    /// Pairs would be quadratic in a big object, so there a set with a keyed hash decides.
    fn refuse_duplicates_of_many(&self, first_key: usize) -> Result<(), Malformed> {
        let keys = &self.tape.keys[first_key..];
        if keys.len() <= limits::KEYS_COMPARED_IN_PAIRS {
            return Ok(());
        }
        let mut seen = HashSet::with_capacity(keys.len());
        for key in keys {
            if !seen.insert(self.with_key(key.cell, str::to_owned)) {
                return Err(self.duplicate(key.cell));
            }
        }
        Ok(())
    }

    fn string(&mut self) -> Result<usize, Malformed> {
        let start = self.at;
        let mut escaped = false;
        self.at += 1;
        loop {
            self.at = string::find_special(self.bytes, self.at);
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.wrong(Mistake::ControlCharacter)),
                None => return Err(self.wrong(Mistake::Ends)),
            }
        }
        self.at += 1;
        let index = self.push(Kind::String, start);
        self.tape.cells[index].escaped = escaped;
        Ok(index)
    }

    fn escape(&mut self) -> Result<(), Malformed> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => match self.unit(self.at)? {
                0xd800..=0xdbff => {
                    let pair = self.bytes.get(self.at + 6..self.at + 8) == Some(b"\\u");
                    if !pair || !(0xdc00..=0xdfff).contains(&self.unit(self.at + 6)?) {
                        return Err(self.wrong(Mistake::LoneSurrogate));
                    }
                    self.at += 12;
                }
                0xdc00..=0xdfff => return Err(self.wrong(Mistake::LoneSurrogate)),
                _ => self.at += 6,
            },
            Some(_) => return Err(self.wrong(Mistake::Escape)),
            None => return Err(Malformed { what: Mistake::Ends, position: self.bytes.len() }),
        }
        Ok(())
    }

    /// The four hexadecimal digits behind the `\u` at `at`.
    fn unit(&self, at: usize) -> Result<u32, Malformed> {
        let digits = self.bytes.get(at + 2..at + 6);
        let digits = digits.ok_or(Malformed { what: Mistake::Ends, position: self.bytes.len() })?;
        digits.iter().try_fold(0, |unit, &digit| {
            let digit = char::from(digit).to_digit(16).ok_or_else(|| self.wrong(Mistake::Escape))?;
            Ok(unit * 16 + digit)
        })
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(self.expected("a digit")) }
    }

    fn number(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        let mut exponent = false;
        if let Some(b'e' | b'E') = self.peek() {
            exponent = true;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        // Only an exponent or hundreds of digits can leave the range, so ordinary numbers are not converted here.
        let suspicious = exponent || self.at - start > 300;
        if suspicious && !self.text[start..self.at].parse::<f64>().is_ok_and(f64::is_finite) {
            return Err(Malformed { what: Mistake::NumberTooLarge, position: start });
        }
        self.push(Kind::Number, start);
        Ok(())
    }
}

/// Length, first and last bytes of a key, mixed: equal for equal keys, different for nearly all others.
fn fingerprint(key: &str) -> u64 {
    let bytes = key.as_bytes();
    let word = |part: &[u8]| part.iter().fold(0, |word, &byte| (word << 8) | u64::from(byte));
    let (head, tail) = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
        _ => (word(bytes), 0),
    };
    head ^ tail.rotate_left(29) ^ (bytes.len() as u64).rotate_left(57)
}
