//! `agencies/AGENCY.yaml` and `subscriptions/AGENCY.NAME.yaml`.

use contract::Class;
use serde::Deserialize;

use super::file::{File, Text};
use crate::commands::{AgencyProfile, SubscriptionRequest};

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
}

/// Reads an agency; `stem` is the file's name without its ending.
pub(super) fn agency(file: &mut File<'_>, stem: &str) -> Option<AgencyProfile> {
    let form: AgencyForm = file.yaml()?;
    file.named_after("agency", form.agency.as_ref(), stem);
    let agency = file.demanded_as("agency", form.agency);
    let name = file.demanded("name", form.name);
    let AgencyForm { mandate, contacts, dpo, sources, .. } = form;
    Some(AgencyProfile { agency: agency?, name: name?, mandate, contacts, dpo, sources })
        .filter(|_| file.is_sound())
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
    })
    .filter(|_| file.is_sound())
}
