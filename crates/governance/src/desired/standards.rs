//! `standards/standards.toml`.

use std::collections::{BTreeMap, BTreeSet};

use contract::{Class, ClassSet, Profiles, TopicName};
use serde::{Deserialize, Serialize};

use super::file::File;
use crate::leaks::{Answer, Leaks};
use crate::{Access, Changes, Consenting, Erasing, Limits, Ownership, Standards, duration};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StandardsForm {
    #[serde(default)]
    classes: Vec<String>,
    #[serde(default)]
    limits: LimitsForm,
    #[serde(default)]
    changes: ChangesForm,
    #[serde(default)]
    access: AccessForm,
    #[serde(default)]
    ownership: OwnershipForm,
    #[serde(default)]
    erasure: ErasureForm,
    #[serde(default)]
    consent: ConsentForm,
    #[serde(default)]
    profiles: ProfilesForm,
    #[serde(default)]
    leaks: LeaksForm,
}

#[derive(Default, Deserialize)]
struct LeaksForm {
    otherwise: Option<Answer>,
    #[serde(flatten)]
    by_detector: BTreeMap<String, Answer>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfilesForm {
    cloudevents: Option<bool>,
    nl_gov: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccessForm {
    #[serde(default)]
    purposes: BTreeSet<String>,
    #[serde(default)]
    two_owners: Vec<String>,
    renewal: Option<String>,
    unused: Option<String>,
    delegation_max: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnershipForm {
    confirm_every: Option<String>,
    freeze_after: Option<String>,
    suspend_after: Option<String>,
    notice: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ErasureForm {
    answer_within: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsentForm {
    #[serde(default)]
    topics: BTreeSet<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangesForm {
    notice: Option<String>,
    silence_is_consent: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsForm {
    retention_min: Option<String>,
    retention_max: Option<String>,
    partitions_max: Option<u32>,
    subscription_max: Option<String>,
}

/// Reads the standards; what is left out has its default.
pub(super) fn read(file: &mut File<'_>) -> Option<Standards> {
    let form: StandardsForm = match toml::from_str(file.content) {
        Ok(form) => form,
        Err(error) => {
            let line = error.span().map(|span| line_of(file.content, span.start));
            file.fault_at(line, error.message());
            return None;
        }
    };
    let (given, default) = (form.changes, Changes::default());
    let changes = Changes {
        notice_s: seconds(file, "changes.notice", given.notice, default.notice_s),
        silence_is_consent: given.silence_is_consent.unwrap_or(default.silence_is_consent),
    };
    let (given, default) = (form.access, Access::default());
    let access = Access {
        purposes: given.purposes,
        two_owners: given.two_owners.into_iter().map(Class::from).collect(),
        renewal_s: seconds(file, "access.renewal", given.renewal, default.renewal_s),
        unused_s: seconds(file, "access.unused", given.unused, default.unused_s),
        delegation_max_s: seconds(
            file,
            "access.delegation_max",
            given.delegation_max,
            default.delegation_max_s,
        ),
    };
    let (given, default) = (form.ownership, Ownership::default());
    let mut span = |field: &str, text, default| seconds(file, &format!("ownership.{field}"), text, default);
    let ownership = Ownership {
        confirm_every_s: span("confirm_every", given.confirm_every, default.confirm_every_s),
        freeze_after_s: span("freeze_after", given.freeze_after, default.freeze_after_s),
        suspend_after_s: span("suspend_after", given.suspend_after, default.suspend_after_s),
        notice_s: span("notice", given.notice, default.notice_s),
    };
    let (given, default) = (form.erasure.answer_within, Erasing::default().answer_within_s);
    let erasure = Erasing { answer_within_s: seconds(file, "erasure.answer_within", given, default) };
    let consent = Consenting { topics: topics(file, &form.consent.topics) };
    let (given, default) = (form.profiles, Profiles::default());
    let profiles = Profiles {
        cloudevents: given.cloudevents.unwrap_or(default.cloudevents),
        nl_gov: given.nl_gov.unwrap_or(default.nl_gov),
    };
    let (given, default) = (form.leaks, Leaks::default());
    let leaks = Leaks {
        otherwise: given.otherwise.unwrap_or(default.otherwise),
        by_detector: default.by_detector.into_iter().chain(given.by_detector).collect(),
    };
    let (given, default) = (form.limits, Limits::default());
    let limits = Limits {
        retention_min_s: seconds(file, "limits.retention_min", given.retention_min, default.retention_min_s),
        retention_max_s: seconds(file, "limits.retention_max", given.retention_max, default.retention_max_s),
        partitions_max: given.partitions_max.unwrap_or(default.partitions_max),
        subscription_max_s: seconds(
            file,
            "limits.subscription_max",
            given.subscription_max,
            default.subscription_max_s,
        ),
    };
    let classes = form.classes.into_iter().map(Class::from).collect();
    // The policies stand in files of their own.
    let policies = BTreeMap::new();
    let standards = Standards {
        limits,
        changes,
        access,
        ownership,
        erasure,
        consent,
        profiles,
        leaks,
        classes,
        policies,
    };
    standards.faults().into_iter().for_each(|fault| file.fault(fault));
    Some(standards).filter(|_| file.is_sound())
}

#[derive(Serialize)]
struct WrittenStandards<'a> {
    classes: &'a ClassSet,
    limits: WrittenLimits,
    changes: WrittenChanges,
    access: WrittenAccess<'a>,
    ownership: WrittenOwnership,
    erasure: WrittenErasure,
    consent: &'a Consenting,
    profiles: &'a Profiles,
    leaks: &'a Leaks,
}

#[derive(Serialize)]
struct WrittenLimits {
    retention_min: String,
    retention_max: String,
    partitions_max: u32,
    subscription_max: String,
}

#[derive(Serialize)]
struct WrittenChanges {
    notice: String,
    silence_is_consent: bool,
}

#[derive(Serialize)]
struct WrittenAccess<'a> {
    purposes: &'a BTreeSet<String>,
    two_owners: &'a ClassSet,
    renewal: String,
    unused: String,
    delegation_max: String,
}

#[derive(Serialize)]
struct WrittenOwnership {
    confirm_every: String,
    freeze_after: String,
    suspend_after: String,
    notice: String,
}

#[derive(Serialize)]
struct WrittenErasure {
    answer_within: String,
}

/// The file that [`read`] reads this from.
pub(super) fn written(standards: &Standards) -> String {
    let Standards {
        limits,
        changes,
        access,
        ownership,
        erasure,
        consent,
        profiles,
        leaks,
        classes,
        policies: _,
    } = standards;
    let Limits { retention_min_s, retention_max_s, partitions_max, subscription_max_s } = limits;
    let Changes { notice_s, silence_is_consent } = changes;
    let form = WrittenStandards {
        classes,
        limits: WrittenLimits {
            retention_min: duration::to_text(*retention_min_s),
            retention_max: duration::to_text(*retention_max_s),
            partitions_max: *partitions_max,
            subscription_max: duration::to_text(*subscription_max_s),
        },
        changes: WrittenChanges {
            notice: duration::to_text(*notice_s),
            silence_is_consent: *silence_is_consent,
        },
        access: WrittenAccess {
            purposes: &access.purposes,
            two_owners: &access.two_owners,
            renewal: duration::to_text(access.renewal_s),
            unused: duration::to_text(access.unused_s),
            delegation_max: duration::to_text(access.delegation_max_s),
        },
        ownership: WrittenOwnership {
            confirm_every: duration::to_text(ownership.confirm_every_s),
            freeze_after: duration::to_text(ownership.freeze_after_s),
            suspend_after: duration::to_text(ownership.suspend_after_s),
            notice: duration::to_text(ownership.notice_s),
        },
        erasure: WrittenErasure { answer_within: duration::to_text(erasure.answer_within_s) },
        consent,
        profiles,
        leaks,
    };
    toml::to_string(&form).expect("texts and numbers always write")
}

fn topics(file: &mut File<'_>, names: &BTreeSet<String>) -> BTreeSet<TopicName> {
    let mut topics = BTreeSet::new();
    for name in names {
        match TopicName::parse(name) {
            Ok(topic) => drop(topics.insert(topic)),
            Err(error) => file.field_fault("consent.topics", None, error.to_string()),
        }
    }
    topics
}

fn seconds(file: &mut File<'_>, field: &str, text: Option<String>, default: u64) -> u64 {
    match text.as_deref().map(duration::parse_seconds) {
        None => default,
        Some(Ok(seconds)) => seconds,
        Some(Err(error)) => {
            file.field_fault(field, None, error.to_string());
            default
        }
    }
}

fn line_of(content: &str, offset: usize) -> u64 {
    let before = content.as_bytes().iter().take(offset);
    1 + before.filter(|byte| **byte == b'\n').count() as u64
}
