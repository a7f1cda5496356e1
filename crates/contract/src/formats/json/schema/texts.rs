//! Which texts a schema admits at most, where it lists them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Ids, Site, types};
use crate::places::Types;

/// The texts that are listed; nothing: any text may stand there.
pub(crate) type Texts = Option<BTreeSet<String>>;

/// The most texts that `site` admits.
pub(super) fn listed<'s>(site: Site<'s>, ids: &Ids<'s>) -> Texts {
    listed_by(site, ids, &mut Vec::new())
}

/// What both admit.
pub(super) fn both(one: Texts, other: Texts) -> Texts {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.intersection(&other).cloned().collect()),
        (one, other) => one.or(other),
    }
}

/// What any of them admits.
pub(super) fn any(mut of: impl Iterator<Item = Texts>) -> Texts {
    of.try_fold(BTreeSet::new(), |mut all, texts| {
        all.extend(texts?);
        Some(all)
    })
}

fn listed_by<'s>(site: Site<'s>, ids: &Ids<'s>, seen: &mut Vec<usize>) -> Texts {
    if types::admitted(site, ids).and(Types::STRING) == Types::NONE {
        return Some(BTreeSet::new());
    }
    // A reference that leads back here adds nothing.
    if seen.contains(&site.key()) {
        return None;
    }
    seen.push(site.key());
    let mut texts = own(site.schema);
    if let Some(Ok(target)) = ids.follow(site) {
        texts = both(texts, listed_by(target, ids, seen));
    }
    let list = |keyword: &str| site.schema.get(keyword).and_then(Value::as_array);
    for part in list("allOf").into_iter().flatten() {
        texts = both(texts, listed_by(ids.site(part, site), ids, seen));
    }
    for choice in ["anyOf", "oneOf"].into_iter().filter_map(list) {
        let of_choice = any(choice.iter().map(|part| listed_by(ids.site(part, site), ids, seen)));
        texts = both(texts, of_choice);
    }
    seen.pop();
    texts
}

fn own(schema: &Value) -> Texts {
    let of = |value: &Value| value.as_str().map(str::to_owned);
    let constant = schema.get("const").map(|value| of(value).into_iter().collect());
    let options = schema.get("enum").and_then(Value::as_array);
    both(constant, options.map(|options| options.iter().filter_map(of).collect()))
}
