//! Building permits: one event a row.
//!
//! A permit's number is no identity: 24 numbers stand in more than one row (of different applicants, or of one
//! applicant in different months) and one row has none. What tells the rows apart is the register itself, so an event's
//! `id` is the row's number. No `time`: the register knows the month only, and a day would be invented.

use super::Unreadable;
use super::event::{Event, Expected, Form, Set};
use super::table::Table;

const TOPIC: &str = "building.permit.issued";

const COLUMNS: [&str; 11] = [
    "year",
    "month",
    "permit_number",
    "applicant_name",
    "site_address",
    "construction_type",
    "contractor",
    "cost_approximate",
    "permit_fee",
    "hookup_fee",
    "outside_city_limits",
];

/// Reads the register.
pub fn set(text: &[u8]) -> Result<Set, Unreadable> {
    let table = Table::read(text, &COLUMNS)?;
    let event = |(number, row)| {
        let id = format!("row-{number:05}");
        let event = Event::new(TOPIC, "urn:xx:building-office:permit-register", &id, table.object(row));
        let event = match table.cell(row, "applicant_name") {
            Some(applicant) => event.with("subject", applicant),
            None => event,
        };
        event.withholding(&["applicant_name", "site_address", "contractor"]).hiding(&["subject"])
    };
    Ok(Set {
        name: "building-permits",
        topic: TOPIC,
        cleared: "statistics-office.permits",
        open: "open-data-portal.permits",
        publisher: "register@building-office",
        events: (1..).zip(&table.rows).map(event).collect(),
        form: Form::Lines,
        expected: Expected::Taken,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_with_one_permit_number_stay_two_events() {
        let head = COLUMNS.join(",");
        let text =
            format!("{head}\n2017,02,14-1,A-1,Ward 1,X,SELF,1.00,,,\n2014,02,14-1,,Ward 2,X,B CO,-,,,True\n");
        let set = set(text.as_bytes()).unwrap();
        let ids: Vec<_> = set.events.iter().map(|event| event.attributes["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["row-00001", "row-00002"]);
        assert_eq!(set.events[0].attributes["subject"], "A-1");
        assert!(!set.events[1].attributes.contains_key("subject"), "nobody applied, so nobody is named");
        assert_eq!(set.events[0].secrets, ["A-1", "Ward 1", "SELF", "A-1"]);
    }
}
