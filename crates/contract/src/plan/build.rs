//! Builds the plan: walks the schema's places and the classification's rules together, and collects every place
//! that the rules leave open.

use std::collections::BTreeSet;

use super::{Field, Plan, PlanNode, SubjectPath};
use crate::compile::Fault;
use crate::definition::{Definition, FieldRule};
use crate::end_to_end;
use crate::leaks;
use crate::limits;
use crate::places::{Places, Step};
use crate::pointer::Pointer;
use crate::{Class, plan::build::owner::Owner};

mod forms;
mod owner;

/// One line of `classify`.
struct Rule<'d> {
    pointer: &'d Pointer,
    field: &'d FieldRule,
    /// Whether the schema has a place that it names.
    used: bool,
}

struct Builder<'d, P> {
    definition: &'d Definition,
    places: &'d P,
    classes: &'d [Class],
    rules: Vec<Rule<'d>>,
    plan: Plan,
    /// The places that are being walked, to notice a schema that comes round to itself.
    walking: Vec<BTreeSet<usize>>,
    faults: Vec<Fault>,
}

/// What is being walked: where, what the schema says there, and the rules that can still apply.
struct Visit<Place> {
    path: Vec<String>,
    place: Place,
    rules: Vec<usize>,
    /// The rule of the nearest classified ancestor.
    inherited: Option<usize>,
    /// Whether members lead here that no name is declared for.
    in_map: bool,
}

/// The classification of `definition` over its schema, with every fault in it.
pub(crate) fn build<P: Places>(definition: &Definition, places: &P, classes: &[Class]) -> (Plan, Vec<Fault>) {
    let rules = definition.classify.iter();
    let rules = rules.map(|(pointer, field)| Rule { pointer, field, used: false }).collect::<Vec<_>>();
    let subjects = definition.subject.iter().map(subject_path).collect();
    let plan = Plan { nodes: Vec::new(), subjects };
    let mut builder =
        Builder { definition, places, classes, rules, plan, walking: Vec::new(), faults: Vec::new() };
    let root = Visit {
        path: Vec::new(),
        place: places.root(),
        rules: (0..builder.rules.len()).collect(),
        inherited: None,
        in_map: false,
    };
    builder.visit(root);
    for rule in builder.rules.iter().filter(|rule| !rule.used) {
        builder.faults.push(Fault::new(
            rule.pointer.to_string(),
            "is classified, but the schema has no such place",
            "correct the pointer or remove the line from `classify`",
        ));
    }
    (builder.plan, builder.faults)
}

fn subject_path(pointer: &Pointer) -> SubjectPath {
    let tokens = pointer.tokens();
    let anchor = tokens.iter().rposition(|token| token == "*").map_or(0, |at| at + 1);
    SubjectPath { anchor, rest: tokens[anchor..].to_vec(), pointer: pointer.to_string() }
}

impl<P: Places> Builder<'_, P> {
    fn fault(&mut self, path: &[String], problem: impl Into<String>, remedy: impl Into<String>) {
        let fault = Fault::new(Pointer::from_tokens(path.iter().cloned()).to_string(), problem, remedy);
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// Adds the node of a place and everything below it.
    fn visit(&mut self, visit: Visit<P::Place>) -> u32 {
        let at = self.plan.nodes.len() as u32;
        self.plan.nodes.push(PlanNode::default());
        if self.plan.nodes.len() > limits::PLAN_NODES {
            if self.plan.nodes.len() == limits::PLAN_NODES + 1 {
                let remedy = "classify inner places instead of their leaves, or divide the topic";
                self.fault(
                    &visit.path,
                    format!("the schema has more than {} places", limits::PLAN_NODES),
                    remedy,
                );
            }
            return at;
        }
        if visit.path.len() > limits::TYPE_DEPTH {
            let problem = format!("leads to places deeper than {} levels", limits::TYPE_DEPTH);
            self.fault(&visit.path[..1], problem, "classify it as a whole, or nest less");
            return at;
        }
        let exact = self.exact_rule(&visit);
        if let Some(exact) = exact {
            self.form_fits(exact, &visit);
            self.sealed_text_fits(exact, &visit);
        }
        let rule = exact.or(visit.inherited);
        let below: Vec<usize> =
            visit.rules.iter().copied().filter(|&rule| self.depth(rule) > visit.path.len()).collect();
        let types = self.places.types(&visit.place);
        let owner = rule.map(|rule| self.owner(rule, &visit.path));
        let split = matches!(owner, Some(Owner::Below { .. })) && !types.is_leaf();
        let key = self.places.key(&visit.place);
        let again = self.walking.contains(&key);
        let stop = below.is_empty() && (again || self.places.is_anything(&visit.place));
        if let Some(rule) = rule
            && below.is_empty()
            && (!split || stop)
        {
            self.plan.nodes[at as usize] = self.covering(rule, &visit);
            return at;
        }
        if stop {
            self.unclassified(&visit, again);
            return at;
        }
        let untyped = rule.is_none() && types.has_value();
        if untyped {
            self.unclassified(&visit, false);
        }
        let field = match rule {
            Some(rule) if !split || types.has_value() => self.covering(rule, &visit).field,
            _ => None,
        };
        self.walking.push(key);
        let mut node = self.below(&visit, &below, rule, untyped);
        self.walking.pop();
        node.field = field;
        node.whole = field.is_some()
            && node.children().all(|child| {
                let child = self.plan.node(child);
                child.whole && child.field == field
            });
        if node.whole {
            node = PlanNode { field, whole: true, ..PlanNode::default() };
        }
        self.plan.nodes[at as usize] = node;
        at
    }

    fn depth(&self, rule: usize) -> usize {
        self.rules[rule].pointer.tokens().len()
    }

    /// The rule that names this very place; of several, the one with the earlier literal token.
    fn exact_rule(&mut self, visit: &Visit<P::Place>) -> Option<usize> {
        let exact: Vec<usize> =
            visit.rules.iter().copied().filter(|&rule| self.depth(rule) == visit.path.len()).collect();
        for &rule in &exact {
            self.rules[rule].used = true;
        }
        let stars = |rule: usize| {
            self.rules[rule].pointer.tokens().iter().map(|token| token == "*").collect::<Vec<_>>()
        };
        exact.into_iter().min_by_key(|&rule| stars(rule))
    }

    /// Whether what stands here can be shown as its rule says.
    fn form_fits(&mut self, rule: usize, visit: &Visit<P::Place>) {
        let place = forms::Where {
            format: self.definition.format,
            is_document: visit.path.is_empty(),
            in_map: visit.in_map,
            is_leaf: self.places.types(&visit.place).is_leaf(),
            is_text: self.places.is_text(&visit.place),
            is_end_to_end: self.definition.end_to_end.contains(&self.rules[rule].field.class),
        };
        if let Some((problem, remedy)) = forms::fault(self.rules[rule].field, place) {
            self.fault(&visit.path, problem, remedy);
        }
    }

    /// A node that one rule covers.
    fn covering(&mut self, rule: usize, visit: &Visit<P::Place>) -> PlanNode {
        let path = &visit.path;
        let keys = self.keys(rule);
        let watch = if self.places.is_fixed(&visit.place) { leaks::Set::NONE } else { keys };
        let class = &self.rules[rule].field.class;
        let index = self.classes.iter().position(|known| known == class).unwrap_or(0) as u16;
        let sealed = class.is_sealed();
        let owner = match self.owner(rule, path) {
            Owner::Topic => None,
            Owner::Person(subject) => Some(subject),
            Owner::Below { problem, remedy } | Owner::Nobody { problem, remedy } => {
                self.fault(path, problem, remedy);
                None
            }
        };
        self.sealed_text_fits(rule, visit);
        let form = self.rules[rule].field.redact;
        let field = Field { class: index, sealed, form, owner, watch, keys };
        PlanNode { field: Some(field), whole: true, ..PlanNode::default() }
    }

    /// Whether a text that is sealed end to end can stand here, where the rule's class is. Not only where the rule covers: what
    /// is divided between people is covered in parts, and a producer seals what the rule names.
    fn sealed_text_fits(&mut self, rule: usize, visit: &Visit<P::Place>) {
        let class = &self.rules[rule].field.class;
        if self.definition.end_to_end.contains(class) {
            let (types, keyword) =
                (self.places.types(&visit.place), self.places.forbids_sealed(&visit.place));
            let fault = end_to_end::place_fault(class, types, keyword);
            fault.into_iter().for_each(|(problem, remedy)| self.fault(&visit.path, problem, remedy));
        }
    }

    /// What must not be found where this rule holds.
    fn keys(&self, rule: usize) -> leaks::Set {
        let field = self.rules[rule].field;
        if field.class.is_about_a_person() {
            return leaks::Set::NONE;
        }
        leaks::Set::all().without(leaks::Set::named(&field.may_hold))
    }

    fn owner(&self, rule: usize, path: &[String]) -> Owner {
        owner::owner(self.rules[rule].field, &self.definition.subject, path)
    }

    fn unclassified(&mut self, visit: &Visit<P::Place>, recursive: bool) {
        let pointer = Pointer::from_tokens(visit.path.iter().cloned()).to_string();
        let classes = "public, internal, personal or special";
        if recursive {
            let remedy =
                format!("classify {pointer:?} or a place above it, so that one class covers every depth");
            self.fault(&visit.path, "the schema comes round to itself here and nothing covers it", remedy);
        } else if self.places.is_anything(&visit.place) && visit.path.last().is_some_and(|token| token == "*")
        {
            let parent = Pointer::from_tokens(visit.path[..visit.path.len() - 1].iter().cloned()).to_string();
            let problem = "the schema admits members or elements here that it does not describe";
            let remedy = format!(
                "close {parent:?} (`additionalProperties: false`, or `items` for an array) or classify {pointer:?}"
            );
            self.fault(&visit.path, problem, remedy);
        } else if self.places.is_anything(&visit.place) {
            let remedy = format!("say what may stand here, or classify {pointer:?} as {classes}");
            self.fault(&visit.path, "the schema admits anything here and nothing classifies it", remedy);
        } else {
            let types = self.places.types(&visit.place);
            let remedy = if types.is_leaf() {
                format!("add {pointer:?} to `classify`: {classes}")
            } else {
                format!("say its `type` (it may be {types}), or add {pointer:?} to `classify`: {classes}")
            };
            self.fault(&visit.path, "is not classified", remedy);
        }
    }

    /// The node with the places below `visit`. Where its type is not said and a fault tells so, what an untyped
    /// value might hold besides is not told again.
    fn below(
        &mut self,
        visit: &Visit<P::Place>,
        rules: &[usize],
        inherited: Option<usize>,
        untyped: bool,
    ) -> PlanNode {
        let depth = visit.path.len();
        let literal: BTreeSet<String> =
            rules.iter().map(|&rule| self.rules[rule].pointer.tokens()[depth].clone()).collect();
        let starred = literal.contains("*");
        let mut names: BTreeSet<String> = self.places.names(&visit.place).into_iter().collect();
        names.extend(literal.into_iter().filter(|token| token != "*"));
        let mut node = PlanNode::default();
        for name in names {
            let step = Step::Member(name.clone());
            if let Some(child) = self.child(visit, rules, inherited, &step, &name) {
                node.names.push((name.into(), child));
            }
        }
        if untyped && !starred {
            return node;
        }
        node.others = self.child(visit, rules, inherited, &Step::OtherMembers, "*");
        for index in 0..self.places.prefix(&visit.place) {
            match self.child(visit, rules, inherited, &Step::Element(index), &index.to_string()) {
                Some(child) => node.elements.push(child),
                None => break,
            }
        }
        node.rest = self.child(visit, rules, inherited, &Step::OtherElements, "*");
        node
    }

    fn child(
        &mut self,
        visit: &Visit<P::Place>,
        rules: &[usize],
        inherited: Option<usize>,
        step: &Step,
        token: &str,
    ) -> Option<u32> {
        let place = self.places.step(&visit.place, step)?;
        let depth = visit.path.len();
        let wanted = |rule: &usize| self.rules[*rule].pointer.tokens()[depth].as_str();
        // A member that rules name is not meant by `*`: what stands for any key must not reach into it, and perhaps
        // weaken its class further down.
        let named = rules.iter().any(|rule| wanted(rule) == token);
        let applies = |rule: &usize| wanted(rule) == token || (!named && wanted(rule) == "*");
        let rules = rules.iter().copied().filter(applies).collect();
        let mut path = visit.path.clone();
        path.push(token.to_owned());
        let in_map = visit.in_map || *step == Step::OtherMembers;
        Some(self.visit(Visit { path, place, rules, inherited, in_map }))
    }
}
