//! The walk that finds texts with their places. Every byte is read as the walk that checks reads it; that no singular field
//! stands twice, no two of a oneof and no key twice is for that walk to say, so that in what it admits each text that is
//! found here is the one that readers see there, and readers see no other.
//!
//! A field that is not on the wire has no text: readers see its default, which says nothing but that. An empty text that is
//! on the wire is one.

use std::borrow::Cow;

use super::cursor::{Cursor, Damage, Wire};
use super::scalars;
use super::schema::{Field, Kind, Label, MessageId, Scalar, Schema};
use crate::definition::Format;
use crate::formats::persons::Found;
use crate::frames::{Coding, Frame};
use crate::limits::Limits;
use crate::texts::{self, At, Finding, Texts, Token, Unreadable};

/// The texts of a document of this schema.
pub(crate) fn texts<'w, 'd: 'w>(
    schema: &'w Schema,
    data: &'d [u8],
    finding: Finding<'w, 'd>,
) -> Result<Texts<'d>, Unreadable> {
    if texts::is_too_long(data) {
        return Err(Unreadable("the document is too long to be read".to_owned()));
    }
    let (root, cursor) = (finding.root(), Cursor { data, at: 0, end: data.len() });
    let mut walk = Walk { schema, cursor, finding, depth_left: Limits::default().depth };
    match walk.message(schema.root, root) {
        Ok(()) => walk.finding.texts(Format::Protobuf, data),
        Err(damage) => {
            let (at, whole) = (walk.cursor.at, "the document cannot be read as Protocol Buffers");
            Err(Unreadable(format!("{whole}: {damage} (byte {at})")))
        }
    }
}

struct Walk<'w, 'd> {
    schema: &'w Schema,
    cursor: Cursor<'d>,
    finding: Finding<'w, 'd>,
    /// How much deeper messages may be nested.
    depth_left: usize,
}

impl<'w, 'd: 'w> Walk<'w, 'd> {
    /// A message up to the cursor's end.
    fn message(&mut self, id: MessageId, at: At) -> Result<(), Damage> {
        let message = self.schema.message(id);
        self.enter()?;
        let mut counts = vec![0_usize; message.fields.len()];
        while self.cursor.at < self.cursor.end {
            let (number, wire) = self.cursor.tag()?;
            let index = message.by_number(number).ok_or(Damage::UnknownField(number))?;
            let (field, inner) = (&message.fields[index], self.below(at, &message.fields[index]));
            self.finding.way.enter(Token::Name((&*field.name).into()));
            match field.label {
                Label::Singular | Label::Required => self.value(field, inner, wire)?,
                Label::Map(key) => self.entry(field, key, inner, wire)?,
                // Numbers one after the other.
                Label::Repeated if wire == Wire::Length && scalars::wire(field) != Wire::Length => {
                    self.cursor.bytes()?;
                }
                Label::Repeated => {
                    self.finding.way.enter(Token::Index(counts[index]));
                    self.value(field, inner, wire)?;
                    self.finding.way.leave();
                }
            }
            counts[index] += 1;
            self.finding.way.leave();
        }
        self.depth_left += 1;
        Ok(())
    }

    /// Where one value of a field stands.
    fn below(&self, at: At, field: &Field) -> At {
        let (At::Node(node), Some(plan)) = (at, self.finding.plan) else { return at };
        let child = plan.node(node).member(&field.name);
        let one = child.and_then(|child| match field.label {
            _ if plan.node(child).whole => Some(child),
            Label::Repeated => plan.node(child).rest,
            Label::Map(_) => plan.node(child).others,
            Label::Singular | Label::Required => Some(child),
        });
        one.map_or(At::Covered, At::Node)
    }

    fn value(&mut self, field: &'w Field, at: At, wire: Wire) -> Result<(), Damage> {
        if wire != scalars::wire(field) {
            return Err(Damage::WireType(field.number));
        }
        match &field.kind {
            Kind::Message(inner) if self.is_one(*inner, at) => self.cursor.bytes().map(drop),
            Kind::Message(inner) => self.framed(|walk| walk.message(*inner, at)),
            Kind::Scalar(Scalar::String) => {
                let start = self.cursor.at;
                let text = self.cursor.text()?;
                self.finding.text(at, text, (start, self.cursor.at));
                Ok(())
            }
            kind => scalars::read(&mut self.cursor, kind).map(drop),
        }
    }

    /// Whether no text in a message has a place of its own: it is another file's, or one rule covers it as a whole.
    fn is_one(&self, message: MessageId, at: At) -> bool {
        let is_covered = match (at, self.finding.plan) {
            (At::Covered, _) => true,
            (At::Node(node), Some(plan)) => plan.node(node).whole,
            _ => false,
        };
        is_covered || self.schema.message(message).imported
    }

    /// An entry of a map: a message of a key and a value, of which either may be absent, and either may stand first.
    fn entry(&mut self, field: &'w Field, key: Scalar, at: At, wire: Wire) -> Result<(), Damage> {
        if wire != Wire::Length {
            return Err(Damage::WireType(field.number));
        }
        self.enter()?;
        self.framed(|walk| {
            let named = walk.key(key)?;
            walk.finding.way.enter(Token::Key(named));
            while walk.cursor.at < walk.cursor.end {
                let (number, wire) = walk.cursor.tag()?;
                match number {
                    1 if wire != scalars::wire_of(key) => return Err(Damage::WireType(1)),
                    1 => scalars::read(&mut walk.cursor, &Kind::Scalar(key)).map(drop)?,
                    2 => walk.value(field, at, wire)?,
                    other => return Err(Damage::UnknownField(other)),
                }
            }
            walk.finding.way.leave();
            Ok(())
        })?;
        self.depth_left += 1;
        Ok(())
    }

    /// The key of the entry that begins here, as a text; the cursor stays.
    fn key(&self, of: Scalar) -> Result<Cow<'w, str>, Damage> {
        let mut cursor = self.cursor;
        let mut key = match of {
            Scalar::String => "".into(),
            Scalar::Bool => "false".into(),
            _ => "0".into(),
        };
        while cursor.at < cursor.end {
            match cursor.tag()? {
                (1, wire) if wire == scalars::wire_of(of) => {
                    let found: Found<'d> = scalars::read(&mut cursor, &Kind::Scalar(of))?;
                    key = found.text().unwrap_or_default();
                }
                (_, Wire::Varint) => cursor.varint().map(drop)?,
                (_, Wire::Fixed64) => cursor.array::<8>().map(drop)?,
                (_, Wire::Length) => cursor.bytes().map(drop)?,
                (_, Wire::Fixed32) => cursor.array::<4>().map(drop)?,
            }
        }
        Ok(key)
    }

    fn enter(&mut self) -> Result<(), Damage> {
        let left = self.depth_left.checked_sub(1);
        self.depth_left = left.ok_or(Damage::TooDeep(Limits::default().depth))?;
        Ok(())
    }

    /// What stands behind a length, to its end. The length is noted where a text is found inside.
    fn framed(&mut self, inside: impl FnOnce(&mut Self) -> Result<(), Damage>) -> Result<(), Damage> {
        let start = self.cursor.at as u32;
        let length = self.cursor.length()?;
        let (outer, content) = (self.cursor.end, self.cursor.at);
        let (frame, found) = (self.finding.frames.len(), self.finding.count());
        self.cursor.end = content + length;
        let end = self.cursor.end as u32;
        self.finding.frames.push(Frame { start, content: content as u32, end, coding: Coding::Varint });
        inside(self)?;
        self.cursor.end = outer;
        if self.finding.count() == found {
            self.finding.frames.truncate(frame);
        }
        Ok(())
    }
}
