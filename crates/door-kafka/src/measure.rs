//! Whether a request's body is what its lengths say, before anything is decoded.
//!
//! The decoder takes memory for as many elements as an array claims. A claim of two thousand million costs a client
//! fourteen bytes and would cost us the process, so every body is first walked along the forms below: each claimed
//! element must really be there. The forms are those of Kafka's message definitions, for all versions that the
//! decoder knows; a test holds them against it.

use std::collections::HashMap;
use std::sync::LazyLock;

use kafka_protocol::messages::ApiKey;

/// Of each request: the first flexible version, and its fields in order. `@a..b` says in which versions a field is
/// there; `[…]` is an array; `?(…)` a struct that may be absent.
const FORMS: [(ApiKey, i16, &str); 35] = [
    (ApiKey::Produce, 9, "str i16 i32 [str@..12 uuid@13.. [i32 bytes]]"),
    (
        ApiKey::Fetch,
        12,
        "i32@..14 i32 i32 i32 i8 i32@7.. i32@7.. [str@..12 uuid@13.. [i32 i32@9.. i64 i32@12.. i64@5.. i32]] \
         [str@7..12 uuid@13.. [i32]@7..]@7.. str@11..",
    ),
    (ApiKey::ListOffsets, 6, "i32 i8@2.. [str [i32 i32@4.. i64]] i32@10.."),
    (ApiKey::Metadata, 9, "[uuid@10.. str] i8@4.. i8@8..10 i8@8.."),
    (ApiKey::OffsetCommit, 8, "str i32 str str@7.. i64@..4 [str [i32 i64 i32@6.. str]]"),
    (
        ApiKey::OffsetFetch,
        6,
        "str@..7 [str@..7 [i32]@..7]@..7 [str@8.. str@9.. i32@9.. [str@8.. [i32]@8..]@8..]@8.. i8@7..",
    ),
    (ApiKey::FindCoordinator, 3, "str@..3 i8@1.. [str]@4.."),
    (ApiKey::JoinGroup, 6, "str i32 i32@1.. str str@5.. str [str bytes] str@8.."),
    (ApiKey::Heartbeat, 4, "str i32 str str@3.."),
    (ApiKey::LeaveGroup, 4, "str str@..2 [str@3.. str@3.. str@5..]@3.."),
    (ApiKey::SyncGroup, 4, "str i32 str str@3.. str@5.. str@5.. [str bytes]"),
    (ApiKey::DescribeGroups, 5, "[str] i8@3.."),
    (ApiKey::ListGroups, 3, "[str]@4.. [str]@5.."),
    (ApiKey::SaslHandshake, NEVER, "str"),
    (ApiKey::ApiVersions, 3, "str@3.. str@3.."),
    (ApiKey::CreateTopics, 5, "[str i32 i16 [i32 [i32]] [str str]] i32 i8"),
    (ApiKey::DeleteTopics, 4, "[str@6.. uuid@6..]@6.. [str]@..5 i32"),
    (ApiKey::DeleteRecords, 2, "[str [i32 i64]] i32"),
    (ApiKey::InitProducerId, 2, "str i32 i64@3.. i16@3.."),
    (ApiKey::OffsetForLeaderEpoch, 4, "i32@3.. [str [i32 i32 i32]]"),
    (
        ApiKey::AddPartitionsToTxn,
        3,
        "[str@4.. i64@4.. i16@4.. i8@4.. [str [i32]]@4..]@4.. str@..3 i64@..3 i16@..3 [str [i32]]@..3",
    ),
    (ApiKey::AddOffsetsToTxn, 3, "str i64 i16 str"),
    (ApiKey::EndTxn, 3, "str i64 i16 i8"),
    (ApiKey::TxnOffsetCommit, 3, "str str i64 i16 i32@3.. str@3.. str@3.. [str [i32 i64 i32@2.. str]]"),
    (ApiKey::DescribeConfigs, 4, "[i8 str [str]] i8 i8@3.."),
    (ApiKey::AlterConfigs, 2, "[i8 str [str str]] i8"),
    (ApiKey::IncrementalAlterConfigs, 1, "[i8 str [str i8 str]] i8"),
    (ApiKey::SaslAuthenticate, 2, "bytes"),
    (ApiKey::CreatePartitions, 2, "[str i32 [[i32]]] i32 i8"),
    (ApiKey::DeleteGroups, 2, "[str]"),
    (ApiKey::OffsetDelete, NEVER, "str [str [i32]]"),
    (ApiKey::DescribeCluster, 0, "i8 i8@1.. i8@2.."),
    (ApiKey::DescribeTopicPartitions, 0, "[str*] i32 ?(str i32)"),
    (ApiKey::ConsumerGroupHeartbeat, 0, "str str i32 str str i32 [str] str@1.. str [uuid [i32]]"),
    (ApiKey::ConsumerGroupDescribe, 0, "[str] i8"),
];

/// More than any version: the request has no flexible one.
const NEVER: i16 = i16::MAX;

/// A request's form.
struct Form {
    flexible: i16,
    fields: Vec<Field>,
}

struct Field {
    versions: (i16, i16),
    kind: Kind,
}

enum Kind {
    /// So many bytes.
    Fixed(usize),
    /// Two bytes of length (or a varint), then as many bytes; negative is absent.
    Text,
    /// Four bytes of length (or a varint), then as many bytes; negative is absent.
    Bytes,
    /// Values that are no structs, and so have no tagged fields.
    Values(Box<Kind>),
    /// Structs.
    Structs(Vec<Field>),
    /// A struct that may be absent.
    Optional(Vec<Field>),
}

static BY_KEY: LazyLock<HashMap<i16, Form>> = LazyLock::new(|| {
    let form = |(key, flexible, text): &(ApiKey, i16, &str)| {
        let mut reader = Reader { text: text.as_bytes(), at: 0 };
        (*key as i16, Form { flexible: *flexible, fields: reader.fields() })
    };
    FORMS.iter().map(form).collect()
});

/// Whether the body has the form of its request, to the last byte.
pub fn fits(key: ApiKey, version: i16, body: &[u8]) -> bool {
    let Some(form) = BY_KEY.get(&(key as i16)) else { return false };
    let mut walk = Walk { rest: body, version, flexible: version >= form.flexible };
    walk.message(&form.fields).is_some() && walk.rest.is_empty()
}

struct Walk<'b> {
    rest: &'b [u8],
    version: i16,
    flexible: bool,
}

impl Walk<'_> {
    fn message(&mut self, fields: &[Field]) -> Option<()> {
        for field in fields {
            if (field.versions.0..=field.versions.1).contains(&self.version) {
                self.value(&field.kind)?;
            }
        }
        self.tagged_fields()
    }

    fn value(&mut self, kind: &Kind) -> Option<()> {
        match kind {
            Kind::Fixed(bytes) => self.skip(*bytes),
            Kind::Text => {
                let length = if self.flexible { self.compact()? } else { i64::from(self.number::<2>()?) };
                self.skip(usize::try_from(length.max(0)).ok()?)
            }
            Kind::Bytes => {
                let length = self.count()?;
                self.skip(usize::try_from(length.max(0)).ok()?)
            }
            Kind::Values(inner) => {
                for _ in 0..self.count()? {
                    self.value(inner)?;
                }
                Some(())
            }
            Kind::Structs(fields) => {
                for _ in 0..self.count()? {
                    self.message(fields)?;
                }
                Some(())
            }
            Kind::Optional(fields) => match self.number::<1>()? {
                -1 => Some(()),
                _ => self.message(fields),
            },
        }
    }

    /// A length of 32 bits, or one more than it as a varint; negative is absent.
    fn count(&mut self) -> Option<i64> {
        if self.flexible { self.compact() } else { self.number::<4>().map(i64::from) }
    }

    fn compact(&mut self) -> Option<i64> {
        self.unsigned().map(|length| i64::from(length) - 1)
    }

    /// KIP-482: after each struct of a flexible version.
    fn tagged_fields(&mut self) -> Option<()> {
        if !self.flexible {
            return Some(());
        }
        for _ in 0..self.unsigned()? {
            self.unsigned()?;
            let bytes = self.unsigned()?;
            self.skip(bytes as usize)?;
        }
        Some(())
    }

    fn unsigned(&mut self) -> Option<u32> {
        let mut number = 0u32;
        for at in 0..5 {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            number |= u32::from(byte & 0x7f) << (7 * at);
            if *byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// A signed number of `N` bytes, at most four.
    fn number<const N: usize>(&mut self) -> Option<i32> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        let first = i32::from(bytes[0] as i8);
        Some(bytes[1..].iter().fold(first, |number, byte| number << 8 | i32::from(*byte)))
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.rest = self.rest.get(bytes..)?;
        Some(())
    }
}

/// Reads the forms above. What stands there is ours, so that a slip is a panic of the first test.
struct Reader<'t> {
    text: &'t [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn word(&mut self, of: impl Fn(u8) -> bool) -> String {
        let start = self.at;
        while self.peek().is_some_and(&of) {
            self.at += 1;
        }
        String::from_utf8_lossy(&self.text[start..self.at]).into_owned()
    }

    fn fields(&mut self) -> Vec<Field> {
        let mut fields = Vec::new();
        loop {
            self.word(|byte| byte == b' ');
            match self.peek() {
                None | Some(b']' | b')') => return fields,
                Some(_) => fields.push(self.field()),
            }
        }
    }

    fn field(&mut self) -> Field {
        let kind = match self.peek() {
            Some(b'[') => {
                self.at += 1;
                let inner = self.fields();
                self.at += 1;
                array(inner)
            }
            Some(b'?') => {
                self.at += 2;
                let inner = self.fields();
                self.at += 1;
                Kind::Optional(inner)
            }
            _ => match self.word(|byte| byte.is_ascii_alphanumeric()).as_str() {
                "i8" => Kind::Fixed(1),
                "i16" => Kind::Fixed(2),
                "i32" => Kind::Fixed(4),
                "i64" => Kind::Fixed(8),
                "uuid" => Kind::Fixed(16),
                "str" if self.peek() == Some(b'*') => {
                    self.at += 1;
                    Kind::Structs(vec![Field { versions: (0, NEVER), kind: Kind::Text }])
                }
                "str" => Kind::Text,
                _ => Kind::Bytes,
            },
        };
        Field { versions: self.versions(), kind }
    }

    fn versions(&mut self) -> (i16, i16) {
        if self.peek() != Some(b'@') {
            return (0, NEVER);
        }
        self.at += 1;
        let from = self.word(|byte| byte.is_ascii_digit());
        self.at += 2;
        let to = self.word(|byte| byte.is_ascii_digit());
        (from.parse().unwrap_or(0), to.parse().unwrap_or(NEVER))
    }
}

/// One value that is there in all versions makes an array of values; `str*` stands for structs of one text.
fn array(mut inner: Vec<Field>) -> Kind {
    let plain = inner.len() == 1 && inner[0].versions == (0, NEVER);
    match inner.pop() {
        Some(Field { kind: kind @ (Kind::Fixed(_) | Kind::Text), .. }) if plain => {
            Kind::Values(Box::new(kind))
        }
        Some(Field { kind: Kind::Structs(fields), .. }) if plain && fields.len() == 1 => {
            Kind::Structs(fields)
        }
        Some(last) => {
            inner.push(last);
            Kind::Structs(inner)
        }
        None => Kind::Structs(inner),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use kafka_protocol::messages::RequestKind;
    use proptest::prelude::*;

    use super::*;
    use crate::apis::SERVED;

    /// Writes a body of a form; `next` gives the choices.
    struct Writing<'n> {
        out: Vec<u8>,
        version: i16,
        flexible: bool,
        next: &'n mut dyn FnMut(usize) -> usize,
    }

    impl Writing<'_> {
        fn message(&mut self, fields: &[Field]) {
            for field in fields {
                if (field.versions.0..=field.versions.1).contains(&self.version) {
                    self.value(&field.kind);
                }
            }
            if self.flexible {
                self.out.push(0);
            }
        }

        fn length(&mut self, length: usize, wide: bool) {
            match (self.flexible, wide) {
                (true, _) => self.out.push(length as u8 + 1),
                (false, true) => self.out.extend((length as u32).to_be_bytes()),
                (false, false) => self.out.extend((length as u16).to_be_bytes()),
            }
        }

        fn value(&mut self, kind: &Kind) {
            match kind {
                // 1 is a value that every number, and every boolean, may have.
                Kind::Fixed(bytes) => self.out.extend((1..=*bytes).map(|at| u8::from(at == *bytes))),
                Kind::Text | Kind::Bytes => {
                    let length = (self.next)(4);
                    self.length(length, matches!(kind, Kind::Bytes));
                    self.out.extend(std::iter::repeat_n(b'a', length));
                }
                Kind::Values(inner) => {
                    let count = (self.next)(3);
                    self.length(count, true);
                    (0..count).for_each(|_| self.value(inner));
                }
                Kind::Structs(fields) => {
                    let count = (self.next)(3);
                    self.length(count, true);
                    (0..count).for_each(|_| self.message(fields));
                }
                Kind::Optional(fields) => {
                    self.out.push(1);
                    self.message(fields);
                }
            }
        }
    }

    fn written(key: ApiKey, version: i16, choices: &[usize]) -> Vec<u8> {
        let form = &BY_KEY[&(key as i16)];
        let mut at = 0;
        let mut next = |below: usize| {
            at += 1;
            choices[at % choices.len()] % below
        };
        let mut writing =
            Writing { out: Vec::new(), version, flexible: version >= form.flexible, next: &mut next };
        writing.message(&form.fields);
        writing.out
    }

    proptest! {
        #[test]
        fn the_forms_are_those_of_the_decoder(choices in proptest::collection::vec(0usize..100, 1..40)) {
            for (key, min, max) in SERVED {
                for version in min..=max {
                    let body = written(key, version, &choices);
                    prop_assert!(fits(key, version, &body), "{key:?} {version}");
                    let mut bytes = Bytes::from(body);
                    let decoded = RequestKind::decode(key, &mut bytes, version);
                    prop_assert!(decoded.is_ok(), "{key:?} {version}: {decoded:?}");
                    prop_assert!(bytes.is_empty(), "{key:?} {version} leaves {} bytes", bytes.len());
                }
            }
        }

        #[test]
        fn any_bytes_fit_or_do_not_and_what_fits_is_decoded_or_refused(body in proptest::collection::vec(any::<u8>(), 0..80)) {
            for (key, min, max) in SERVED {
                for version in min..=max {
                    if fits(key, version, &body) {
                        let _ = RequestKind::decode(key, &mut Bytes::from(body.clone()), version);
                    }
                }
            }
        }
    }

    #[test]
    fn a_claim_of_more_than_is_there_does_not_fit() {
        // Produce 3: a transactional id, acks, a timeout, then two thousand million topics.
        let produce = [&[0xff, 0xff, 0, 1, 0, 0, 0, 1][..], &[0x7f, 0xff, 0xff, 0xff]].concat();
        assert!(!fits(ApiKey::Produce, 3, &produce));
        assert!(!fits(ApiKey::Metadata, 9, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0]));
        assert!(!fits(ApiKey::Heartbeat, 0, &[]));
    }
}
