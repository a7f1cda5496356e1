//! Notices as CloudEvents in batches, posted and signed as <https://www.standardwebhooks.com> says.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bus::Letter;
use contract::cloudevents::write_batch;
use ureq::Agent;

use crate::client::{Authorities, calling};
use crate::output::Failure;

/// How long a webhook has to answer; it should take the batch and work afterwards.
const PATIENCE: Duration = Duration::from_secs(10);

/// The way by webhook.
pub struct Webhooks {
    agent: Agent,
}

impl Webhooks {
    /// With who may sign the webhooks' certificates, PEM; `None`: the public authorities.
    pub fn new(authorities: Option<&[u8]>) -> Result<Self, Failure> {
        let read = authorities.map(Authorities::parse).transpose();
        let authorities = read.map_err(|error| Failure::new(format!("notices.ca: {error}")))?;
        Ok(Self { agent: calling(authorities, PATIENCE) })
    }

    /// Posts a letter.
    pub fn post(&self, letter: &Letter) -> Result<(), String> {
        let url = letter.wishes.webhook.as_deref().ok_or("the agency has no webhook any more")?;
        let mut body = Vec::new();
        write_batch(letter.notices.iter().map(|(_, event)| event), &mut body);
        let timestamp = (letter.at_ms / 1000).to_string();
        let request = self
            .agent
            .post(url)
            .header("content-type", "application/cloudevents-batch+json; charset=utf-8")
            .header("webhook-id", &letter.id)
            .header("webhook-timestamp", &timestamp)
            .header("webhook-signature", signature(&letter.secret, &letter.id, &timestamp, &body));
        let answer = request.send(&body[..]).map_err(|error| error.to_string())?;
        match answer.status().as_u16() {
            200..=299 => Ok(()),
            status => Err(format!("the webhook answered {status}")),
        }
    }
}

/// `v1,` and the HMAC-SHA256 of id, time and body, in base64.
fn signature(secret: &[u8], id: &str, timestamp: &str, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        context.update(part);
    }
    format!("v1,{}", STANDARD.encode(context.sign()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn a_signature_is_that_of_the_specification() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let signed = signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
