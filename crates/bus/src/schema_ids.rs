//! What an id on the wire stands for: a schema, and what of it is left out.
//!
//! Consumers that are not cleared for all of a topic's classes get documents of a redacted schema, and a stock
//! deserializer asks the registry for it by the id that stands before the document. Such an id is not given out by
//! anybody: it is the schema's number with the classes that are left out, so that there is nothing to store, nothing to
//! expire, and every bus that has the contract knows every id of it.

use aws_lc_rs::digest;
use contract::compile::Contract;
use contract::{Class, ClassSet};
use governance::Schema;
use uuid::Uuid;

/// An id has 31 bits, since clients read it as a signed integer: 20 for the schema's number, 11 for its sealed classes.
const NUMBER_BITS: u32 = 20;

/// The id of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SchemaId(pub u32);

impl SchemaId {
    /// The id of the whole schema with this number.
    pub fn whole(number: u32) -> Self {
        Self(number & ((1 << NUMBER_BITS) - 1))
    }

    /// The id of what a consumer with this clearance is handed.
    pub fn redacted(number: u32, contract: &Contract, cleared: &ClassSet) -> Self {
        let sealed = sealed_classes(contract).enumerate();
        let left_out = sealed.filter(|(_, class)| !cleared.clears(class));
        let bits = left_out.fold(0, |bits, (index, _)| bits | 1 << index);
        Self(SchemaId::whole(number).0 | bits << NUMBER_BITS)
    }

    /// The number of the schema.
    pub fn number(self) -> u32 {
        SchemaId::whole(self.0).0
    }

    /// Whether nothing is left out.
    pub fn is_whole(self) -> bool {
        self.left_out() == 0
    }

    fn left_out(self) -> u16 {
        (self.0 >> NUMBER_BITS) as u16
    }

    /// The clearance that leaves out what this id says; `None` where the contract has no such classes.
    pub fn clearance(self, contract: &Contract) -> Option<ClassSet> {
        let left_out = self.left_out();
        if u32::from(left_out) >> sealed_classes(contract).count() != 0 {
            return None;
        }
        let kept = sealed_classes(contract).enumerate().filter(|(index, _)| left_out & 1 << index == 0);
        Some(kept.map(|(_, class)| class.clone()).collect())
    }

    /// The schema's other name (a UUID of version 8, RFC 9562): a digest of what it says, ending in what is left out.
    pub fn guid(self, schema: &Schema) -> Uuid {
        let mut bytes = fingerprint(self.number(), schema);
        bytes[14..].copy_from_slice(&self.left_out().to_be_bytes());
        Uuid::new_v8(bytes)
    }

    /// What of a GUID is the same for a schema and all that can be left out of it, and the classes that are.
    pub fn split(guid: Uuid) -> (Uuid, u32) {
        let mut bytes = *guid.as_bytes();
        let left_out = u32::from(u16::from_be_bytes([bytes[14], bytes[15]])) << NUMBER_BITS;
        bytes[14..].fill(0);
        (Uuid::from_bytes(bytes), left_out)
    }
}

/// The number counts too: two versions of a contract may say the same in other classes.
fn fingerprint(number: u32, schema: &Schema) -> [u8; 16] {
    let mut said = number.to_be_bytes().to_vec();
    serde_json::to_writer(&mut said, schema).expect("schemas always encode");
    let hash = digest::digest(&digest::SHA256, &said);
    std::array::from_fn(|index| hash.as_ref()[index])
}

/// How an event's data was framed by a serializer of the registry. It stands in the event's `dataschema`, so that
/// whoever gets the event by another door still learns which schema its data follows, and gets it by the Kafka door
/// framed as it was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// The id before the document.
    Id(SchemaId),
    /// The GUID in a header.
    Guid(Uuid),
}

const BY_ID: &str = "urn:chancery:schema:id:";
const BY_GUID: &str = "urn:chancery:schema:guid:";

impl Framing {
    /// What an event's `dataschema` says, if it speaks of our registry.
    pub fn of(dataschema: Option<&str>) -> Option<Self> {
        let said = dataschema?;
        if let Some(id) = said.strip_prefix(BY_ID) {
            return id.parse().ok().map(SchemaId).map(Framing::Id);
        }
        said.strip_prefix(BY_GUID).and_then(|guid| guid.parse().ok()).map(Framing::Guid)
    }

    /// The `dataschema` that says so.
    pub fn dataschema(self) -> String {
        match self {
            Framing::Id(id) => format!("{BY_ID}{}", id.0),
            Framing::Guid(guid) => format!("{BY_GUID}{guid}"),
        }
    }

    /// The same for a consumer with this clearance.
    pub(crate) fn redacted(self, contract: &Contract, cleared: &ClassSet) -> Self {
        match self {
            Framing::Id(id) => Framing::Id(SchemaId::redacted(id.number(), contract, cleared)),
            Framing::Guid(guid) => {
                let mut bytes = *guid.as_bytes();
                let left_out = SchemaId::redacted(0, contract, cleared).left_out();
                bytes[14..].copy_from_slice(&left_out.to_be_bytes());
                Framing::Guid(Uuid::from_bytes(bytes))
            }
        }
    }
}

fn sealed_classes(contract: &Contract) -> impl Iterator<Item = &Class> {
    contract.classes().iter().filter(|class| class.is_sealed())
}

#[cfg(test)]
mod tests {
    use contract::{Definition, compile};
    use serde_json::json;

    use super::*;

    fn contract() -> Contract {
        let schema = json!({"type": "object", "additionalProperties": false, "properties": {
            "a": {"type": "string"}, "b": {"type": "string"}, "c": {"type": "string"}, "d": {"type": "string"}}});
        let definition: Definition = serde_json::from_value(json!({
            "topic": "x.y", "version": 1, "format": "json-schema", "schema": schema.to_string(), "subject": ["/a"],
            "classify": {"/a": "personal", "/b": "special", "/c": "internal", "/d": "public"}}))
        .unwrap();
        compile(&definition).unwrap()
    }

    fn cleared(classes: &[&str]) -> ClassSet {
        classes.iter().map(|class| Class::from(*class)).collect()
    }

    #[test]
    fn an_id_says_which_classes_are_left_out_and_nothing_else() {
        let contract = contract();
        let table = [
            (&["internal", "personal", "special"][..], 7),
            (&[][..], 7 | 0b111 << 20),
            (&["personal"][..], 7 | 0b101 << 20),
            (&["public", "special", "secret"][..], 7 | 0b011 << 20),
        ];
        for (classes, wanted) in table {
            let id = SchemaId::redacted(7, &contract, &cleared(classes));
            assert_eq!((id.0, id.number()), (wanted, 7), "{classes:?}");
            let back = id.clearance(&contract).unwrap();
            assert_eq!(SchemaId::redacted(7, &contract, &back), id);
        }
        assert_eq!(SchemaId(7 | 0b1000 << 20).clearance(&contract), None, "there is no fourth sealed class");
    }

    #[test]
    fn a_guid_leads_to_its_id_and_to_what_is_left_out() {
        let (contract, schema) = (contract(), Schema::of(contract().definition()));
        let whole = SchemaId::whole(7);
        let redacted = SchemaId::redacted(7, &contract, &cleared(&["personal"]));
        assert_eq!(SchemaId::split(whole.guid(&schema)), (whole.guid(&schema), 0));
        assert_eq!(SchemaId::split(redacted.guid(&schema)), (whole.guid(&schema), redacted.0 - 7));
        assert_ne!(SchemaId::whole(8).guid(&schema), whole.guid(&schema));
        let framing = Framing::Guid(whole.guid(&schema)).redacted(&contract, &cleared(&["personal"]));
        assert_eq!(framing, Framing::Guid(redacted.guid(&schema)));
    }

    #[test]
    fn a_framing_is_read_from_the_attribute_that_says_it() {
        let guid = Uuid::from_u128(7);
        for framing in [Framing::Id(SchemaId(7)), Framing::Guid(guid)] {
            assert_eq!(Framing::of(Some(&framing.dataschema())), Some(framing));
        }
        for other in ["https://x.example/schema", "urn:chancery:schema:id:x", "urn:chancery:schema:guid:7"] {
            assert_eq!(Framing::of(Some(other)), None);
        }
    }
}
