//! The server's half of SCRAM (RFC 5802) with SHA-256 (RFC 7677) and SHA-512, without channel binding.
//!
//! client-first → server-first → client-final → server-final. What is compared is compared in constant time, and somebody
//! unknown is led to the same end as somebody with a wrong password.

use aws_lc_rs::{constant_time, digest, hmac};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bus::{Bus, Caller, Mechanism, ScramParty};

/// An exchange under way.
#[derive(Debug)]
pub struct Scram {
    mechanism: Mechanism,
    step: Step,
}

#[derive(Debug)]
enum Step {
    /// Waits for the client's first message.
    First,
    /// Waits for its proof.
    Proof { party: ScramParty, nonce: String, header: String, said: String },
    /// Over.
    Done,
}

/// What the server says next.
#[derive(Debug)]
pub enum Said {
    /// Its first message: the proof is to come.
    Challenge(String),
    /// Its last message: the client is who it says.
    Proven(String, Caller),
}

/// The client's part cannot be accepted; deliberately without a reason.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused;

impl Scram {
    /// An exchange that has not begun.
    pub fn new(mechanism: Mechanism) -> Self {
        Self { mechanism, step: Step::First }
    }

    /// Takes the client's next message.
    pub fn take(&mut self, bus: &Bus, message: &[u8]) -> Result<Said, Refused> {
        let message = std::str::from_utf8(message).map_err(|_| Refused)?;
        match std::mem::replace(&mut self.step, Step::Done) {
            Step::First => {
                let own = BASE64_STANDARD.encode(uuid::Uuid::new_v4().as_bytes());
                let mechanism = self.mechanism;
                self.begin(message, &own, |user| bus.scram_party(user, mechanism))
            }
            Step::Proof { party, nonce, header, said } => self.check(message, party, &nonce, &header, &said),
            Step::Done => Err(Refused),
        }
    }

    /// `gs2-header client-first-message-bare`, section 7.
    fn begin(
        &mut self,
        message: &str,
        own_nonce: &str,
        party: impl FnOnce(&str) -> ScramParty,
    ) -> Result<Said, Refused> {
        // No channel binding is offered, so `n` or `y`; nobody acts for somebody else.
        let bare = message.strip_prefix("n,,").or_else(|| message.strip_prefix("y,,")).ok_or(Refused)?;
        let header = &message[..3];
        let mut parts = bare.split(',');
        let user = parts.next().and_then(|part| part.strip_prefix("n=")).ok_or(Refused)?;
        let theirs = parts.next().and_then(|part| part.strip_prefix("r=")).ok_or(Refused)?;
        if theirs.is_empty() {
            return Err(Refused);
        }
        let party = party(&user.replace("=2C", ",").replace("=3D", "="));
        let nonce = format!("{theirs}{own_nonce}");
        let challenge = format!("r={nonce},s={},i={}", BASE64_STANDARD.encode(&party.salt), party.iterations);
        let said = format!("{bare},{challenge}");
        self.step = Step::Proof { party, nonce, header: header.to_owned(), said };
        Ok(Said::Challenge(challenge))
    }

    /// `c=…,r=…,p=…`, section 3: the proof is `ClientKey XOR HMAC(StoredKey, AuthMessage)`.
    fn check(
        &self,
        message: &str,
        party: ScramParty,
        nonce: &str,
        header: &str,
        said: &str,
    ) -> Result<Said, Refused> {
        let (without_proof, proof) = message.rsplit_once(",p=").ok_or(Refused)?;
        let mut parts = without_proof.split(',');
        let binding = parts.next().and_then(|part| part.strip_prefix("c=")).ok_or(Refused)?;
        let theirs = parts.next().and_then(|part| part.strip_prefix("r=")).ok_or(Refused)?;
        if BASE64_STANDARD.decode(binding).map_err(|_| Refused)? != header.as_bytes() || theirs != nonce {
            return Err(Refused);
        }
        let proof = BASE64_STANDARD.decode(proof).map_err(|_| Refused)?;
        let all = format!("{said},{without_proof}");
        let sign = |key: &[u8]| hmac::sign(&hmac::Key::new(self.mechanism.hmac(), key), all.as_bytes());
        let signature = sign(&party.stored);
        if proof.len() != signature.as_ref().len() {
            return Err(Refused);
        }
        let client_key: Vec<u8> =
            proof.iter().zip(signature.as_ref()).map(|(proof, own)| proof ^ own).collect();
        let stored = digest::digest(self.mechanism.digest(), &client_key);
        let fits = constant_time::verify_slices_are_equal(stored.as_ref(), &party.stored).is_ok();
        match party.caller.filter(|_| fits) {
            Some(caller) => {
                let own = BASE64_STANDARD.encode(sign(&party.server).as_ref());
                Ok(Said::Proven(format!("v={own}"), caller))
            }
            None => Err(Refused),
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::PrincipalName;

    use super::*;

    fn caller() -> Caller {
        let principal = PrincipalName::parse("user@agency").unwrap();
        Caller { agency: principal.agency(), principal, roles: governance::Roles::default() }
    }

    /// RFC 7677, section 3: the user is `user`, the password `pencil`.
    fn party(caller: Option<Caller>) -> ScramParty {
        let salt = BASE64_STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let mut salted = [0; 32];
        let iterations = std::num::NonZeroU32::new(4096).unwrap();
        aws_lc_rs::pbkdf2::derive(
            aws_lc_rs::pbkdf2::PBKDF2_HMAC_SHA256,
            iterations,
            &salt,
            b"pencil",
            &mut salted,
        );
        let key = hmac::Key::new(hmac::HMAC_SHA256, &salted);
        let stored =
            digest::digest(&digest::SHA256, hmac::sign(&key, b"Client Key").as_ref()).as_ref().to_vec();
        let server = hmac::sign(&key, b"Server Key").as_ref().to_vec();
        ScramParty { salt, iterations: 4096, stored, server, caller }
    }

    const FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    const OWN: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    const FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

    fn exchange(caller: Option<Caller>, last: &str) -> Result<Said, Refused> {
        let mut scram = Scram::new(Mechanism::Sha256);
        let said = scram.begin(FIRST, OWN, |user| {
            assert_eq!(user, "user");
            party(caller)
        });
        let Ok(Said::Challenge(challenge)) = said else { panic!("no challenge: {said:?}") };
        assert_eq!(
            challenge,
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
        );
        let Step::Proof { party, nonce, header, said } = std::mem::replace(&mut scram.step, Step::Done)
        else {
            panic!("no proof is waited for")
        };
        scram.check(last, party, &nonce, &header, &said)
    }

    #[test]
    fn the_exchange_of_rfc_7677_is_held() {
        let Ok(Said::Proven(own, who)) = exchange(Some(caller()), FINAL) else { panic!("refused") };
        assert_eq!(own, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        assert_eq!(who, caller());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let wrong_proof = FINAL.replace("dHzb", "dHzc");
        let other_nonce = FINAL.replace("r=rOpr", "r=xOpr");
        let other_binding = FINAL.replace("c=biws", "c=eSws");
        for last in
            [wrong_proof.as_str(), &other_nonce, &other_binding, "c=biws", "", "p=", "c=biws,r=,p=AA=="]
        {
            assert_eq!(exchange(Some(caller()), last).unwrap_err(), Refused, "{last}");
        }
        assert_eq!(exchange(None, FINAL).unwrap_err(), Refused, "nobody can be nobody");
        let begins = |text: &str| Scram::new(Mechanism::Sha256).begin(text, OWN, |_| party(None)).is_ok();
        assert!(begins("y,,n=user,r=abc") && begins("n,,n=a=2Cb,r=abc"));
        for text in
            ["", "n,,", "p=tls-unique,,n=user,r=abc", "n,a=other,n=user,r=abc", "n,,n=user,r=", "n,,r=abc"]
        {
            assert!(!begins(text), "{text}");
        }
    }
}
