//! Topics change hands: offered by the owner, taken by the other agency, dated.

use contract::{AgencyName, PrincipalName, TopicName};

use super::authority::{Case, owners, reason_given};
use super::{no_faults, principals, topics};
use crate::events::OwnershipEvent;
use crate::state::Offer;
use crate::{Date, Event, Refused, Role, Topic, notices, transfer};

/// How long a day lasts, in milliseconds: one that is over cannot be agreed on.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// The owner offers the topic to another agency. Another offer takes the place of a former one.
pub(super) fn offer(
    case: &Case<'_>,
    topic: &TopicName,
    to: &AgencyName,
    on: Date,
) -> Result<Vec<Event>, Refused> {
    let topic = case.topic(topic)?;
    let by = case.as_changing(topic, &format!("offering topic {} to another agency", topic.name))?;
    if notices::is_own(&topic.name) {
        let text = format!("{} is the bus's own: it stays with the agency that runs the bus", topic.name);
        return Err(Refused::new("reserved", text));
    }
    topics::not_believed(case, topic, "its owner")?;
    case.agency(to)?;
    if *to == topic.owner {
        return Err(Refused::new("own-topic", format!("{} belongs to {to} already", topic.name)));
    }
    is_ahead(case, on)?;
    if topic.stewardship.offer.as_ref().is_some_and(|offer| offer.to == *to && offer.on == on) {
        return Ok(Vec::new());
    }
    Ok(vec![Event::Ownership(OwnershipEvent::TopicOffered {
        topic: topic.name.clone(),
        to: to.clone(),
        on,
        by,
    })])
}

/// Today is not too late: it takes effect as soon as both agree.
pub(super) fn is_ahead(case: &Case<'_>, on: Date) -> Result<(), Refused> {
    if on.starts_ms().saturating_add(DAY_MS) <= case.now_ms {
        return Err(
            Refused::new("day-passed", format!("on: {on} is over")).hint("choose a day that is ahead")
        );
    }
    Ok(())
}

/// A steward of the other agency takes the offer and names who will answer for the topic.
pub(super) fn accept(
    case: &Case<'_>,
    topic: &TopicName,
    steward: &PrincipalName,
    deputy: &PrincipalName,
) -> Result<Vec<Event>, Refused> {
    let topic = case.topic(topic)?;
    let offer = offered(topic)?;
    let by = case.as_steward_of(&offer.to, &format!("accepting topic {} for {}", topic.name, offer.to))?;
    topics::not_believed(case, topic, "its owner")?;
    no_faults("invalid-people", &transfer::faults(case.state, &offer.to, steward, deputy))?;
    let same = offer.accepted.as_ref().is_some_and(|it| it.steward == *steward && it.deputy == *deputy);
    if same {
        return Ok(Vec::new());
    }
    let named = [steward, deputy].into_iter();
    let mut events: Vec<Event> =
        named.filter_map(|name| principals::name_steward(case.state, name, &offer.to, &by)).collect();
    let (topic, steward, deputy) = (topic.name.clone(), steward.clone(), deputy.clone());
    events.push(Event::Ownership(OwnershipEvent::TopicAccepted { topic, steward, deputy, by }));
    Ok(events)
}

/// The owner takes the offer back, or the other agency declines it.
pub(super) fn withdraw(case: &Case<'_>, topic: &TopicName, reason: &str) -> Result<Vec<Event>, Refused> {
    let topic = case.topic(topic)?;
    let offer = offered(topic)?;
    let own = case.as_steward(topic).or_else(|| case.in_role(&offer.to, Role::Steward));
    let by = own.or_else(|| case.stand_in()).ok_or_else(|| {
        let who = format!("{}, or {},", owners(topic), case.those(&offer.to, Role::Steward));
        Refused::not_allowed(&format!("withdrawing the offer of topic {}", topic.name), who)
    })?;
    reason_given(reason)?;
    Ok(vec![Event::Ownership(OwnershipEvent::OfferWithdrawn {
        topic: topic.name.clone(),
        reason: reason.to_owned(),
        by,
    })])
}

fn offered(topic: &Topic) -> Result<&Offer, Refused> {
    topic.stewardship.offer.as_ref().ok_or_else(|| {
        Refused::new("not-offered", format!("{} is offered to nobody", topic.name))
            .hint("its steward offers it: chancery topic offer TOPIC --to AGENCY --on DAY")
    })
}
