//! Trimming: durable in the catalogue, gone for readers at once; `sweep.rs` gives the space back.

use super::change::Change;
use super::engine::Engine;
use super::options::Upkeep;
use crate::error::JournalError;
use crate::stream::{Offset, StreamId};

impl Engine {
    pub(super) fn trim_all(&self, cuts: &[(StreamId, Offset)]) -> Result<(), JournalError> {
        self.refuse_unless_writable()?;
        let mut changes = Vec::with_capacity(cuts.len());
        let mut catalogue = self.catalogue.lock();
        for (id, before) in cuts {
            let bounds = self.stream(*id)?.bounds();
            if *before > bounds.next {
                return Err(JournalError::BeyondEnd { stream: *id, next: bounds.next });
            }
            if *before > bounds.first {
                changes.push(Change::Trim { id: *id, first: *before });
            }
        }
        // If we die here, nothing was trimmed; after it, recovery leaves out what is below `first`.
        self.commit(&mut catalogue, &changes)?;
        for change in &changes {
            if let Change::Trim { id, first } = change {
                let stream = self.stream(*id)?;
                let mut places = stream.places.write();
                places.first = places.first.max(*first);
                self.trimmed.lock().insert(*id);
            }
        }
        drop(catalogue);
        self.settle_bell.ring();
        if self.options.upkeep == Upkeep::Inline {
            self.upkeep_inline();
        }
        Ok(())
    }
}
