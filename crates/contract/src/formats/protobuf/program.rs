//! The messages and the plan made into one program: what the walk does at each field.
//!
//! The program alone says what is sealed together, for the walk and for the redacted file, so that they cannot differ.
//! A field that the plan covers is sealed with its tag, each time that it stands; an entry of a map whose values are
//! covered is sealed with its key, because keys may name people too.
//!
//! Operations are shared: the same message at the same node of the plan is one operation, and where nothing is sealed or
//! looked for, that of a message may lead back to itself as the file does.

use std::collections::HashMap;

use super::cursor::Wire;
use super::scalars;
use super::schema::{Kind, Label, MessageId, Schema};
use crate::compile::Fault;
use crate::definition::Definition;
use crate::formats::searches::{Search, Sought, Want, below, searches};
use crate::leaks::Set;
use crate::limits::TYPE_DEPTH;
use crate::plan::{Field, Inside, Plan};
use crate::pointer::Pointer;
use crate::redaction::Redaction;

/// An operation of one program.
pub(super) type OpId = u32;

/// What the walk does.
pub(super) struct Program {
    pub(super) ops: Vec<Op>,
    pub(super) root: OpId,
    /// Where the whole document is sealed.
    pub(super) whole: Option<Seal>,
}

/// What the walk does in one message.
pub(super) struct Op {
    pub(super) message: MessageId,
    /// In the order of the message's fields.
    pub(super) fields: Box<[FieldOp]>,
    place: Inside,
    /// Whether nothing in it is sealed or looked for.
    pub(super) plain: bool,
}

/// What the walk does each time that a field stands.
pub(super) struct FieldOp {
    pub(super) seal: Option<Seal>,
    /// In the message that it holds.
    pub(super) inner: Option<OpId>,
    pub(super) marks: Option<Box<Marks>>,
    /// What must not be found in it.
    pub(super) watch: Set,
    /// The same of a map's keys.
    pub(super) keys: Set,
    /// What its name speaks of.
    pub(super) expected: Set,
}

/// A span is the field with its tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seal {
    pub(super) class: u16,
    /// Index of the subject pointer that says whose it is.
    pub(super) owner: Option<u16>,
    /// What is shown in its place.
    pub(super) form: Redaction,
}

/// What is looked for at a field.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Subject pointers whose last `*` is bound here: another person each time.
    pub(super) persons: Vec<u16>,
    /// What the value is wanted for.
    pub(super) wanted: Vec<Want>,
}

impl Program {
    /// The program of a file whose classification has no fault.
    pub(super) fn new(schema: &Schema, plan: &Plan, definition: &Definition) -> Result<Self, Fault> {
        let searches = searches(plan, definition);
        for search in &searches {
            only_stars(schema, search.tokens)?;
        }
        let mut builder = Builder { schema, plan, ops: Vec::new(), known: HashMap::new(), path: Vec::new() };
        let node = plan.node(0);
        let whole = node.field.filter(|field| node.whole && field.sealed).map(seal);
        let covered = || Inside::Covered(node.field.map_or(Set::NONE, |field| field.watch));
        let place = if node.whole { covered() } else { Inside::Node(0) };
        let root = builder.op(schema.root, place, &searches)?;
        builder.fill_plain()?;
        Ok(Self { ops: builder.ops, root, whole })
    }

    pub(super) fn op(&self, id: OpId) -> &Op {
        &self.ops[id as usize]
    }
}

fn seal(field: Field) -> Seal {
    Seal { class: field.class, owner: field.owner, form: field.form }
}

/// Into what stands several times only `*` leads: elements of a message come in any order.
fn only_stars(schema: &Schema, tokens: &[String]) -> Result<(), Fault> {
    if tokens.len() > TYPE_DEPTH {
        let pointer = Pointer::from_tokens(tokens[..1].iter().cloned()).to_string();
        let problem = format!("leads to a value deeper than {TYPE_DEPTH} levels");
        return Err(Fault::new(pointer, problem, "name one that documents have"));
    }
    let mut message = Some(schema.root);
    let mut tokens_left = tokens.iter();
    while let (Some(id), Some(token)) = (message, tokens_left.next()) {
        let Some(field) = schema.message(id).fields.iter().find(|field| *field.name == **token) else {
            break;
        };
        if matches!(field.label, Label::Repeated | Label::Map(_))
            && tokens_left.next().is_some_and(|token| token != "*")
        {
            let pointer = Pointer::from_tokens(tokens.iter().cloned()).to_string();
            let problem = format!("leads into one element of {:?}", &*field.name);
            return Err(Fault::new(
                pointer,
                problem,
                "name all of them with `*`, or a field that stands once",
            ));
        }
        message = match field.kind {
            Kind::Message(inner) => Some(inner),
            _ => None,
        };
    }
    Ok(())
}

/// What makes operations the same: the message, where it lies, and what is still looked for, by how many tokens further.
type Known = (MessageId, Inside, Vec<(Sought, usize)>);

struct Builder<'s> {
    schema: &'s Schema,
    plan: &'s Plan,
    ops: Vec<Op>,
    known: HashMap<Known, OpId>,
    /// The tokens that lead to the place being built.
    path: Vec<String>,
}

impl<'s> Builder<'s> {
    /// The operation for a message: at the place of a plan's node, or inside a place that is covered.
    fn op(&mut self, message: MessageId, place: Inside, searches: &[Search<'_>]) -> Result<OpId, Fault> {
        let wanted = searches.iter().map(|search| (search.what, search.tokens.len())).collect();
        let known = (message, place, wanted);
        if let Some(id) = self.known.get(&known) {
            return Ok(*id);
        }
        let id = self.ops.len() as OpId;
        let plain = matches!(place, Inside::Covered(_)) && searches.is_empty();
        self.ops.push(Op { message, fields: Box::default(), place, plain });
        // Entered before it is made, so that a recursive message leads back here.
        self.known.insert(known, id);
        if !plain {
            self.fill(id, place, searches)?;
        }
        Ok(id)
    }

    /// Makes what nothing is sealed or looked for in: one after the other, as there is no end to how deep it leads.
    fn fill_plain(&mut self) -> Result<(), Fault> {
        let mut next = 0;
        while next < self.ops.len() {
            if self.ops[next].plain {
                self.fill(next as OpId, self.ops[next].place, &[])?;
            }
            next += 1;
        }
        Ok(())
    }

    fn fill(&mut self, id: OpId, place: Inside, searches: &[Search<'_>]) -> Result<(), Fault> {
        let (schema, message) = (self.schema, self.ops[id as usize].message);
        let mut fields = Vec::with_capacity(schema.message(message).fields.len());
        for index in 0..schema.message(message).fields.len() {
            fields.push(self.field(message, index, place, searches)?);
        }
        self.ops[id as usize].fields = fields.into();
        Ok(())
    }

    fn field(
        &mut self,
        message: MessageId,
        index: usize,
        place: Inside,
        searches: &[Search<'_>],
    ) -> Result<FieldOp, Fault> {
        let field = self.schema.field(message, index);
        self.path.push(field.name.to_string());
        let searches = below(searches, |token| *token == *field.name);
        let several = matches!(field.label, Label::Repeated | Label::Map(_));
        let searches = if several { below(&searches, |token| token == "*") } else { searches };
        let (seal, inside) = match place {
            Inside::Node(node) => self.covering(field, node)?,
            covered => (None, covered),
        };
        let mut marks = Marks::default();
        for search in searches.iter().filter(|search| search.tokens.is_empty()) {
            match search.what {
                Sought::Person(subject) => marks.persons.push(subject),
                Sought::Value(want) => marks.wanted.push(want),
            }
        }
        if let (Some(subject), true) = (marks.persons.first(), scalars::wire(field) != Wire::Length) {
            self.one_by_one(field.label, *subject)?;
        }
        let searches: Vec<Search<'_>> =
            searches.into_iter().filter(|search| !search.tokens.is_empty()).collect();
        let inner = match field.kind {
            Kind::Message(inner) => Some(self.op(inner, inside, &searches)?),
            _ => None,
        };
        self.path.pop();
        let marked = !marks.persons.is_empty() || !marks.wanted.is_empty();
        let (watch, keys) = (inside.watch(), self.keys(&field.name, place));
        let (marks, expected) = (marked.then(|| Box::new(marks)), Set::expected_by(&field.name));
        Ok(FieldOp { seal, inner, marks, watch, keys, expected })
    }

    /// What must not be found in the keys of a map. They have no class of their own: where their entries are nobody's, or not
    /// as a whole, nor are they.
    fn keys(&self, name: &str, place: Inside) -> Set {
        let Inside::Node(id) = place else { return place.watch() };
        let Some(map) = self.plan.node(id).member(name).map(|map| self.plan.node(map)) else {
            return Set::all();
        };
        let entries = map.others.and_then(|entries| self.plan.node(entries).field);
        map.field.filter(|_| map.whole).or(entries).map_or(Set::all(), |field| field.keys)
    }

    /// Numbers of a list stand together where its producer likes, and one span cannot be several persons'.
    fn one_by_one(&self, label: Label, subject: u16) -> Result<(), Fault> {
        if label != Label::Repeated {
            return Ok(());
        }
        let pointer = Pointer::from_tokens(self.path.iter().cloned()).to_string();
        let subject = &self.plan.subjects[subject as usize].pointer;
        let problem = format!(
            "is a list of numbers, which stand together as one, and {subject} names another person in each"
        );
        Err(Fault::new(pointer, problem, "use a repeated string, or a repeated message"))
    }

    /// What covers one occurrence of a field, and where what is inside lies.
    fn covering(&self, field: &super::schema::Field, node: u32) -> Result<(Option<Seal>, Inside), Fault> {
        let unclassified = || {
            let pointer = Pointer::from_tokens(self.path.iter().cloned()).to_string();
            Fault::new(pointer, "is not classified", "add it to `classify`")
        };
        let child = self.plan.node(node).member(&field.name).ok_or_else(unclassified)?;
        let one = match field.label {
            _ if self.plan.node(child).whole => child,
            Label::Repeated => self.plan.node(child).rest.ok_or_else(unclassified)?,
            Label::Map(_) => self.plan.node(child).others.ok_or_else(unclassified)?,
            Label::Singular | Label::Required => child,
        };
        let covered = self.plan.node(one);
        match (covered.whole, &field.kind) {
            (false, Kind::Message(inner)) if !self.schema.message(*inner).imported => {
                Ok((None, Inside::Node(one)))
            }
            _ => {
                let found = covered.field.ok_or_else(unclassified)?;
                Ok((Some(found).filter(|found| found.sealed).map(seal), Inside::Covered(found.watch)))
            }
        }
    }
}
