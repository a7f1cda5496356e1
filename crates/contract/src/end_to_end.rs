//! Classes whose values the producer seals for the readers' agencies, so that the bus cannot open them either.
//!
//! What stands in such a field is a text in the form of `docs/formats/end-to-end.md`; here it is said which fields these
//! are, what a contract may not ask of them, and which texts a document has there. Whether a text is sealed, and for whom,
//! is the bus's business.

use std::collections::BTreeSet;

use crate::compile::{Contract, Fault};
use crate::definition::Definition;
use crate::document::{Document, Kind, Node};
use crate::formats::{Form, avro, protobuf};
use crate::impact::{Effect, Weight};
use crate::limits::Limits;
use crate::migration::Step;
use crate::places::Types;
use crate::plan::{Field, Plan};
use crate::pointer::Pointer;
use crate::texts::{Finding, Room, Text, Texts, Token, Unreadable, Way};
use crate::{Class, formats};

/// A value of a document that must be sealed end to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// Where it stands, a JSON pointer. It may hold a person's identifier, as a name in a map.
    pub pointer: String,
    /// The same as it may be shown: `*` for a name that no schema declares.
    pub shown: String,
    /// Its class.
    pub class: Class,
    /// What stands there.
    pub text: String,
}

impl Contract {
    /// Whether anything of its events is sealed end to end.
    pub fn is_end_to_end(&self) -> bool {
        !self.definition.end_to_end.is_empty()
    }

    /// The fields that are, each with its class; `*` is any element or member.
    pub fn end_to_end_fields(&self) -> impl Iterator<Item = (&Pointer, &Class)> {
        let definition = &self.definition;
        let fields = definition.classify.iter().map(|(pointer, rule)| (pointer, &rule.class));
        fields.filter(|(_, class)| definition.end_to_end.contains(*class))
    }

    /// The values of a checked document that must be; in JSON `null` says that there is none, in Avro too, in Protocol Buffers
    /// that nothing stands there. What was not checked may be read otherwise by others.
    pub fn end_to_end_values(&self, data: &[u8]) -> Result<Vec<Value>, Unreadable> {
        if !self.is_end_to_end() {
            return Ok(Vec::new());
        }
        let mut room = Room::of_sealed(data);
        if !matches!(self.form, Form::Json(_)) {
            let texts = self.texts(data, room)?.map(Texts::into_found).unwrap_or_default();
            let value = |text: Text<'_>| {
                let class = self.class_of(&text)?.clone();
                let Text { pointer, shown, text, .. } = text;
                Some(Value { pointer, shown, class, text: text.to_owned() })
            };
            return Ok(texts.into_iter().filter_map(value).collect());
        }
        let document = Document::parse(data, &Limits::default());
        let document =
            document.map_err(|wrong| Unreadable(format!("the document cannot be read as JSON: {wrong}")))?;
        let mut found = Vec::new();
        self.values_at(document.root(), 0, &mut Way::default(), &mut (&mut room, &mut found))?;
        Ok(found)
    }

    /// The texts of a checked document in Avro or Protocol Buffers that must be, or are to be; nothing where documents are JSON.
    pub fn end_to_end_texts<'d>(&self, data: &'d [u8]) -> Result<Option<Texts<'d>>, Unreadable> {
        self.texts(data, Room::of_any())
    }

    fn texts<'d>(&self, data: &'d [u8], room: Room) -> Result<Option<Texts<'d>>, Unreadable> {
        let wanted = |field: Option<Field>, _: &str| self.end_to_end_class(field).is_some();
        let finding = Finding::new(Some(&self.plan), &wanted, room);
        match &self.form {
            Form::Json(_) => Ok(None),
            Form::Avro(form) => avro::texts(&form.schema, data, finding).map(Some),
            Form::Protobuf(form) => protobuf::texts(&form.schema, data, finding).map(Some),
        }
    }

    /// The class of a text that was found so.
    pub fn class_of(&self, text: &Text<'_>) -> Option<&Class> {
        self.end_to_end_class(text.field)
    }

    fn values_at<'w>(
        &self,
        value: Node<'w>,
        node: u32,
        way: &mut Way<'w>,
        into: &mut (&mut Room, &mut Vec<Value>),
    ) -> Result<(), Unreadable> {
        let node = self.plan.node(node);
        if let Some(text) = value.as_str() {
            if let Some(class) = self.end_to_end_class(node.field) {
                let (room, found) = into;
                room.take(way)?;
                let (pointer, shown) = (way.pointer(), way.shown());
                found.push(Value { pointer, shown, class: class.clone(), text: text.into_owned() });
            }
            return Ok(());
        }
        if node.whole {
            return Ok(());
        }
        match value.kind() {
            Kind::Object => value.members().try_for_each(|member| {
                let name = member.key();
                let Some(child) = node.member(&name) else { return Ok(()) };
                let is_declared = node.others != Some(child);
                way.enter(if is_declared { Token::Name(name) } else { Token::Key(name) });
                self.values_at(member.value(), child, way, into)?;
                way.leave();
                Ok(())
            }),
            Kind::Array => value.items().enumerate().try_for_each(|(index, item)| {
                let Some(child) = node.element(index) else { return Ok(()) };
                way.enter(Token::Index(index));
                self.values_at(item, child, way, into)?;
                way.leave();
                Ok(())
            }),
            _ => Ok(()),
        }
    }

    fn end_to_end_class(&self, field: Option<Field>) -> Option<&Class> {
        let class = self.classes.get(usize::from(field?.class))?;
        self.definition.end_to_end.contains(class).then_some(class)
    }

    /// The declared places that are.
    fn end_to_end_places(&self) -> BTreeSet<String> {
        let declared = formats::declared(self.definition.format, &self.definition.schema);
        let is = |place: &String| {
            let pointer = Pointer::parse(place).unwrap_or_else(|_| Pointer::root());
            self.end_to_end_class(self.plan.field_at(pointer.tokens())).is_some()
        };
        declared.into_keys().filter(is).collect()
    }
}

/// What is wrong with it whatever the schema says.
pub(crate) fn faults(definition: &Definition) -> Vec<Fault> {
    const PART: &str = "end_to_end";
    let classes = &definition.end_to_end;
    let mut faults = Vec::new();
    for class in classes {
        if !class.is_about_a_person() {
            let problem = format!("{class} is nobody's data");
            faults.push(Fault::new(PART, problem, "use personal, special or a class of the standards"));
        } else if !definition.classify.values().any(|rule| rule.class == *class) {
            let problem = format!("no field is {class}");
            faults.push(Fault::new(
                PART,
                problem,
                "classify the fields that are meant, or leave the class out",
            ));
        }
    }
    for (name, class) in definition.extensions.iter().filter(|(_, class)| classes.contains(*class)) {
        let problem = format!("is {class}, which is end to end, and attributes cannot be");
        faults.push(Fault::new(format!("extensions/{name}"), problem, "give it another class"));
    }
    faults
}

/// Whether anything that a pointer names is: by what covers the place, in whatever words. A `*` may be any member.
pub(crate) fn is_at(definition: &Definition, plan: &Plan, classes: &[Class], tokens: &[String]) -> bool {
    let is = |field: Option<Field>| {
        let class = field.and_then(|field| classes.get(usize::from(field.class)));
        class.is_some_and(|class| definition.end_to_end.contains(class))
    };
    let mut nodes = vec![plan.node(0)];
    for token in tokens {
        // What covers a place as a whole has no nodes below it.
        if nodes.iter().any(|node| node.whole && is(node.field)) {
            return true;
        }
        let index = token.parse().ok();
        let below = nodes.into_iter().flat_map(|node| -> Vec<u32> {
            let element = index.and_then(|index| node.element(index));
            match token.as_str() {
                "*" => node.children().collect(),
                name => node.member(name).into_iter().chain(element).collect(),
            }
        });
        nodes = below.map(|child| plan.node(child)).collect();
    }
    nodes.into_iter().any(|node| is(node.field))
}

/// What is wrong with sealing what the schema has at a place, where `keyword` of it can be met by no sealed text; the
/// problem and the remedy.
pub(crate) fn place_fault(class: &Class, types: Types, keyword: Option<&str>) -> Option<(String, String)> {
    let text = Types::STRING.or(Types::NULL);
    if !types.is_within(text) || types == Types::NULL || types == Types::NONE {
        let problem = format!("is {class}, which is end to end, and may be {types}");
        let remedy = "let it be a string, whatever is sealed in it, and classify each such place by itself";
        return Some((problem, remedy.to_owned()));
    }
    keyword.map(|keyword| {
        let problem = format!(
            "is {class}, which is end to end, and its schema admits no sealed text: it has `{keyword}`"
        );
        let remedy = "let it be a plain string: what is sealed is for its producer to check";
        (problem, format!("leave `{keyword}` out, and {remedy}"))
    })
}

/// What differs for those who read by `old`.
pub(crate) fn effects(old: &Contract, new: &Contract) -> Vec<Effect> {
    let mut effects = of_classes(&old.definition, &new.definition);
    effects.extend(of_places(old, new));
    effects
}

/// A class begins or ceases to be sealed so.
fn of_classes(old: &Definition, new: &Definition) -> Vec<Effect> {
    let classes: BTreeSet<&Class> = old.end_to_end.symmetric_difference(&new.end_to_end).collect();
    let effect = |class: &Class| {
        let (weight, what) = match new.end_to_end.contains(class) {
            true => {
                (Weight::Breaking, "is sealed end to end from now on: readers need a key of their agency")
            }
            false => (Weight::LessProtective, "is not sealed end to end any more: the bus can open it"),
        };
        let of = Some(class.clone());
        Effect { what: format!("{class} {what}"), weight, before: of.clone(), after: of }
    };
    classes.into_iter().map(effect).collect()
}

/// A field comes to a class that is sealed so or leaves it, where that cannot be told of the class.
fn of_places(old: &Contract, new: &Contract) -> Vec<Effect> {
    if !old.is_end_to_end() && !new.is_end_to_end() {
        return Vec::new();
    }
    let (before, after) = (old.end_to_end_places(), new.end_to_end_places());
    let class = |it: &Contract, place: &String| {
        let pointer = Pointer::parse(place).ok()?;
        let field = it.plan.field_at(pointer.tokens())?;
        it.classes.get(usize::from(field.class)).cloned()
    };
    let effect = |place: &String| {
        let (was, is) = (class(old, place)?, class(new, place)?);
        if was == is {
            return None;
        }
        let (weight, what) = match after.contains(place) {
            true => {
                (Weight::Breaking, "is sealed end to end from now on: readers need a key of their agency")
            }
            false => (Weight::LessProtective, "is not sealed end to end any more: the bus can open it"),
        };
        Some(Effect { what: format!("{place} {what}"), weight, before: Some(was), after: Some(is) })
    };
    before.symmetric_difference(&after).filter_map(effect).collect()
}

/// What is wrong with a migration, since the bus cannot open what it would have to change: such a value goes back as it is,
/// or not at all.
pub(crate) fn migration_faults(old: &Contract, new: &Contract) -> Vec<Fault> {
    if !old.is_end_to_end() && !new.is_end_to_end() {
        return Vec::new();
    }
    let (before, after) = (old.end_to_end_places(), new.end_to_end_places());
    let declared = |it: &Contract| formats::declared(it.definition.format, &it.definition.schema);
    let both = (declared(old), declared(new));
    let mut faults = Vec::new();
    for place in before.symmetric_difference(&after) {
        if both.0.contains_key(place) && both.1.contains_key(place) {
            let problem = format!("{place} is sealed end to end in one of the versions only");
            let remedy = "leave the migration out: those who read the topic are asked instead";
            faults.push(Fault::new("migration", problem, remedy));
        }
    }
    for (index, step) in new.definition.migration.iter().flatten().enumerate() {
        let touched: Vec<&Pointer> = match step {
            Step::Renamed { from, to } => vec![from, to],
            Step::Mapped { at, .. } | Step::Converted { at, .. } => vec![at],
            Step::Added { at, value: Some(_) } | Step::Removed { at, value: Some(_) } => vec![at],
            Step::Added { .. } | Step::Removed { .. } => Vec::new(),
        };
        let hit = before.union(&after).find(|place| touched.iter().any(|at| lies_in(place, &at.to_string())));
        if let Some(place) = hit {
            let problem = format!("{place} is sealed end to end, for its place and by its producer");
            let remedy = "let it stand where it stood, as it is; it may be added or removed without a value";
            faults.push(Fault::new(format!("migration/{}", index + 1), problem, remedy));
        }
    }
    faults
}

/// Whether a place is another one or below it.
fn lies_in(place: &str, above: &str) -> bool {
    place.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
