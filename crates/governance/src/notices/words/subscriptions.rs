//! What is told of who may read what.

use contract::SubscriptionName;

use super::{Telling, answerable, instant, named};
use crate::Access;
use crate::events::{By, Event, Side, SubscriptionEvent, SuccessionEvent};
use crate::notices::{Ask, Notice};
use crate::state::{Subscription, Terms, Topic};

impl Telling<'_> {
    pub(super) fn subscription(&self, event: &Event) -> Option<Notice> {
        match event {
            Event::Subscription(SubscriptionEvent::SubscriptionRequested {
                subscription, terms, by, ..
            }) => {
                let what = format!("requested, {}", words_of(terms));
                self.of_subscription("subscription.requested", subscription, &what, by)
            }
            Event::Subscription(SubscriptionEvent::SubscriptionChangeRequested {
                subscription,
                terms,
                by,
            }) => {
                let what = format!("other terms requested, {}", words_of(terms));
                self.of_subscription("subscription.requested", subscription, &what, by)
            }
            Event::Subscription(SubscriptionEvent::SubscriptionApproved {
                subscription,
                side,
                conditions,
                by,
            }) => {
                let whose = match side {
                    Side::Owner => "the topic's owner",
                    Side::SecondOwner => "the second of the topic's owner",
                    Side::Dpo => "the data protection officer",
                };
                let what = format!("approved by {whose}{}", on_condition(conditions));
                self.of_subscription("subscription.approved", subscription, &what, by)
            }
            Event::Subscription(SubscriptionEvent::SubscriptionGranted { subscription, by }) => {
                let grant = self.state.subscription(subscription)?.granted.as_ref()?;
                let conditions: Vec<&str> = grant.conditions().collect();
                let what = format!("granted, {}{}", words_of(&grant.terms), on_condition(&conditions));
                self.of_subscription("subscription.granted", subscription, &what, by)
            }
            Event::Subscription(SubscriptionEvent::SubscriptionNarrowed { subscription, terms, by }) => {
                let what = format!("narrowed, {}", words_of(terms));
                self.of_subscription("subscription.changed", subscription, &what, by)
            }
            Event::Subscription(SubscriptionEvent::SubscriptionRefused { subscription, reason, by }) => {
                let what = format!("refused: {reason}");
                let notice = self.of_subscription("subscription.refused", subscription, &what, by)?;
                Some(Notice { reason: Some(reason.clone()), ..notice })
            }
            Event::Subscription(SubscriptionEvent::SubscriptionRevoked { subscription, reason, by }) => {
                let what = format!("revoked: {reason}");
                let notice = self.of_subscription("subscription.revoked", subscription, &what, by)?;
                Some(Notice { reason: Some(reason.clone()), ..notice })
            }
            Event::Subscription(SubscriptionEvent::SubscriptionExpiring { subscription, expires, by }) => {
                let what = format!("ends on {expires}");
                let notice = self.of_subscription("subscription.expiring", subscription, &what, by)?;
                let agency = notice.agency.clone()?;
                let how = format!(
                    "a steward of {agency}: chancery subscription renew {subscription} --expires DAY"
                );
                let ends = Some(instant(expires.starts_ms()));
                let renewal = Ask { agency, wanted: "renewal", how, by: ends };
                Some(Notice { asks: std::iter::once(renewal).chain(notice.asks).collect(), ..notice })
            }
            Event::Subscription(SubscriptionEvent::SubscriptionExpired { subscription, by }) => {
                self.of_subscription("subscription.expired", subscription, "has expired", by)
            }
            Event::Succession(SuccessionEvent::SubscriptionMoved { subscription, agency, by }) => {
                let what = format!("is {agency}'s now");
                let notice = self.of_subscription("subscription.moved", subscription, &what, by)?;
                let former = self.state.subscription(subscription)?.formerly.last();
                let all = notice.concerns.iter().chain(former.map(|former| &former.agency));
                Some(Notice { concerns: named(all.cloned().collect()), ..notice })
            }
            _ => None,
        }
    }

    /// A notice of a subscription, which concerns its agency and the topic's owner; whoever's approval is missing is asked.
    pub(super) fn of_subscription(
        &self,
        kind: &str,
        name: &SubscriptionName,
        what: &str,
        by: &By,
    ) -> Option<Notice> {
        let subscription = self.state.subscription(name)?;
        let topic = self.state.topic(&subscription.topic)?;
        let text = format!("subscription {name} to {} {what}", topic.name);
        Some(Notice {
            topic: Some(topic.name.clone()),
            subscription: Some(name.clone()),
            agency: Some(subscription.agency.clone()),
            concerns: named(vec![subscription.agency.clone(), topic.owner.clone()]),
            // What an operator asks for in the bootstrap is approved with it.
            asks: if by.bootstrap {
                Vec::new()
            } else {
                approvals(subscription, topic, &self.state.standards().access)
            },
            ..self.begin(kind, &text, by)?
        })
    }
}

fn approvals(subscription: &Subscription, topic: &Topic, access: &Access) -> Vec<Ask> {
    let Some(request) = &subscription.requested else { return Vec::new() };
    let of = |side: Side| {
        let (agency, who) = match side {
            Side::Owner => (&topic.owner, answerable(topic)),
            Side::SecondOwner => {
                (&topic.owner, format!("the other one of {} and {}", topic.steward, topic.deputy))
            }
            Side::Dpo => {
                (&subscription.agency, format!("the data protection officer of {}", subscription.agency))
            }
        };
        let name = &subscription.name;
        let how = format!(
            "{who}: chancery subscription approve {name}, or chancery subscription refuse {name} --reason …"
        );
        Ask { agency: agency.clone(), wanted: "approval", how, by: None }
    };
    request.missing(access).into_iter().map(of).collect()
}

fn words_of(terms: &Terms) -> String {
    let classes: Vec<&str> = terms.clears.iter().map(|class| class.as_str()).collect();
    let clears = if classes.is_empty() { "nothing beyond public".to_owned() } else { classes.join(", ") };
    format!("clears {clears}, until {}: {}", terms.expires, terms.purpose)
}

fn on_condition<T: AsRef<str>>(conditions: &[T]) -> String {
    let conditions: Vec<&str> = conditions.iter().map(AsRef::as_ref).collect();
    if conditions.is_empty() { String::new() } else { format!(", on condition: {}", conditions.join("; ")) }
}
