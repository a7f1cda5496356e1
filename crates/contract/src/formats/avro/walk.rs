//! The walk over one document, along its contract's program.
//!
//! It goes over the bytes once and allocates nothing but the result. It notes the way on which it is, so that a
//! violation can say where; only a field without its person is looked up by a second walk, when all persons are known.

use super::cursor::{Cursor, Damage};
use super::explain::Explainer;
use super::program::{Marks, Op, OpId, Seal};
use super::scalars;
use super::schema::{Kind, TypeId};
use super::{Form, Memory};
use crate::check::{Checked, Leak, Span, Violation, Workspace};
use crate::compile::Contract;
use crate::formats::leaks;
use crate::formats::persons::{self, Found, Persons};
use crate::formats::searches::Want;
use crate::frames::Frame;
use crate::leaks::{Search, Set};
use crate::limits::{self, Limits};
use crate::subjects::Why;

/// What a walk leaves for the next to reuse.
#[derive(Debug, Default)]
pub(super) struct Walked {
    persons: Persons,
    way: Vec<Step>,
    /// The keys of the maps under way.
    keys: Vec<(u32, u32)>,
}

/// A step of the way from the document's root.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// What it leads to.
    pub(super) op: OpId,
    pub(super) token: Token,
}

/// A step's name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Token {
    /// The field of this index of a record.
    Field(TypeId, u32),
    /// The item of this index.
    Item(u32),
    /// A map's key, by its bytes.
    Entry(u32, u32),
}

/// The walk ends here; why is among the violations.
pub(super) struct Stop;

impl Form {
    /// [`Contract::check`] for Avro.
    pub(crate) fn check(
        &self,
        contract: &Contract,
        data: &[u8],
        work: &mut Workspace,
    ) -> Result<Checked, Vec<Violation>> {
        let Workspace { limits, watch, avro: Memory { walked }, .. } = work;
        let longest = limits.document_bytes.min(limits::DOCUMENT_BYTES_CEILING);
        if data.len() > longest {
            let text = format!("the document cannot be read as Avro: longer than {longest} bytes");
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
    memory: &'w mut Walked,
    /// How deep the containers may be nested, and how much deeper still.
    deepest: usize,
    depth_left: usize,
    /// Items of arrays and entries of maps that may still come.
    items_left: usize,
    spans: Vec<Span>,
    frames: Vec<Frame>,
    /// Spans of which it is to be told why they belong to no one.
    orphans: Vec<(u32, Why)>,
    key: Option<Found<'d>>,
    identity: Option<Found<'d>>,
    /// What must not be found in what is nobody's, and what was.
    watch: Set,
    leaks: Vec<Leak>,
    violations: Vec<Violation>,
}

impl<'d, 'w> Walk<'d, 'w> {
    fn new(
        form: &'d Form,
        contract: &'d Contract,
        data: &'d [u8],
        limits: &Limits,
        memory: &'w mut Walked,
    ) -> Self {
        memory.persons.begin(contract.definition.subject.len());
        memory.way.clear();
        memory.keys.clear();
        let deepest = limits.depth.min(limits::DEPTH_CEILING);
        Self {
            form,
            contract,
            cursor: Cursor { data, at: 0 },
            memory,
            deepest,
            depth_left: deepest,
            // Each item has a byte of its own or is empty.
            items_left: data.len().saturating_add(limits::EMPTY_ITEMS),
            spans: Vec::with_capacity(8),
            frames: Vec::new(),
            orphans: Vec::new(),
            key: None,
            identity: None,
            watch: Set::NONE,
            leaks: Vec::new(),
            violations: Vec::new(),
        }
    }

    /// Walks the whole document; what is wrong with it is in `violations`.
    fn document(&mut self) {
        let ended = self.value(self.form.program.root).is_ok();
        if ended && self.cursor.left() > 0 {
            let _: Result<(), Stop> = self.damaged(Damage::Trailing);
        }
    }

    fn value(&mut self, id: OpId) -> Result<(), Stop> {
        let form = self.form;
        let op = form.program.op(id);
        if let Some(marks) = &op.marks {
            marks.persons.iter().for_each(|pointer| self.memory.persons.visit(*pointer));
        }
        let start = self.cursor.at;
        match form.schema.kind(op.of) {
            Kind::Null => {}
            Kind::Record(_) => self.record(op)?,
            Kind::Union(_) => self.union(op)?,
            Kind::Array(_) => self.array(op)?,
            Kind::Map(_) => self.map(op)?,
            kind => self.scalar(op, kind)?,
        }
        if let Some(seal) = &op.seal {
            self.seal(op, seal, start);
        }
        if let Some(marks) = &op.marks {
            marks.persons.iter().for_each(|pointer| self.memory.persons.leave(*pointer));
        }
        Ok(())
    }

    fn record(&mut self, op: &'d Op) -> Result<(), Stop> {
        self.enter()?;
        let step = self.memory.way.len() - 1;
        for (field, inner) in op.inner.iter().enumerate() {
            self.memory.way[step] = Step { op: *inner, token: Token::Field(op.of, field as u32) };
            self.value(*inner)?;
        }
        self.leave();
        Ok(())
    }

    fn union(&mut self, op: &'d Op) -> Result<(), Stop> {
        let branch = self.cursor.long().or_else(|damage| self.damaged(damage))?;
        match usize::try_from(branch).ok().and_then(|branch| op.inner.get(branch)) {
            Some(inner) => self.value(*inner),
            None => self.damaged(Damage::NoBranch(branch)),
        }
    }

    fn array(&mut self, op: &'d Op) -> Result<(), Stop> {
        let special = op.marks.as_ref().map_or(&[][..], |marks| &marks.items);
        self.blocks(|walk, step, index| {
            let known = special.iter().find(|(at, _)| *at == index);
            let inner = known.map_or(op.inner[0], |(_, inner)| *inner);
            walk.memory.way[step] = Step { op: inner, token: Token::Item(index as u32) };
            walk.value(inner)
        })
    }

    fn map(&mut self, op: &'d Op) -> Result<(), Stop> {
        let first = self.memory.keys.len();
        self.blocks(|walk, step, _| {
            let key = walk.cursor.text().or_else(|damage| walk.damaged(damage))?;
            let end = walk.cursor.at as u32;
            let key = (end - key.len() as u32, end);
            walk.memory.keys.push(key);
            walk.memory.way[step] = Step { op: op.inner[0], token: Token::Entry(key.0, key.1) };
            walk.look_at_key(op, key);
            walk.value(op.inner[0])
        })?;
        let data = self.cursor.data;
        let text = |key: &(u32, u32)| &data[key.0 as usize..key.1 as usize];
        let keys = &mut self.memory.keys[first..];
        // Readers differ in which of two entries with one key they take.
        keys.sort_unstable_by(|one, other| text(one).cmp(text(other)));
        let twice = keys.windows(2).any(|pair| text(&pair[0]) == text(&pair[1]));
        self.memory.keys.truncate(first);
        if twice {
            self.violation(|explainer, way| explainer.key_twice(way));
        }
        Ok(())
    }

    /// Blocks of items until an empty one; `each` is called with the way's last step and the item's index.
    fn blocks(
        &mut self,
        mut each: impl FnMut(&mut Self, usize, usize) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        self.enter()?;
        let step = self.memory.way.len() - 1;
        let mut index = 0;
        loop {
            let spans = self.spans.len();
            let block = self.block();
            let (count, frame) = block.or_else(|damage| self.block_damaged(step, damage))?;
            if count == 0 {
                break;
            }
            for _ in 0..count {
                each(self, step, index)?;
                index += 1;
            }
            let Some(frame) = frame else { continue };
            if self.cursor.at != self.frames[frame].end as usize {
                return self.block_damaged(step, Damage::BlockSize);
            }
            if self.spans.len() == spans {
                self.frames.truncate(frame);
            }
        }
        self.leave();
        Ok(())
    }

    /// How many items a block has, and the frame of its size if that is said.
    fn block(&mut self) -> Result<(usize, Option<usize>), Damage> {
        let (count, frame) = self.cursor.block(&mut self.items_left)?;
        let at = frame.map(|frame| {
            self.frames.push(frame);
            self.frames.len() - 1
        });
        Ok((count, at))
    }

    fn enter(&mut self) -> Result<(), Stop> {
        let Some(left) = self.depth_left.checked_sub(1) else {
            return self.damaged(Damage::TooDeep(self.deepest));
        };
        self.depth_left = left;
        self.memory.way.push(Step { op: self.form.program.root, token: Token::Item(0) });
        Ok(())
    }

    fn leave(&mut self) {
        self.depth_left += 1;
        self.memory.way.pop();
    }

    fn scalar(&mut self, op: &'d Op, kind: &'d Kind) -> Result<(), Stop> {
        let found = scalars::read(&mut self.cursor, kind).or_else(|damage| self.damaged(damage))?;
        if let Some(rule) = &self.form.schema.type_of(op.of).rule
            && !scalars::keeps(rule, found)
        {
            self.violation(|explainer, way| explainer.rule_broken(way, op, rule, found));
        }
        if let Some(marks) = &op.marks {
            self.found(marks, found);
        }
        // Which symbol of a list it is says nothing.
        if !matches!(kind, Kind::Enum(_)) {
            self.look(op, found);
        }
        Ok(())
    }

    fn look(&mut self, op: &Op, found: Found<'d>) {
        let wanted = op.watch.and(self.watch);
        if !wanted.is_empty() {
            let search = Search { wanted, ..self.named() };
            self.look_for(found, search);
        }
    }

    /// Looks at a key of a map.
    fn look_at_key(&mut self, map: &Op, key: (u32, u32)) {
        let search = Search { wanted: map.keys.and(self.watch), ..Search::default() };
        self.look_for(Found::Text(self.key(key)), search);
    }

    fn look_for(&mut self, found: Found<'d>, search: Search<'d>) {
        let explainer = Explainer { contract: self.contract, form: self.form, data: self.cursor.data };
        let way = &self.memory.way;
        leaks::look(found, search, &mut self.leaks, || explainer.pointer(way, false));
    }

    fn key(&self, (start, end): (u32, u32)) -> &'d str {
        std::str::from_utf8(&self.cursor.data[start as usize..end as usize]).unwrap_or_default()
    }

    /// What the name of the nearest field, or entry of a map, says.
    fn named(&self) -> Search<'d> {
        let nearest = self.memory.way.iter().rev().find(|step| !matches!(step.token, Token::Item(_)));
        match nearest.map(|step| step.token) {
            Some(Token::Entry(start, end)) => Search { named: self.key((start, end)), ..Search::default() },
            Some(Token::Field(record, field)) if !self.form.speaking.is_empty() => {
                let expected = self.form.speaking.get(&(record, field)).copied().unwrap_or_default();
                Search { expected, ..Search::default() }
            }
            _ => Search::default(),
        }
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

    fn seal(&mut self, op: &Op, seal: &Seal, start: usize) {
        // What takes no bytes says nothing.
        if start == self.cursor.at {
            return;
        }
        let index = self.spans.len();
        if let Some(owner) = seal.owner {
            let about_nobody = seal.names_its_owner && self.is_null(op, start);
            self.memory.persons.own(index, owner, about_nobody);
        }
        self.spans.push(Span {
            start: start as u32,
            end: self.cursor.at as u32,
            class: seal.class,
            subject: Span::TOPIC,
            look: seal.look,
        });
        if let Some((_, why)) = self.orphans.iter().find(|(orphan, _)| *orphan as usize == index) {
            let why = *why;
            self.violation(|explainer, way| explainer.orphan(way, why));
        }
    }

    /// Whether the value that begins at `start` is a union's `null`.
    fn is_null(&self, op: &Op, start: usize) -> bool {
        let Kind::Union(branches) = self.form.schema.kind(op.of) else { return false };
        let branch = Cursor { data: self.cursor.data, at: start }.long().ok();
        let branch = branch.and_then(|branch| branches.get(usize::try_from(branch).ok()?));
        branch.is_some_and(|branch| *self.form.schema.kind(*branch) == Kind::Null)
    }

    /// Ends the walk: the bytes are not what the schema says. Whatever was said of values before may have been said of
    /// other bytes than the producer meant, and those may be personal.
    #[cold]
    fn damaged<T>(&mut self, damage: Damage) -> Result<T, Stop> {
        let at = self.cursor.at;
        self.violations.clear();
        self.violation(|explainer, way| explainer.damage(way, damage, at));
        Err(Stop)
    }

    /// Ends the walk between two items, so that the container is told and not the last item.
    #[cold]
    fn block_damaged<T>(&mut self, step: usize, damage: Damage) -> Result<T, Stop> {
        self.memory.way.truncate(step);
        self.damaged(damage)
    }

    /// Notes a violation, unless there are enough.
    #[cold]
    fn violation(&mut self, say: impl FnOnce(&Explainer<'_>, &[Step]) -> Violation) {
        if self.violations.len() >= limits::VIOLATIONS {
            return;
        }
        let explainer = Explainer { contract: self.contract, form: self.form, data: self.cursor.data };
        let violation = say(&explainer, &self.memory.way);
        if !self.violations.contains(&violation) {
            self.violations.push(violation);
        }
    }
}
