//! `agencies/AGENCY.yaml` and `subscriptions/AGENCY.NAME.yaml`.

use contract::{Class, ClassSet};
use serde::{Deserialize, Serialize};

use super::file::{File, Text, written};
use crate::commands::{AgencyProfile, SubscriptionRequest};
use crate::notices::{When, Wishes};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgencyForm {
    agency: Option<Text>,
    name: Option<Text>,
    #[serde(default)]
    mandate: String,
    #[serde(default)]
    contacts: Vec<String>,
    #[serde(default)]
    dpo: String,
    #[serde(default)]
    sources: Vec<String>,
    #[serde(default)]
    domains: Vec<String>,
    #[serde(default)]
    notices: NoticesForm,
}

/// [`Wishes`] as people write them: a slip in a file is refused, one in the journal passed over.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct NoticesForm {
    email: Vec<String>,
    webhook: Option<String>,
    digest: When,
    kinds: Vec<String>,
}

/// Reads an agency; `stem` is the file's name without its ending.
pub(super) fn agency(file: &mut File<'_>, stem: &str) -> Option<AgencyProfile> {
    let form: AgencyForm = file.yaml()?;
    file.named_after("agency", form.agency.as_ref(), stem);
    let agency = file.demanded_as("agency", form.agency);
    let name = file.demanded("name", form.name);
    let AgencyForm { mandate, contacts, dpo, sources, domains, notices, .. } = form;
    let NoticesForm { email, webhook, digest, kinds } = notices;
    let notices = Wishes { email, webhook, digest, kinds };
    notices.faults().into_iter().for_each(|fault| file.fault(fault));
    Some(AgencyProfile { agency: agency?, name: name?, mandate, contacts, dpo, sources, domains, notices })
        .filter(|_| file.is_sound())
}

#[derive(Serialize)]
struct WrittenAgency<'a> {
    agency: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    mandate: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    contacts: &'a [String],
    #[serde(skip_serializing_if = "str::is_empty")]
    dpo: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    sources: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    domains: &'a [String],
    #[serde(skip_serializing_if = "Wishes::is_empty")]
    notices: &'a Wishes,
}

/// The file that [`agency`] reads this from.
pub(super) fn agency_file(profile: &AgencyProfile) -> String {
    let AgencyProfile { agency, name, mandate, contacts, dpo, sources, domains, notices } = profile;
    written(&WrittenAgency {
        agency: agency.as_str(),
        name,
        mandate,
        contacts,
        dpo,
        sources,
        domains,
        notices,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubscriptionForm {
    subscription: Option<Text>,
    topic: Option<Text>,
    agency: Option<Text>,
    purpose: Option<Text>,
    legal_basis: Option<Text>,
    #[serde(default)]
    clears: Vec<String>,
    expires: Option<Text>,
    consent: Option<Text>,
}

/// Reads a subscription; `stem` is the file's name without its ending.
pub(super) fn subscription(file: &mut File<'_>, stem: &str) -> Option<SubscriptionRequest> {
    let form: SubscriptionForm = file.yaml()?;
    file.named_after("subscription", form.subscription.as_ref(), stem);
    let subscription = file.demanded_as("subscription", form.subscription);
    let topic = file.demanded_as("topic", form.topic);
    let agency = file.demanded_as("agency", form.agency);
    let purpose = file.demanded("purpose", form.purpose);
    let legal_basis = file.demanded("legal_basis", form.legal_basis);
    let expires = file.demanded_as("expires", form.expires);
    let clears = form.clears.into_iter().map(Class::from).collect();
    Some(SubscriptionRequest {
        subscription: subscription?,
        topic: topic?,
        agency: agency?,
        purpose: purpose?,
        legal_basis: legal_basis?,
        clears,
        expires: expires?,
        consent: form.consent.map(|text| text.value),
    })
    .filter(|_| file.is_sound())
}

#[derive(Serialize)]
struct WrittenSubscription<'a> {
    subscription: &'a str,
    topic: &'a str,
    agency: &'a str,
    purpose: &'a str,
    legal_basis: &'a str,
    clears: &'a ClassSet,
    expires: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    consent: Option<&'a str>,
}

/// The file that [`subscription`] reads this from.
pub(super) fn subscription_file(wish: &SubscriptionRequest) -> String {
    let SubscriptionRequest { subscription, topic, agency, purpose, legal_basis, clears, expires, consent } =
        wish;
    written(&WrittenSubscription {
        subscription: subscription.as_str(),
        topic: topic.as_str(),
        agency: agency.as_str(),
        purpose,
        legal_basis,
        clears,
        expires: expires.to_string(),
        consent: consent.as_deref(),
    })
}
