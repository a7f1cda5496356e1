//! The walk over one document, along its contract's program.
//!
//! It goes over the bytes once and allocates nothing but the result. It takes only what every reader takes alike: no
//! unknown field, which nobody classified, and no singular field twice, of which readers would take one or the other.

use super::Form;
use super::cursor::{Cursor, Damage, Wire};
use super::explain::Explainer;
use super::keys::{self, Key, KeyOf};
use super::program::{FieldOp, Marks, OpId, Seal};
use super::scalars;
use super::schema::{Field, Kind, Label, MessageId, Scalar};
use crate::check::{Checked, Leak, Shape, Span, Violation, Workspace};
use crate::compile::Contract;
use crate::formats::leaks;
use crate::formats::persons::{self, Found, Persons};
use crate::formats::searches::Want;
use crate::frames::{Coding, Frame};
use crate::leaks::{Search, Set};
use crate::limits::{self, Limits};
use crate::redaction::Look;
use crate::subjects::Why;

/// What a walk leaves for the next to reuse.
#[derive(Debug, Default)]
pub(super) struct Memory {
    persons: Persons,
    way: Vec<Step>,
    /// How often each field of the messages under way has stood, and each of their oneofs.
    counts: Vec<u32>,
    /// The keys of the maps of the messages under way.
    keys: Vec<Key>,
}

/// A step of the way from the document's root.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) message: MessageId,
    /// The field that is being read; none before the first.
    pub(super) field: Option<usize>,
    pub(super) token: Token,
}

/// Which of a field's values.
#[derive(Debug, Clone, Copy)]
pub(super) enum Token {
    /// The only one.
    One,
    /// The element of this index.
    Item(u32),
    /// An entry of a map.
    Entry,
}

/// The walk ends here; why is among the violations.
pub(super) struct Stop;

impl Form {
    /// [`Contract::check`] for Protocol Buffers.
    pub(crate) fn check(
        &self,
        contract: &Contract,
        data: &[u8],
        work: &mut Workspace,
    ) -> Result<Checked, Vec<Violation>> {
        let Workspace { limits, watch, protobuf: super::Memory { walked }, .. } = work;
        let longest = limits.document_bytes.min(limits::DOCUMENT_BYTES_CEILING);
        if data.len() > longest {
            let text =
                format!("the document cannot be read as Protocol Buffers: longer than {longest} bytes");
            return Err(vec![Violation { pointer: String::new(), text }]);
        }
        let mut walk = Walk { watch: *watch, ..Walk::new(self, contract, data, limits, walked) };
        walk.document();
        if !walk.violations.is_empty() {
            return Err(walk.violations);
        }
        let ordering = walk.memory.persons.ordering(contract);
        let orphans = walk.memory.persons.settle(&mut walk.spans);
        if orphans.is_empty() {
            let Walk { spans, frames, key, identity, leaks, memory, .. } = walk;
            let found = persons::Walked { spans, frames, key, identity, leaks };
            return Ok(memory.persons.conclude(contract, ordering, found));
        }
        let mut again = Walk::new(self, contract, data, limits, walked);
        again.orphans = orphans;
        again.document();
        Err(again.violations)
    }
}

struct Walk<'d, 'w> {
    form: &'d Form,
    contract: &'d Contract,
    cursor: Cursor<'d>,
    memory: &'w mut Memory,
    /// How deep messages may be nested, and how much deeper still.
    deepest: usize,
    depth_left: usize,
    spans: Vec<Span>,
    frames: Vec<Frame>,
    /// Spans of which it is to be told why they belong to no one.
    orphans: Vec<(u32, Why)>,
    key: Option<Found<'d>>,
    identity: Option<Found<'d>>,
    /// What must not be found in what is nobody's, and what was.
    watch: Set,
    /// What the name of the field around speaks of, whose message says only `value`.
    outer: Set,
    leaks: Vec<Leak>,
    violations: Vec<Violation>,
}

impl<'d, 'w> Walk<'d, 'w> {
    fn new(
        form: &'d Form,
        contract: &'d Contract,
        data: &'d [u8],
        limits: &Limits,
        memory: &'w mut Memory,
    ) -> Self {
        memory.persons.begin(contract.definition.subject.len());
        memory.way.clear();
        memory.counts.clear();
        memory.keys.clear();
        let deepest = limits.depth.min(limits::DEPTH_CEILING);
        Self {
            form,
            contract,
            cursor: Cursor { data, at: 0, end: data.len() },
            memory,
            deepest,
            depth_left: deepest,
            spans: Vec::with_capacity(8),
            frames: Vec::new(),
            orphans: Vec::new(),
            key: None,
            identity: None,
            watch: Set::NONE,
            outer: Set::NONE,
            leaks: Vec::new(),
            violations: Vec::new(),
        }
    }

    /// Walks the whole document; what is wrong with it is in `violations`.
    fn document(&mut self) {
        let ended = self.message(self.form.program.root).is_ok();
        if let (true, Some(seal)) = (ended, self.form.program.whole) {
            self.seal(&seal, 0, Shape::Whole);
        }
    }

    /// One level deeper: readers count messages and entries of maps alike.
    fn enter(&mut self) -> Result<(), Stop> {
        let Some(left) = self.depth_left.checked_sub(1) else {
            return self.damaged(Damage::TooDeep(self.deepest));
        };
        self.depth_left = left;
        Ok(())
    }

    /// A message up to the cursor's end.
    fn message(&mut self, id: OpId) -> Result<(), Stop> {
        let form = self.form;
        let op = form.program.op(id);
        let message = form.schema.message(op.message);
        self.enter()?;
        let (step, counts, keys) = (self.memory.way.len(), self.memory.counts.len(), self.memory.keys.len());
        self.memory.way.push(Step { message: op.message, field: None, token: Token::One });
        self.memory.counts.resize(counts + message.fields.len() + message.oneofs, 0);
        while self.cursor.at < self.cursor.end {
            let start = self.cursor.at;
            let (number, wire) = self.cursor.tag().or_else(|damage| self.damaged(damage))?;
            let Some(index) = message.by_number(number) else {
                return self.damaged(Damage::UnknownField(number));
            };
            let field = &message.fields[index];
            self.count(counts, message.fields.len(), index, field).or_else(|damage| self.damaged(damage))?;
            let token = match field.label {
                Label::Singular | Label::Required => Token::One,
                Label::Repeated => Token::Item(self.memory.counts[counts + index] - 1),
                Label::Map(_) => Token::Entry,
            };
            self.memory.way[step] = Step { message: op.message, field: Some(index), token };
            let op = &op.fields[index];
            let persons = op.marks.as_ref().map_or(&[][..], |marks| &marks.persons);
            persons.iter().for_each(|pointer| self.memory.persons.visit(*pointer));
            self.field(field, counts + index, op, wire)?;
            if let Some(seal) = &op.seal {
                self.seal(seal, start, Shape::Member);
            }
            persons.iter().for_each(|pointer| self.memory.persons.leave(*pointer));
        }
        self.memory.way.truncate(step + 1);
        self.memory.way[step] = Step { message: op.message, field: None, token: Token::One };
        for index in &message.required {
            if self.memory.counts[counts + index] == 0 {
                self.violation(|explainer, way| explainer.missing(way, op.message, *index));
            }
        }
        if let Some(map) = keys::twice(&mut self.memory.keys[keys..], self.cursor.data) {
            self.memory.way[step].field = Some(map as usize);
            return self.damaged(Damage::KeyTwice);
        }
        self.memory.way.truncate(step);
        self.memory.counts.truncate(counts);
        self.memory.keys.truncate(keys);
        self.depth_left += 1;
        Ok(())
    }

    /// Counts a field that stands; one that may stand once does not stand again.
    fn count(&mut self, base: usize, fields: usize, index: usize, field: &Field) -> Result<(), Damage> {
        let counts = &mut self.memory.counts[base..];
        counts[index] += 1;
        if matches!(field.label, Label::Singular | Label::Required) && counts[index] > 1 {
            return Err(Damage::Twice(field.number));
        }
        if let Some(oneof) = field.oneof {
            counts[fields + oneof] += 1;
            if counts[fields + oneof] > 1 {
                return Err(Damage::SecondOfOneof(field.number));
            }
        }
        Ok(())
    }

    /// One occurrence of a field, behind its tag; `count` is where it is counted.
    fn field(&mut self, field: &'d Field, count: usize, op: &'d FieldOp, wire: Wire) -> Result<(), Stop> {
        if let Label::Map(key) = field.label {
            return self.entry(field, key, op, wire);
        }
        let packed =
            wire == Wire::Length && field.label == Label::Repeated && scalars::wire(field) != Wire::Length;
        if packed {
            return self.packed(field, count, op);
        }
        self.value(field, op, wire)
    }

    fn value(&mut self, field: &'d Field, op: &'d FieldOp, wire: Wire) -> Result<(), Stop> {
        if wire != scalars::wire(field) {
            return self.damaged(Damage::WireType(field.number));
        }
        match (&field.kind, op.inner) {
            (Kind::Message(message), Some(inner)) => {
                let is_wrapped = self.form.schema.message(*message).imported;
                let outer = if is_wrapped { op.expected } else { Set::NONE };
                let around = std::mem::replace(&mut self.outer, outer);
                self.framed(|walk| walk.message(inner))?;
                self.outer = around;
                Ok(())
            }
            (kind, _) => {
                let found = scalars::read(&mut self.cursor, kind).or_else(|damage| self.damaged(damage))?;
                if let Some(marks) = &op.marks {
                    self.found(marks, found);
                }
                self.look(op, found);
                Ok(())
            }
        }
    }

    /// Numbers one after the other.
    fn packed(&mut self, field: &'d Field, count: usize, op: &'d FieldOp) -> Result<(), Stop> {
        let (first, step) = (self.memory.counts[count] - 1, self.memory.way.len() - 1);
        let mut item = first;
        self.framed(|walk| {
            while walk.cursor.at < walk.cursor.end {
                walk.memory.way[step].token = Token::Item(item);
                item += 1;
                let found =
                    scalars::read(&mut walk.cursor, &field.kind).or_else(|damage| walk.damaged(damage))?;
                if let Some(marks) = &op.marks {
                    walk.found(marks, found);
                }
                walk.look(op, found);
            }
            Ok(())
        })?;
        self.memory.way[step].token = Token::Item(first);
        self.memory.counts[count] = item;
        Ok(())
    }

    /// An entry of a map: a message of a key and a value, of which either may be absent.
    fn entry(&mut self, field: &'d Field, key: Scalar, op: &'d FieldOp, wire: Wire) -> Result<(), Stop> {
        if wire != Wire::Length {
            return self.damaged(Damage::WireType(field.number));
        }
        self.enter()?;
        self.framed(|walk| {
            let mut of = None;
            let mut valued = false;
            while walk.cursor.at < walk.cursor.end {
                let (number, wire) = walk.cursor.tag().or_else(|damage| walk.damaged(damage))?;
                match number {
                    1 if of.is_some() => return walk.damaged(Damage::Twice(1)),
                    1 if wire != scalars::wire_of(key) => return walk.damaged(Damage::WireType(1)),
                    1 => {
                        let found = scalars::read(&mut walk.cursor, &Kind::Scalar(key));
                        let found = found.or_else(|damage| walk.damaged(damage))?;
                        walk.look_at_key(op, found);
                        of = Some(KeyOf::new(found, walk.cursor.at));
                    }
                    2 if valued => return walk.damaged(Damage::Twice(2)),
                    2 => {
                        valued = true;
                        walk.value(field, op, wire)?;
                    }
                    other => return walk.damaged(Damage::UnknownField(other)),
                }
            }
            if let (false, Kind::Message(value)) = (valued, &field.kind) {
                for index in &walk.form.schema.message(*value).required {
                    walk.violation(|explainer, way| explainer.missing(way, *value, *index));
                }
            }
            let map = walk.memory.way.last().and_then(|step| step.field).unwrap_or_default();
            walk.memory.keys.push(Key { field: map as u32, of: of.unwrap_or(KeyOf::absent(key)) });
            Ok(())
        })?;
        self.depth_left += 1;
        Ok(())
    }

    /// What stands behind a length, to its end. The length is noted where something inside is sealed.
    fn framed(&mut self, inside: impl FnOnce(&mut Self) -> Result<(), Stop>) -> Result<(), Stop> {
        let start = self.cursor.at as u32;
        let length = self.cursor.length().or_else(|damage| self.damaged(damage))?;
        let (outer, content) = (self.cursor.end, self.cursor.at);
        let (frame, spans) = (self.frames.len(), self.spans.len());
        self.cursor.end = content + length;
        let end = self.cursor.end as u32;
        self.frames.push(Frame { start, content: content as u32, end, coding: Coding::Varint });
        inside(self)?;
        self.cursor.end = outer;
        if self.spans.len() == spans {
            self.frames.truncate(frame);
        }
        Ok(())
    }

    fn look(&mut self, op: &FieldOp, found: Found<'d>) {
        let wanted = op.watch.and(self.watch);
        if !wanted.is_empty() {
            self.look_for(
                found,
                Search { wanted, expected: op.expected.or(self.outer), ..Search::default() },
            );
        }
    }

    fn look_at_key(&mut self, op: &FieldOp, key: Found<'d>) {
        self.look_for(key, Search { wanted: op.keys.and(self.watch), ..Search::default() });
    }

    fn look_for(&mut self, found: Found<'d>, search: Search<'d>) {
        let explainer = Explainer { contract: self.contract, form: self.form };
        let way = &self.memory.way;
        leaks::look(found, search, &mut self.leaks, || explainer.pointer(way));
    }

    fn found(&mut self, marks: &Marks, found: Found<'d>) {
        for want in &marks.wanted {
            match want {
                Want::Identifier(pointer) => self.memory.persons.identified(*pointer, found),
                Want::Key => self.key = Some(found),
                Want::Identity => self.identity = Some(found),
            }
        }
    }

    fn seal(&mut self, seal: &Seal, start: usize, shape: Shape) {
        // What takes no bytes says nothing.
        if start == self.cursor.at {
            return;
        }
        let index = self.spans.len();
        if let Some(owner) = seal.owner {
            self.memory.persons.own(index, owner, false);
        }
        let (start, end) = (start as u32, self.cursor.at as u32);
        let look = Look { shape, form: seal.form, in_union: false };
        self.spans.push(Span { start, end, class: seal.class, subject: Span::TOPIC, look });
        if let Some((_, why)) = self.orphans.iter().find(|(orphan, _)| *orphan as usize == index) {
            let why = *why;
            self.violation(|explainer, way| explainer.orphan(way, why));
        }
    }

    /// Ends the walk: the bytes are not what the file says. Whatever was said before may have been said of other bytes
    /// than the producer meant.
    #[cold]
    fn damaged<T>(&mut self, damage: Damage) -> Result<T, Stop> {
        let at = self.cursor.at;
        self.violations.clear();
        self.violation(|explainer, way| explainer.damage(way, damage, at));
        Err(Stop)
    }

    /// Notes a violation, unless there are enough.
    #[cold]
    fn violation(&mut self, say: impl FnOnce(&Explainer<'_>, &[Step]) -> Violation) {
        if self.violations.len() >= limits::VIOLATIONS {
            return;
        }
        let explainer = Explainer { contract: self.contract, form: self.form };
        let violation = say(&explainer, &self.memory.way);
        if !self.violations.contains(&violation) {
            self.violations.push(violation);
        }
    }
}
