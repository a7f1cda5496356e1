//! Notices by e-mail: plain text, one message for what there is to tell at once.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::fs;
use std::time::Duration;

use bus::Letter;
use contract::AgencyName;
use futures_util::future::join_all;
use governance::notices::Notice;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::config::notices::{Mail, Security};
use crate::output::Failure;

/// How long connecting to the mail server may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long it has for a whole letter, to all of its addresses at once: a server that answers byte by byte holds up no
/// other letter for longer.
const PATIENCE_IN_ALL: Duration = Duration::from_secs(60);

/// Longest subject; what is longer stands in the text.
const SUBJECT_MAX_CHARS: usize = 160;

/// The way by e-mail.
pub struct Mailer {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    bus: String,
    patience: Duration,
    under_way: Mutex<HashMap<AgencyName, Arrived>>,
}

/// Where a letter arrived that has to be sent again for the sake of other addresses.
#[derive(Default)]
struct Arrived {
    letter: String,
    at: BTreeSet<String>,
}

/// What came of a letter at one address.
enum Sent {
    Arrived,
    /// For good.
    Refused(String),
    /// Worth another trial.
    Delayed(String),
}

impl Mailer {
    /// For the bus of this name, with who may sign the mail server's certificate, PEM; `None`: the public authorities.
    pub fn new(bus: &str, mail: &Mail, authorities: Option<&[u8]>) -> Result<Self, Failure> {
        let tls = match mail.security {
            Security::Tls => Tls::Wrapper(parameters(&mail.host, authorities)?),
            Security::StartTls => Tls::Required(parameters(&mail.host, authorities)?),
            Security::Plain => Tls::None,
        };
        let server = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&mail.host);
        let mut server = server.port(mail.port).tls(tls).timeout(Some(PATIENCE));
        if let Some((user, file)) = &mail.user {
            let failed =
                |error| Failure::new(format!("notices.smtp_password_file: {}: {error}", file.display()));
            let password = fs::read_to_string(file).map_err(failed)?;
            server = server.credentials(Credentials::new(user.clone(), password.trim_end().to_owned()));
        }
        let (from, bus) = (mail.from.clone(), bus.to_owned());
        Ok(Self { server: server.build(), from, bus, patience: PATIENCE_IN_ALL, under_way: Mutex::default() })
    }

    /// Sends a letter to each of its addresses, and waits for it, on a thread of the runtime's that may block.
    pub fn send(&self, letter: &Letter) -> Result<(), String> {
        Handle::current().block_on(self.send_to_each(letter))
    }

    /// All addresses at once: none waits for another, one that is refused for good keeps the others from nothing, and
    /// who has the letter does not get it again with the next trial.
    async fn send_to_each(&self, letter: &Letter) -> Result<(), String> {
        let mut arrived = self.arrived(letter);
        let open = letter.wishes.email.iter().filter(|address| !arrived.at.contains(*address));
        let sending = open.map(|address| async move { (address, self.send_to(letter, address).await) });
        let (mut refused, mut delayed) = (None, None);
        for (address, sent) in join_all(sending).await {
            match sent {
                Sent::Arrived => drop(arrived.at.insert(address.clone())),
                Sent::Refused(why) => refused = Some(why),
                Sent::Delayed(why) => delayed = Some(why),
            }
        }
        if let Some(why) = delayed {
            self.under_way.lock().insert(letter.agency.clone(), arrived);
            return Err(why);
        }
        match refused {
            Some(why) if arrived.at.is_empty() => Err(why),
            Some(error) => {
                tracing::warn!(agency = %letter.agency, %error, "one of its addresses takes no notices");
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn arrived(&self, letter: &Letter) -> Arrived {
        let before = self.under_way.lock().remove(&letter.agency).filter(|before| before.letter == letter.id);
        before.unwrap_or_else(|| Arrived { letter: letter.id.clone(), ..Arrived::default() })
    }

    async fn send_to(&self, letter: &Letter, address: &str) -> Sent {
        let message = match self.message(letter, address) {
            Ok(message) => message,
            Err(why) => return Sent::Refused(why),
        };
        match timeout(self.patience, self.server.send(message)).await {
            Ok(Ok(_)) => Sent::Arrived,
            Ok(Err(error)) if error.is_permanent() => Sent::Refused(error.to_string()),
            Ok(Err(error)) => Sent::Delayed(error.to_string()),
            Err(_) => Sent::Delayed(format!("the mail server took longer than {:?}", self.patience)),
        }
    }

    fn message(&self, letter: &Letter, address: &str) -> Result<Message, String> {
        let message = Message::builder()
            .from(self.from.clone())
            .subject(self.subject(letter))
            // The same again, if the letter has to be sent again: readers' programs show it once.
            .message_id(Some(format!("<{}@{}>", letter.id, self.from.email.domain())))
            .header(ContentType::TEXT_PLAIN);
        let message = message.to(address.parse::<Mailbox>().map_err(|error| error.to_string())?);
        let mut message = message.body(self.text(letter)).map_err(|error| error.to_string())?;
        // RFC 3834: nobody's absence is answered to a machine.
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        message.headers_mut().insert_raw(HeaderValue::new(automatic, "auto-generated".to_owned()));
        Ok(message)
    }

    fn subject(&self, letter: &Letter) -> String {
        let agency = &letter.agency;
        let what = match letter.notices.as_slice() {
            [(notice, _)] => notice.line_for(agency),
            many => {
                let asks = many.iter().filter(|(notice, _)| notice.asks_of(agency).next().is_some()).count();
                let wanted =
                    if asks > 0 { format!("; {asks} want something of {agency}") } else { String::new() };
                format!("{} notices{wanted}", many.len())
            }
        };
        let subject = format!("[{}] {what}", self.bus);
        match subject.char_indices().nth(SUBJECT_MAX_CHARS) {
            Some((at, _)) => format!("{}…", &subject[..at]),
            None => subject,
        }
    }

    fn text(&self, letter: &Letter) -> String {
        let mut text = format!("What was decided on {} and concerns {}.\n", self.bus, letter.agency);
        for (notice, _) in &letter.notices {
            text += &paragraph(notice, letter);
        }
        let agency = &letter.agency;
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n--\nYou get this because agencies/{agency}.yaml names this address under notices.\n\
             chancery notices lists the latest, chancery contract status TOPIC says what a version waits for.\n"
        );
        text
    }
}

fn paragraph(notice: &Notice, letter: &Letter) -> String {
    let mut text = format!("\n* {}\n  {} by {}\n", notice.text, notice.at, notice.by);
    for ask in notice.asks_of(&letter.agency) {
        let by = ask.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        text += &format!("  Your {} is wanted{by}:\n    {}\n", ask.wanted, ask.how);
    }
    text
}

fn parameters(host: &str, authorities: Option<&[u8]>) -> Result<TlsParameters, Failure> {
    let failed = |error: lettre::transport::smtp::Error| Failure::new(format!("notices.smtp: {error}"));
    let mut parameters = TlsParameters::builder(host.to_owned());
    if let Some(pem) = authorities {
        // Only these: a public authority has no say in a state's own.
        parameters = parameters.certificate_store(CertificateStore::None);
        parameters = parameters.add_root_certificate(Certificate::from_pem(pem).map_err(failed)?);
    }
    parameters.build_rustls().map_err(failed)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]
mod tests;
