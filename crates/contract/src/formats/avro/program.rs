//! The schema and the plan made into one program: what the walk does at each place.
//!
//! The program alone says what is sealed together, for the walk and for the redacted schema, so that they cannot
//! differ. A place that the plan covers as a whole is sealed where it begins; in a union that it does not cover as a
//! whole, each branch is sealed for itself, behind the branch's number. A map whose values are all sealed alike is
//! sealed as a whole, because its keys may name people too; one whose values are of several classes, so that some would go
//! as a whole and leave their keys behind, is refused.
//!
//! Operations are shared: the same type at the same node of the plan is one operation, and where nothing is sealed or
//! looked for, the operation of a type may lead back to itself as the schema does. Everywhere else they lead downwards
//! only.

use std::collections::HashMap;

use super::schema::{Kind, Schema, TypeId};
use crate::check::Shape;
use crate::compile::Fault;
use crate::definition::Definition;
use crate::formats::searches::{Search, Sought, Want, below, searches};
use crate::leaks::Set;
use crate::plan::{Field, Inside, Plan, PlanNode};
use crate::pointer::Pointer;
use crate::redaction::{Look, Redaction};

/// An operation of one program.
pub(super) type OpId = u32;

/// What the walk does.
pub(super) struct Program {
    pub(super) ops: Vec<Op>,
    pub(super) root: OpId,
}

/// What the walk does at one place.
pub(super) struct Op {
    /// What stands there.
    pub(super) of: TypeId,
    /// A record's fields, a union's branches, or the items of an array or values of a map, in the schema's order.
    pub(super) inner: Box<[OpId]>,
    /// The class of what stands there; for what lies in a covered place, that of the nearest place above.
    pub(super) class: Option<u16>,
    pub(super) seal: Option<Seal>,
    pub(super) marks: Option<Box<Marks>>,
    /// What must not be found in a value that stands there.
    pub(super) watch: Set,
    /// The same of a map's keys.
    pub(super) keys: Set,
    /// Whether nothing in it is sealed or looked for.
    pub(super) plain: bool,
}

/// A span begins and ends with the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seal {
    pub(super) class: u16,
    /// Index of the subject pointer that says whose it is.
    pub(super) owner: Option<u16>,
    /// Whether the owner's identifier stands inside, so that `null` in its place is about nobody.
    pub(super) names_its_owner: bool,
    pub(super) look: Look,
}

/// What is looked for at a place.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Subject pointers whose last `*` is bound here: another person with each visit.
    pub(super) persons: Vec<u16>,
    /// What the value is wanted for.
    pub(super) wanted: Vec<Want>,
    /// Items of an array in which something is looked for, unlike in the others.
    pub(super) items: Vec<(usize, OpId)>,
}

impl Program {
    /// The program of a schema whose classification has no fault.
    pub(super) fn new(schema: &Schema, plan: &Plan, definition: &Definition) -> Result<Self, Fault> {
        let (ops, known, path) = (Vec::new(), HashMap::new(), Vec::new());
        let mut builder =
            Builder { schema, plan, definition, ops, known, path, unclassified: None, torn: None };
        let searches = searches(plan, definition);
        let root = builder.op(schema.root, Inside::Node(0), &searches, Shape::Whole);
        let pointer = |path: Vec<String>| Pointer::from_tokens(path).to_string();
        match (builder.unclassified, builder.torn) {
            (None, None) => Ok(Self { ops: builder.ops, root }),
            (Some(path), _) => Err(Fault::new(pointer(path), "is not classified", "add it to `classify`")),
            (None, Some(path)) => Err(Fault::new(
                pointer(path),
                "is a map's value of several types that differ in class: where one is left out, its key would stand there \
                 still, and keys may name people",
                "give all that may stand there one class, or make the value a record with a field for each type",
            )),
        }
    }

    pub(super) fn op(&self, id: OpId) -> &Op {
        &self.ops[id as usize]
    }
}

/// What makes operations the same: the type, where it lies, and what is still looked for, by how many tokens further.
type Known = (TypeId, Inside, Vec<(Sought, usize)>);

struct Builder<'s> {
    schema: &'s Schema,
    plan: &'s Plan,
    definition: &'s Definition,
    ops: Vec<Op>,
    /// The operations made so far: one type can be reached along very many ways.
    known: HashMap<Known, OpId>,
    /// The tokens that lead to the place being built.
    path: Vec<String>,
    /// A place that the plan does not know; none, as the classification has no fault.
    unclassified: Option<Vec<String>>,
    /// A map's values of which some are sealed as a whole and others are not.
    torn: Option<Vec<String>>,
}

impl<'s> Builder<'s> {
    /// The operation for a type: at the place of a plan's node, or inside a place that is covered.
    fn op(&mut self, of: TypeId, place: Inside, searches: &[Search<'_>], shape: Shape) -> OpId {
        let wanted = searches.iter().map(|search| (search.what, search.tokens.len()));
        let known = (of, place, wanted.collect());
        if let Some(id) = self.known.get(&known) {
            return *id;
        }
        let plain = matches!(place, Inside::Covered(_)) && searches.is_empty();
        let id = self.ops.len() as OpId;
        let (watch, keys) = (Set::NONE, self.keys(place));
        self.ops.push(Op {
            of,
            inner: Box::default(),
            class: None,
            seal: None,
            marks: None,
            watch,
            keys,
            plain,
        });
        // Entered before it is made, so that a recursive type leads back here.
        self.known.insert(known, id);
        let kind = self.schema.kind(of);
        let (field, inside) = match place {
            Inside::Node(node) => self.covering(kind, node),
            covered => (None, covered),
        };
        let seal = field.filter(|field| field.sealed).map(|field| self.seal(field, kind, shape));
        let (inner, marks) = self.inner(kind, inside, searches, shape);
        let op = &mut self.ops[id as usize];
        op.class = field.map(|field| field.class);
        op.watch = inside.watch();
        (op.seal, op.inner, op.marks) = (seal, inner, marks);
        id
    }

    /// What must not be found in the keys of a map at a place. Keys have no class of their own: where their entries are
    /// nobody's, or not as a whole, nor are they.
    fn keys(&self, place: Inside) -> Set {
        let Inside::Node(id) = place else { return place.watch() };
        let node = self.plan.node(id);
        let entries = node.others.and_then(|entries| self.plan.node(entries).field);
        node.field.filter(|_| node.whole).or(entries).map_or(Set::all(), |field| field.keys)
    }

    /// What covers a value of `kind` at a node as one, and where what is inside lies.
    fn covering(&mut self, kind: &Kind, id: u32) -> (Option<Field>, Inside) {
        let node = self.plan.node(id);
        let entries = node.others.map(|entries| self.plan.node(entries));
        let covered =
            |field: Option<Field>| (field, Inside::Covered(field.map_or(Set::NONE, |field| field.watch)));
        match (kind, entries) {
            _ if node.whole => covered(node.field),
            (Kind::Map(_), Some(entries)) if entries.whole => covered(entries.field),
            (Kind::Record(_) | Kind::Array(_) | Kind::Map(_) | Kind::Union(_), _) => (None, Inside::Node(id)),
            _ => {
                if node.field.is_none() && *kind != Kind::Null {
                    self.unclassified = Some(self.path.clone());
                }
                covered(node.field)
            }
        }
    }

    /// Where `step` leads to.
    fn below(&mut self, place: Inside, token: &str, step: impl Fn(&PlanNode) -> Option<u32>) -> Inside {
        let Inside::Node(node) = place else { return place };
        step(self.plan.node(node)).map_or_else(
            || {
                self.unclassified = Some(self.path.iter().cloned().chain([token.to_owned()]).collect());
                Inside::Covered(Set::NONE)
            },
            Inside::Node,
        )
    }

    fn seal(&self, field: Field, kind: &Kind, shape: Shape) -> Seal {
        let inside = |owner: u16| {
            let tokens = self.definition.subject[owner as usize].tokens();
            tokens.len() > self.path.len()
                && tokens.iter().zip(&self.path).all(|(token, own)| token == "*" || token == own)
        };
        let names_its_owner = field.owner.is_some_and(inside);
        // What takes no bytes is never shown.
        let form = if *kind == Kind::Null { Redaction::Absent } else { field.form };
        let look =
            Look { shape, form, in_union: form != Redaction::Absent && matches!(kind, Kind::Union(_)) };
        Seal { class: field.class, owner: field.owner, names_its_owner, look }
    }

    /// What is inside a value of `kind`, and what is looked for at it.
    fn inner(
        &mut self,
        kind: &'s Kind,
        place: Inside,
        searches: &[Search<'_>],
        shape: Shape,
    ) -> (Box<[OpId]>, Option<Box<Marks>>) {
        let mut marks = Marks::default();
        let here = searches.iter().filter(|search| search.tokens.is_empty());
        for search in here {
            match search.what {
                Sought::Person(subject) => marks.persons.push(subject),
                // Whatever a union holds is looked at in its branch.
                Sought::Value(want) if !matches!(kind, Kind::Union(_)) => marks.wanted.push(want),
                Sought::Value(_) => {}
            }
        }
        let inner = match kind {
            Kind::Record(fields) => {
                let fields = fields.iter().map(|field| {
                    let searches = below(searches, |token| token == "*" || *token == *field.name);
                    let child = self.below(place, &field.name, |node| node.member(&field.name));
                    self.child(field.of, child, &searches, Shape::Member, &field.name)
                });
                fields.collect()
            }
            Kind::Array(items) => self.items(*items, place, searches, &mut marks),
            // Nothing is looked for in a map: which of its entries would be meant?
            Kind::Map(values) => {
                let child = self.below(place, "*", |node| node.others);
                let inner = self.child(*values, child, &[], Shape::Member, "*");
                if matches!(place, Inside::Node(_)) && self.leaves_out_a_branch(inner) {
                    self.torn = Some(self.path.iter().cloned().chain(["*".to_owned()]).collect());
                }
                Box::from([inner])
            }
            Kind::Union(branches) => {
                let passed = |search: &&Search<'_>| {
                    !search.tokens.is_empty() || matches!(search.what, Sought::Value(_))
                };
                let searches: Vec<Search<'_>> = searches.iter().filter(passed).copied().collect();
                branches.iter().map(|branch| self.op(*branch, place, &searches, shape)).collect()
            }
            _ => Box::default(),
        };
        let marked = !marks.persons.is_empty() || !marks.wanted.is_empty() || !marks.items.is_empty();
        (inner, marked.then(|| Box::new(marks)))
    }

    /// Whether of a union some branch is sealed as a whole.
    fn leaves_out_a_branch(&self, id: OpId) -> bool {
        let op = &self.ops[id as usize];
        matches!(self.schema.kind(op.of), Kind::Union(_))
            && op.inner.iter().any(|branch| self.ops[*branch as usize].seal.is_some())
    }

    fn items(
        &mut self,
        of: TypeId,
        place: Inside,
        searches: &[Search<'_>],
        marks: &mut Marks,
    ) -> Box<[OpId]> {
        let child = self.below(place, "*", |node| node.rest);
        let mut indices: Vec<usize> =
            searches.iter().filter_map(|search| search.tokens.first()?.parse().ok()).collect();
        indices.sort_unstable();
        indices.dedup();
        for index in indices {
            let searches = below(searches, |token| token == "*" || token.parse() == Ok(index));
            marks.items.push((index, self.child(of, child, &searches, Shape::Item, "*")));
        }
        let searches = below(searches, |token| token == "*");
        Box::from([self.child(of, child, &searches, Shape::Item, "*")])
    }

    fn child(
        &mut self,
        of: TypeId,
        place: Inside,
        searches: &[Search<'_>],
        shape: Shape,
        token: &str,
    ) -> OpId {
        self.path.push(token.to_owned());
        let id = self.op(of, place, searches, shape);
        self.path.pop();
        id
    }
}
