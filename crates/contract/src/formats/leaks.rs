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
    let in_it = match found {
        Found::Text(text) => scan(text, search),
        Found::Long(_) | Found::Unsigned(_) if !(search.expected.is_empty() && search.named.is_empty()) => {
            scan(&found.text().unwrap_or_default(), Search { is_number: true, ..search })
        }
        _ => return,
    };
    for detector in in_it.places() {
        if leaks.iter().filter(|leak| leak.detector == detector).count() >= limits::LEAKS {
            continue;
        }
        let leak = Leak { pointer: place(), detector };
        if !leaks.contains(&leak) {
            leaks.push(leak);
        }
    }
}
