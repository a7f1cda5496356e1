//! The walk over one JSON document, along its contract's plan.

use super::explain::Explainer;
use super::leaks::Found;
use super::{Form, Memory};
use crate::check::{Checked, Key, Shape, Span, Violation, Workspace};
use crate::compile::{Contract, KeyPlan};
use crate::document::{Document, JsonNode, Kind, Member, Node};
use crate::leaks::Set;
use crate::limits;
use crate::plan::{Field, PlanNode};
use crate::redaction::Look;
use crate::subjects::{Subjects, Why};

/// What a walk leaves for the next to reuse.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// The nodes from the root down to the one being walked.
    ancestors: Vec<u32>,
    /// Subjects found already: by the node that the pointer starts from, and the pointer's index.
    owners: Vec<(u32, u16, u16)>,
    subjects: Subjects,
}

impl Form {
    /// [`Contract::check`] for JSON.
    pub(crate) fn check(
        &self,
        contract: &Contract,
        data: &[u8],
        work: &mut Workspace,
    ) -> Result<Checked, Vec<Violation>> {
        let watch = work.watch;
        let Memory { tape, walked } = &mut work.json;
        let document = Document::parse_on(data, &work.limits, tape).map_err(|wrong| {
            vec![Violation {
                pointer: String::new(),
                text: format!("the document is not valid JSON: {wrong}"),
            }]
        })?;
        let checked = self.check_document(contract, &document, watch, walked);
        document.give_back(tape);
        checked
    }

    fn check_document(
        &self,
        contract: &Contract,
        document: &Document<'_>,
        watch: Set,
        memory: &mut Walked,
    ) -> Result<Checked, Vec<Violation>> {
        let explainer = Explainer { contract, form: self, validator: &self.validator, document };
        if !self.validator.is_valid(JsonNode::Value(document.root())) {
            return Err(explainer.schema_violations());
        }
        memory.ancestors.clear();
        memory.owners.clear();
        memory.subjects.take();
        let (spans, orphans, found) = (Vec::with_capacity(8), Vec::new(), Vec::new());
        let mut walk = Walk { contract, form: self, document, watch, memory, spans, orphans, found };
        let key_subject = walk.key_subject();
        let start = document.root().span().start;
        walk.value(document.root(), 0, Place { shape: Shape::Whole, start, named: None });
        if !walk.orphans.is_empty() {
            let orphans = std::mem::take(&mut walk.orphans);
            return Err(orphans.into_iter().map(|orphan| explainer.orphan(&orphan)).collect());
        }
        let first = (!walk.memory.subjects.is_empty()).then_some(0);
        let key = match &contract.key {
            KeyPlan::None => None,
            KeyPlan::Subject => key_subject.or(first).map(Key::Subject),
            KeyPlan::At(tokens, class) => walk.key_value(tokens, *class),
        };
        let identity = contract.definition.identity.as_ref();
        let identity = identity.and_then(|pointer| scalar_text(document.root().at(pointer.tokens())?));
        let leaks = walk.leaks(|node| explainer.leak(node));
        let Walk { spans, memory, .. } = walk;
        Ok(Checked { spans, frames: Vec::new(), subjects: memory.subjects.take(), key, identity, leaks })
    }
}

/// A field that no one can be found for.
#[derive(Debug, Clone)]
pub(super) struct Orphan {
    /// The value's node.
    pub(super) node: u32,
    pub(super) why: Why,
}

#[derive(Clone, Copy)]
struct Place<'d> {
    shape: Shape,
    start: u32,
    /// The nearest member.
    named: Option<Member<'d>>,
}

pub(super) struct Walk<'c, 'd, 'w> {
    contract: &'c Contract,
    pub(super) form: &'c Form,
    document: &'d Document<'d>,
    /// What must not be found in what is nobody's.
    watch: Set,
    memory: &'w mut Walked,
    spans: Vec<Span>,
    orphans: Vec<Orphan>,
    pub(super) found: Vec<Found>,
}

impl<'d> Walk<'_, 'd, '_> {
    fn value(&mut self, value: Node<'d>, node: u32, place: Place<'d>) {
        let contract = self.contract;
        let node = contract.plan.node(node);
        self.memory.ancestors.push(value.index());
        if node.whole {
            self.seal(value, node.field, place);
        } else {
            match value.kind() {
                Kind::Object => self.members(value, node),
                Kind::Array => self.elements(value, node, place.named),
                // Beside an object or array, `null` says only that it is absent.
                Kind::Null if node.field.is_none() => {}
                _ => self.seal(value, node.field, place),
            }
        }
        self.memory.ancestors.pop();
    }

    fn members(&mut self, object: Node<'d>, node: &PlanNode) {
        let contract = self.contract;
        for member in object.members() {
            let key = member.key();
            let (child, start) = (node.member(&key), member.span().start);
            let others = node.others.filter(|others| Some(*others) == child);
            let named = Some(member);
            if let Some(others) = others {
                // Names have no class of their own: where what they lead to is nobody's, or not as a whole, nor are they.
                let keys = contract.plan.node(others).field.map_or(Set::all(), |field| field.keys);
                self.look_at_key(&key, member.value(), keys.and(self.watch));
            }
            match child {
                Some(child) => {
                    self.value(member.value(), child, Place { shape: Shape::Member, start, named })
                }
                None => self.orphan(member.value(), Why::Unclassified),
            }
        }
    }

    fn elements(&mut self, array: Node<'d>, node: &PlanNode, named: Option<Member<'d>>) {
        for (index, element) in array.items().enumerate() {
            let start = element.span().start;
            match node.element(index) {
                Some(child) => self.value(element, child, Place { shape: Shape::Item, start, named }),
                None => self.orphan(element, Why::Unclassified),
            }
        }
    }

    fn orphan(&mut self, value: Node<'d>, why: Why) {
        if self.orphans.len() < limits::VIOLATIONS {
            self.orphans.push(Orphan { node: value.index(), why });
        }
    }

    fn seal(&mut self, value: Node<'d>, field: Option<Field>, place: Place<'d>) {
        let Some(field) = field else { return self.orphan(value, Why::Unclassified) };
        let wanted = field.watch.and(self.watch);
        if !wanted.is_empty() {
            self.look(value, wanted, place.named);
        }
        if !field.sealed {
            return;
        }
        let subject = match field.owner {
            None => Ok(Span::TOPIC),
            Some(pointer) => self.owner(pointer),
        };
        match subject {
            Ok(subject) => self.spans.push(Span {
                start: place.start,
                end: value.span().end,
                class: field.class,
                subject,
                look: Look { shape: place.shape, form: field.form, in_union: false },
            }),
            Err(why) => self.orphan(value, why),
        }
    }

    /// The index of the person that this subject pointer names for the value being memory.
    fn owner(&mut self, pointer: u16) -> Result<u16, Why> {
        let contract = self.contract;
        let path = &contract.plan.subjects[pointer as usize];
        let from = self.memory.ancestors.get(path.anchor).copied().ok_or(Why::Unclassified)?;
        // Fields of one person stand together, so the latest entries are the ones asked for.
        let known =
            self.memory.owners.iter().rev().take(8).find(|(node, of, _)| (*node, *of) == (from, pointer));
        if let Some((_, _, subject)) = known {
            return Ok(*subject);
        }
        let identifier = self.document.node(from).at(&path.rest).ok_or(Why::NoIdentifier(pointer))?;
        let subject = self.intern(identifier, pointer)?;
        self.memory.owners.push((from, pointer, subject));
        Ok(subject)
    }

    fn intern(&mut self, identifier: Node<'d>, pointer: u16) -> Result<u16, Why> {
        let bad = Why::NotAnIdentifier(pointer);
        let text = match identifier.kind() {
            Kind::Null => return Err(Why::NoIdentifier(pointer)),
            Kind::String => identifier.as_str().ok_or(bad)?,
            // 1, 1.0 and 1e0 are one number but three texts; only the plain one names a person.
            Kind::Number if identifier.raw().bytes().all(|byte| byte.is_ascii_digit()) => {
                identifier.raw().into()
            }
            _ => return Err(bad),
        };
        self.memory.subjects.index_of(&text, pointer)
    }

    /// The person whom the contract's first subject pointer names, where it orders events.
    fn key_subject(&mut self) -> Option<usize> {
        let first = match self.contract.key {
            KeyPlan::Subject => self.contract.definition.subject.first()?,
            _ => return None,
        };
        let identifier = self.document.root().at(first.tokens())?;
        self.intern(identifier, 0).ok().map(usize::from)
    }

    fn key_value(&mut self, tokens: &[String], class: u16) -> Option<Key> {
        let value = self.document.root().at(tokens)?;
        let contract = self.contract;
        if contract.definition.subject.iter().any(|subject| subject.tokens() == tokens) {
            return self.intern(value, 0).ok().map(|subject| Key::Subject(subject.into()));
        }
        let class = contract.classes.get(class as usize).cloned()?;
        scalar_text(value).map(|text| Key::Value { text, class })
    }
}

/// A string unescaped, or the text of a number or boolean.
fn scalar_text(value: Node<'_>) -> Option<String> {
    match value.kind() {
        Kind::String => value.as_str().map(|text| text.into_owned()),
        Kind::Number | Kind::True | Kind::False => Some(value.raw().to_owned()),
        Kind::Null | Kind::Array | Kind::Object => None,
    }
}
