//! A hardware security module by PKCS#11: a key for each agency, made in the token, which never leaves it.
//!
//! A secret's wrapped form is its encryption by the agency's AES key
//! (CKM_AES_GCM with the agency's name as associated data): `p11:1:`, a nonce of 12 bytes, ciphertext and tag.
//! One session is kept; one that was lost is opened anew, once in a call.

use std::fs;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use seal::{Kms, KmsError, Secret};
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroizing;

use crate::config::kms::Pkcs11Settings;
use crate::output::Failure;

const MARK: &[u8] = b"p11:1:";
const NONCE_BYTES: usize = 12;
const TAG_BITS: u64 = 128;
const SECRET_BYTES: usize = 32;

/// A token of a module.
pub struct Token {
    module: Pkcs11,
    settings: Pkcs11Settings,
    session: Mutex<Option<Session>>,
}

impl Token {
    /// Loads the module; the token is first asked when it is first needed.
    pub fn open(settings: &Pkcs11Settings) -> Result<Self, Failure> {
        let failed =
            |error: Error| Failure::new(format!("kms.pkcs11_module: {}: {error}", settings.module.display()));
        let module = Pkcs11::new(&settings.module).map_err(failed)?;
        match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(failed(error)),
        }
        Ok(Self { module, settings: settings.clone(), session: Mutex::default() })
    }

    /// Does something in a session, and once more in a new one where the session was lost.
    fn within<T>(&self, act: impl Fn(&Session) -> Result<T, KmsError>) -> Result<T, KmsError> {
        let mut held = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = &*held {
            match act(session) {
                Err(KmsError::Unavailable(_)) => *held = None,
                answer => return answer,
            }
        }
        let session = self.connect()?;
        let answer = act(&session);
        if !matches!(answer, Err(KmsError::Unavailable(_))) {
            *held = Some(session);
        }
        answer
    }

    fn connect(&self) -> Result<Session, KmsError> {
        let session = self.module.open_rw_session(self.slot()?).map_err(trouble)?;
        let path = &self.settings.pin_file;
        let pin = fs::read_to_string(path).map(Zeroizing::new);
        let pin = pin.map_err(|error| {
            KmsError::Denied(format!("its PIN cannot be read from {}: {error}", path.display()))
        })?;
        match session.login(UserType::User, Some(&AuthPin::new(pin.trim().into()))) {
            // Who is logged in is so for all sessions of the process.
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
            Err(error) => Err(trouble(error)),
        }
    }

    fn slot(&self) -> Result<Slot, KmsError> {
        let slots = self.module.get_slots_with_initialized_token().map_err(trouble)?;
        let label = |slot: &Slot| {
            self.module.get_token_info(*slot).ok().map(|info| info.label().trim_end().to_owned())
        };
        let found = slots.into_iter().find(|slot| label(slot).as_deref() == Some(&self.settings.token));
        found.ok_or_else(|| KmsError::Unavailable(format!("there is no token {:?}", self.settings.token)))
    }

    /// The agency's key, if there is one.
    fn key(&self, session: &Session, agency: &str) -> Result<Option<ObjectHandle>, KmsError> {
        let wanted = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Label(self.label(agency)),
        ];
        Ok(session.find_objects(&wanted).map_err(trouble)?.first().copied())
    }

    fn make_key(&self, session: &Session, agency: &str) -> Result<ObjectHandle, KmsError> {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::Label(self.label(agency)),
            Attribute::ValueLen(32.into()),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
        ];
        session.generate_key(&Mechanism::AesKeyGen, &template).map_err(trouble)
    }

    fn label(&self, agency: &str) -> Vec<u8> {
        format!("{}-{agency}", self.settings.prefix).into_bytes()
    }
}

/// What may pass by itself; a session in which it came is not used again.
fn trouble(error: Error) -> KmsError {
    let text = error.to_string();
    match error {
        Error::Pkcs11(
            RvError::CryptokiNotInitialized
            | RvError::DeviceError
            | RvError::DeviceMemory
            | RvError::DeviceRemoved
            | RvError::FunctionFailed
            | RvError::GeneralError
            | RvError::HostMemory
            | RvError::OperationActive
            | RvError::SessionClosed
            | RvError::SessionCount
            | RvError::SessionHandleInvalid
            | RvError::TokenNotPresent
            | RvError::UserNotLoggedIn,
            _,
        ) => KmsError::Unavailable(text),
        Error::Pkcs11(..) => KmsError::Denied(text),
        _ => KmsError::Unavailable(text),
    }
}

fn encrypted(session: &Session, key: ObjectHandle, agency: &str, secret: &[u8]) -> Result<Vec<u8>, KmsError> {
    let mut nonce = [0; NONCE_BYTES];
    session.generate_random_slice(&mut nonce).map_err(trouble)?;
    let sealed = {
        let params = GcmParams::new(&mut nonce, agency.as_bytes(), TAG_BITS.into()).map_err(trouble)?;
        session.encrypt(&Mechanism::AesGcm(params), key, secret).map_err(trouble)?
    };
    Ok([&nonce[..], &sealed].concat())
}

fn decrypted(
    session: &Session,
    key: ObjectHandle,
    agency: &str,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(Error::InvalidValue)?;
    let mut nonce = *nonce;
    let params = GcmParams::new(&mut nonce, agency.as_bytes(), TAG_BITS.into())?;
    session.decrypt(&Mechanism::AesGcm(params), key, sealed).map(Zeroizing::new)
}

/// Whether the key opens in this session what it closes.
fn works(session: &Session, key: ObjectHandle, agency: &str) -> bool {
    let sealed = encrypted(session, key, agency, &[0; SECRET_BYTES]);
    sealed.is_ok_and(|sealed| decrypted(session, key, agency, &sealed).is_ok())
}

impl Kms for Token {
    fn wrap(&self, agency: &str, secret: &Secret) -> Result<Vec<u8>, KmsError> {
        self.within(|session| {
            let key = match self.key(session, agency)? {
                Some(key) => key,
                None => self.make_key(session, agency)?,
            };
            Ok([MARK, &encrypted(session, key, agency, secret.expose())?].concat())
        })
    }

    fn unwrap(&self, agency: &str, wrapped: &[u8]) -> Result<Secret, KmsError> {
        let sealed = wrapped
            .strip_prefix(MARK)
            .filter(|sealed| sealed.len() > NONCE_BYTES)
            .ok_or(KmsError::Tampered)?;
        self.within(|session| {
            let key = self.key(session, agency)?;
            let key =
                key.ok_or_else(|| KmsError::Denied(format!("there is no key of {agency} in the token")))?;
            // Modules differ in what they call a wrong tag.
            let opened = decrypted(session, key, agency, sealed).map_err(|error| {
                if works(session, key, agency) { KmsError::Tampered } else { trouble(error) }
            })?;
            Secret::new(&opened).map_err(|_| KmsError::Tampered)
        })
    }

    fn destroy(&self, _: &str, _: &[u8]) -> Result<(), KmsError> {
        Err(KmsError::Denied("one key of the token wraps all secrets of an agency".to_owned()))
    }
}

#[cfg(test)]
mod tests;
