//! Dead letters as those who consume meet them: listed, delivered again, given up.

use contract::SubscriptionName;

use super::consumed::{REASON_MAX_BYTES, step};
use crate::api::{Caller, DeadLetter, Letters};
use crate::lanes::{Apply, Facts, Lane};
use crate::subscriptions::cursor::Cursor;
use crate::subscriptions::dead_letters::{Happened, LetterKey, Step, letter_id, parse_letter_id};
use crate::{Bus, Refusal, RefusalKind};

/// Steps that become durable together: a group of a usual size.
const STEPS_AT_ONCE: usize = 500;

impl Bus {
    /// The dead letters of a subscription, or of all that the caller may see.
    pub fn dead_letters(
        &self,
        caller: &Caller,
        subscription: Option<&SubscriptionName>,
    ) -> Result<Vec<DeadLetter>, Refusal> {
        if let Some(name) = subscription {
            self.may_oversee(caller, name)?;
        }
        let mut letters = self.core.dead_letters.list(subscription);
        letters.retain(|letter| self.may_oversee(caller, &letter.subscription).is_ok());
        Ok(letters)
    }

    /// A dead letter is to be delivered again, before anything else.
    pub async fn redrive(&self, caller: &Caller, id: &str) -> Result<DeadLetter, Refusal> {
        let (key, lane) = self.letter(caller, id)?;
        self.letter_step(lane, step(key, Happened::Redriven, caller)).await
    }

    /// A dead letter is given up.
    pub async fn discard(&self, caller: &Caller, id: &str, reason: &str) -> Result<DeadLetter, Refusal> {
        let (key, lane) = self.letter(caller, id)?;
        self.letter_step(lane, step(key, discarded(reason), caller)).await
    }

    /// All dead letters of a subscription that do not wait for it already are to be delivered again; how many they are.
    pub async fn redrive_all(&self, caller: &Caller, name: &SubscriptionName) -> Result<usize, Refusal> {
        self.step_each(caller, name, |letter| (!letter.redriven).then_some(Happened::Redriven)).await
    }

    /// All dead letters of a subscription are given up; how many they were.
    pub async fn discard_all(
        &self,
        caller: &Caller,
        name: &SubscriptionName,
        reason: &str,
    ) -> Result<usize, Refusal> {
        self.step_each(caller, name, |_| Some(discarded(reason))).await
    }

    async fn step_each(
        &self,
        caller: &Caller,
        name: &SubscriptionName,
        what: impl Fn(&DeadLetter) -> Option<Happened>,
    ) -> Result<usize, Refusal> {
        let topic = self.core.topics.get(&self.may_consume(caller, name)?.topic)?;
        let of = |letter: &DeadLetter| {
            Some(step((name.clone(), letter.partition, letter.offset), what(letter)?, caller))
        };
        let steps: Vec<Step> = self.core.dead_letters.list(Some(name)).iter().filter_map(of).collect();
        for some in steps.chunks(STEPS_AT_ONCE) {
            let (letters, some) = (self.core.dead_letters.clone(), some.to_vec());
            let records = some.iter().map(|step| self.letter_fact(topic.lane, step)).collect();
            let apply: Apply =
                Box::new(move |durable| some.iter().for_each(|step| letters.apply(step, durable.at_ms)));
            let facts = Facts { records, apply: Some(apply), ..Facts::default() };
            self.core.lane(topic.lane).record(facts).await?;
        }
        self.core.tail.ring(&topic.name);
        Ok(steps.len())
    }

    /// Of letters that were handed over, forgets those that do not wait for redelivery any more, or do so anew since they were
    /// rejected again: they may come again.
    pub fn forget_settled(&self, name: &SubscriptionName, had: &mut Letters) {
        had.retain(|(partition, offset), attempts| {
            let letter = self.core.dead_letters.get(&(name.clone(), *partition, *offset));
            letter.is_some_and(|letter| letter.redriven && letter.attempts == *attempts)
        });
    }

    /// The letters that a cursor names, as far as they wait now as they did then: not those that were rejected again since.
    pub fn had_by(&self, name: &SubscriptionName, cursor: &Cursor) -> Letters {
        let waits = |(at, attempts): &((u32, u64), u32)| {
            let letter = self.core.dead_letters.get(&(name.clone(), at.0, at.1))?;
            let is_same = *attempts == 0 || *attempts == letter.attempts;
            (letter.redriven && is_same).then_some((*at, letter.attempts))
        };
        cursor.redriven.iter().filter_map(waits).collect()
    }

    fn letter(&self, caller: &Caller, id: &str) -> Result<(LetterKey, Lane), Refusal> {
        let found = parse_letter_id(id).filter(|key| self.core.dead_letters.get(key).is_some());
        let key = found.ok_or_else(|| {
            Refusal::new(RefusalKind::Unknown, format!("there is no dead letter {id}"))
                .hint("chancery dead-letters list shows those there are")
        })?;
        let subscription = self.may_consume(caller, &key.0)?;
        let topic = self.core.topics.get(&subscription.topic)?;
        Ok((key, topic.lane))
    }

    pub(super) async fn letter_step(&self, lane: Lane, step: Step) -> Result<DeadLetter, Refusal> {
        let key = (step.subscription.clone(), step.partition, step.offset);
        let records = vec![self.letter_fact(lane, &step)];
        let letters = self.core.dead_letters.clone();
        let gone = letters.get(&key);
        let bell = self.core.dead_letters.get(&key).map(|letter| letter.topic);
        let apply: Apply = Box::new(move |durable| letters.apply(&step, durable.at_ms));
        let facts = Facts { records, apply: Some(apply), ..Facts::default() };
        self.core.lane(lane).record(facts).await?;
        if let Some(topic) = bell {
            self.core.tail.ring(&topic);
        }
        self.core.dead_letters.get(&key).or(gone).ok_or_else(|| {
            Refusal::new(RefusalKind::Unknown, format!("there is no dead letter {}", letter_id(&key)))
        })
    }
}

fn discarded(reason: &str) -> Happened {
    Happened::Discarded { reason: reason.chars().take(REASON_MAX_BYTES).collect() }
}
