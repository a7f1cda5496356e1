//! What is sealed opens for those whom it is for, where it belongs, and nowhere else.

use end_to_end::{
    Context, KeyError, KeyId, Malformed, OpenError, PrivateKey, PublicKey, Recipient, SealError, Sealed,
    open, read_keys, seal,
};
use proptest::prelude::*;

const CONTEXT: Context<'static> =
    Context { topic: "health.case.reported", source: "urn:clinic", id: "c-1", pointer: "/cases/0/finding" };

fn recipient(agency: &str, key: &PrivateKey) -> Recipient {
    Recipient { agency: agency.to_owned(), key: key.public().clone() }
}

fn key() -> PrivateKey {
    PrivateKey::generate().unwrap()
}

#[test]
fn each_recipient_opens_and_nobody_else() {
    let (institute, spare, insurer, stranger) = (key(), key(), key(), key());
    let recipients =
        [recipient("insurer", &insurer), recipient("institute", &institute), recipient("institute", &spare)];
    let text = seal("{\"icd\": \"B20\"}", &recipients, &CONTEXT).unwrap();
    assert!(!text.contains("B20"));
    for key in [&institute, &spare, &insurer] {
        let opened = open(&text, &[stranger.clone(), key.clone()], &CONTEXT).unwrap();
        assert_eq!(*opened, "{\"icd\": \"B20\"}");
    }
    assert_eq!(open(&text, &[stranger], &CONTEXT).unwrap_err(), OpenError::NotForUs);
    assert_eq!(open(&text, &[], &CONTEXT).unwrap_err(), OpenError::NotForUs);
    let sealed = Sealed::parse(&text).unwrap();
    let named: Vec<_> = sealed.addressees().iter().map(|one| (one.agency.as_str(), one.key)).collect();
    let mut wanted: Vec<_> = recipients.iter().map(|one| (one.agency.as_str(), one.key.id())).collect();
    wanted.sort();
    assert_eq!((named, sealed.pointer()), (wanted, CONTEXT.pointer));
}

#[test]
fn what_is_moved_does_not_open() {
    let key = key();
    let text = seal("true", &[recipient("a", &key)], &CONTEXT).unwrap();
    let keys = [key];
    for context in [
        Context { topic: "health.case.closed", ..CONTEXT },
        Context { source: "urn:clinic2", ..CONTEXT },
        Context { id: "c-2", ..CONTEXT },
        // The same bytes, cut at other places.
        Context { source: "urn:clini", id: "cc-1", ..CONTEXT },
    ] {
        assert_eq!(open(&text, &keys, &context).unwrap_err(), OpenError::Forged, "{context:?}");
    }
    let elsewhere = Context { pointer: "/cases/1/finding", ..CONTEXT };
    assert_eq!(open(&text, &keys, &elsewhere).unwrap_err(), OpenError::Misplaced);
}

#[test]
fn every_flipped_bit_is_noticed() {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let (key, other) = (key(), key());
    let text = seal("\"positive\"", &[recipient("a", &key), recipient("b", &other)], &CONTEXT).unwrap();
    let bytes = base64.decode(&text[5..]).unwrap();
    let keys = [key];
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let damaged = format!("e2e1.{}", base64.encode(damaged));
        assert!(open(&damaged, &keys, &CONTEXT).is_err(), "bit {bit}");
    }
}

#[test]
fn no_recipient_can_be_taken_out_or_put_in() {
    let (one, two) = (key(), key());
    let both = seal("1", &[recipient("a", &one), recipient("b", &two)], &CONTEXT).unwrap();
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let mut bytes = base64.decode(&both[5..]).unwrap();
    let first = 6 + 2 + CONTEXT.pointer.len();
    bytes[first + 1] = 1;
    let cut = 1 + 1 + 16 + 32 + 48;
    bytes.drain(first + 2 + cut..first + 2 + 2 * cut);
    let text = format!("e2e1.{}", base64.encode(bytes));
    assert_eq!(Sealed::parse(&text).unwrap().addressees().len(), 1);
    assert_eq!(open(&text, &[one], &CONTEXT).unwrap_err(), OpenError::Forged);
}

#[test]
fn what_cannot_be_sealed_is_told() {
    let key = key();
    let to = |agency: &str| recipient(agency, &key);
    assert_eq!(seal("{", &[], &CONTEXT), Err(SealError::NotJson));
    assert_eq!(seal("1 2", &[], &CONTEXT), Err(SealError::NotJson));
    assert_eq!(seal("1", &[to("")], &CONTEXT), Err(SealError::BadName));
    assert_eq!(seal("1", &[to("a"), to("a")], &CONTEXT), Err(SealError::SameRecipientTwice(key.id())));
    let long = format!("\"{}\"", "x".repeat(end_to_end::limits::VALUE_BYTES));
    assert_eq!(seal(&long, &[], &CONTEXT), Err(SealError::TooLong));
    assert_eq!(Sealed::parse("positive").unwrap_err(), Malformed::NotSealed);
    assert_eq!(Sealed::parse("e2e1.ä").unwrap_err(), Malformed::NotBase64);
}

#[test]
fn short_answers_have_one_length() {
    let lengths = ["true", "false", "\"positive\"", "\"negative\"", "null", "12"];
    let lengths: std::collections::BTreeSet<usize> =
        lengths.iter().map(|json| seal(json, &[], &CONTEXT).unwrap().len()).collect();
    assert_eq!(lengths.len(), 1);
}

#[test]
fn keys_keep_their_texts_and_show_no_secret() {
    let (key, other) = (key(), key());
    let file = format!("{}\n{}", *key.to_file("institute"), *other.to_file("institute"));
    let read = read_keys(&file).unwrap();
    assert_eq!(read.iter().map(PrivateKey::id).collect::<Vec<_>>(), [key.id(), other.id()]);
    assert_eq!(key.public().to_string().parse::<PublicKey>().unwrap(), *key.public());
    assert_eq!(key.id().to_string().parse::<KeyId>().unwrap(), key.id());
    assert_eq!(format!("{key:?}"), format!("PrivateKey({})", key.id()));
    assert_eq!(read_keys("# nothing\n\n").unwrap_err(), KeyError::NoKey);
    assert_eq!(read_keys("# a\ne2e-private1.short").unwrap_err(), KeyError::Private(2));
    // A public key in place of a private one, and the other way round.
    assert_eq!(read_keys(&key.public().to_string()).unwrap_err(), KeyError::Private(1));
    assert_eq!(key.to_text().parse::<PublicKey>().unwrap_err(), KeyError::Public);
    // Points of low order: 0, 1, and the bit that means nothing.
    let mut one = [0; 32];
    assert_eq!(PublicKey::from_bytes(one).unwrap_err(), KeyError::Weak);
    one[0] = 1;
    assert_eq!(PublicKey::from_bytes(one).unwrap_err(), KeyError::Weak);
    let mut again = *key.public().as_bytes();
    again[31] |= 0x80;
    assert_eq!(PublicKey::from_bytes(again).unwrap_err(), KeyError::Public);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_value_comes_back(value in "[ -~äß€\u{1F600}]{0,200}", names in proptest::collection::btree_set("[a-z]{1,12}", 0..4)) {
        let keys: Vec<(String, PrivateKey)> = names.into_iter().map(|name| (name, key())).collect();
        let recipients: Vec<Recipient> = keys.iter().map(|(name, key)| recipient(name, key)).collect();
        let json = serde_json::to_string(&value).unwrap();
        let text = seal(&json, &recipients, &CONTEXT).unwrap();
        prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\'));
        for (_, key) in keys {
            prop_assert_eq!(&*open(&text, &[key], &CONTEXT).unwrap(), &json);
        }
    }

    #[test]
    fn no_bytes_make_the_parser_fail(bytes in proptest::collection::vec(any::<u8>(), 0..400), begins in 0..4_usize) {
        use base64::Engine as _;
        let suite: &[u8] = &[0, 0x20, 0, 1, 0, 2, 0, 1, b'/', 0, 1, 1, b'a'];
        let whole = [&suite[..[0, 6, 9, 13][begins]], &bytes].concat();
        let _ = Sealed::parse(&format!("e2e1.{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(whole)));
        let _ = Sealed::parse(&String::from_utf8_lossy(&bytes));
    }
}
