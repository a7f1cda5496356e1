//! What every service must do, whichever it is; each client's tests run this on theirs.

use seal::{Kms, KmsError, Secret};

use super::wrapped::{Service, Wrapped};

/// Everything on services that `open` opens, the same one each time.
pub fn run<K: Kms>(service: Service, open: impl Fn() -> K) {
    let kms = open();
    let (secret, another) = (Secret::generate().unwrap(), Secret::new(&[7; Secret::LONGEST]).unwrap());
    let wrapped = kms.wrap("tax-office", &secret).unwrap();
    let again = kms.wrap("tax-office", &secret).unwrap();
    let longest = kms.wrap("courts", &another).unwrap();
    assert!(!wrapped.windows(8).any(|part| part == &secret.expose()[..8]), "it stands there in the clear");
    assert_ne!(wrapped, again);
    let opens = |kms: &K| {
        assert_eq!(kms.unwrap("tax-office", &wrapped).unwrap().expose(), secret.expose());
        assert_eq!(kms.unwrap("tax-office", &again).unwrap().expose(), secret.expose());
        assert_eq!(kms.unwrap("courts", &longest).unwrap().expose(), another.expose());
    };
    opens(&kms);
    opens(&open());

    refuses_what_it_did_not_wrap(&kms, service, &wrapped);
    opens(&kms);

    kms.destroy("tax-office", &wrapped).unwrap();
    let only_that_one_is_gone = |kms: &K| {
        assert_eq!(kms.unwrap("tax-office", &wrapped).unwrap_err(), KmsError::Destroyed);
        assert_eq!(kms.unwrap("tax-office", &again).unwrap().expose(), secret.expose());
        assert_eq!(kms.unwrap("courts", &longest).unwrap().expose(), another.expose());
    };
    only_that_one_is_gone(&kms);
    kms.destroy("tax-office", &wrapped).unwrap();
    only_that_one_is_gone(&open());
    open().destroy("tax-office", &wrapped).unwrap();
    refuses_what_it_did_not_wrap(&kms, service, &again);
    only_that_one_is_gone(&kms);
}

/// Neither unwrapped nor destroyed, but with its own words: what another agency says is its own, what is spoiled in any
/// bit, and what somebody made who knows the form.
fn refuses_what_it_did_not_wrap(kms: &impl Kms, service: Service, wrapped: &[u8]) {
    let refused = |agency: &str, bytes: &[u8], what: &str| {
        assert_eq!(kms.unwrap(agency, bytes).unwrap_err(), KmsError::Tampered, "{what}");
    };
    let undestroyed = |agency: &str, bytes: &[u8], what: &str| {
        assert_eq!(kms.destroy(agency, bytes), Err(KmsError::Tampered), "{what}");
    };
    refused("courts", wrapped, "another agency's");
    undestroyed("courts", wrapped, "another agency's");
    for bytes in [&[][..], &[1, 2], b"vault:v1:", &[0; 300]] {
        refused("tax-office", bytes, "nothing of ours");
        undestroyed("tax-office", bytes, "nothing of ours");
    }
    for bit in 0..wrapped.len() * 8 {
        let mut spoiled = wrapped.to_vec();
        spoiled[bit / 8] ^= 1 << (bit % 8);
        refused("tax-office", &spoiled, "a spoiled bit");
        undestroyed("tax-office", &spoiled, "a spoiled bit");
    }
    let Wrapped { key, sealed } = Wrapped::parse(service, "tax-office", wrapped).unwrap();
    for at in (0..sealed.len()).step_by(5) {
        let mut forged = Wrapped { key: key.clone(), sealed: sealed.clone() };
        forged.sealed[at] ^= 1;
        refused("tax-office", &forged.encode(service, "tax-office"), "a forged ciphertext");
    }
    let forged = Wrapped { key, sealed }.encode(service, "courts");
    refused("courts", &forged, "a form forged for another agency");
    undestroyed("courts", &forged, "a form forged for another agency");
    let nowhere = Wrapped { key: b"../root.key".to_vec(), sealed: vec![0; 60] }.encode(service, "tax-office");
    refused("tax-office", &nowhere, "a key that cannot be one");
    undestroyed("tax-office", &nowhere, "a key that cannot be one");
}
