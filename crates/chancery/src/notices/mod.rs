//! The ways that notices leave the bus by: agencies' webhooks, and e-mail.

mod mail;
mod webhook;

use std::fs;
use std::sync::Arc;

use bus::{Bus, Carrier, Letter};
use governance::notices::Way;

use crate::config::meant::Meant;
use crate::output::Failure;
use mail::Mailer;
use webhook::Webhooks;

/// The ways that the operator allows.
pub struct Carriers {
    mail: Option<Mailer>,
    webhooks: Option<Webhooks>,
}

impl Carriers {
    /// By the settings; files that are no good must not start a bus that tells nobody.
    pub fn new(meant: &Meant) -> Result<Self, Failure> {
        let settings = &meant.notices;
        let read = |path: &std::path::PathBuf| {
            let failed =
                |error: std::io::Error| Failure::new(format!("notices.ca: {}: {error}", path.display()));
            fs::read(path).map_err(failed)
        };
        let authorities = settings.ca.as_ref().map(read).transpose()?;
        let mail = settings.mail.as_ref();
        let mail = mail.map(|mail| Mailer::new(&meant.name, mail, authorities.as_deref())).transpose()?;
        let webhooks = settings.webhooks.then(|| Webhooks::new(authorities.as_deref())).transpose()?;
        Ok(Self { mail, webhooks })
    }

    /// Sends the bus's notices, where there is a way at all.
    pub fn start(self, bus: &Bus) {
        if self.mail.is_some() || self.webhooks.is_some() {
            bus.send_notices(Arc::new(self));
        }
    }
}

impl Carrier for Carriers {
    fn has(&self, way: Way) -> bool {
        match way {
            Way::Email => self.mail.is_some(),
            Way::Webhook => self.webhooks.is_some(),
        }
    }

    fn carry(&self, letter: &Letter) -> Result<(), String> {
        let none = || Err("there is no such way".to_owned());
        match letter.way {
            Way::Email => self.mail.as_ref().map_or_else(none, |mail| mail.send(letter)),
            Way::Webhook => self.webhooks.as_ref().map_or_else(none, |webhooks| webhooks.post(letter)),
        }
    }
}
