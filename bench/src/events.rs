//! The event that is measured: a birth of about 1 KiB with five personal fields, of one of many people.

use bytes::Bytes;
use contract::{CloudEvent, Data};

pub const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "required": ["child", "registrationOffice", "registeredAt", "remarks"],
  "additionalProperties": false,
  "properties": {
    "child": {
      "type": "object",
      "required": ["personId", "givenName", "familyName", "birthDate", "address"],
      "additionalProperties": false,
      "properties": {
        "personId": {"type": "string", "pattern": "^[0-9]{11}$"},
        "givenName": {"type": "string", "minLength": 1, "maxLength": 80},
        "familyName": {"type": "string", "minLength": 1, "maxLength": 80},
        "birthDate": {"type": "string", "format": "date"},
        "address": {"type": "string", "maxLength": 200}
      }
    },
    "registrationOffice": {"type": "string", "maxLength": 80},
    "registeredAt": {"type": "string", "format": "date-time"},
    "weightGrams": {"type": "integer", "minimum": 200, "maximum": 9000},
    "remarks": {"type": "array", "maxItems": 8, "items": {"type": "string", "maxLength": 200}}
  }
}"#;

pub const CLASSIFY: &str = "
    /child/personId: personal
    /child/givenName: personal
    /child/familyName: personal
    /child/birthDate: personal
    /child/address: personal
    /registrationOffice: public
    /registeredAt: public
    /weightGrams: public
    /remarks/*: public
";

/// The data of event `number`, about one of `people`.
pub fn data(number: usize, people: usize) -> String {
    let person = number.wrapping_mul(2_654_435_761) % people;
    format!(
        concat!(
            r#"{{"child":{{"personId":"{:011}","givenName":"Given{}","familyName":"Family{}","birthDate":"2026-{:02}-{:02}","#,
            r#""address":"{} Long Street, 1{:04} Riverside Town, District of the Lower Valley"}},"#,
            r#""registrationOffice":"Registry Office {}","registeredAt":"2026-11-{:02}T10:{:02}:00Z","weightGrams":{},"#,
            r#""remarks":["{}","{}","{}","{}","{}","{}"]}}"#
        ),
        person,
        person,
        person % 977,
        1 + number % 12,
        1 + number % 28,
        person % 300,
        person % 9999,
        number % 40,
        1 + number % 28,
        number % 60,
        2000 + number % 3000,
        "Entered after presentation of the certificate of the hospital and of the parents' documents, all of which were in order.",
        "A copy of the entry was handed to the applicant on the same day against receipt, without fee, at the counter of the office.",
        "The entry was compared with the register of residents of the municipality; no difference was found in name, day or place.",
        "Notice is given to the agencies that the law names; each takes from this event only what its own tasks need, and no more.",
        "The entry takes effect on the day of registration; corrections are entered as events of their own and name this one.",
        "Whoever has objections may raise them within a month at this office, in writing or in person at the counter."
    )
}

pub fn event(topic: &str, number: usize, people: usize) -> CloudEvent {
    CloudEvent {
        id: format!("bench-{number:012}"),
        source: "urn:xx:bench:registry".to_owned(),
        ty: topic.to_owned(),
        subject: None,
        time: Some("2026-11-23T10:00:00Z".to_owned()),
        datacontenttype: Some("application/json".to_owned()),
        dataschema: None,
        extensions: Vec::new(),
        data: Some(Data::Json(Bytes::from(data(number, people)))),
    }
}
