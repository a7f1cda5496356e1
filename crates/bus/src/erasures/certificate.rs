//! The certificate that somebody was erased: what governance knows of it, signed with the key that signs checkpoints.

use audit::certificate::{Answer, Certificate, Leaf, Part, Told, Turn, Word};
use contract::AgencyName;
use governance::erasure::{Sight, standing, status};
use governance::state::{Erasure, Informed, Word as Said};
use seal::Pseudonym;

use crate::api::Caller;
use crate::clock::rfc3339;
use crate::core::Core;
use crate::lanes::Lane;
use crate::{Bus, Refusal, RefusalKind};

impl Core {
    /// The epoch of keys that took a person's key with it, in every copy, and when; none where it has not ended yet,
    /// and where copies take along what opens them.
    fn unreadable_in_every_copy(&self, pseudonym: &str) -> Option<Turn> {
        if self.settings.keys.in_data {
            return None;
        }
        let ended = self.keyring.final_since(&Pseudonym::parse(pseudonym)?)?;
        Some(Turn { epoch: ended.epoch, at: rfc3339(ended.destroyed_ms) })
    }

    /// The audit leaves of the decisions about an erasure, of the standard lane, in which decisions are.
    fn leaves_of(&self, name: &str) -> Result<Vec<u64>, Refusal> {
        let stream = self.streams.audit[Lane::Standard as usize];
        let mut leaves = Vec::new();
        for found in self.journal.find(self.marker.erasure(name))? {
            if found.stream != stream {
                continue;
            }
            let Some(stored) = self.stored(stream, found.offset)? else { continue };
            let Ok(audit::Entry { what: audit::Kind::Decision(decision), .. }) =
                audit::Entry::decode(&stored.body)
            else {
                continue;
            };
            // A mark may collide: the entry itself decides, unless its facts are too long to stand there.
            let of_it = |fact: &serde_json::Value| fact["erasure"] == name || fact.get("sha256").is_some();
            if decision.events.iter().any(of_it) {
                leaves.push(found.offset);
            }
        }
        leaves.sort_unstable();
        leaves.dedup();
        Ok(leaves)
    }
}

impl Bus {
    /// The signed certificate of an erasure as it stands now, where something of it is carried out.
    pub async fn erasure_certificate(&self, caller: &Caller, name: &str) -> Result<String, Refusal> {
        let (known, sight) = self.erasure(caller, name)?;
        if !sight.is_whole {
            let text = format!("the certificate of erasure {name} is not yours to have");
            return Err(Refusal::new(RefusalKind::Forbidden, text).hint(
                "those who asked for it, agreed or answer for the topics can, and operators and regulators",
            ));
        }
        if known.parts.iter().all(|part| part.erased.is_none()) {
            let status = status(&self.core.state(), &known);
            let text = format!("erasure {name} is {status}: there is nothing to certify");
            return Err(Refusal::new(RefusalKind::Conflict, text)
                .hint(format!("chancery erase show {name} says what it waits for")));
        }
        let (bus, name) = (self.clone(), name.to_owned());
        let leaves = tokio::task::spawn_blocking(move || bus.core.leaves_of(&name)).await;
        let leaves = leaves.map_err(|_| Refusal::unavailable("reading was broken off"))??;
        self.core.audit.certify(&self.certificate(&known, &sight, leaves))
    }

    fn certificate(&self, known: &Erasure, sight: &Sight, leaves: Vec<u64>) -> Certificate {
        let (state, now_ms) = (self.core.state(), self.core.clock.now_ms());
        let part = |part: &governance::state::Part| {
            let agency = &part.found.person.agency;
            let erased_ms = part.erased.as_ref().map(|(_, at_ms)| *at_ms);
            let pseudonym = &part.found.person.pseudonym;
            Part {
                agency: agency.to_string(),
                pseudonym: sight.parts.contains(agency).then(|| pseudonym.clone()),
                status: standing(&state, part, now_ms).to_owned(),
                erased: erased_ms.map(rfc3339),
                unreadable_in_every_copy: self.core.unreadable_in_every_copy(pseudonym),
            }
        };
        let within_ms = state.standards().erasure.answer_within_s.saturating_mul(1000);
        let told = |((part, agency), informed): (&(AgencyName, AgencyName), &Informed)| Told {
            agency: agency.to_string(),
            part: part.to_string(),
            events: informed.handed.iter().map(|one| one.events).sum(),
            at: rfc3339(informed.at_ms),
            answer_by: rfc3339(informed.at_ms.saturating_add(within_ms)),
            answer: informed.answer.as_ref().map(|answer| Answer {
                kept: answer.kept.clone(),
                by: answer.by.principal.to_string(),
                at: rfc3339(answer.at_ms),
            }),
        };
        let log = format!("{}/{}", self.core.settings.name, Lane::Standard.name());
        Certificate {
            bus: self.core.settings.name.clone(),
            erasure: known.id.clone(),
            issued: rfc3339(now_ms),
            status: status(&state, known).to_owned(),
            ground: known.reason.clone(),
            asked: word(&known.asked),
            agreed: known.agreed.iter().map(word).collect(),
            parts: known.parts.iter().map(part).collect(),
            told: known.informed.iter().map(told).collect(),
            audit: leaves.into_iter().map(|leaf| Leaf { log: log.clone(), leaf }).collect(),
        }
    }
}

fn word(said: &Said) -> Word {
    Word {
        by: said.by.principal.to_string(),
        instead_of: said.by.instead_of.as_ref().map(ToString::to_string),
        speaks_for: said.speaks_for.iter().map(ToString::to_string).collect(),
        at: rfc3339(said.at_ms),
    }
}
