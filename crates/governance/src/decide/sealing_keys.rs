//! Publishing and retiring the keys that producers seal for. No operator stands in for an agency here, in the bootstrap
//! either: whoever publishes a key is handed what is sealed for it.

use contract::AgencyName;
use end_to_end::PublicKey;

use super::authority::{Case, reason_given};
use crate::events::{AgencyEvent, By};
use crate::sealing_keys::ACTIVE_MAX;
use crate::{Event, Refused, Role};

/// A data protection officer or steward of the agency publishes its key.
pub(super) fn publish(case: &Case<'_>, agency: &AgencyName, text: &str) -> Result<Vec<Event>, Refused> {
    let known = case.agency(agency)?;
    let by = right(case, agency, "publishing a sealing key of")?;
    let public_key: PublicKey = text.trim().parse().map_err(|error| {
        Refused::new("malformed", format!("the key is {error}"))
            .hint("chancery agency key new makes one and prints what to publish")
    })?;
    let key = public_key.id().to_string();
    match known.sealing_keys.get(&key) {
        Some(known) if known.retired.is_none() => return Ok(Vec::new()),
        Some(_) => {
            let text = format!("{agency} retired the key {key}; a key is not taken up again");
            return Err(Refused::new("retired", text).hint("chancery agency key new makes another"));
        }
        None => {}
    }
    if known.keys_in_use().count() >= ACTIVE_MAX {
        let text = format!("{agency} uses {ACTIVE_MAX} keys already, the most that an agency may");
        return Err(Refused::new("too-many-keys", text).hint("chancery agency key retire ends one"));
    }
    Ok(vec![Event::Agency(AgencyEvent::SealingKeyPublished {
        agency: agency.clone(),
        key,
        public_key: public_key.to_string(),
        by,
    })])
}

/// The same two retire it: nothing is sealed for it from then on.
pub(super) fn retire(
    case: &Case<'_>,
    agency: &AgencyName,
    key: &str,
    reason: &str,
) -> Result<Vec<Event>, Refused> {
    let known = case.agency(agency)?;
    let by = right(case, agency, "retiring a sealing key of")?;
    let unknown = || {
        Refused::unknown("key", format!("{key} of {agency}"))
            .hint(format!("chancery agency key list {agency} shows them"))
    };
    let found = known.sealing_keys.get(key).ok_or_else(unknown)?;
    if found.retired.is_some() {
        return Ok(Vec::new());
    }
    reason_given(reason)?;
    let (agency, key, reason) = (agency.clone(), key.to_owned(), reason.to_owned());
    Ok(vec![Event::Agency(AgencyEvent::SealingKeyRetired { agency, key, reason, by })])
}

fn right(case: &Case<'_>, agency: &AgencyName, what: &str) -> Result<By, Refused> {
    let own = case.in_role(agency, Role::Dpo).or_else(|| case.in_role(agency, Role::Steward));
    own.ok_or_else(|| {
        let who = format!("{} or {}", case.those(agency, Role::Dpo), case.those(agency, Role::Steward));
        Refused::not_allowed(&format!("{what} {agency}"), who)
    })
}
