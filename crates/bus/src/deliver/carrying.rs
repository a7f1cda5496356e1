//! What takes events of a topic back, made when it is first needed. It goes with the topic's record, which is made anew when
//! a decision touches the topic.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::compile::Contract;
use contract::migration::{Carrier, Lens};
use contract::{ClassSet, ContractVersion, Misfit};
use parking_lot::Mutex;

use crate::Refusal;
use crate::limits::CARRIERS_KEPT;

/// A topic's lenses and carriers.
#[derive(Default)]
pub struct Carrying {
    /// No more than it has versions.
    lenses: Mutex<BTreeMap<ContractVersion, Arc<Lens>>>,
    /// By what is read, and by clearance.
    carriers: Mutex<BTreeMap<(ContractVersion, ClassSet), Arc<Carrier>>>,
}

impl Carrying {
    /// The migration of a version.
    pub fn lens(
        &self,
        version: ContractVersion,
        make: impl FnOnce() -> Result<Lens, Refusal>,
    ) -> Result<Arc<Lens>, Refusal> {
        if let Some(lens) = self.lenses.lock().get(&version) {
            return Ok(lens.clone());
        }
        let lens = Arc::new(make()?);
        Ok(self.lenses.lock().entry(version).or_insert(lens).clone())
    }

    /// The view of those who read by `old` and are cleared so.
    pub fn carrier(&self, old: &Arc<Contract>, cleared: &ClassSet) -> Result<Arc<Carrier>, Misfit> {
        let known = old.classes().iter().filter(|class| cleared.clears(class));
        let key = (old.definition().version, known.cloned().collect::<ClassSet>());
        if let Some(carrier) = self.carriers.lock().get(&key) {
            return Ok(carrier.clone());
        }
        let carrier = Arc::new(Carrier::new(old.clone(), &key.1)?);
        let mut carriers = self.carriers.lock();
        if carriers.len() >= CARRIERS_KEPT {
            carriers.clear();
        }
        Ok(carriers.entry(key).or_insert(carrier).clone())
    }
}

#[cfg(test)]
mod tests {
    use contract::{Class, Definition, compile};

    use super::*;

    fn contract(version: u32) -> Arc<Contract> {
        let definition: Definition = serde_json::from_value(serde_json::json!({
            "topic": "civil.birth.registered", "version": version, "format": "json-schema",
            "schema": r#"{"type":"object","additionalProperties":false,"properties":{"a":{"type":"string"}}}"#,
            "classify": {"/a": "internal"}
        }))
        .unwrap();
        Arc::new(compile(&definition).unwrap())
    }

    #[test]
    fn what_is_the_same_to_a_reader_is_made_once_and_not_kept_without_end() {
        let (kept, old) = (Carrying::default(), contract(1));
        let cleared =
            |classes: &[&str]| classes.iter().map(|class| Class::from(*class)).collect::<ClassSet>();
        let first = kept.carrier(&old, &cleared(&["internal"])).unwrap();
        let same = kept.carrier(&old, &cleared(&["internal", "personal"])).unwrap();
        assert!(Arc::ptr_eq(&first, &same), "nothing of it is personal");
        assert!(!Arc::ptr_eq(&first, &kept.carrier(&old, &cleared(&[])).unwrap()));
        for version in 2..3 * CARRIERS_KEPT as u32 {
            kept.carrier(&contract(version), &cleared(&[])).unwrap();
            assert!(kept.carriers.lock().len() <= CARRIERS_KEPT);
        }
    }
}
