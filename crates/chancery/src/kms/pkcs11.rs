//! A hardware security module by PKCS#11: an AES key for each wrapped secret, made in the token, which never leaves it.
//!
//! Its CKA_ID is 16 random bytes and its CKA_LABEL `PREFIX-AGENCY`, for people who look at the token. The wrapped form
//! has the CKA_ID and what CKM_AES_GCM made of the secret, with the agency's name as associated data: nonce (12 bytes),
//! ciphertext, tag. A token keeps nothing of a key that was destroyed, so that one it does not have is one that was.
//! One session is kept; one that was lost is opened anew, once in a call. Modules may hang: a [`Bounded`] asks them.

use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use seal::{Kms, KmsError, Secret};
use zeroize::Zeroizing;

use super::bounded::Bounded;
use super::wrapped::{Service, Wrapped};
use super::{PATIENCE, read_text};
use crate::config::kms::Pkcs11Settings;
use crate::output::Failure;

const ID_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;
const TAG_BITS: u64 = 128;
const SECRET_BYTES: usize = 32;

/// The token that the settings name, with a time limit.
pub fn open(settings: &Pkcs11Settings) -> Result<Bounded, Failure> {
    let settings = settings.clone();
    Bounded::open("the PKCS#11 module", PATIENCE, move || Token::open(&settings))
}

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
        let pin = read_text(path).map_err(|error| {
            KmsError::Denied(format!("its PIN cannot be read from {}: {error}", path.display()))
        })?;
        match session.login(UserType::User, Some(&AuthPin::new(pin.as_str().into()))) {
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

    /// A key of the agency.
    fn key(&self, session: &Session, agency: &str, id: &[u8]) -> Result<ObjectHandle, KmsError> {
        let wanted = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Id(id.to_vec()),
        ];
        let found = session.find_objects(&wanted).map_err(trouble)?;
        let Some(&key) = found.first() else { return Err(not_there(session)) };
        let label = session.get_attributes(key, &[AttributeType::Label]).map_err(trouble)?;
        match label == [Attribute::Label(self.label(agency))] {
            true => Ok(key),
            false => Err(KmsError::Tampered),
        }
    }

    fn make_key(&self, session: &Session, agency: &str, id: &[u8]) -> Result<ObjectHandle, KmsError> {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::Label(self.label(agency)),
            Attribute::Id(id.to_vec()),
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
            // Another caller destroyed it between our finding and our using it.
            | RvError::KeyHandleInvalid
            | RvError::ObjectHandleInvalid
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

/// A session that lost its login, which no error tells, does not see the keys that are there: it is no good any more.
fn not_there(session: &Session) -> KmsError {
    match session.get_session_info().map(|info| info.session_state()) {
        Ok(SessionState::RwUser) => KmsError::Destroyed,
        Ok(_) => KmsError::Unavailable("its session lost its login".to_owned()),
        Err(error) => trouble(error),
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

fn parse(agency: &str, wrapped: &[u8]) -> Result<Wrapped, KmsError> {
    let wrapped = Wrapped::parse(Service::Pkcs11, agency, wrapped)?;
    match wrapped.key.len() == ID_BYTES && wrapped.sealed.len() > NONCE_BYTES {
        true => Ok(wrapped),
        false => Err(KmsError::Tampered),
    }
}

impl Kms for Token {
    fn wrap(&self, agency: &str, secret: &Secret) -> Result<Vec<u8>, KmsError> {
        self.within(|session| {
            let mut id = [0; ID_BYTES];
            session.generate_random_slice(&mut id).map_err(trouble)?;
            let key = self.make_key(session, agency, &id)?;
            let sealed = encrypted(session, key, agency, secret.expose())?;
            Ok(Wrapped { key: id.to_vec(), sealed }.encode(Service::Pkcs11, agency))
        })
    }

    fn unwrap(&self, agency: &str, wrapped: &[u8]) -> Result<Secret, KmsError> {
        let Wrapped { key: id, sealed } = parse(agency, wrapped)?;
        self.within(|session| {
            let key = self.key(session, agency, &id)?;
            // Modules differ in what they call a wrong tag.
            let opened = decrypted(session, key, agency, &sealed).map_err(|error| {
                if works(session, key, agency) { KmsError::Tampered } else { trouble(error) }
            })?;
            Secret::new(&opened).map_err(|_| KmsError::Tampered)
        })
    }

    fn destroy(&self, agency: &str, wrapped: &[u8]) -> Result<(), KmsError> {
        let id = parse(agency, wrapped)?.key;
        self.within(|session| match self.key(session, agency, &id) {
            Ok(key) => session.destroy_object(key).map_err(trouble),
            Err(KmsError::Destroyed) => Ok(()),
            Err(error) => Err(error),
        })
    }
}

#[cfg(test)]
mod tests;
