//! What goes to another agency, by an offer or a succession: whoever gets it is held to the standards too.

use std::collections::BTreeSet;

use contract::{AgencyName, SubscriptionName, TopicName};
use serde_json::{Value, json};

use super::Reference;
use crate::state::Shares;
use crate::{Command, State, succession};

/// What a command hands to one agency, now or on a day.
pub(super) struct Handed<'a> {
    /// Who gets it.
    pub receiver: &'a AgencyName,
    /// The topics of a succession, each of which is asked about as if it were offered or accepted by itself.
    pub topics: BTreeSet<&'a TopicName>,
    /// As what they are.
    pub asked_as: &'static str,
    coming: Coming<'a>,
}

/// What comes to an agency: with this, all that it has agreed to take and does not have yet.
#[derive(Default)]
struct Coming<'a> {
    topics: BTreeSet<&'a TopicName>,
    subscriptions: BTreeSet<&'a SubscriptionName>,
}

/// What the command hands over, by who gets it; nothing by most commands.
pub(super) fn by<'a>(state: &'a State, command: &'a Command) -> Vec<Handed<'a>> {
    match command {
        Command::OfferTopic { topic, to, .. } => vec![offered(state, topic, to)],
        Command::AcceptTopic { topic, .. } => {
            let offer = state.topic(topic).and_then(|known| known.stewardship.offer.as_ref());
            offer.map(|offer| offered(state, topic, &offer.to)).into_iter().collect()
        }
        Command::ProposeSuccession { agency, shares, rest, .. } => {
            let shares = Shares { shares: shares.clone(), rest: rest.clone() };
            let mut handed = Vec::new();
            for receiver in shares.successors() {
                let receiver = state.agency(receiver).map(|known| &known.agency);
                handed.extend(receiver.map(|it| inherited(state, agency, &shares, it, "offer-topic")));
            }
            handed
        }
        Command::AcceptSuccession { agency, successor, .. } => {
            let shares = state.succession(agency).map(|agreed| &agreed.shares);
            let accepted = |shares| inherited(state, agency, shares, successor, "accept-topic");
            shares.map(accepted).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn offered<'a>(state: &'a State, topic: &'a TopicName, receiver: &'a AgencyName) -> Handed<'a> {
    let mut coming = agreed(state, receiver, None);
    coming.topics.insert(topic);
    Handed { receiver, topics: BTreeSet::new(), asked_as: "", coming }
}

fn inherited<'a>(
    state: &'a State,
    agency: &AgencyName,
    shares: &Shares,
    receiver: &'a AgencyName,
    asked_as: &'static str,
) -> Handed<'a> {
    let (topics, subscriptions) = succession::share(state, agency, shares, receiver);
    let mut coming = agreed(state, receiver, Some(agency));
    coming.topics.extend(&topics);
    coming.subscriptions.extend(subscriptions);
    Handed { receiver, topics, asked_as, coming }
}

/// What the agency has agreed to take, but for the succession of `except`.
fn agreed<'a>(state: &'a State, receiver: &AgencyName, except: Option<&AgencyName>) -> Coming<'a> {
    let mut coming = Coming::default();
    let is_taken = |topic: &crate::Topic| {
        let offer = topic.stewardship.offer.as_ref();
        offer.is_some_and(|offer| offer.to == *receiver && offer.accepted.is_some())
    };
    coming.topics.extend(state.topics().filter(|topic| is_taken(topic)).map(|topic| &topic.name));
    let successions = state.successions().filter(|(agency, _)| Some(*agency) != except);
    for (agency, agreed) in successions.filter(|(_, agreed)| agreed.accepted.contains_key(receiver)) {
        let (topics, subscriptions) = succession::share(state, agency, &agreed.shares, receiver);
        coming.topics.extend(topics);
        coming.subscriptions.extend(subscriptions);
    }
    coming
}

impl Handed<'_> {
    /// The context of a question about it. The receiver is to be gathered.
    pub fn context(&self) -> Value {
        let receiver = Reference::new("Agency", self.receiver.as_str());
        let Coming { topics, subscriptions } = &self.coming;
        let receives = json!({ "topics": topics.len(), "subscriptions": subscriptions.len() });
        json!({ "receiver": { "__entity": receiver }, "receives": receives })
    }
}
