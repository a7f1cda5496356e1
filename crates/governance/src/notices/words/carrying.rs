//! What is told of who goes on by a version that their topic went past.

use contract::{AgencyName, ContractVersion};

use super::{Telling, answerable};
use crate::events::{CarryingEvent, Event};
use crate::notices::{Ask, Notice};
use crate::state::Version;

impl Telling<'_> {
    pub(super) fn carrying(&self, event: &Event) -> Option<Notice> {
        match event {
            Event::Carrying(CarryingEvent::SubscriptionCarried { subscription, version, by }) => {
                let what = format!(
                    "goes on by {version}, as its topic went past it: what comes by newer versions is taken back to it \
                     until its agency agrees"
                );
                let notice = self.of_subscription("subscription.carried", subscription, &what, by)?;
                self.asking_to_agree(notice)
            }
            Event::Carrying(CarryingEvent::SubscriptionCaughtUp { subscription, version, by }) => {
                let what = format!("is carried no more: it reads by {version}");
                self.of_subscription("subscription.caught-up", subscription, &what, by)
            }
            Event::Carrying(CarryingEvent::EventsSetAside { subscription, version, carried_on, by }) => {
                let topic = self.state.topic(&self.state.subscription(subscription)?.topic)?;
                let what = format!(
                    "is carried on {carried_on}, and an event of {version} cannot be taken back to it: it is set aside as \
                     a dead letter, and so are others like it until its agency agrees, or {} lets a version go live whose \
                     events go back",
                    answerable(topic)
                );
                let notice = self.of_subscription("subscription.set-aside", subscription, &what, by)?;
                self.asking_to_agree(Notice { version: Some(version.0), ..notice })
            }
            _ => None,
        }
    }

    /// The same notice, with what ends that the subscription is carried.
    fn asking_to_agree(&self, notice: Notice) -> Option<Notice> {
        let topic = self.state.topic(notice.topic.as_ref()?)?;
        let newest: ContractVersion = topic.read_by().map(Version::number)?;
        let agency: AgencyName = notice.agency.clone()?;
        let how = format!(
            "a steward of {agency}: chancery contract acknowledge {} {} --agency {agency}",
            topic.name, newest.0
        );
        let agreement = Ask { agency, wanted: "acknowledgement", how, by: None };
        Some(Notice { asks: std::iter::once(agreement).chain(notice.asks).collect(), ..notice })
    }
}
