//! From a record to an event as a subscription may see it: cleared classes opened byte for byte, the rest left out.

use std::sync::Arc;

use bytes::Bytes;
use contract::check::Shape;
use contract::{AttributeValue, Class, ClassSet, CloudEvent, Data, Format, Redactor};
use seal::{Binding, OpenError, PersonKey, Piece, SealedForm};

use super::carry::{Unfit, View};
use super::{Batch, Found};
use crate::Refusal;
use crate::api::Delivered;
use crate::core::Core;
use crate::record::{self, DataKind, EventRecord};
use crate::topics::Topic;

/// Opens or redacts one record and adds it to the batch; where it must be taken back to an older version and cannot be,
/// to what is set aside. Whether it is handed over.
pub fn reveal(
    core: &Core,
    topic: &Topic,
    view: &View,
    found: Found,
    batch: &mut Batch,
) -> Result<bool, Refusal> {
    let cleared = &view.cleared;
    let mut read = record::read(&found.record.body).map_err(|error| damaged(topic, &found, &error))?;
    let mut event = std::mem::replace(&mut read.event, CloudEvent::empty());
    let sealed = SealedForm::parse(read.sealed).map_err(|error| damaged(topic, &found, &error))?;
    let named = |refusal: Refusal| Refusal {
        text: format!("{} ({})", refusal.text, place(topic, &found)),
        ..refusal
    };
    let binding = binding(topic, &event, &read);
    let (data, opened) = if sealed.is_open() {
        // Nothing was ever sealed: the bytes are handed over as they lie there.
        let nothing = Opened { attributes: Vec::new(), classes: Vec::new(), about: None };
        (found.record.body.slice_ref(sealed.skeleton()), nothing)
    } else {
        let mut data = Vec::with_capacity(read.sealed.len());
        let format = read.head.data.format().unwrap_or(Format::JsonSchema);
        let mut document = Redactor::new(format, std::mem::take(&mut read.frames), &mut data);
        let opened = open(core, topic, &sealed, &binding, cleared, &mut |piece| match piece {
            Piece::Text(text) => document.text(text),
            Piece::Opened(bytes) => document.keep(bytes),
            Piece::LeftOut(shape) => document.leave_out(shape_of(shape)),
        });
        document.finish();
        (Bytes::from(data), opened.map_err(named)?)
    };
    for (name, value) in opened.attributes {
        match name.as_str() {
            "subject" => event.subject = Some(value),
            _ => event.extensions.push((name, AttributeValue::String(value))),
        }
    }
    let named_nobody = opened.about.is_none();
    let data = match view.shaped(topic, read.head.contract, (&mut event, named_nobody), data)? {
        Ok(data) => data,
        Err(misfit) => {
            let unfit = Unfit::new(&found, read.head.contract, &misfit);
            view.sets_aside(core, &unfit);
            batch.unfit.push(unfit);
            return Ok(false);
        }
    };
    opened.classes.into_iter().for_each(|class| batch.opened.insert(class));
    event.data = match read.head.data {
        DataKind::None => None,
        DataKind::Json => Some(Data::Json(data)),
        DataKind::Avro | DataKind::Protobuf => Some(Data::Binary(data)),
    };
    let delivered = Delivered {
        event,
        format: read.head.data.format().unwrap_or(Format::JsonSchema),
        partition: found.partition,
        offset: found.record.offset,
        time_ms: found.record.time_ms,
        about: opened.about,
        redriven: found.redriven,
    };
    batch.events.push(delivered);
    Ok(true)
}

/// What a record's seal is bound to.
pub fn binding<'a>(topic: &'a Topic, event: &'a CloudEvent, read: &EventRecord<'_>) -> Binding<'a> {
    Binding {
        topic: topic.name.as_str(),
        source: &event.source,
        id: &event.id,
        contract_version: read.head.contract.0,
    }
}

/// What opening gave beside the document.
pub struct Opened {
    /// The attributes that were sealed.
    pub attributes: Vec<(String, String)>,
    /// The classes that were opened.
    pub classes: Vec<Class>,
    /// The pseudonym of the first person that the event is about.
    pub about: Option<String>,
}

/// Hands the pieces of a sealed form to `visit`, with the cleared classes opened.
pub fn open(
    core: &Core,
    topic: &Topic,
    sealed: &SealedForm<'_>,
    binding: &Binding<'_>,
    cleared: &ClassSet,
    visit: &mut dyn FnMut(Piece<'_>),
) -> Result<Opened, Refusal> {
    let keys = core.keyring.agency(&topic.sealed_by)?;
    // A key that cannot be had now is not an erased one: keep the error apart from the absence.
    let mut out_of_reach = None;
    let mut key_of = |pseudonym: &seal::Pseudonym| -> Option<Arc<PersonKey>> {
        match core.keyring.for_opening(&topic.sealed_by, &keys, pseudonym) {
            Ok(key) => key,
            Err(refusal) => {
                out_of_reach = Some(refusal);
                None
            }
        }
    };
    let clears = |class: &str, _: &seal::Pseudonym| cleared.clears(&Class::from(class));
    let revealed = sealed.reveal(binding, &clears, &mut key_of, visit);
    if let Some(refusal) = out_of_reach {
        return Err(refusal);
    }
    let revealed = revealed.map_err(|error| match error {
        OpenError::Erased { .. } => Refusal::unavailable("the key of a person in this event does not exist")
            .hint("ask the bus's operator; chancery doctor checks the stored keys"),
        error => Refusal::unavailable(error.to_string())
            .hint("the stored event was altered; ask the bus's operator"),
    })?;
    let attributes =
        revealed.attributes.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
    let persons = sealed.classes().zip(sealed.subjects());
    let about = persons.into_iter().find(|(class, _)| Class::from(*class).is_about_a_person());
    Ok(Opened {
        attributes,
        classes: revealed.opened.iter().map(|class| Class::from(*class)).collect(),
        about: about.map(|(_, pseudonym)| pseudonym.to_string()),
    })
}

fn shape_of(code: u8) -> Shape {
    match code {
        0 => Shape::Member,
        1 => Shape::Item,
        _ => Shape::Whole,
    }
}

fn place(topic: &Topic, found: &Found) -> String {
    format!("topic {}, partition {}, offset {}", topic.name, found.partition, found.record.offset)
}

fn damaged(topic: &Topic, found: &Found, error: &dyn std::fmt::Display) -> Refusal {
    Refusal::unavailable(format!("{error} ({})", place(topic, found)))
        .hint("chancery doctor checks the data folder")
}
