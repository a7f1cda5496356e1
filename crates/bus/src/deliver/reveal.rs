//! From a record to an event as a subscription may see it: cleared classes opened byte for byte, the rest left out or shown in
//! the form that the contract gave it when the event was published.
//!
//! Of an event about somebody who was erased, every class that held something about them is left out, also where it holds
//! something about others: what is handed over then follows the redacted schema of the classes that are left, which stock
//! deserializers ask for. The event says that it is so, in the extension [`ERASED`]. The same goes for somebody who does not
//! consent, where the subscription demands that, and the extension [`WITHHELD`].

use std::borrow::Cow;

use bytes::Bytes;
use contract::cloudevents::{ERASED, NO_CONSENT, WITHHELD};
use contract::{AttributeValue, Class, ClassSet, CloudEvent, Data, Format, Look, Redaction, Redactor};
use seal::{Access, Binding, OpenError, PersonKey, Piece, Pseudonym, SealedForm};

use super::carry::{Unfit, View};
use super::naming::Naming;
use super::{Batch, Found};
use crate::Refusal;
use crate::api::Delivered;
use crate::core::Core;
use crate::person_consents::{Consent, Demand};
use crate::record::{self, DataKind, EventRecord, Stored};
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
    let mut read = match record::read(&found.record.body).map_err(|error| damaged(topic, &found, &error))? {
        Stored::Event(read) => read,
        Stored::Quarantined(_) => {
            batch.passed.push((found.partition, found.record.offset));
            return Ok(false);
        }
    };
    let mut event = std::mem::replace(&mut read.event, CloudEvent::empty());
    let sealed = SealedForm::parse(read.sealed).map_err(|error| damaged(topic, &found, &error))?;
    let named = |refusal: Refusal| Refusal {
        text: format!("{} ({})", refusal.text, place(topic, &found)),
        ..refusal
    };
    let binding = binding(topic, &event, &read);
    let mut naming = Naming::new(core, &view.agency);
    let (data, opened) = if sealed.is_open() {
        // Nothing was ever sealed: the bytes are handed over as they lie there.
        (found.record.body.slice_ref(sealed.skeleton()), Opened::default())
    } else {
        let mut data = Vec::with_capacity(read.sealed.len());
        let format = read.head.data.format().unwrap_or(Format::JsonSchema);
        let mut document = Redactor::new(format, std::mem::take(&mut read.frames), &mut data);
        let sight = view.sight(topic, read.head.contract);
        let opened = open(core, topic, &sealed, &binding, sight, &mut |piece| match piece {
            Piece::Text(text) => document.text(text),
            Piece::Opened(bytes) => document.keep(bytes),
            Piece::Veiled { bytes, shape, pseudonym } => {
                let look = Look::of(shape);
                let token = if look.form == Redaction::Pseudonym { naming.name(&pseudonym) } else { "" };
                document.show(look, bytes, token);
            }
            Piece::LeftOut(shape) => document.leave_out(Look::of(shape)),
        });
        document.finish();
        (Bytes::from(data), opened.map_err(named)?)
    };
    let cleared = opened.left_of(&view.cleared);
    // What the sealing agency calls people stays with the bus: by it two readers could join what they know of one person.
    // Of an event about somebody it always has the place of `subject`, which is sealed.
    let outside = event.subject.as_deref().filter(|_| opened.about.is_some()).and_then(Pseudonym::parse);
    if let Some(person) = outside {
        event.subject = Some(naming.name(&person).to_owned());
    }
    let about = opened.about.map(|person| naming.name(&person).to_owned());
    naming.finish().map_err(named)?;
    for (name, value) in opened.attributes.iter().cloned() {
        match name.as_str() {
            "subject" => event.subject = Some(value),
            _ => event.extensions.push((name, AttributeValue::String(value))),
        }
    }
    let named_nobody = about.is_none();
    let data = match view.shaped(topic, read.head.contract, &cleared, (&mut event, named_nobody), data)? {
        Ok(data) => data,
        Err(misfit) => {
            let unfit = Unfit::new(&found, read.head.contract, &misfit);
            view.sets_aside(core, &unfit);
            batch.passed.push((unfit.partition, unfit.offset));
            batch.unfit.push(unfit);
            return Ok(false);
        }
    };
    if !opened.withheld.erased.is_empty() {
        say(&mut event, ERASED, AttributeValue::Boolean(true));
    }
    if !opened.withheld.no_consent.is_empty() {
        say(&mut event, WITHHELD, AttributeValue::String(NO_CONSENT.to_owned()));
    }
    opened.classes.into_iter().for_each(|class| batch.opened.insert(class));
    opened.veiled.into_iter().for_each(|class| batch.veiled.insert(class));
    batch.people.extend_from_slice(&opened.people);
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
        about,
        redriven: found.redriven,
        consent: view.demand.as_ref().and_then(|demand| Consent::of(demand, opened.consented)),
    };
    batch.events.push(delivered);
    Ok(true)
}

/// The bus says something of an event; nobody has said it before.
fn say(event: &mut CloudEvent, name: &str, value: AttributeValue) {
    event.extensions.retain(|(known, _)| known != name);
    event.extensions.push((name.to_owned(), value));
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

/// Who looks at an event.
#[derive(Clone, Copy)]
pub struct Sight<'s> {
    cleared: &'s ClassSet,
    /// What becomes of the other classes.
    otherwise: Access,
    /// What those whom it is about must have consented to.
    demand: Option<&'s Demand>,
}

impl<'s> Sight<'s> {
    /// Whoever is cleared for these classes, whether people consent or not.
    pub fn of(cleared: &'s ClassSet) -> Self {
        Self { cleared, otherwise: Access::LeftOut, demand: None }
    }

    /// With something made of the classes that are not cleared.
    pub fn showing(self, otherwise: Access) -> Self {
        Self { otherwise, ..self }
    }

    /// The same, if people consent.
    pub fn demanding(self, demand: Option<&'s Demand>) -> Self {
        Self { demand, ..self }
    }

    /// Whether something of a class may be made known, by the person whom it is about.
    fn is_let(&self, core: &Core, class: &Class, whose: &Pseudonym) -> bool {
        !class.is_about_a_person() || self.demand.is_none_or(|demand| demand.is_met(core, whose))
    }
}

/// What opening gave beside the document.
#[derive(Default)]
pub struct Opened {
    /// The attributes that were sealed.
    pub attributes: Vec<(String, String)>,
    /// The classes that were opened.
    pub classes: Vec<Class>,
    /// The classes of which something was shown in another form.
    pub veiled: Vec<Class>,
    /// The first person that the event is about.
    pub about: Option<Pseudonym>,
    /// What was not opened of what is cleared.
    pub withheld: Withheld,
    /// Those whom it is about, whatever was opened.
    pub people: Vec<Pseudonym>,
    /// Those about whom something was opened, or shown in another form, by their consent.
    pub consented: Vec<Pseudonym>,
}

impl Opened {
    /// What of a clearance was left.
    pub fn left_of<'c>(&self, cleared: &'c ClassSet) -> Cow<'c, ClassSet> {
        self.withheld.left_of(cleared)
    }
}

/// The classes that are left out as a whole, though the reader may be cleared for them.
#[derive(Default)]
pub struct Withheld {
    /// Those that held something about somebody who was erased.
    erased: ClassSet,
    /// Those that hold something about somebody who does not consent; of those that the reader is cleared for.
    no_consent: ClassSet,
    /// The same of those that the reader is not cleared for: nothing of them is shown in another form either.
    unshown: ClassSet,
}

impl Withheld {
    fn of(core: &Core, sealed: &SealedForm<'_>, sight: Sight<'_>) -> Self {
        let mut withheld = Self::default();
        let any_erased = core.keyring.erasures() > 0;
        if !any_erased && sight.demand.is_none() {
            return withheld;
        }
        for (class, whose) in sealed.classes().zip(sealed.subjects()) {
            let class = Class::from(class);
            if any_erased && core.keyring.is_erased(&whose) {
                withheld.erased.insert(class);
            } else if !sight.is_let(core, &class, &whose) {
                match sight.cleared.clears(&class) {
                    true => withheld.no_consent.insert(class),
                    false => withheld.unshown.insert(class),
                }
            }
        }
        withheld
    }

    fn left_of<'c>(&self, cleared: &'c ClassSet) -> Cow<'c, ClassSet> {
        if self.erased.is_empty() && self.no_consent.is_empty() {
            return Cow::Borrowed(cleared);
        }
        Cow::Owned(cleared.iter().filter(|class| !self.holds(class)).cloned().collect())
    }

    fn holds(&self, class: &Class) -> bool {
        *class != Class::Public && (self.erased.clears(class) || self.no_consent.clears(class))
    }

    /// Whether it is less than a reader may have been handed before.
    pub fn reduces(&self, cleared: &ClassSet) -> bool {
        !self.unshown.is_empty() || !self.erased.is_empty() || cleared.iter().any(|class| self.holds(class))
    }
}

/// Hands the pieces of a sealed form to `visit`: the cleared classes opened, the others as the sight says. Nothing of classes of
/// people who were erased or do not consent.
pub fn open(
    core: &Core,
    topic: &Topic,
    sealed: &SealedForm<'_>,
    binding: &Binding<'_>,
    sight: Sight<'_>,
    visit: &mut dyn FnMut(Piece<'_>),
) -> Result<Opened, Refusal> {
    let keys = core.keyring.agency(&topic.sealed_by)?;
    // A key that cannot be had now is not an erased one: keep the error apart from the absence.
    let mut out_of_reach = None;
    let mut key_of = |pseudonym: &Pseudonym| -> Option<PersonKey> {
        match core.keyring.for_opening(&topic.sealed_by, &keys, pseudonym) {
            Ok(key) => key,
            Err(refusal) => {
                out_of_reach = Some(refusal);
                None
            }
        }
    };
    let mut withheld = Withheld::of(core, sealed, sight);
    let (revealed, cleared) = loop {
        let cleared = withheld.left_of(sight.cleared);
        let access = |class: &str, _: &Pseudonym| match Class::from(class) {
            class if cleared.clears(&class) => Access::Opened,
            class if withheld.holds(&class) || withheld.unshown.clears(&class) => Access::LeftOut,
            _ => sight.otherwise,
        };
        let revealed = sealed.reveal(binding, &access, &mut key_of, visit);
        match revealed {
            // Erased since we looked. Nothing was visited yet.
            Err(OpenError::Erased { pseudonym }) if core.keyring.is_erased(&pseudonym) => {
                withheld = Withheld::of(core, sealed, sight);
            }
            revealed => break (revealed, cleared),
        }
    };
    if let Some(refusal) = out_of_reach {
        return Err(refusal);
    }
    let revealed = revealed.map_err(|error| match error {
        OpenError::Erased { .. } => Refusal::unavailable("the key of a person in this event does not exist")
            .hint("ask the bus's operator: what is stored misses a key"),
        error => Refusal::unavailable(error.to_string())
            .hint("the stored event was altered; ask the bus's operator"),
    })?;
    let attributes =
        revealed.attributes.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
    let persons = || {
        sealed
            .classes()
            .map(Class::from)
            .zip(sealed.subjects())
            .filter(|(class, _)| class.is_about_a_person())
    };
    let is_known = |class: &Class| {
        cleared.clears(class) || revealed.veiled.iter().any(|veiled| *veiled == class.as_str())
    };
    let consented = match sight.demand {
        None => Vec::new(),
        Some(_) => each_once(persons().filter(|(class, _)| is_known(class)).map(|(_, whose)| whose)),
    };
    Ok(Opened {
        attributes,
        classes: revealed.opened.iter().map(|class| Class::from(*class)).collect(),
        veiled: revealed.veiled.iter().map(|class| Class::from(*class)).collect(),
        about: persons().next().map(|(_, pseudonym)| pseudonym),
        people: each_once(persons().map(|(_, whose)| whose)),
        consented,
        withheld,
    })
}

fn each_once(people: impl Iterator<Item = Pseudonym>) -> Vec<Pseudonym> {
    let mut people: Vec<Pseudonym> = people.collect();
    people.sort_unstable();
    people.dedup();
    people
}

fn place(topic: &Topic, found: &Found) -> String {
    format!("topic {}, partition {}, offset {}", topic.name, found.partition, found.record.offset)
}

fn damaged(topic: &Topic, found: &Found, error: &dyn std::fmt::Display) -> Refusal {
    Refusal::unavailable(format!("{error} ({})", place(topic, found)))
        .hint("chancery doctor checks the data folder")
}
