//! The walk that finds texts with their places. Every byte is read as the walk that checks reads it.

use super::cursor::{Cursor, Damage};
use super::scalars;
use super::schema::{Kind, Schema, TypeId};
use crate::definition::Format;
use crate::limits::{self, Limits};
use crate::plan::PlanNode;
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
    let (root, cursor) = (finding.root(), Cursor { data, at: 0 });
    let depth_left = Limits::default().depth;
    // Of what was delivered without a plan items may have been left out: they take no byte, and were counted where they did.
    let admitted = if finding.plan.is_some() { data.len() } else { limits::DOCUMENT_BYTES.max(data.len()) };
    let items_left = admitted.saturating_add(limits::EMPTY_ITEMS);
    let mut walk = Walk { schema, cursor, finding, depth_left, items_left };
    let read = walk.value(schema.root, root).and_then(|()| match walk.cursor.left() {
        0 => Ok(()),
        _ => Err(Damage::Trailing),
    });
    match read {
        Ok(()) => walk.finding.texts(Format::Avro, data),
        Err(damage) => {
            let (at, whole) = (walk.cursor.at, "the document cannot be read as Avro");
            Err(Unreadable(format!("{whole}: {damage} (byte {at})")))
        }
    }
}

struct Walk<'w, 'd> {
    schema: &'w Schema,
    cursor: Cursor<'d>,
    finding: Finding<'w, 'd>,
    /// How much deeper containers may be nested.
    depth_left: usize,
    /// Items of arrays and entries of maps that may still come.
    items_left: usize,
}

impl<'w, 'd: 'w> Walk<'w, 'd> {
    fn value(&mut self, of: TypeId, at: At) -> Result<(), Damage> {
        let schema = self.schema;
        match schema.kind(of) {
            Kind::Null => Ok(()),
            Kind::Record(fields) => {
                self.enter()?;
                for field in fields {
                    let inner = self.below(at, |node| node.member(&field.name));
                    self.inner(Token::Name((&*field.name).into()), field.of, inner)?;
                }
                self.depth_left += 1;
                Ok(())
            }
            // A union is no step: what stands in it stands in its place.
            Kind::Union(branches) => {
                let branch = self.cursor.long()?;
                match usize::try_from(branch).ok().and_then(|branch| branches.get(branch)) {
                    Some(of) => self.value(*of, at),
                    None => Err(Damage::NoBranch(branch)),
                }
            }
            Kind::Array(items) => {
                let inner = self.below(at, |node| node.rest);
                self.blocks(|walk, index| walk.inner(Token::Index(index), *items, inner))
            }
            // A map's entries are of one class, whatever their keys.
            Kind::Map(values) => {
                let inner = self.below(at, |node| node.others);
                self.blocks(|walk, _| {
                    let key = walk.cursor.text()?;
                    walk.inner(Token::Key(key.into()), *values, inner)
                })
            }
            Kind::String => {
                let start = self.cursor.at;
                let text = self.cursor.text()?;
                self.finding.text(at, text, (start, self.cursor.at));
                Ok(())
            }
            kind => {
                let mut cursor: Cursor<'w> = self.cursor;
                let read = scalars::read(&mut cursor, kind).map(drop);
                self.cursor.at = cursor.at;
                read
            }
        }
    }

    fn inner(&mut self, token: Token<'w>, of: TypeId, at: At) -> Result<(), Damage> {
        self.finding.way.enter(token);
        self.value(of, at)?;
        self.finding.way.leave();
        Ok(())
    }

    fn below(&self, at: At, step: impl Fn(&PlanNode) -> Option<u32>) -> At {
        match (at, self.finding.plan) {
            (At::Node(node), Some(plan)) => {
                let node = plan.node(node);
                let child = if node.whole { None } else { step(node) };
                child.map_or(At::Covered, At::Node)
            }
            (at, _) => at,
        }
    }

    fn enter(&mut self) -> Result<(), Damage> {
        let left = self.depth_left.checked_sub(1);
        self.depth_left = left.ok_or(Damage::TooDeep(Limits::default().depth))?;
        Ok(())
    }

    /// Blocks of items until an empty one; `each` is called with the item's index.
    fn blocks(&mut self, mut each: impl FnMut(&mut Self, usize) -> Result<(), Damage>) -> Result<(), Damage> {
        self.enter()?;
        let mut index = 0;
        loop {
            let found = self.finding.count();
            let (count, frame) = self.block()?;
            if count == 0 {
                break;
            }
            for _ in 0..count {
                each(self, index)?;
                index += 1;
            }
            let Some(frame) = frame else { continue };
            if self.cursor.at != self.finding.frames[frame].end as usize {
                return Err(Damage::BlockSize);
            }
            if self.finding.count() == found {
                self.finding.frames.truncate(frame);
            }
        }
        self.depth_left += 1;
        Ok(())
    }

    /// How many items a block has, and the frame of its size if that is said.
    fn block(&mut self) -> Result<(usize, Option<usize>), Damage> {
        let (count, frame) = self.cursor.block(&mut self.items_left)?;
        let at = frame.map(|frame| {
            self.finding.frames.push(frame);
            self.finding.frames.len() - 1
        });
        Ok((count, at))
    }
}
