//! Personal data in the fields of a binary document that are nobody's.

use crate::check::Leak;
use crate::formats::persons::Found;
use crate::leaks::{Search, scan};
use crate::limits;

/// Looks at one value, and calls for its place when something is found that must not be there.
pub(in crate::formats) fn look(
    found: Found<'_>,
    search: Search<'_>,
    leaks: &mut Vec<Leak>,
    place: impl Fn() -> String,
) {
    let mut note = |detector: usize| {
        if leaks.iter().filter(|leak| leak.detector == detector).count() >= limits::LEAKS {
            return;
        }
        let leak = Leak { pointer: place(), detector };
        if !leaks.contains(&leak) {
            leaks.push(leak);
        }
    };
    match found {
        Found::Text(text) => scan(text, search, &mut note),
        Found::Long(_) | Found::Unsigned(_) if !(search.expected.is_empty() && search.named.is_empty()) => {
            let text = found.text().unwrap_or_default();
            scan(&text, Search { is_number: true, ..search }, &mut note);
        }
        _ => {}
    }
}
