//! Key management services: clients of the trait in `seal`.
//!
//! Agencies' secrets leave a service for the bus's memory only; what is stored of them is wrapped, and a service can be
//! told to forget the key that wrapped it.

pub mod file;
pub mod pkcs11;
pub mod vault;

use std::sync::Arc;

use seal::Kms;

use crate::config::kms::Meant;
use crate::output::Failure;

/// The service that the settings name.
pub fn open(meant: &Meant) -> Result<Arc<dyn Kms>, Failure> {
    Ok(match meant {
        Meant::File(root_key) => Arc::new(file::FileKms::open(root_key)?),
        Meant::Vault(settings) => Arc::new(vault::Vault::new(settings)?),
        Meant::Pkcs11(settings) => Arc::new(pkcs11::Token::open(settings)?),
    })
}
