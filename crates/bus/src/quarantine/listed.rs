//! What waits in quarantine, as those see it who answer for the topic, and the event itself as who decides sees it.

use bytes::Bytes;
use contract::{AgencyName, Class, ClassSet, CloudEvent, Data, Format, PrincipalName, Redactor, TopicName};
use governance::quarantine;
use seal::{Piece, SealedForm};

use super::deciding::unknown;
use super::{Leaked, open};
use crate::api::Caller;
use crate::audit_logs::shown_entry;
use crate::clock::rfc3339;
use crate::core::Core;
use crate::deliver::reveal::{self, Sight};
use crate::lanes::Facts;
use crate::record::{self, DataKind, Stored};
use crate::topics::Topic;
use crate::{Bus, Refusal};

/// An event that waits for a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its partition.
    pub partition: u32,
    /// Its offset.
    pub offset: u64,
    /// When it became durable, in milliseconds since 1970.
    pub at_ms: u64,
    /// Who published it.
    pub by: PrincipalName,
    /// For which agency.
    pub agency: AgencyName,
    /// What was found in it, and where.
    pub found: Vec<Leaked>,
}

impl Bus {
    /// The events of a topic that nobody has decided about, by partition and offset.
    pub fn quarantined(&self, caller: &Caller, topic: &TopicName) -> Result<Vec<Waiting>, Refusal> {
        let state = self.core.state();
        let known = state.topic(topic).ok_or_else(|| crate::authorise::unknown_topic(topic))?;
        quarantine::may_list(&state, &self.now(caller), known, self.core.clock.now_ms())?;
        let waiting = self.core.quarantine.undecided(topic);
        let one = |((partition, offset), of): ((u32, u64), super::shelf::Entry)| Waiting {
            partition,
            offset,
            at_ms: of.at_ms,
            by: of.by,
            agency: of.agency,
            found: of.found,
        };
        Ok(waiting.into_iter().map(one).collect())
    }

    /// An event that waits, for who decides about it: what its contract says is nobody's is open, all else left out. Who saw it
    /// stands in the audit before it is handed over.
    pub async fn show_quarantined(
        &self,
        caller: &Caller,
        topic: &TopicName,
        partition: u32,
        offset: u64,
    ) -> Result<CloudEvent, Refusal> {
        let state = self.core.state();
        let known = state.topic(topic).ok_or_else(|| crate::authorise::unknown_topic(topic))?;
        quarantine::may_show(&state, &self.now(caller), known, self.core.clock.now_ms())?;
        let at = (topic.clone(), partition, offset);
        let is_undecided = || self.core.quarantine.get(&at).is_some_and(|entry| entry.released.is_none());
        if !is_undecided() {
            return Err(unknown(topic, partition, offset));
        }
        let topic = self.core.topics.get(topic)?;
        let (core, of) = (self.core.clone(), topic.clone());
        let shown = tokio::task::spawn_blocking(move || show(&core, &of, partition, offset)).await;
        let shown = shown.map_err(|_| Refusal::unavailable("reading was broken off"))??;
        let entry = shown_entry(caller, &topic, (partition, offset), &rfc3339(self.core.clock.now_ms()));
        let facts = Facts { entries: vec![(entry, Vec::new())], ..Facts::default() };
        self.core.lane(topic.lane).record(facts).await?;
        // It may have been discarded meanwhile, and then it is nobody's to see.
        if !is_undecided() {
            return Err(unknown(&topic.name, partition, offset));
        }
        Ok(shown)
    }
}

fn show(core: &Core, topic: &Topic, partition: u32, offset: u64) -> Result<CloudEvent, Refusal> {
    let gone = || unknown(&topic.name, partition, offset);
    let unreadable = |error: &dyn std::fmt::Display| {
        Refusal::unavailable(format!(
            "{error} (topic {}, partition {partition}, offset {offset})",
            topic.name
        ))
        .hint("chancery doctor checks the data folder")
    };
    let stored = core.stored(topic.partition(partition)?, offset)?.ok_or_else(gone)?;
    let Stored::Quarantined(kept) = record::read(&stored.body).map_err(|error| unreadable(&error))? else {
        return Err(gone());
    };
    let body = open(core, topic, &kept)?.ok_or_else(gone)?;
    let mut read = record::read_body(&body).map_err(|error| unreadable(&error))?;
    let sealed = SealedForm::parse(read.sealed).map_err(|error| unreadable(&error))?;
    let format = read.head.data.format().unwrap_or(Format::JsonSchema);
    let mut data = Vec::with_capacity(read.sealed.len());
    let mut document = Redactor::new(format, std::mem::take(&mut read.frames), &mut data);
    let nobodys: ClassSet = [Class::Internal].into_iter().collect();
    let binding = reveal::binding(topic, &read.event, &read);
    let opened =
        reveal::open(core, topic, &sealed, &binding, Sight::of(&nobodys), &mut |piece| match piece {
            Piece::Text(text) => document.text(text),
            Piece::Opened(bytes) => document.keep(bytes),
            Piece::LeftOut(shape) => document.leave_out(contract::Look::of(shape)),
            // Nothing was asked to be shown in another form.
            Piece::Veiled { .. } => {}
        })?;
    document.finish();
    let about_somebody = opened.about.is_some();
    let mut event = read.event;
    if about_somebody {
        // What the sealing agency calls the person stays with the bus.
        event.subject = None;
    }
    for (name, value) in opened.attributes {
        event.extensions.push((name, contract::AttributeValue::String(value)));
    }
    event.data = match read.head.data {
        DataKind::None => None,
        DataKind::Json => Some(Data::Json(Bytes::from(data))),
        DataKind::Avro | DataKind::Protobuf => Some(Data::Binary(Bytes::from(data))),
    };
    Ok(event)
}
