//! The wrapped form of a secret, the same for every service; `docs/formats/kms.md` tells it to the byte.
//!
//! It names the key-encryption key, holds what that key made of the secret, and ends with a checksum over both and the
//! agency. The checksum protects nothing: the ciphers do. It tells bytes that a disk or a hand spoiled from bytes whose
//! key was destroyed, which a spoiled name of a key would look like.

use aws_lc_rs::digest::{Context, SHA256};
use seal::KmsError;

const VERSION: u8 = 1;
const CHECK_BYTES: usize = 16;

/// The longest form that is read.
const LONGEST_BYTES: usize = 4096;

/// Which service wrapped it. On disk: never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Service {
    /// A folder of keys.
    File = 1,
    /// A transit engine.
    Vault = 2,
    /// A token.
    Pkcs11 = 3,
}

/// A wrapped secret, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// What the service calls the key-encryption key.
    pub key: Vec<u8>,
    /// The secret as that key encrypted it.
    pub sealed: Vec<u8>,
}

impl Wrapped {
    /// The form that is kept.
    pub fn encode(&self, service: Service, agency: &str) -> Vec<u8> {
        let length = u16::try_from(self.key.len()).expect("a key's name has at most some hundred bytes");
        let mut bytes = vec![VERSION, service as u8];
        bytes.extend(length.to_le_bytes());
        bytes.extend(&self.key);
        bytes.extend(&self.sealed);
        bytes.extend(check(agency, &bytes));
        bytes
    }

    /// What this service wrapped for this agency; anything else is [`KmsError::Tampered`].
    pub fn parse(service: Service, agency: &str, bytes: &[u8]) -> Result<Self, KmsError> {
        read(service, agency, bytes).ok_or(KmsError::Tampered)
    }
}

fn read(service: Service, agency: &str, bytes: &[u8]) -> Option<Wrapped> {
    let (form, checked) = bytes.split_last_chunk::<CHECK_BYTES>()?;
    if bytes.len() > LONGEST_BYTES || *checked != check(agency, form) {
        return None;
    }
    let rest = form.strip_prefix(&[VERSION, service as u8])?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (key, sealed) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
    Some(Wrapped { key: key.to_vec(), sealed: sealed.to_vec() })
}

fn check(agency: &str, form: &[u8]) -> [u8; CHECK_BYTES] {
    let mut context = Context::new(&SHA256);
    context.update(b"chancery/v1/kms/wrapped");
    context.update(&(agency.len() as u64).to_le_bytes());
    context.update(agency.as_bytes());
    context.update(form);
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&context.finish().as_ref()[..CHECK_BYTES]);
    check
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_form_reads_back_and_neither_a_bit_nor_the_agency_nor_the_service_changes_unseen(
            key in prop::collection::vec(any::<u8>(), 0..200),
            sealed in prop::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(),
        ) {
            let wrapped = Wrapped { key, sealed };
            let mut bytes = wrapped.encode(Service::Vault, "tax-office");
            prop_assert_eq!(Wrapped::parse(Service::Vault, "tax-office", &bytes), Ok(wrapped));
            prop_assert!(Wrapped::parse(Service::File, "tax-office", &bytes).is_err());
            prop_assert!(Wrapped::parse(Service::Vault, "courts", &bytes).is_err());
            let bit = at.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Wrapped::parse(Service::Vault, "tax-office", &bytes).is_err());
        }

        #[test]
        fn strange_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
            prop_assert!(Wrapped::parse(Service::File, "tax-office", &bytes).is_err());
        }
    }

    #[test]
    fn the_form_is_that_of_its_page() {
        let wrapped = Wrapped { key: b"k".to_vec(), sealed: vec![9; 2] };
        let bytes = wrapped.encode(Service::File, "courts");
        assert_eq!(bytes[..7], [1, 1, 1, 0, b'k', 9, 9]);
        assert_eq!(bytes.len(), 7 + 16);
    }
}
