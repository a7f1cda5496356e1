use super::*;

fn keys(lasting: u8, epoch_secret: u8, epoch: u32) -> AgencyKeys {
    let secret = |byte| Secret::new(&[byte; 32]).unwrap();
    AgencyKeys::derive(epoch, &AgencySecrets { lasting: secret(lasting), epoch: secret(epoch_secret) })
}

#[test]
fn a_wrapped_key_comes_back_for_its_person_and_for_nobody_else() {
    let agency = keys(1, 2, 7);
    let (anna, ben) = (agency.pseudonym_of_person("anna"), agency.pseudonym_of_person("ben"));
    let key = PersonKey::generate().unwrap();
    let wrapped = agency.wrap(&key, &anna).unwrap();
    assert_eq!(agency.unwrap(&wrapped, &anna).unwrap().master, key.master);
    assert_eq!(agency.unwrap(&wrapped, &ben).unwrap_err(), UnwrapError::Tampered { pseudonym: ben });
    assert!(matches!(keys(1, 3, 7).unwrap(&wrapped, &anna), Err(UnwrapError::Tampered { .. })));
    let next = UnwrapError::OtherEpoch { wrapped: 7, have: 8 };
    assert_eq!(keys(1, 2, 8).unwrap(&wrapped, &anna).unwrap_err(), next);
}

#[test]
fn a_flipped_bit_of_a_wrapped_key_is_noticed() {
    let agency = keys(1, 2, 7);
    let anna = agency.pseudonym_of_person("anna");
    let wrapped = agency.wrap(&PersonKey::generate().unwrap(), &anna).unwrap();
    for bit in 0..WrappedKey::BYTES * 8 {
        let mut altered = wrapped;
        altered.0[bit / 8] ^= 1 << (bit % 8);
        assert!(agency.unwrap(&altered, &anna).is_err(), "bit {bit}");
    }
}

#[test]
fn pseudonyms_outlive_epochs_and_differ_between_agencies_people_and_topics() {
    let agency = keys(1, 2, 7);
    let anna = agency.pseudonym_of_person("anna");
    assert_eq!(anna, keys(1, 9, 8).pseudonym_of_person("anna"));
    assert_ne!(anna, keys(5, 2, 7).pseudonym_of_person("anna"));
    let topic = agency.pseudonym_of_topic("civil.birth.registered", 0);
    assert_ne!(topic, agency.pseudonym_of_topic("civil.birth.registered", 1));
    for text in ["civil.birth.registered", "topic:civil.birth.registered"] {
        assert_ne!(topic, agency.pseudonym_of_person(text));
    }
}

/// The labels and the construction are on disk in every sealed event: these values were computed with Python's
/// `hmac` and must never change.
#[test]
fn derivation_is_frozen() {
    let agency = keys(1, 2, 7);
    let anna = agency.pseudonym_of_person("anna").to_string();
    let topic = agency.pseudonym_of_topic("civil.birth.registered", 3).to_string();
    let content = Pseudonym(agency.content_digest(&[b"ab", b"c"])).to_string();
    let person = PersonKey::from_master(&[9; 32]);
    let persons_content = Pseudonym(person.content_digest(&[b"ab", b"c"])).to_string();
    assert_eq!(
        [&anna[..], &topic, &content, &persons_content],
        [
            "13a69fab3a590deeea2e08df2c71b9d3",
            "4e8c07336ea21bd78e841f118311fa8b",
            "cc9c6cbc90948b05f06088fe16105bfd",
            "9c10f32afb4220001ec2c63f10d3d69e",
        ]
    );
}

#[test]
fn keys_are_derived_by_hkdf() {
    let secret = Secret::new(&[5; 48]).unwrap();
    let hkdf = hkdf::Hkdf::<sha2::Sha256>::new(None, secret.expose());
    let mut wanted = [0; 32];
    hkdf.expand(label::WRAPPING, &mut wanted).unwrap();
    assert_eq!(*expand(&extract(&secret), label::WRAPPING), wanted);
}

#[test]
fn content_digests_delimit_their_parts_and_die_with_their_key() {
    let key = PersonKey::from_master(&[9; 32]);
    assert_eq!(key.content_digest(&[b"ab", b"c"]), key.content_digest(&[b"ab", b"c"]));
    assert_ne!(key.content_digest(&[b"ab", b"c"]), key.content_digest(&[b"a", b"bc"]));
    let other = PersonKey::from_master(&[8; 32]);
    assert_ne!(key.content_digest(&[b"ab", b"c"]), other.content_digest(&[b"ab", b"c"]));
}

#[test]
fn debug_of_keys_shows_nothing() {
    let person = PersonKey::from_master(&[0xab; 32]);
    assert_eq!(format!("{person:?}"), "PersonKey(..)");
    assert_eq!(format!("{:?}", Secret::new(&[0xab; 32]).unwrap()), "Secret(..)");
    assert_eq!(format!("{:?}", keys(1, 2, 7)), "AgencyKeys { epoch: 7, .. }");
    assert_eq!(format!("{:?}", WrappedKey([1; 64])), "WrappedKey { epoch: 16843009, .. }");
    let secrets =
        AgencySecrets { lasting: Secret::new(&[1; 32]).unwrap(), epoch: Secret::new(&[2; 32]).unwrap() };
    assert_eq!(format!("{secrets:?}"), "AgencySecrets { lasting: Secret(..), epoch: Secret(..) }");
}

#[test]
fn a_secret_has_32_to_64_bytes() {
    for (length, fits) in [(0, false), (31, false), (32, true), (64, true), (65, false)] {
        assert_eq!(Secret::new(&vec![1; length]).is_ok(), fits, "{length}");
    }
}

#[test]
fn a_pseudonym_is_parsed_only_from_the_form_it_is_written_in() {
    let pseudonym = Pseudonym([0xa5; 16]);
    assert_eq!(Pseudonym::parse(&pseudonym.to_string()), Some(pseudonym));
    for wrong in ["", "a5", &"A5".repeat(16), &"g5".repeat(16), &"a5".repeat(17)] {
        assert_eq!(Pseudonym::parse(wrong), None, "{wrong}");
    }
}
