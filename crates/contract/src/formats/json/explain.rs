//! Violations in plain words. A value is shown only where the classification says `public`; a member's name only
//! where the schema declares it, so that a map keyed by persons does not leak through a pointer.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use super::Form;
use super::walk::Orphan;
use crate::check::Violation;
use crate::compile::Contract;
use crate::document::{self, Document, DocumentJson, JsonNode, Node};
use crate::limits;
use crate::plan::Plan;
use crate::pointer::Pointer;

/// By how many letters a name that was meant may differ from what stands there.
const SLIPS_MAX: usize = 2;

/// Of how many names it is looked what was meant.
const NAMES_LOOKED_AT: usize = 16;

pub(super) struct Explainer<'c, 'd> {
    pub(super) contract: &'c Contract,
    pub(super) form: &'c Form,
    /// The form's own, or that of what is left when classes are left out.
    pub(super) validator: &'c Validator<DocumentJson>,
    pub(super) document: &'d Document<'d>,
}

/// A value's place in words.
struct Spot {
    pointer: String,
    /// The value's text, where it may be shown.
    value: Option<String>,
    /// The class for which it is withheld.
    withheld: Option<String>,
}

impl Spot {
    fn name(&self) -> &str {
        if self.pointer.is_empty() { "the document" } else { &self.pointer }
    }
}

impl Explainer<'_, '_> {
    /// What the schema has against the document, at most [`limits::VIOLATIONS`] of it.
    pub(super) fn schema_violations(&self) -> Vec<Violation> {
        let root = JsonNode::Value(self.document.root());
        let mut violations: Vec<Violation> = Vec::new();
        for error in self.validator.iter_errors(root) {
            let violation = self.explain(&error);
            if !violations.contains(&violation) {
                violations.push(violation);
            }
            if violations.len() >= limits::VIOLATIONS {
                break;
            }
        }
        violations
    }

    /// A field that cannot be sealed.
    pub(super) fn orphan(&self, orphan: &Orphan) -> Violation {
        let pointer = self.pointer_to(orphan.node);
        let subjects = &self.contract.plan.subjects;
        let text = orphan.why.text(&pointer, |at| &subjects[at as usize].pointer);
        Violation { pointer, text }
    }

    /// Where something was found that must not be there; it may be the name of a member that no schema declares.
    pub(super) fn leak(&self, node: u32) -> String {
        let tokens = path_to(self.document, node);
        let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
        let shown = |at: usize| if self.is_declared(&tokens, at) { tokens[at] } else { "*" };
        Pointer::from_tokens((0..tokens.len()).map(shown).map(str::to_owned)).to_string()
    }

    /// The pointer to the node of this index, as it may be shown.
    fn pointer_to(&self, node: u32) -> String {
        let tokens = path_to(self.document, node);
        let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
        self.pointer(&tokens)
    }

    fn explain(&self, error: &ValidationError<'_>) -> Violation {
        let path = error.instance_path().as_str();
        let pointer = Pointer::parse(path).unwrap_or_else(|_| Pointer::root());
        let tokens: Vec<&str> = pointer.tokens().iter().map(String::as_str).collect();
        let spot = self.spot(&tokens);
        match error.kind() {
            Kind::Required { property } => {
                let missing = pointer.child(property.as_str().unwrap_or("?"));
                let tokens: Vec<&str> = missing.tokens().iter().map(String::as_str).collect();
                let pointer = self.pointer(&tokens);
                Violation { text: format!("{pointer} is missing"), pointer }
            }
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                let mut text =
                    format!("{} fits none of the forms that the contract admits here", spot.name());
                let closest =
                    context.iter().filter(|errors| !errors.is_empty()).min_by_key(|errors| errors.len());
                if let Some(first) = closest.and_then(|errors| errors.first()) {
                    let _ = write!(text, "; closest: {}", self.explain(first).text);
                }
                Violation { pointer: spot.pointer, text }
            }
            kind => {
                let mut text = spot.name().to_owned();
                if let Some(value) = &spot.value {
                    let _ = write!(text, " {value}");
                }
                let _ = match kind {
                    Kind::AdditionalProperties { unexpected }
                    | Kind::UnevaluatedProperties { unexpected } => {
                        write!(text, " {}", undeclared(unexpected, &self.declared_names(&tokens)))
                    }
                    kind => write!(text, " {}", complaint(kind)),
                };
                if let Some(class) = &spot.withheld {
                    let _ = write!(text, " (value withheld: {class})");
                }
                Violation { pointer: spot.pointer, text }
            }
        }
    }

    fn spot(&self, tokens: &[&str]) -> Spot {
        let pointer = self.pointer(tokens);
        let value = self.document.root().at(tokens).filter(|value| is_scalar(*value));
        let plan = self.plan_field(tokens);
        let class = plan.map(|class| self.contract.classes[class as usize].as_str());
        match (value, class) {
            (None, _) => Spot { pointer, value: None, withheld: None },
            (Some(value), Some("public")) => {
                Spot { pointer, value: Some(cut(value.raw(), limits::SHOWN_VALUE_CHARS)), withheld: None }
            }
            (Some(_), class) => {
                Spot { pointer, value: None, withheld: Some(class.unwrap_or("unclassified").to_owned()) }
            }
        }
    }

    /// The names that the object at `tokens` may have, where those are all declared: not those of a map.
    fn declared_names(&self, tokens: &[&str]) -> Vec<&str> {
        let plan = &self.contract.plan;
        let path = path_in(plan, self.document.root(), tokens);
        let node = path.last().map(|node| plan.node(*node)).filter(|_| path.len() == tokens.len() + 1);
        let node = node.filter(|node| !node.whole && node.others.is_none());
        node.map_or_else(Vec::new, |node| node.names.iter().map(|(name, _)| &**name).collect())
    }

    /// The class index of the value at `tokens`.
    fn plan_field(&self, tokens: &[&str]) -> Option<u16> {
        let plan = &self.contract.plan;
        let path = path_in(plan, self.document.root(), tokens);
        let node = plan.node(*path.last()?);
        (node.whole || path.len() == tokens.len() + 1).then_some(node.field?.class)
    }

    /// The pointer as it may be shown.
    fn pointer(&self, tokens: &[&str]) -> String {
        let plan = &self.contract.plan;
        let path = path_in(plan, self.document.root(), tokens);
        let is_public = |at: usize| {
            let node = plan.node(path.get(at + 1).or(path.last()).copied().unwrap_or(0));
            node.field.is_some_and(|field| !field.sealed)
        };
        let shown = tokens.iter().enumerate().map(|(at, token)| {
            if self.is_declared(tokens, at) {
                (*token).to_owned()
            } else if is_public(at) {
                cut(token, limits::SHOWN_NAME_CHARS)
            } else {
                "*".to_owned()
            }
        });
        Pointer::from_tokens(shown).to_string()
    }

    /// Whether a token is an index, or a name that the schema has.
    fn is_declared(&self, tokens: &[&str], at: usize) -> bool {
        let is_number = tokens[at].len() < 10 && tokens[at].bytes().all(|byte| byte.is_ascii_digit());
        let within = || self.document.root().at(&tokens[..at]);
        self.form.declared.contains(tokens[at])
            || (is_number && within().is_some_and(|node| node.kind() == document::Kind::Array))
    }
}

fn is_scalar(node: Node<'_>) -> bool {
    !matches!(node.kind(), document::Kind::Object | document::Kind::Array)
}

fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}

/// What is wrong with a value, as the rest of a sentence that begins with its place.
fn complaint(kind: &Kind) -> String {
    match kind {
        Kind::Type { kind } => format!("is not {}", types(kind)),
        Kind::Format { format } => format!("is not {}", format_name(format)),
        Kind::Pattern { pattern } => format!("does not match the pattern {pattern}"),
        Kind::Enum { options } => format!("is not one of {}", options_text(options)),
        Kind::Constant { expected_value } => format!("is not {}", json(expected_value)),
        Kind::Minimum { limit } => format!("is less than {}", json(limit)),
        Kind::Maximum { limit } => format!("is more than {}", json(limit)),
        Kind::ExclusiveMinimum { limit } => format!("is not more than {}", json(limit)),
        Kind::ExclusiveMaximum { limit } => format!("is not less than {}", json(limit)),
        Kind::MultipleOf { multiple_of } => format!("is not a multiple of {multiple_of}"),
        Kind::MinLength { limit } => format!("is shorter than {limit} characters"),
        Kind::MaxLength { limit } => format!("is longer than {limit} characters"),
        Kind::MinItems { limit } => format!("has fewer than {limit} elements"),
        Kind::MaxItems { limit } => format!("has more than {limit} elements"),
        Kind::AdditionalItems { limit } => format!("has more than {limit} elements"),
        Kind::MinProperties { limit } => format!("has fewer than {limit} members"),
        Kind::MaxProperties { limit } => format!("has more than {limit} members"),
        Kind::UniqueItems => "has the same element twice".to_owned(),
        Kind::Contains => "lacks an element that the contract asks for".to_owned(),
        Kind::UnevaluatedItems { .. } => "has elements that the contract does not know".to_owned(),
        Kind::PropertyNames { .. } => "has a member whose name the contract does not admit".to_owned(),
        Kind::FalseSchema => "must not be there".to_owned(),
        Kind::Not { .. } => "has a form that the contract excludes".to_owned(),
        Kind::OneOfMultipleValid { .. } => {
            "fits more than one of the forms of which exactly one is wanted".to_owned()
        }
        Kind::ContentEncoding { content_encoding } => format!("is not encoded as {content_encoding}"),
        Kind::ContentMediaType { content_media_type } => format!("is not {content_media_type}"),
        Kind::FromUtf8 { .. } => "does not hold UTF-8".to_owned(),
        Kind::BacktrackLimitExceeded { .. } | Kind::RegexEngineFailure { .. } => {
            "cannot be matched against its pattern".to_owned()
        }
        other => format!("breaks the rule `{}` of the contract", other.keyword()),
    }
}

/// Names that the contract does not know may be a person's, put in the wrong place: they are not told, but what was meant
/// where one is a slip.
fn undeclared(names: &[String], declared: &[&str]) -> String {
    let members = if names.len() == 1 { "a member" } else { "members" };
    let mut text = format!("has {members} that the contract does not know");
    let meant: BTreeSet<&str> =
        names.iter().take(NAMES_LOOKED_AT).filter_map(|name| meant_by(name, declared)).collect();
    if !meant.is_empty() {
        let meant: Vec<String> = meant.iter().take(3).map(|name| format!("{name:?}")).collect();
        let _ = write!(text, "; did you mean {}?", meant.join(", "));
    } else if !declared.is_empty() {
        let _ = write!(text, "; it knows {}", cut(&declared.join(", "), limits::SHOWN_VALUE_CHARS));
    }
    text
}

/// The declared name that differs by least, if that is little.
fn meant_by<'d>(name: &str, declared: &[&'d str]) -> Option<&'d str> {
    let near = declared.iter().filter(|known| known.len().abs_diff(name.len()) <= 4 * SLIPS_MAX);
    let (slips, meant) = near.map(|known| (strsim::damerau_levenshtein(name, known), *known)).min()?;
    (slips <= SLIPS_MAX && slips * 2 <= meant.chars().count()).then_some(meant)
}

fn json(value: &Value) -> String {
    cut(&value.to_string(), limits::SHOWN_VALUE_CHARS)
}

fn options_text(options: &Value) -> String {
    let list = options.as_array().map(Vec::as_slice).unwrap_or_default();
    let texts: Vec<String> = list.iter().map(Value::to_string).collect();
    cut(&texts.join(", "), limits::SHOWN_VALUE_CHARS)
}

fn types(kind: &TypeKind) -> String {
    let with_article = |name: &str| match name {
        "null" => "null".to_owned(),
        name if name.starts_with(['a', 'i', 'o']) => format!("an {name}"),
        name => format!("a {name}"),
    };
    match kind {
        TypeKind::Single(one) => with_article(one.as_str()),
        TypeKind::Multiple(many) => {
            many.iter().map(|one| with_article(one.as_str())).collect::<Vec<_>>().join(" or ")
        }
    }
}

fn format_name(format: &str) -> String {
    match format {
        "date" => "a date",
        "date-time" => "a date and time (RFC 3339)",
        "time" => "a time (RFC 3339)",
        "duration" => "a duration (ISO 8601)",
        "email" | "idn-email" => "an e-mail address",
        "hostname" | "idn-hostname" => "a host name",
        "ipv4" => "an IPv4 address",
        "ipv6" => "an IPv6 address",
        "uri" | "iri" => "a URI",
        "uri-reference" | "iri-reference" => "a URI reference",
        "uuid" => "a UUID",
        "json-pointer" => "a JSON pointer",
        "regex" => "a regular expression",
        other => return format!("of the format {other}"),
    }
    .to_owned()
}

/// The tokens that lead to the node of this index.
fn path_to(document: &Document<'_>, index: u32) -> Vec<String> {
    let mut path = Vec::new();
    let mut at = document.root();
    while at.index() != index {
        let member = at.members().map(|member| (member.key().into_owned(), member.value()));
        let items = at.items().enumerate().map(|(index, item)| (index.to_string(), item));
        // Descendants follow their container, so the last child that does not start behind the node holds it.
        let Some((token, child)) = member.chain(items).filter(|(_, child)| child.index() <= index).last()
        else {
            break;
        };
        path.push(token);
        at = child;
    }
    path
}

/// The plan node of each value on the way to `tokens` in a document; the last ones are missing where one node
/// covers the rest.
fn path_in(plan: &Plan, root: Node<'_>, tokens: &[&str]) -> Vec<u32> {
    let mut path = vec![0];
    let mut at = root;
    for token in tokens {
        let node = plan.node(path.last().copied().unwrap_or(0));
        let next = match at.kind() {
            _ if node.whole => None,
            document::Kind::Object => node.member(token),
            document::Kind::Array => token.parse().ok().and_then(|index| node.element(index)),
            _ => None,
        };
        let Some(next) = next else { break };
        path.push(next);
        match at.at(&[token]) {
            Some(child) => at = child,
            None => break,
        }
    }
    path
}
