//! Whether a value can be shown in the form that a rule gives it: the pure rule, with what to do where it cannot.

use crate::definition::{FieldRule, Format};
use crate::redaction::Redaction;

/// What is to know of a place that a rule names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Where {
    pub(super) format: Format,
    /// Whether it is the document itself.
    pub(super) is_document: bool,
    /// Whether members lead to it that no name is declared for, such as a map's.
    pub(super) in_map: bool,
    /// Whether no object and no array can stand there.
    pub(super) is_leaf: bool,
    /// Whether only texts can stand there, or `null`.
    pub(super) is_text: bool,
    /// Whether the producer seals it, so that the bus does not know what stands there.
    pub(super) is_end_to_end: bool,
}

/// What is wrong with the form, and the remedy.
pub(super) fn fault(rule: &FieldRule, place: Where) -> Option<(String, String)> {
    let (form, class) = (rule.redact, &rule.class);
    if form == Redaction::Absent {
        return None;
    }
    let told = |problem: String, remedy: &str| Some((problem, remedy.to_owned()));
    if !class.is_sealed() {
        return told(
            format!("is {class}: nothing of it is redacted"),
            "leave `redact` out, or give it a class",
        );
    }
    if form == Redaction::Pseudonym && !class.is_about_a_person() {
        let problem = format!("is {class}, so that it has no person whose pseudonym could stand there");
        return told(problem, "use another form, or classify it as personal");
    }
    let shows_of_it = !matches!(form, Redaction::Null | Redaction::Pseudonym);
    if place.is_end_to_end && shows_of_it {
        let problem =
            format!("is to be shown as {form}, but is sealed end to end: the bus cannot look into it");
        return told(problem, "use `redact: absent`, null or pseudonym");
    }
    if form == Redaction::Null && place.format == Format::Protobuf {
        return told(
            "is to be null, which Protocol Buffers does not have".to_owned(),
            "use `redact: absent`",
        );
    }
    if place.is_document {
        return told(format!("is the document, which cannot be shown as {form}"), "name its fields");
    }
    if place.in_map {
        let problem = format!("is to be shown as {form}, but stands behind names that no schema declares");
        return told(
            problem,
            "those names would show and may be personal: use an array, or leave `redact` out",
        );
    }
    if !place.is_leaf {
        let problem = format!("is to be shown as {form}, but holds other fields");
        return told(problem, "name the leaves below it, each with its own `redact`");
    }
    if form.is_text() && !place.is_text {
        let problem = format!("is to be shown as {form}, which only a text can be");
        let null = if place.format == Format::Protobuf { "" } else { " or null" };
        return Some((problem, format!("make it a string, or use `redact: absent`{null}")));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Class;

    const TEXT: Where = Where {
        format: Format::JsonSchema,
        is_document: false,
        in_map: false,
        is_leaf: true,
        is_text: true,
        is_end_to_end: false,
    };

    fn wrong(class: Class, redact: &str, place: Where) -> String {
        let rule = FieldRule { redact: redact.parse().unwrap(), ..FieldRule::from(class) };
        fault(&rule, place).map(|(problem, remedy)| format!("{problem}; {remedy}")).unwrap_or_default()
    }

    #[test]
    fn a_form_is_for_a_text_that_is_classified_and_stands_behind_declared_names() {
        for form in ["absent", "null", "first 3", "last 4", "year", "month", "pseudonym"] {
            assert_eq!(wrong(Class::Personal, form, TEXT), "", "{form}");
        }
        assert_eq!(wrong(Class::Personal, "null", Where { is_text: false, ..TEXT }), "");
        assert_eq!(wrong(Class::Internal, "last 4", TEXT), "");
        let refused = [
            (Class::Public, "null", TEXT, "nothing of it is redacted"),
            (Class::Internal, "pseudonym", TEXT, "no person"),
            (Class::Personal, "null", Where { format: Format::Protobuf, ..TEXT }, "`redact: absent`"),
            (Class::Personal, "last 4", Where { is_document: true, ..TEXT }, "name its fields"),
            (Class::Personal, "last 4", Where { in_map: true, ..TEXT }, "use an array"),
            (Class::Personal, "null", Where { is_leaf: false, ..TEXT }, "name the leaves"),
            (Class::Special, "year", Where { is_text: false, ..TEXT }, "make it a string"),
        ];
        let sealed = Where { is_end_to_end: true, ..TEXT };
        for form in ["absent", "null", "pseudonym"] {
            assert_eq!(wrong(Class::Special, form, sealed), "", "{form}");
        }
        for form in ["first 3", "last 4", "year", "month"] {
            assert!(wrong(Class::Special, form, sealed).contains("the bus cannot look into it"), "{form}");
        }
        for (class, form, place, told) in refused {
            let wrong = wrong(class, form, place);
            assert!(wrong.contains(told), "{form}: {wrong:?}");
        }
        assert_eq!(wrong(Class::Public, "absent", Where { is_leaf: false, is_document: true, ..TEXT }), "");
    }
}
