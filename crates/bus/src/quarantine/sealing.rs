//! The seal around a quarantined event's whole body.

use contract::ContractVersion;
use seal::{Access, Binding, Fragment, Piece, Pseudonym, SealedForm, Subject};
use zeroize::Zeroizing;

use crate::Refusal;
use crate::core::Core;
use crate::keyring::Opened;
use crate::lanes::ReadyEvent;
use crate::record::{self, QuarantinedRecord};
use crate::topics::Topic;

/// The class of the one fragment. No contract's: nobody is ever cleared for it.
const CLASS: &str = "quarantine";

/// What stands in the source's place in the seal's binding; the event's own is inside.
const SOURCE: &str = "quarantine";

/// Seals an event's body, the last in `bodies`, in place, under a key that is made for it and must become durable with it. What
/// the key is called is random: an event that is sent again is known by its identity, not by its key.
pub fn seal(
    core: &Core,
    topic: &Topic,
    keys: &Opened,
    ready: &mut ReadyEvent,
    bodies: &mut Vec<u8>,
) -> Result<Pseudonym, Refusal> {
    let start = ready.body.start;
    let inner = Zeroizing::new(bodies[start..].to_vec());
    // What was found may stand in it in the clear.
    bodies[start..].fill(0);
    bodies.truncate(start);
    let of_event = core.keyring.for_one_event(keys)?;
    record::write_quarantined(bodies, ready.contract, &ready.digest, ready.identity);
    let id = ready.identity.to_string();
    let end = u32::try_from(inner.len()).map_err(|_| Refusal::unavailable("the event is too large"))?;
    let whole = Fragment { start: 0, end, class: CLASS, subject: 0, shape: 0 };
    let subject = Subject { pseudonym: of_event.pseudonym, key: &of_event.key };
    seal::seal(&inner, &[whole], &[], &binding(topic, &id, ready.contract), &[subject], bodies)
        .map_err(|error| Refusal::unavailable(format!("the event could not be sealed: {error}")))?;
    ready.body = start..bodies.len();
    ready.new_keys.extend(of_event.new);
    Ok(of_event.pseudonym)
}

/// The code of a refusal that lies in one record: others of its topic may open all the same.
pub(super) const DAMAGED: &str = "damaged";

/// The body that the event's own record has; nothing where the key was destroyed.
pub fn open(
    core: &Core,
    topic: &Topic,
    kept: &QuarantinedRecord<'_>,
) -> Result<Option<Zeroizing<Vec<u8>>>, Refusal> {
    let damaged = |error: &dyn std::fmt::Display| {
        let text = format!("a quarantined event of topic {} does not open: {error}", topic.name);
        let refusal = Refusal::unavailable(text).hint("chancery doctor checks the data folder");
        Refusal { code: Some(DAMAGED), ..refusal }
    };
    let sealed = SealedForm::parse(kept.sealed).map_err(|error| damaged(&error))?;
    let Some(pseudonym) = sealed.subjects().next() else { return Err(damaged(&"it has no key")) };
    if core.keyring.is_erased(&pseudonym) {
        return Ok(None);
    }
    let keys = core.keyring.agency(&topic.sealed_by)?;
    let Some(key) = core.keyring.for_opening(&topic.sealed_by, &keys, &pseudonym)? else {
        return match core.keyring.is_erased(&pseudonym) {
            true => Ok(None),
            false => Err(damaged(&"its key is missing")),
        };
    };
    let id = kept.identity.to_string();
    let mut body = Zeroizing::new(Vec::with_capacity(kept.sealed.len()));
    let opened = sealed.reveal(
        &binding(topic, &id, kept.contract),
        &|_, _| Access::Opened,
        &mut |_| Some(&key),
        &mut |piece| {
            if let Piece::Opened(bytes) = piece {
                body.extend_from_slice(bytes);
            }
        },
    );
    opened.map_err(|error| damaged(&error))?;
    Ok(Some(body))
}

fn binding<'a>(topic: &'a Topic, id: &'a str, contract: ContractVersion) -> Binding<'a> {
    Binding { topic: topic.name.as_str(), source: SOURCE, id, contract_version: contract.0 }
}
