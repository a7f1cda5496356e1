//! Court decisions: one event a row.
//!
//! A decision's path in the publisher's collection is unique over all rows and says nothing about a person; it is the
//! event's `id`. Titles are kept as they are, `&amp;` and U+FFFD included: a bus that repairs its producer's data is no
//! witness of it. No `time`: there is a date without a time of day, and in 28 rows none.

use super::Unreadable;
use super::event::{Event, Expected, Form, Set};
use super::table::Table;

const TOPIC: &str = "court.decision.published";

const COLUMNS: [&str; 7] = ["court", "division", "year", "number", "date", "url", "title"];

/// Reads the collection.
pub fn set(text: &[u8]) -> Result<Set, Unreadable> {
    let table = Table::read(text, &COLUMNS)?;
    let event = |row| {
        let id = table.cell(row, "url").ok_or_else(|| Unreadable("a decision without its url".into()))?;
        let event = Event::new(TOPIC, "urn:xx:court-service:decisions", id, table.object(row));
        Ok(event.withholding(&["title"]))
    };
    Ok(Set {
        name: "court-decisions",
        topic: TOPIC,
        cleared: "statistics-office.decisions",
        open: "open-data-portal.decisions",
        publisher: "registry@court-service",
        events: table.rows.iter().map(event).collect::<Result<_, _>>()?,
        form: Form::Lines,
        expected: Expected::Taken,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dirty_titles_and_missing_dates_are_kept() {
        let text =
            "court,division,year,number,date,url,title\nEWCA,,1990,B1,,/ew/1.html,A &amp; B \u{fffd} v C\n";
        let set = set(text.as_bytes()).unwrap();
        let event = &set.events[0];
        assert_eq!(
            event.data,
            "{\"court\":\"EWCA\",\"year\":\"1990\",\"number\":\"B1\",\"url\":\"/ew/1.html\",\"title\":\"A &amp; B \u{fffd} v C\"}"
        );
        assert_eq!(event.attributes["id"], "/ew/1.html");
        assert_eq!(event.secrets, ["A &amp; B \u{fffd} v C"]);
    }
}
