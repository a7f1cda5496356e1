//! Personal data in the fields of a binary document that are nobody's.

use crate::check::Leak;
use crate::formats::persons::Found;
use crate::leaks::{Search, scan};
use crate::limits;

/// Looks at one value, and calls for its place when something is found that must not be there.
pub(in crate::formats) fn look(
    found: Found<'_>,
    search: Search,
    leaks: &mut Vec<Leak>,
    place: impl Fn() -> String,
) {
    let mut note = |detector: usize| {
        let leak = Leak { pointer: place(), detector };
        if leaks.len() < limits::LEAKS && !leaks.contains(&leak) {
            leaks.push(leak);
        }
    };
    match found {
        Found::Text(text) => scan(text, search, &mut note),
        // A number has no form of its own.
        Found::Long(_) | Found::Unsigned(_) if !search.wanted.and(search.expected).is_empty() => {
            let wanted = search.wanted.and(search.expected);
            scan(&found.text().unwrap_or_default(), Search { wanted, ..search }, &mut note);
        }
        _ => {}
    }
}
